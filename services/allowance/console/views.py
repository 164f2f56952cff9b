"""From rows to what the page of a card's year shows. Pure."""

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from frikort_contracts.explanations import (
    Answer,
    Asked,
    CapInForce,
    ExplainedEntry,
    Explanation,
    WaitingWage,
    Why,
)
from frikort_contracts.topics import GRANTS
from frikort_contracts.types import COPENHAGEN
from services.allowance.console.picture import Picture, draw
from services.allowance.differences import answer, kept_out
from services.allowance.explain import HolderRows, Row

FIRST_YEAR: Final = 2019
"""The scheme's first (DOMAIN 1.1); no earlier one can be asked for."""
_CARD_DATES: Final = ("valid_from", "effective_on", "decided_on", "received_on")


@dataclass(frozen=True, slots=True, kw_only=True)
class Slider:
    """A range of days: `value` days after `first`, at `length` where no day was asked for."""

    first: dt.date
    length: int
    value: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WageRow:
    """A wage or reversal of the year; `left_out` says what keeps it out of the answer."""

    entry: ExplainedEntry
    cvr: str | None
    left_out: tuple[Why, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CardChange:
    """What happened to a card, by the entry that brought it."""

    entry_no: int
    kind: str
    card_no: str | None
    on: dt.date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CardYear:
    """A card's year as of a date and as known at a moment."""

    card_no: str
    year: int
    years: tuple[int, ...]
    as_of: dt.date | None
    known_on: dt.date | None
    answer: Answer
    wages: tuple[WageRow, ...]
    caps: tuple[CapInForce, ...]
    waiting: tuple[WaitingWage, ...]
    changes: tuple[CardChange, ...]
    picture: Picture
    as_of_slider: Slider
    known_slider: Slider


def card_year(
    card_no: str,
    rows: HolderRows,
    year: int | None,
    *,
    as_of: dt.date | None,
    known_on: dt.date | None,
    now: dt.datetime,
) -> CardYear:
    """Show a card's year; without one the latest with a wage, or the current one.

    `rows` are of all years.
    """
    today = now.astimezone(COPENHAGEN).date()
    told = rows.explain(card_no, None)
    used = {entry.year for entry in told.entries}
    shown = year or max(used, default=today.year)
    entries = [entry for entry in told.entries if entry.year == shown]
    asked = Asked(as_of=as_of, known_at=last_instant(known_on))
    employers = cvrs(rows.journal)
    changes = tuple(_card_changes(rows.journal))
    known = [entry.known_at for entry in entries] + [cap.known_at for cap in rows.caps.of(shown)]
    return CardYear(
        card_no=card_no,
        year=shown,
        years=_years(used | {shown}, changes, today.year),
        as_of=as_of,
        known_on=known_on,
        answer=answer(asked, shown, entries, rows.caps, now),
        wages=tuple(
            WageRow(entry=entry, cvr=employers.get(entry.wage_id), left_out=kept_out(entry, asked))
            for entry in entries
        ),
        caps=tuple(cap for cap in told.caps if cap.year == shown),
        waiting=_waiting(told, shown),
        changes=changes,
        picture=draw(shown, entries, rows.caps.of(shown), asked, now=now, today=today),
        as_of_slider=_slider(dt.date(shown, 1, 1), dt.date(shown, 12, 31), as_of),
        known_slider=_slider(_first_known(known, shown), today, known_on),
    )


def last_instant(date: dt.date | None) -> dt.datetime | None:
    """Read a date as all that was known until its last instant in Denmark."""
    return None if date is None else dt.datetime.combine(date, dt.time.max, COPENHAGEN)


def slid(slider_first: dt.date, value: int) -> dt.date:
    """Give the day that a slider stands at."""
    return slider_first + dt.timedelta(days=value)


def _years(shown: set[int], changes: Iterable[CardChange], this_year: int) -> tuple[int, ...]:
    """Give every year from the card's first, or the first that has anything, to this one."""
    began = {change.on.year for change in changes if change.on is not None}
    return tuple(range(max(FIRST_YEAR, min(shown | began)), max(shown | {this_year}) + 1))


def _waiting(told: Explanation, year: int) -> tuple[WaitingWage, ...]:
    return tuple(w for w in told.waiting if w.paid_on is None or w.paid_on.year == year)


def _slider(first: dt.date, last: dt.date, asked: dt.date | None) -> Slider:
    length = max(1, (last - first).days)
    value = length if asked is None else min(length, max(0, (asked - first).days))
    return Slider(first=first, length=length, value=value)


def _first_known(known: Iterable[dt.datetime], year: int) -> dt.date:
    moments = [moment.astimezone(COPENHAGEN).date() for moment in known]
    return min(moments, default=dt.date(year, 1, 1))


def cvrs(journal: Iterable[Row]) -> Mapping[str, str]:
    """Give each wage's employer, by the wage's id, from the entries about employments."""
    employers: dict[str, str] = {}
    found: dict[str, str] = {}
    for row in journal:
        if row["source_type"] == "employment-registered":
            payload = _source(row)["payload"]
            employers[payload["employment_id"]] = payload["cvr"]
        elif row["source_type"] == "wage-paid":
            payload = _source(row)["payload"]
            cvr = employers.get(payload["employment_id"])
            if cvr is not None:
                found[payload["wage_id"]] = cvr
    return found


def _card_changes(journal: Iterable[Row]) -> Iterable[CardChange]:
    for row in journal:
        if row["source_topic"] != GRANTS.name:
            continue
        payload = _source(row)["payload"]
        text = next((payload[name] for name in _CARD_DATES if name in payload), None)
        yield CardChange(
            entry_no=row["entry_no"],
            kind=row["source_type"],
            card_no=payload.get("card_no", row["card_no"]),
            on=None if text is None else dt.date.fromisoformat(text),
        )


def _source(row: Row) -> Mapping[str, Any]:
    source: Mapping[str, Any] = orjson.loads(row["bytes"])["source"]
    return source
