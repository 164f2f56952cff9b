"""The pages of evidence: a holder's entries, one entry, its proof. They only read."""

from typing import Annotated

from fastapi import APIRouter, Path, Request
from fastapi.responses import Response

from frikort_contracts.types import CardNo
from services.allowance.console.common import Console
from services.allowance.console.evidence import entry_view, recompute
from services.allowance.console.reading import read_place, read_proof
from services.allowance.console.views import cvrs
from services.allowance.explanations import read_holder
from services.chassis.errors import NotFound

EntryNo = Annotated[int, Path(ge=1, le=2**31 - 1)]


class EntryUnknown(NotFound):
    """The card's holder has no entry of that number."""

    code = "entry-unknown"


def entry_routes(console: Console) -> APIRouter:
    """Serve the entries about a card's holder, and what stands behind each."""
    router = console.router()

    @router.get("/{language}/cards/{card_no}/entries")
    async def journal(request: Request, card_no: CardNo) -> Response:
        """Show all entries about the card's holder."""
        reader = await console.readers.record(request, card_no=card_no)
        rows = (await read_holder(console.pool, card_no, None)).journal
        chain = recompute(rows)
        return await console.show(
            request, "journal.html", reader=reader, card_no=card_no, journal=rows, chain=chain
        )

    @router.get("/{language}/cards/{card_no}/entries/{entry_no}")
    async def entry(request: Request, card_no: CardNo, entry_no: EntryNo) -> Response:
        """Show what stands behind an entry."""
        reader = await console.readers.record(request, card_no=card_no)
        rows = await read_holder(console.pool, card_no, None)
        place = await read_place(console.pool, card_no, entry_no)
        told = rows.explain(card_no, None).entries
        explained = next((each for each in told if each.entry_no == entry_no), None)
        cvr = cvrs(rows.journal).get(explained.wage_id) if explained else None
        shown = entry_view(rows.journal, entry_no, explained=explained, cvr=cvr)
        if shown is None or place is None:
            raise EntryUnknown("the card's holder has no entry of that number")
        return await console.show(
            request, "entry.html", reader=reader, card_no=card_no, e=shown, place=place
        )

    @router.get("/{language}/cards/{card_no}/proof")
    async def proof(request: Request, card_no: CardNo) -> Response:
        """Show the way from the holder's chain to the newest signature."""
        reader = await console.readers.record(request, card_no=card_no)
        found = await read_proof(console.pool, card_no)
        return await console.show(request, "proof.html", reader=reader, card_no=card_no, p=found)

    return router
