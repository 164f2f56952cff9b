"""The pages about the whole ledger: status, health, packs, who has read what. They only read."""

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response, StreamingResponse

from services.allowance.console.common import Console
from services.allowance.console.packs import list_packs, open_pack, to_tar
from services.allowance.console.reading import read_health
from services.allowance.status import StatusQuestion, read_status, today
from services.chassis.accounts import OUTCOMES, Accounts
from services.chassis.web.fields import AnyCard, Day

_MUNICIPALITY = re.compile("[0-9]{3}")


def status_routes(console: Console) -> APIRouter:
    """Serve the municipality's counts and the ledger's health."""
    router = console.router()

    @router.get("/{language}/status")
    async def status(request: Request, municipality: str | None = None, on: Day = None) -> Response:
        """Show the municipality's counts on a date, today unless one is given."""
        reader = await console.readers.record(request)
        code = reader.scope.narrow((municipality or "").strip() or None)
        date = on or today(console.clock)
        wrong = code is not None and _MUNICIPALITY.fullmatch(code) is None
        question = StatusQuestion(on=date, municipality_code=code)
        found = None if wrong else await read_status(console.pool, console.clock, question)
        return await console.show(
            request,
            "status.html",
            reader=reader,
            status=422 if wrong else 200,
            municipality=code,
            chosen=reader.scope.is_whole,
            on=date,
            wrong=wrong,
            s=found and found.model_dump(),
        )

    @router.get("/{language}/health")
    async def health(request: Request) -> Response:
        """Show what became of every message, and the last checkpoint."""
        reader = await console.readers.record(request)
        found = await read_health(console.pool)
        topics = by_topic(found.accounts)
        balanced = all(topic["balanced"] for topic in topics)
        return await console.show(
            request,
            "health.html",
            reader=reader,
            h=found,
            topics=topics,
            outcomes=OUTCOMES,
            balanced=balanced,
        )

    return router


def pack_routes(console: Console) -> APIRouter:
    """Serve the audit packs that lie ready."""
    router = console.router()

    @router.get("/{language}/packs")
    async def packs(request: Request) -> Response:
        """Show the audit packs that lie ready, and how one is made."""
        reader = await console.readers.record(request)
        ready = list_packs(console.packs, reader.scope)
        return await console.show(request, "packs.html", reader=reader, packs=ready)

    @router.get("/{language}/packs/{name}")
    async def pack(request: Request, name: str) -> Response:
        """Hand over a pack as one file."""
        reader = await console.readers.record(request)
        folder = open_pack(console.packs, name, reader.scope)
        headers = {"Content-Disposition": 'attachment; filename="audit-pack.tar"'}
        return StreamingResponse(to_tar(folder), media_type="application/x-tar", headers=headers)

    return router


def read_routes(console: Console) -> APIRouter:
    """Serve who has read what."""
    router = console.router()

    @router.get("/{language}/reads")
    async def reads(request: Request, card_no: AnyCard = None) -> Response:
        """Show auditors who has read what, of one card or of everything."""
        reader = await console.readers.record(request, card_no=card_no)
        latest = await console.readers.latest(reader, card_no=card_no)
        return await console.show(
            request, "reads.html", reader=reader, card_no=card_no, reads=latest
        )

    return router


def by_topic(accounts: Accounts) -> list[Mapping[str, Any]]:
    """Sum the accounts by topic; `balanced`: whether each of its partitions adds up."""
    counts: dict[str, Counter[str]] = {}
    balanced: dict[str, bool] = {}
    for lane in accounts.lanes:
        topic = lane["topic"]
        counts.setdefault(topic, Counter()).update({name: lane[name] for name in OUTCOMES})
        whole = lane["produced"] == sum(lane[name] for name in OUTCOMES[1:])
        balanced[topic] = balanced.get(topic, True) and whole
    return [
        {"name": topic, "counts": counts[topic], "balanced": balanced[topic]} for topic in counts
    ]
