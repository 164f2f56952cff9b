"""A piece of a journal decided again: what was asked for, and what comes out. Pure."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import Any, Final, NamedTuple

import orjson

from cli.replay_decide import Account, Decided, Difference, compare
from cli.replay_rules import RuleBook

SHOWN_MAX: Final = 200
"""Characters of bytes that cannot be read."""


class Row(NamedTuple):
    """An entry as the journal and a pack have it."""

    citizen_id: str
    entry_no: int
    hash: bytes
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What is replayed: whose card, which municipality's entries; and what of it counts.

    `as_of` is the last day of payment, `known_at` the last moment of knowledge, both included.
    Every entry before it is decided again too, for the later ones rest on it.
    """

    card_no: str | None = None
    municipality_code: str | None = None
    as_of: str | None = None
    known_at: str | None = None

    def takes(self, rows: Iterable[Row]) -> bool:
        """Tell whether a citizen's entries are asked for at all."""
        marks = []
        if self.card_no is not None:
            marks.append(f'"card_no":"{self.card_no}"')
        if self.municipality_code is not None:
            marks.append(f'"municipality_code":"{self.municipality_code}"')
        return all(any(mark.encode() in row.content for row in rows) for mark in marks)

    def counts(self, entry: dict[str, Any]) -> bool:
        """Tell whether an entry counts."""
        if self.municipality_code not in {None, entry["municipality_code"]}:
            return False
        if self.known_at is not None and entry["known_at"] > self.known_at:
            return False
        paid_on = entry["source"]["payload"].get("paid_on", "") if "decision" in entry else ""
        return self.as_of is None or bool(paid_on <= self.as_of)


@dataclass(slots=True)
class Replayed:
    """What was decided again; by year the covered and excess sums, net of reversals."""

    entries: int = 0
    citizens: int = 0
    decisions: int = 0
    waiting: int = 0
    read: int = 0
    covered_ore: Counter[int] = field(default_factory=Counter)
    excess_ore: Counter[int] = field(default_factory=Counter)
    differences: list[Difference] = field(default_factory=list)

    def count(self, decided: Decided | None) -> None:
        """Let an entry count."""
        self.entries += 1
        if decided is not None and decided.reason:
            self.decisions += 1
            self.covered_ore[decided.year] += decided.covered_ore
            self.excess_ore[decided.year] += decided.excess_ore

    def add(self, other: "Replayed") -> None:
        """Add another piece's figures; its differences are its own."""
        self.entries += other.entries
        self.citizens += other.citizens
        self.decisions += other.decisions
        self.waiting += other.waiting
        self.read += other.read
        self.covered_ore.update(other.covered_ore)
        self.excess_ore.update(other.excess_ore)


def replay_rows(rows: Iterable[Row], book: RuleBook, selection: Selection) -> Replayed:
    """Decide entries again, given citizen by citizen in the order of their numbers."""
    replayed = Replayed()
    for citizen_id, group in groupby(rows, key=itemgetter(0)):
        of_citizen = list(group)
        replayed.read += len(of_citizen)
        if selection.takes(of_citizen):
            replayed.citizens += 1
            found = list(_replay_citizen(citizen_id, of_citizen, book, selection, replayed))
            replayed.differences += found
    return replayed


def _replay_citizen(
    citizen_id: str, rows: list[Row], book: RuleBook, selection: Selection, replayed: Replayed
) -> Iterator[Difference]:
    account = Account(citizen_id)
    differs = False
    for row in rows:
        try:
            entry = orjson.loads(row.content)
            decided, differences = compare(entry, row.content, account, book)
            counts = selection.counts(entry)
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            differs = True
            shown = row.content[:SHOWN_MAX].decode(errors="replace")
            why = f"an entry's fields ({type(error).__name__}: {error})"
            yield Difference(citizen_id, row.entry_no, "", "bytes", shown, why)
            continue
        differs = differs or bool(differences)
        if counts:
            replayed.count(decided)
            yield from differences
    if not differs and rows[-1].hash != account.head:
        at = (citizen_id, rows[-1].entry_no, "")
        yield Difference(*at, "hash", rows[-1].hash.hex(), account.head.hex())
