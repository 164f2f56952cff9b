"""What a replay decides by: the caps and closings as a decision saw them, a card's dated changes.

Pure, and written apart from the ledger's own code: from DESIGN and DOMAIN section 12 alone.
Moments and dates are kept as their text, which sorts as they do.
"""

import datetime as dt
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from frikort_contracts.types import COPENHAGEN, format_moment

CAP_SET: Final = "annual-cap-set"
YEAR_CLOSED: Final = "year-closed"
BEFORE_GRANT: Final = "before-grant"
GRANT_INACTIVE: Final = "grant-inactive"
STARTS: Final = frozenset({"grant-issued", "grant-reactivated", "appeal-decided"})
STOPS: Final = frozenset({"grant-deactivated", "grant-closed"})


class Cap(NamedTuple):
    """A year's cap, in the order in which the later of two counts.

    `from_moment` is the first instant in Denmark of the day from which it is in force.
    """

    in_force_from: str
    known_at: str
    version: int
    amount_ore: int
    from_moment: str


class Change(NamedTuple):
    """A dated change of a card: from `effective_on` on it covers, or does not."""

    version: int
    card_no: str
    effective_on: str
    covers: bool
    ends: bool = False
    """The card has ended for good."""


class RuleBook:
    """The rules' stream, each rule seen by decisions of its version and later."""

    def __init__(self) -> None:
        self.version = 0
        self._caps: defaultdict[int, list[Cap]] = defaultdict(list)
        self._closings: dict[tuple[str, int], tuple[int, str]] = {}

    def take(self, rule: dict[str, Any]) -> None:
        """Read the next rule: an entry of the rules' stream, as it was written."""
        payload = rule["payload"]
        self.version = rule["version"]
        if rule["type"] == CAP_SET:
            cap = Cap(
                payload["in_force_from"],
                rule["known_at"],
                rule["version"],
                payload["amount_ore"],
                first_instant(payload["in_force_from"]),
            )
            self._caps[payload["year"]].append(cap)
        elif rule["type"] == YEAR_CLOSED:
            closed = (payload["municipality_code"], payload["year"])
            self._closings.setdefault(closed, (rule["version"], rule["recorded_at"]))

    def caps(self) -> Iterator[tuple[int, Cap]]:
        """Give every cap with its year, in order of versions within a year."""
        for year, caps in self._caps.items():
            for cap in caps:
                yield year, cap

    def closings(self) -> Iterator[tuple[int, int]]:
        """Give the year of every closing, and the version from which decisions saw it."""
        for (_, year), (version, _) in self._closings.items():
            yield year, version

    def limit_for(self, year: int, known_at: str, version: int) -> int | None:
        """Give the cap a wage is decided under, by the rules up to a version (R23, DOMAIN 1.2).

        The year's cap in force and known when the wage became known; if none was, the first known
        after it. None if the year had no cap.
        """
        caps = [cap for cap in self._caps.get(year, ()) if cap.version <= version]
        if len(caps) > 1:
            current = [c for c in caps if c.known_at <= known_at and c.from_moment <= known_at]
            if current:
                return max(current).amount_ore
            later = [cap for cap in caps if cap.known_at > known_at] or caps
            return min(later, key=lambda cap: (cap.known_at, cap.in_force_from)).amount_ore
        return caps[0].amount_ore if caps else None

    def limit_at(self, year: int, moment: str, version: int) -> int | None:
        """Give the year's limit at a moment, as far as was known; the first one before its day."""
        caps = [
            cap
            for cap in self._caps.get(year, ())
            if cap.version <= version and cap.known_at <= moment
        ]
        if not caps:
            return None
        reached = max(moment, min(cap.from_moment for cap in caps))
        return max(cap for cap in caps if cap.from_moment <= reached).amount_ore

    def closed_at(self, municipality_code: str, year: int, version: int) -> str | None:
        """Tell when a municipality had closed a year, as a decision saw it; None if it had not."""
        closed = self._closings.get((municipality_code, year))
        return closed[1] if closed is not None and closed[0] <= version else None


def read_rules(contents: Iterable[bytes]) -> RuleBook:
    """Read the rules' bytes, in order of their versions."""
    book = RuleBook()
    for content in contents:
        book.take(json.loads(content))
    return book


def first_instant(day: str) -> str:
    """Give a date's 00:00 in Denmark as a moment's text."""
    date = dt.date.fromisoformat(day)
    return format_moment(dt.datetime.combine(date, dt.time(), COPENHAGEN))


def last_instant(day: str) -> str:
    """Give a date's last microsecond in Denmark as a moment's text."""
    date = dt.date.fromisoformat(day)
    return format_moment(dt.datetime.combine(date, dt.time.max, COPENHAGEN))


def change_of(kind: str, version: int, payload: dict[str, Any]) -> Change | None:
    """Read what a grant event changes about its card's coverage, None if nothing (R9 to R14)."""
    if kind in STOPS:
        card_no, effective_on = payload["card_no"], payload["effective_on"]
        return Change(version, card_no, effective_on, covers=False, ends=kind == "grant-closed")
    if kind not in STARTS or (kind == "appeal-decided" and payload["outcome"] != "overturned"):
        return None
    effective_on = payload["valid_from" if kind == "grant-issued" else "effective_on"]
    return Change(version, payload["card_no"], effective_on, covers=True)


def ruling_change(changes: Iterable[Change], card_no: str, day: str, version: int) -> Change | None:
    """Choose the change that rules a day, of a card's changes up to a grants version.

    Of those in effect by then the one with the latest date, of one date the last decided.
    """
    in_effect = [
        change
        for change in changes
        if change.card_no == card_no and change.version <= version and change.effective_on <= day
    ]
    return max(in_effect, key=lambda change: (change.effective_on, change.version), default=None)


def uncovered(changes: Iterable[Change], card_no: str, day: str, version: int) -> str | None:
    """Say why a card does not cover a day; None if it does (R7, R9, R12, R13, R14)."""
    ruling = ruling_change(changes, card_no, day, version)
    if ruling is None:
        return BEFORE_GRANT
    return None if ruling.covers else GRANT_INACTIVE


def turns_day(change: Change, changes: Sequence[Change], day: str) -> bool:
    """Tell whether a change lets a day be covered that was not before it, or the reverse."""
    before, after = (
        uncovered(changes, change.card_no, day, version) is None
        for version in (change.version - 1, change.version)
    )
    return before is not after
