"""The pages about texts: parse, record who asks, read, show. They only read."""

from pathlib import Path
from typing import Any, Final

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import Response
from pydantic import Field

from frikort_contracts.types import CardNo
from services.chassis.clock import Clock
from services.chassis.database import Pool
from services.chassis.web.fields import AnyCard
from services.chassis.web.pages import Pages
from services.chassis.web.reading import ConsoleSettings, Readers
from services.notifications.projections import read_messages

FOLDER: Final = Path(__file__).parent
PREFIX: Final = "/texts"


class TextsConsoleSettings(ConsoleSettings):
    """What the service is told about its pages, beside the rest."""

    console_url: str = Field(
        default="/console", description="where the ledger's console is, as a browser reaches it"
    )


def make_pages() -> Pages:
    """Make the pages about texts."""
    return Pages(FOLDER / "templates", [FOLDER / "words.toml"], prefix=PREFIX)


def add_console(
    app: FastAPI, pool: Pool, clock: Clock, settings: TextsConsoleSettings, *, production: bool
) -> None:
    """Serve the pages about texts too."""
    pages = make_pages()
    readers = Readers.of(pool, clock, settings, production=production)
    pages.mount(app)
    app.include_router(text_routes(pool, pages, readers, settings.console_url.rstrip("/")))


def text_routes(pool: Pool, pages: Pages, readers: Readers, console_url: str) -> APIRouter:
    """Serve a card's texts, and who has seen which."""
    router = pages.router()

    async def show(request: Request, template: str, **values: Any) -> Response:
        return await pages.show(request, template, console_url=console_url, **values)

    @router.get("/{language}/cards/{card_no}")
    async def texts(request: Request, card_no: CardNo) -> Response:
        """Show which texts were sent about a card, and what became of each."""
        reader = await readers.record(request, card_no=card_no)
        found = (await read_messages(pool, card_no)).messages
        return await show(request, "texts.html", reader=reader, card_no=card_no, messages=found)

    @router.get("/{language}/reads")
    async def reads(request: Request, card_no: AnyCard = None) -> Response:
        """Show auditors who has read what, of one card or of everything."""
        reader = await readers.record(request, card_no=card_no)
        latest = await readers.latest(reader, card_no=card_no)
        return await show(request, "reads.html", reader=reader, card_no=card_no, reads=latest)

    return router
