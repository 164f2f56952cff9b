"""Every address of both consoles that takes a card, and the consoles put together over nothing."""

import inspect
from collections.abc import Iterator
from typing import NoReturn

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute

from services.allowance.balances import card_unknown
from services.allowance.console.common import PREFIX as LEDGER
from services.allowance.console.common import Console, make_pages
from services.allowance.console.composition import ROUTES
from services.chassis.clock import SystemClock
from services.chassis.web.reading import Readers, Scope
from services.notifications.console.routes import PREFIX as TEXTS
from services.notifications.console.routes import make_pages as make_text_pages
from services.notifications.console.routes import text_routes

USER, MUNICIPALITY = "X-Forwarded-User", "X-Forwarded-Municipality"
AUDITOR = "revisor"


class NothingRead:
    """A pool that takes what is recorded, and of which nothing may be read."""

    async def execute(self, *_: object) -> None:
        """Take the record of a read."""

    def acquire(self) -> NoReturn:
        raise AssertionError("something was read before it was asked whose the card is")

    async def fetch(self, *_: object) -> NoReturn:
        self.acquire()

    async def fetchval(self, *_: object) -> NoReturn:
        self.acquire()


def readers(*, production: bool = True) -> Readers:
    """Give what tells who reads; whoever sees one municipality's is refused every card."""

    async def refuse(scope: Scope, card_no: str) -> None:
        assert scope.municipality_code is not None
        raise card_unknown(card_no)

    return Readers(
        pool=NothingRead(),
        clock=SystemClock(),
        admit_card=refuse,
        header=USER,
        municipality_header=MUNICIPALITY,
        auditors=frozenset({AUDITOR}),
        production=production,
    )


def consoles(*, production: bool = True) -> FastAPI:
    """Give the consoles of both services, over a pool of which nothing may be read."""
    app = FastAPI()
    for router in _routers(readers(production=production)):
        app.include_router(router)
    return app


def addresses(card_no: str) -> list[str]:
    """Give every address of the consoles that names a card, in its path or its question."""
    return [address for route in routes() if (address := _address(route, card_no)) is not None]


def routes() -> Iterator[APIRoute]:
    """Give the routes of both consoles, none left out."""
    for router in _routers(readers()):
        for route in router.routes:
            assert isinstance(route, APIRoute)
            yield route


def _routers(reading: Readers) -> Iterator[APIRouter]:
    console = Console(
        pool=reading.pool,
        clock=reading.clock,
        readers=reading,
        pages=make_pages(),
        texts_url=TEXTS,
        packs=None,
    )
    for make in ROUTES:
        yield make(console)
    yield text_routes(reading.pool, make_text_pages(LEDGER), reading)


def _address(route: APIRoute, card_no: str) -> str | None:
    if "{card_no}" in route.path:
        return route.path.format(language="da", card_no=card_no, entry_no=1)
    if "card_no" in inspect.signature(route.endpoint).parameters:
        return f"{route.path.format(language='da')}?card_no={card_no}"
    return None
