"""The journal against its sources' topics: all that was sent is entered, and nothing else. Pure.

Per partition of frikort-grants and frikort-payroll: every record up to where the ledger has read
has its entry, or waits, or is parked, or is a repetition that was passed over. They are matched by
the event's id and compared by all that both say, the SHA-256 of the record's bytes among it.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from cli.proof import Fault


class Sent(NamedTuple):
    """A record of a topic; `number` is its `ce_partitionseq`, None where no relay gave one.

    One without an id is known by its place (`name_of`).
    """

    offset: int
    number: int | None
    event_id: str
    said: "Said"

    @property
    def stream(self) -> tuple[str, int]:
        """Whose event it is, and the version."""
        return self.said.citizen_id, self.said.version


class Said(NamedTuple):
    """What a record and its entry both say of an event, under the names that a fault has."""

    citizen_id: str
    type: str
    version: int
    municipality_code: str
    bytes: str
    """The SHA-256 of the record's value."""


class Entered(NamedTuple):
    """An entry, as far as it tells of its source."""

    entry_no: int
    said: Said


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """A partition of a topic as the ledger has read it.

    `entries`: event id → entry; `held`: event id → SHA-256 of what waits or is parked;
    `passed_over`: how many records were no news.
    """

    topic: str
    partition: int
    last_number: int
    next_offset: int
    passed_over: int
    entries: Mapping[str, Entered]
    held: Mapping[str, str]

    def where(self, sent: Sent) -> str:
        """Name a record."""
        number = f"offset {sent.offset}" if sent.number is None else str(sent.number)
        return f"{self.topic}:{self.partition} record {number}"


@dataclass(slots=True)
class Completeness:
    """How much was compared, and what was wrong."""

    records: int = 0
    faults: list[Fault] = field(default_factory=list)

    def compare(self, lane: Lane, records: Iterable[Sent]) -> None:
        """Compare a partition, its records in the order of the topic, with the ledger."""
        found: set[str] = set()
        repeated: list[Sent] = []
        versions = {(e.said.citizen_id, e.said.version) for e in lane.entries.values()}
        for sent in self._read_so_far(lane, records):
            self.records += 1
            entered = lane.entries.get(sent.event_id)
            held = lane.held.get(sent.event_id)
            if entered is not None:
                found.add(sent.event_id)
                for name, here, there in zip(Said._fields, sent.said, entered.said, strict=True):
                    self._expect(lane.where(sent), name, here, there)
            elif held is not None:
                self._expect(lane.where(sent), "bytes", sent.said.bytes, held)
            elif sent.stream in versions:
                repeated.append(sent)
            else:
                self._fault(lane.where(sent), "entry", "none", "one, or that it waits")
        if len(repeated) > lane.passed_over:
            for sent in repeated:
                self._fault(lane.where(sent), "entry", "another event's", sent.event_id)
        for event_id in lane.entries.keys() - found:
            entry = lane.entries[event_id]
            where = f"citizen {entry.said.citizen_id} entry {entry.entry_no}"
            topic = f"{lane.topic}:{lane.partition}"
            self._fault(where, "source", f"no record on {topic}", f"event {event_id}")

    def _read_so_far(self, lane: Lane, records: Iterable[Sent]) -> Iterator[Sent]:
        """Give what the ledger has read, once; name holes, and numbers that are not in order."""
        seen: dict[int, tuple[str, str]] = {}
        last = 0
        for sent in records:
            if sent.number is None:
                if sent.offset < lane.next_offset:
                    yield sent
                continue
            if sent.number > lane.last_number:
                continue
            content = (sent.event_id, sent.said.bytes)
            first = seen.setdefault(sent.number, content)
            if sent.number > last:
                self._hole(lane, last + 1, sent.number - 1)
                last = sent.number
                yield sent
            elif first is content:
                self._fault(lane.where(sent), "number", f"after {last}", "in its place")
                yield sent
            else:  # a store may send all of it again: the same numbers, the same events
                self._expect(lane.where(sent), "bytes", content, first)
        self._hole(lane, last + 1, lane.last_number)

    def _hole(self, lane: Lane, first: int, last: int) -> None:
        if first <= last:
            where = f"{lane.topic}:{lane.partition} record {first}"
            upto = "" if first == last else f" to {last}"
            self._fault(where, "number", "none in its place", f"{first}{upto}")

    def _expect(self, where: str, name: str, found: object, expected: object) -> None:
        if found != expected:
            self._fault(where, name, str(found), str(expected))

    def _fault(self, where: str, name: str, found: str, expected: str) -> None:
        self.faults.append(Fault(where, name, found, expected))


def sha256(content: bytes | None) -> str:
    """Give the SHA-256 of a record's bytes, as an entry says it; a record may have none."""
    return hashlib.sha256(content or b"").hexdigest()


def name_of(event_id: str | None, offset: int) -> str:
    """Name a record by its event's id or, where it has none, by its place."""
    return event_id or f"offset {offset}"
