"""Why two answers about one year differ: the entries and the cap that make the difference. Pure.

Each answer is what a balance says "as of a date, as known at a moment". Whatever one of them
counts and the other does not is named with its effect; the effects sum to the difference.
"""

import datetime as dt
from collections.abc import Iterable, Sequence

from frikort_contracts.explanations import (
    Answer,
    Asked,
    CapEffect,
    Change,
    Difference,
    EntryEffect,
    ExplainedEntry,
    Why,
)
from frikort_contracts.types import COPENHAGEN
from services.allowance.domain import Cap, cap_in_force
from services.allowance.explain import Caps


def compare(
    card_no: str,
    year: int,
    asked: tuple[Asked, Asked],
    *,
    entries: Sequence[ExplainedEntry],
    caps: Caps,
    now: dt.datetime,
) -> Difference:
    """Name what makes the second answer about a year differ from the first.

    `entries`: all of that year, in order.
    """
    before, after = asked
    first, second = (answer(each, year, entries, caps, now) for each in asked)
    return Difference(
        card_no=card_no,
        year=year,
        first=first,
        second=second,
        change=_change(first, second),
        entries=tuple(_effects(entries, before, after)),
        cap=_cap_effect(caps, year, asked, now),
    )


def answer(
    asked: Asked, year: int, entries: Iterable[ExplainedEntry], caps: Caps, now: dt.datetime
) -> Answer:
    """Answer for a year: as of a date, as known at a moment. `entries`: all of that year."""
    counted = [entry for entry in entries if not kept_out(entry, asked)]
    cap = _cap(caps.of(year), asked, now)
    covered_ore = sum(entry.covered_ore for entry in counted)
    limit_ore = None if cap is None else cap.amount_ore
    return Answer(
        as_of=asked.as_of,
        known_at=asked.known_at,
        limit_ore=limit_ore,
        covered_ore=covered_ore,
        excess_ore=sum(entry.excess_ore for entry in counted),
        over_limit_ore=None if limit_ore is None else max(0, covered_ore - limit_ore),
        remaining_ore=None if limit_ore is None else max(0, limit_ore - covered_ore),
        entries=len(counted),
        cap=caps.used(cap),
    )


def _cap(caps: Iterable[Cap], asked: Asked, now: dt.datetime) -> Cap | None:
    moment = asked.known_at or now
    return cap_in_force(caps, asked.as_of or moment.astimezone(COPENHAGEN).date(), moment)


def kept_out(entry: ExplainedEntry, asked: Asked) -> tuple[Why, ...]:
    """Tell what keeps an entry out of an answer, nothing if it counts."""
    return _reasons(entry.paid_on, entry.known_at, asked)


def _reasons(date: dt.date, known_at: dt.datetime, asked: Asked) -> tuple[Why, ...]:
    found: list[Why] = []
    if asked.known_at is not None and known_at > asked.known_at:
        found.append("known-later")
    if asked.as_of is not None and date > asked.as_of:
        found.append("dated-later")
    return tuple(found)


def _effects(
    entries: Iterable[ExplainedEntry], before: Asked, after: Asked
) -> Iterable[EntryEffect]:
    for entry in entries:
        first, second = kept_out(entry, before), kept_out(entry, after)
        if bool(first) is bool(second):
            continue
        sign = 1 if first else -1
        yield EntryEffect(
            counted_in="second" if first else "first",
            why=first or second,
            covered_ore=sign * entry.covered_ore,
            excess_ore=sign * entry.excess_ore,
            entries=sign,
            entry=entry,
        )


def _cap_effect(
    caps: Caps, year: int, asked: tuple[Asked, Asked], now: dt.datetime
) -> CapEffect | None:
    first, second = (_cap(caps.of(year), each, now) for each in asked)
    if first == second:
        return None
    before, after = asked
    kept_out = (
        *(() if second is None else _cap_kept_out(second, before, now)),
        *(() if first is None else _cap_kept_out(first, after, now)),
    )
    known = first is not None and second is not None
    return CapEffect(
        first=caps.used(first),
        second=caps.used(second),
        why=kept_out,
        limit_ore=second.amount_ore - first.amount_ore if first and second and known else None,
    )


def _cap_kept_out(cap: Cap, asked: Asked, now: dt.datetime) -> tuple[Why, ...]:
    moment = asked.known_at or now
    on = asked.as_of or moment.astimezone(COPENHAGEN).date()
    return _reasons(cap.in_force_from, cap.known_at, Asked(as_of=on, known_at=moment))


def _change(first: Answer, second: Answer) -> Change:
    return Change(
        limit_ore=_less(second.limit_ore, first.limit_ore),
        covered_ore=second.covered_ore - first.covered_ore,
        excess_ore=second.excess_ore - first.excess_ore,
        over_limit_ore=_less(second.over_limit_ore, first.over_limit_ore),
        remaining_ore=_less(second.remaining_ore, first.remaining_ore),
        entries=second.entries - first.entries,
    )


def _less(second: int | None, first: int | None) -> int | None:
    return None if second is None or first is None else second - first
