"""What the console's routes share: what they are made of, and how an address is read."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from services.chassis.clock import Clock
from services.chassis.database import Pool
from services.chassis.web.fields import EMPTY_IS_NOTHING
from services.chassis.web.pages import Pages
from services.chassis.web.reading import Reader, Readers

FOLDER: Final = Path(__file__).parent
PREFIX: Final = "/console"


Year = Annotated[int | None, EMPTY_IS_NOTHING, Query(ge=2019, le=9999)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Console:
    """What the console is made of; `texts_url` is where notifications shows a card's texts."""

    pool: Pool
    clock: Clock
    readers: Readers
    pages: Pages
    texts_url: str
    packs: Path | None

    def router(self) -> APIRouter:
        """Make a router whose refusals are pages."""
        return self.pages.router()

    async def show(
        self, request: Request, template: str, *, reader: Reader, **values: Any
    ) -> HTMLResponse:
        """Show a page to a reader."""
        return await self.pages.show(
            request, template, reader=reader.name, texts_url=self.texts_url, **values
        )


def make_pages() -> Pages:
    """Make the console's pages."""
    words = (FOLDER / "words.toml", FOLDER / "codes.toml")
    return Pages(FOLDER / "templates", words, prefix=PREFIX)
