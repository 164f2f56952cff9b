"""The pages about a card: find it, its year, two answers about it. They only read."""

import asyncio
import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse, Response

from frikort_contracts.explanations import Asked, Difference
from frikort_contracts.types import CardNo
from services.allowance.console.common import PREFIX, Console, Year
from services.allowance.console.views import card_year, last_instant, slid
from services.allowance.explanations import read_difference, read_holder
from services.allowance.status import today
from services.chassis.web.fields import Day
from services.chassis.web.words import Language, Tongue

Place = Annotated[int | None, Query(ge=0, le=400_000)]
_CARD_NO = re.compile("[0-9]{5}")
_LANGUAGE = re.compile(r"\b(da|en)\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """One axis of time in the form: the date's field, and the slider beside it.

    `first` is the day at the slider's beginning, `was` where it stood when it was shown.
    """

    date: dt.date | None
    first: dt.date | None
    place: int | None
    was: int | None

    @property
    def asked(self) -> dt.date | None:
        """Give the day that is asked for: the slider's where it was moved, else the field's."""
        if self.first is None or self.place is None or self.place == self.was:
            return self.date
        return slid(self.first, self.place)


def find_routes(console: Console) -> APIRouter:
    """Serve the console's beginning."""
    router = console.router()

    @router.get("")
    async def begin(request: Request) -> Response:
        """Go to the language that the browser prefers of the two."""
        preferred = _LANGUAGE.search(request.headers.get("Accept-Language", ""))
        language = Language(preferred[1]) if preferred else Language.DANISH
        return RedirectResponse(f"{PREFIX}/{language}", status_code=303)

    @router.get("/{language}")
    async def find(request: Request, language: Language, card_no: str | None = None) -> Response:
        """Ask for a card's number, and go to it."""
        asked = (card_no or "").strip()
        if _CARD_NO.fullmatch(asked):
            return RedirectResponse(f"{PREFIX}/{language}/cards/{asked}", status_code=303)
        reader = await console.readers.record(request)
        wrong = card_no is not None
        status = 422 if wrong else 200
        return await console.show(
            request, "find.html", reader=reader, status=status, card_no=asked, wrong=wrong
        )

    return router


def card_routes(console: Console) -> APIRouter:
    """Serve a card's year, and the form that moves it in time."""
    router = console.router()

    @router.get("/{language}/cards/{card_no}")
    async def card(
        request: Request,
        language: Language,
        card_no: CardNo,
        year: Year = None,
        as_of: Day = None,
        known_at: Day = None,
    ) -> Response:
        """Show a card's year as of a date, as known at the end of a day."""
        reader = await console.readers.record(request, card_no=card_no)
        rows = await read_holder(console.pool, card_no, None)
        now = console.clock.now()
        shown = await asyncio.to_thread(
            card_year, card_no, rows, year, as_of=as_of, known_on=known_at, now=now
        )
        words = _asked_words(console.pages.tongue(language), as_of, known_at)
        return await console.show(request, "card.html", reader=reader, c=shown, asked_words=words)

    @router.get("/{language}/cards/{card_no}/moment")
    async def moment(
        language: Language,
        card_no: CardNo,
        year: Year = None,
        as_of: Day = None,
        as_of_day: Place = None,
        as_of_was: Place = None,
        as_of_first: Day = None,
        known_at: Day = None,
        known_at_day: Place = None,
        known_at_was: Place = None,
        known_at_first: Day = None,
    ) -> Response:
        """Go to the moment that a form asks for, by its sliders or its fields."""
        axes = {
            "as_of": Axis(date=as_of, first=as_of_first, place=as_of_day, was=as_of_was),
            "known_at": Axis(
                date=known_at, first=known_at_first, place=known_at_day, was=known_at_was
            ),
        }
        asked = {"year": year, **{name: axis.asked for name, axis in axes.items()}}
        kept = urlencode({name: value for name, value in asked.items() if value is not None})
        return RedirectResponse(f"{PREFIX}/{language}/cards/{card_no}?{kept}", status_code=303)

    return router


def difference_routes(console: Console) -> APIRouter:
    """Serve why two answers about a card differ."""
    router = console.router()

    @router.get("/{language}/cards/{card_no}/difference")
    async def difference(
        request: Request,
        card_no: CardNo,
        year: Year = None,
        from_as_of: Day = None,
        from_known_at: Day = None,
        to_as_of: Day = None,
        to_known_at: Day = None,
    ) -> Response:
        """Say why two answers about a year differ."""
        reader = await console.readers.record(request, card_no=card_no)
        asked = (
            Asked(as_of=from_as_of, known_at=last_instant(from_known_at)),
            Asked(as_of=to_as_of, known_at=last_instant(to_known_at)),
        )
        shown_year = year or today(console.clock).year
        found = await read_difference(console.pool, console.clock, card_no, shown_year, asked)
        fields: Mapping[str, Mapping[str, Any]] = {
            "from": {"as_of": from_as_of, "known_on": from_known_at},
            "to": {"as_of": to_as_of, "known_on": to_known_at},
        }
        figures = side_by_side(found)
        return await console.show(
            request, "difference.html", reader=reader, d=found, figures=figures, asked=fields
        )

    return router


def side_by_side(found: Difference) -> list[tuple[str, int | None, int | None, int | None]]:
    """Give the figures of two answers: name, first, second, difference."""
    return [
        (
            name,
            getattr(found.first, f"{name}_ore"),
            getattr(found.second, f"{name}_ore"),
            getattr(found.change, f"{name}_ore"),
        )
        for name in ("limit", "covered", "excess", "remaining")
    ]


def _asked_words(t: Tongue, as_of: dt.date | None, known_on: dt.date | None) -> str:
    if as_of and known_on:
        return t.say("asked_both", as_of=t.date(as_of), known_at=t.date(known_on))
    if as_of:
        return t.say("asked_as_of", as_of=t.date(as_of))
    if known_on:
        return t.say("asked_known", known_at=t.date(known_on))
    return t.say("asked_everything")
