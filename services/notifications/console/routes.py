"""The pages about texts: parse, record who asks, read, show. They only read."""

from pathlib import Path
from typing import Final

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import Response
from pydantic import Field

from frikort_contracts.types import CardNo
from services.chassis.clock import Clock, business_date
from services.chassis.database import Pool
from services.chassis.errors import NotFound
from services.chassis.web.fields import AnyCard
from services.chassis.web.pages import Pages
from services.chassis.web.reading import AdmitCard, ConsoleSettings, Readers, Scope
from services.notifications.projections import read_messages
from services.notifications.responsibility import find_municipality

FOLDER: Final = Path(__file__).parent
PREFIX: Final = "/texts"


class CardUnknown(NotFound):
    """No grant of that card has arrived here, or it is another municipality's."""

    code = "card-unknown"
    field = "card_no"


class TextsConsoleSettings(ConsoleSettings):
    """What the service is told about its pages, beside the rest."""

    console_url: str = Field(
        default="/console", description="where the ledger's console is, as a browser reaches it"
    )


def make_pages(console_url: str) -> Pages:
    """Make the pages about texts, which lead back to the ledger's console."""
    words = [FOLDER / "words.toml"]
    return Pages(FOLDER / "templates", words, prefix=PREFIX, console_url=console_url.rstrip("/"))


def add_console(
    app: FastAPI, pool: Pool, clock: Clock, settings: TextsConsoleSettings, *, production: bool
) -> None:
    """Serve the pages about texts too."""
    pages = make_pages(settings.console_url)
    readers = Readers.of(pool, clock, settings, admits_cards(pool, clock), production=production)
    pages.mount(app)
    app.include_router(text_routes(pool, pages, readers))


def admits_cards(pool: Pool, clock: Clock) -> AdmitCard:
    """Give what refuses a card that a scope does not hold."""

    async def admit(scope: Scope, card_no: str) -> None:
        """Refuse a card of another municipality in the words for one that nobody knows.

        Raises:
            CardUnknown: no grant of the card has arrived, or the scope does not hold it.
        """
        on = business_date(clock.now())
        if not scope.holds(await find_municipality(pool, card_no, on)):
            raise CardUnknown(f"no grant of card {card_no} has arrived; check the number")

    return admit


def text_routes(pool: Pool, pages: Pages, readers: Readers) -> APIRouter:
    """Serve a card's texts, and who has seen which."""
    router = pages.router()

    @router.get("/{language}/cards/{card_no}")
    async def texts(request: Request, card_no: CardNo) -> Response:
        """Show which texts were sent about a card, and what became of each."""
        reader = await readers.record(request, card_no=card_no)
        found = (await read_messages(pool, card_no)).messages
        return await pages.show(
            request, "texts.html", reader=reader.name, card_no=card_no, messages=found
        )

    @router.get("/{language}/reads")
    async def reads(request: Request, card_no: AnyCard = None) -> Response:
        """Show auditors who has read what, of one card or of everything."""
        reader = await readers.record(request, card_no=card_no)
        latest = await readers.latest(reader, card_no=card_no)
        return await pages.show(
            request, "reads.html", reader=reader.name, card_no=card_no, reads=latest
        )

    return router
