"""What journal entries tell, and the newest of them in memory.

The journal is its own outbox. Whoever posts has what is to be told at hand, so the relay takes
it from here and reads the journal only for what is not: older entries, and other instances'.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

import orjson

from services.allowance.entry import SentEvent
from services.allowance.posting import Entry

ENTRIES_MAX = 10_000
"""Entries of a partition that are kept."""


class Told(NamedTuple):
    """What the events of an entry are made of; `year` and what follows is None of no decision.

    Times are as in the entry's bytes.
    """

    partition: int
    journal_seq: int
    citizen_id: str
    entry_no: int
    entry_hash: bytes
    municipality_code: str
    source_id: str
    recorded_at: str
    known_at: str
    correlation_id: str
    traceparent: str | None
    events: Sequence[SentEvent]
    card_no: str | None
    wage_id: str | None
    year: int | None
    paid_on: str | None
    covered_ore: int
    excess_ore: int
    reason: str
    limit_ore: int
    year_covered_ore: int
    year_excess_ore: int


class Tail:
    """The newest committed entries of each partition, without gaps."""

    def __init__(self, entries_max: int = ENTRIES_MAX) -> None:
        self._runs: dict[int, list[Told]] = {}
        self._entries_max = entries_max

    def keep(self, entries: Iterable[Entry]) -> None:
        """Take entries that have been committed, in order within each partition."""
        for partition, members in groupby(entries, lambda entry: entry.page.partition):
            told = [_told(entry) for entry in members]
            run = self._runs.setdefault(partition, [])
            if run and run[-1].journal_seq + 1 != told[0].journal_seq:
                run.clear()  # another instance has posted between
            run.extend(told)
            del run[: -self._entries_max]

    def follow(self, partition: int, after: int, limit: int) -> list[Told]:
        """Give what follows a number, none if that is not here; forget what precedes it."""
        run = self._runs.get(partition)
        if not run:
            return []
        skipped = after + 1 - run[0].journal_seq
        if skipped < 0:
            return []
        del run[:skipped]
        return run[:limit]

    def forget(self) -> None:
        """Keep nothing: whether the last entries were committed is not known."""
        self._runs.clear()


def told_of_row(row: Mapping[str, Any]) -> Told:
    """Make from a row of the journal what the entry tells, by its bytes."""
    entry = orjson.loads(row["bytes"])
    decision = entry.get("decision", {})
    return Told(
        row["partition"],
        row["journal_seq"],
        entry["citizen_id"],
        entry["entry_no"],
        row["hash"],
        entry["municipality_code"],
        entry["source"]["id"],
        entry["recorded_at"],
        entry["known_at"],
        row["correlation_id"],
        row["traceparent"],
        [SentEvent(event["type"], event["id"]) for event in entry["events"]],
        entry["source"]["payload"].get("card_no"),
        row["wage_id"],
        row["year"],
        row["paid_on"],
        decision.get("covered_ore", 0),
        decision.get("excess_ore", 0),
        decision.get("reason", ""),
        row["limit_ore"],
        row["year_covered_ore"],
        row["year_excess_ore"],
    )


def _told(entry: Entry) -> Told:
    received, decided = entry.received, entry.apportionment
    headers = received.message.headers
    trace = headers.get("traceparent")
    return Told(
        entry.page.partition,
        entry.journal_seq,
        entry.page.citizen_id,
        entry.entry_no,
        entry.hash,
        received.municipality_code,
        received.source.id,
        entry.recorded_text,
        received.known_text,
        headers["ce_correlationid"].decode(),
        trace.decode() if trace else None,
        entry.sends,
        received.body.card_no,
        entry.wage_id,
        decided and decided.year,
        decided and decided.paid_on.isoformat(),
        decided.covered_ore if decided else 0,
        decided.excess_ore if decided else 0,
        decided.reason.value if decided else "",
        entry.limit_ore or 0,
        entry.year_covered_ore or 0,
        entry.year_excess_ore or 0,
    )
