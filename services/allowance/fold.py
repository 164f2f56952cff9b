"""What is kept of a citizen beside the journal, folded from their entries alone. Pure.

The entries' bytes are all it reads, and the topic they came from. It goes the way the entries
were made, with the same rules of a balance and of a card's change, and it believes no chain that
does not hold: from a journal that was changed, nothing is built.
"""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

from frikort_contracts.topics import GRANTS, PAYROLL
from frikort_contracts.types import ApportionReason
from services.allowance.attention import DecidedWage, latest_covered
from services.allowance.domain import EMPTY, Apportionment, CardChange, YearBalance
from services.allowance.entry import GENESIS, Source, chain_hash
from services.allowance.pages import BEGINNING
from services.allowance.picture import (
    CardChangeRow,
    CardRow,
    EmploymentRow,
    card_change_of,
    card_of,
    employment_of,
)
from services.allowance.translate import (
    EmploymentEndedBody,
    Received,
    body_type,
    to_card_change,
)
from services.chassis.inbox import Message


class JournalEntry(NamedTuple):
    """A row of the journal, as far as the fold reads it."""

    citizen_id: str
    entry_no: int
    partition: int
    hash: bytes
    content: bytes
    topic: str


class HeldPayroll(NamedTuple):
    """A payroll message that is held; `version` is None where it cannot be read."""

    version: int | None
    parked: bool


class ChainBroken(Exception):  # noqa: N818 - the fact: an entry is not what followed
    """An entry does not follow the one before it, or cannot be read: nothing rests on it."""

    def __init__(self, citizen_id: str, entry_no: int) -> None:
        super().__init__(f"entry {entry_no} of citizen {citizen_id} does not hold")


@dataclass(slots=True)
class CitizenFold:
    """A citizen's rows as far as their entries have been taken, in order from the first.

    `payroll_version` is the highest applied; what is held may reach further (`read_up_to`).
    """

    citizen_id: str
    partition: int
    entry_no: int = 0
    head: bytes = GENESIS
    recorded_at: dt.datetime = BEGINNING
    grants_version: int = 0
    payroll_version: int = 0
    changes: list[CardChange] = field(default_factory=list)
    years: dict[int, YearBalance] = field(default_factory=dict)
    cards: dict[str, tuple[CardRow, dt.datetime]] = field(default_factory=dict)
    card_changes: list[tuple[CardChangeRow, dt.datetime]] = field(default_factory=list)
    employments: dict[str, tuple[EmploymentRow, dt.datetime]] = field(default_factory=dict)
    _wages: dict[str, DecidedWage] = field(default_factory=dict)

    def take(self, row: JournalEntry) -> None:
        """Fold the next entry.

        Raises:
            ChainBroken: it does not follow the last one, or is no entry.
        """
        follows = row.entry_no == self.entry_no + 1
        if not follows or chain_hash(self.head, row.content) != row.hash:
            raise ChainBroken(self.citizen_id, row.entry_no)
        self.entry_no, self.head = row.entry_no, row.hash
        try:
            self._take(row.topic, orjson.loads(row.content))
        except (KeyError, TypeError, ValueError) as error:
            raise ChainBroken(self.citizen_id, row.entry_no) from error

    def _take(self, topic: str, entry: dict[str, Any]) -> None:
        source = entry["source"]
        self.recorded_at = dt.datetime.fromisoformat(entry["recorded_at"])
        if topic == GRANTS.name:
            self.grants_version = source["version"]
        elif topic == PAYROLL.name:
            self.payroll_version = max(self.payroll_version, source["version"])
        decision = entry.get("decision")
        if decision is None:
            self._take_fact(_received(topic, entry))
        elif source["type"] == "wage-paid":
            self._take_wage(source["payload"], decision)
        else:
            self._take_reversal(source["payload"]["wage_id"])

    def _take_wage(self, payload: dict[str, Any], decision: dict[str, Any]) -> None:
        decided = Apportionment(
            decision["year"],
            dt.date.fromisoformat(payload["paid_on"]),
            decision["covered_ore"],
            decision["excess_ore"],
            ApportionReason(decision["reason"]),
        )
        self._wages[payload["wage_id"]] = DecidedWage(payload["card_no"], decided)
        self.years[decided.year] = self.years.get(decided.year, EMPTY).after(decided)

    def _take_reversal(self, wage_id: str) -> None:
        original = self._wages.pop(wage_id).apportionment
        covered_to = latest_covered(self._wages.values(), original.year)
        before = self.years[original.year]
        self.years[original.year] = before.after_reversal(original, covered_to)

    def _take_fact(self, received: Received) -> None:
        change = to_card_change(received) if received.message.topic == GRANTS.name else None
        if change is not None:
            self.changes.append(change)
        card = card_of(received)
        if card is not None:
            self.cards.setdefault(card.card_no, (card, self.recorded_at))
        card_change = card_change_of(received)
        if card_change is not None:
            self.card_changes.append((card_change, self.recorded_at))
        employment = employment_of(received)
        if employment is not None:
            kept = (employment, self.recorded_at)
            self.employments.setdefault(employment.employment_id, kept)
        body = received.body
        if isinstance(body, EmploymentEndedBody) and body.employment_id in self.employments:
            ended, since = self.employments[body.employment_id]
            self.employments[body.employment_id] = ended._replace(ends_on=body.ends_on), since


def read_up_to(applied: int, held: Iterable[HeldPayroll], kept: int) -> int:
    """Give how far a citizen's payroll was read in order: applied, and held in its place.

    While none is parked, all that is held came in its place. Behind a parked one also what came
    too early waits, and only the reader knows which: then what is `kept` stays, where it can be.
    """
    waiting = list(held)
    versions = {one.version for one in waiting}
    reached = applied
    while reached + 1 in versions:
        reached += 1
    if any(one.parked for one in waiting):
        return min(max(kept, applied), reached)
    return reached


def _received(topic: str, entry: dict[str, Any]) -> Received:
    """Give an entry's source as it was received, as far as its entry keeps it."""
    source = entry["source"]
    kind = source["type"]
    body = body_type(topic, kind).model_validate_json(orjson.dumps(source["payload"]))
    return Received(
        Message(topic, 0, 0, None, b"", {}),
        entry["citizen_id"],
        Source(
            type=kind,
            id=source["id"],
            version=source["version"],
            payload=source["payload"],
            sha256=source["sha256"],
        ),
        body,
        entry["municipality_code"],
        entry["known_at"],
        entry["grants_version"],
    )
