"""The console, put together from what the service's composition root has."""

from pathlib import Path

from fastapi import FastAPI
from pydantic import Field

from services.allowance.console.admission import admits_cards
from services.allowance.console.card_routes import card_routes, difference_routes, find_routes
from services.allowance.console.common import Console, make_pages
from services.allowance.console.entry_routes import entry_routes
from services.allowance.console.ledger_routes import pack_routes, read_routes, status_routes
from services.chassis.clock import Clock
from services.chassis.database import Pool
from services.chassis.web.reading import ConsoleSettings, Readers

ROUTES = (
    find_routes,
    card_routes,
    difference_routes,
    entry_routes,
    status_routes,
    pack_routes,
    read_routes,
)


class LedgerConsoleSettings(ConsoleSettings):
    """What the service is told about its console, beside the rest."""

    console_texts_url: str = Field(
        default="/texts", description="where notifications' pages are, as a browser reaches them"
    )
    console_packs: Path | None = Field(
        default=None, description="the folder in which audit packs lie ready"
    )


def add_console(
    app: FastAPI, pool: Pool, clock: Clock, settings: LedgerConsoleSettings, *, production: bool
) -> None:
    """Serve the console too."""
    admit_card = admits_cards(pool, clock)
    console = Console(
        pool=pool,
        clock=clock,
        readers=Readers.of(pool, clock, settings, admit_card, production=production),
        pages=make_pages(),
        texts_url=settings.console_texts_url.rstrip("/"),
        packs=settings.console_packs,
    )
    console.pages.mount(app)
    for routes in ROUTES:
        app.include_router(routes(console))
