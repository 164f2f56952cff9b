"""A replay from the topics alone: the sources as grants and payroll sent them, what allowance said.

A partition holds whole citizens and is read in a process of its own. Decisions are compared by
their source event; no database is asked. Within a citizen's year the ledger decides in the order
of payroll's versions, and by the rules recorded up to the moment at which it decided.
"""

import asyncio
import datetime as dt
import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

import orjson

from cli.errors import TransientError
from cli.partitions import open_topics, read_partition
from cli.replay_decide import Account, Decided, Difference, Json
from cli.replay_fold import Replayed, Selection
from cli.replay_rules import RuleBook, change_of
from cli.settings import kafka_servers
from frikort_contracts.topics import ALLOWANCE, GRANTS, PARTITIONS, PAYROLL, RULES
from frikort_contracts.types import MOMENT_PATTERN, format_moment

if TYPE_CHECKING:
    from aiokafka import ConsumerRecord

DECISIONS: Final = {"wage-paid": "wage-apportioned", "wage-reversed": "apportionment-reversed"}


class Announced(NamedTuple):
    """A decision as allowance published it: of a reversal what is given back is negative."""

    covered_ore: int
    excess_ore: int
    reason: str
    year: int
    decided_at: str
    citizen_id: str
    entry_no: int


class Event(NamedTuple):
    """A record's headers and payload, as far as they matter here."""

    type: str
    id: str
    citizen_id: str
    version: int
    sent_at: str
    municipality_code: str
    cause: str
    payload: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicPiece:
    """One partition of the topics."""

    servers: str
    partition: int
    selection: Selection


@dataclass(slots=True)
class Rules:
    """The rules, and when each was recorded."""

    book: RuleBook = field(default_factory=RuleBook)
    recorded: list[str] = field(default_factory=list)

    def take(self, event: Event) -> None:
        """Read the next rule."""
        self.book.take(
            {
                "version": event.version,
                "type": event.type,
                "payload": event.payload,
                "known_at": moment_text(event.payload["known_at"]),
                "recorded_at": event.sent_at,
            }
        )
        self.recorded.append(event.sent_at)

    def version_at(self, moment: str) -> int:
        """Give the last rule that a decision of a moment saw."""
        return bisect_right(self.recorded, moment)


@dataclass(slots=True)
class Partition:
    """One partition's citizens, decided again in the order of payroll's versions."""

    rules: Rules
    selection: Selection
    announced: dict[str, Announced] = field(default_factory=dict)
    accounts: dict[str, Account] = field(default_factory=dict)
    municipalities: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    cards: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    undecided: dict[tuple[str, int], str] = field(default_factory=dict)
    replayed: Replayed = field(default_factory=Replayed)

    def take_announced(self, event: Event) -> None:
        """Keep a decision until its source comes."""
        if event.type in DECISIONS.values():
            sign = 1 if event.type == "wage-apportioned" else -1
            payload = event.payload
            self.announced[event.cause] = Announced(
                sign * payload["covered_ore"],
                sign * payload["excess_ore"],
                payload.get("reason", "wage-reversed"),
                payload["year"],
                event.sent_at,
                event.citizen_id,
                payload["entry_no"],
            )

    def take_grant(self, event: Event) -> None:
        """Let a grant event change its card."""
        account = self._account(event)
        change = change_of(event.type, event.version, event.payload)
        account.changes += [] if change is None else [change]
        account.grants_version = event.version

    def take_payroll(self, event: Event) -> None:
        """Decide a wage or a reversal again and compare."""
        account = self._account(event)
        if event.type not in DECISIONS:
            return
        announced = self.announced.pop(event.id, None)
        year = int(event.payload["paid_on"][:4])
        if announced is None:
            self.undecided.setdefault((event.citizen_id, year), event.id)
            self.replayed.waiting += 1
            return
        source = {"id": event.id, "type": event.type, "version": event.version}
        entry = {
            "source": {**source, "payload": event.payload},
            "known_at": moment_text(event.payload["known_at"]),
            "recorded_at": announced.decided_at,
            "sent_at": event.sent_at,
            "municipality_code": event.municipality_code,
            "rules_version": self.rules.version_at(announced.decided_at),
            "events": [],
        }
        decided = account.decide(entry, self.rules.book)
        entry["decision"] = announced._asdict()
        account.follow(entry)
        if self._counts(entry, event.citizen_id):
            self.replayed.count(decided)
            self.replayed.differences += _compare(event, announced, decided)
            self.replayed.differences += self._passed_over(event, announced)

    def end(self) -> Replayed:
        """Name decisions whose source is on no topic, and give what came out."""
        for source_id, one in self.announced.items():
            found = f"covered {one.covered_ore}, excess {one.excess_ore}"
            at = (one.citizen_id, one.entry_no, source_id)
            self.replayed.differences.append(Difference(*at, "source", found, "no such event"))
        self.replayed.citizens = sum(map(self._is_asked_for, self.accounts))
        return self.replayed

    def _passed_over(self, event: Event, announced: Announced) -> Iterator[Difference]:
        """Name a fact that has no decision though a later one of its year has."""
        passed = self.undecided.pop((event.citizen_id, announced.year), None)
        if passed is not None:
            at = (event.citizen_id, 0, passed)
            later = f"one before entry {announced.entry_no}, whose source came later"
            yield Difference(*at, "decision", "none", later)

    def _account(self, event: Event) -> Account:
        citizen_id = event.citizen_id
        if self.selection.municipality_code is not None:
            self.municipalities[citizen_id].add(event.municipality_code)
        if self.selection.card_no is not None:
            self.cards[citizen_id].add(event.payload.get("card_no", ""))
        return self.accounts.setdefault(citizen_id, Account(citizen_id))

    def _is_asked_for(self, citizen_id: str) -> bool:
        asked = self.selection
        if asked.card_no is not None and asked.card_no not in self.cards[citizen_id]:
            return False
        code = asked.municipality_code
        return code is None or code in self.municipalities[citizen_id]

    def _counts(self, entry: Json, citizen_id: str) -> bool:
        return self._is_asked_for(citizen_id) and self.selection.counts(entry)


def topic_pieces(environment: Mapping[str, str], selection: Selection) -> list[TopicPiece]:
    """Give the partitions to replay.

    Raises:
        TransientError: where the topics are, is not known.
    """
    servers = kafka_servers(environment)
    if servers is None:
        raise TransientError(
            "where the topics are, is not known: start the stack with `frikort up`, or set "
            "FRIKORT_KAFKA"
        )
    return [
        TopicPiece(servers=servers, partition=partition, selection=selection)
        for partition in range(PARTITIONS)
    ]


def replay_partition(piece: TopicPiece) -> Replayed:
    """Decide one partition's citizens again.

    Raises:
        TransientError: Kafka does not answer.
    """
    return asyncio.run(_replay_partition(piece))


async def _replay_partition(piece: TopicPiece) -> Replayed:
    """Read what was decided first: so whatever it rests on is on the other topics by then."""
    rules = Rules()
    partition = Partition(rules, piece.selection)
    async with open_topics(piece.servers) as consumer:
        async for record in read_partition(consumer, ALLOWANCE.name, piece.partition):
            partition.take_announced(_event(record))
        async for record in read_partition(consumer, RULES.name, 0):
            rules.take(_event(record))
        async for record in read_partition(consumer, GRANTS.name, piece.partition):
            partition.replayed.read += 1
            partition.take_grant(_event(record))
        async for record in read_partition(consumer, PAYROLL.name, piece.partition):
            partition.replayed.read += 1
            partition.take_payroll(_event(record))
    return partition.end()


def _event(record: "ConsumerRecord") -> Event:
    headers = dict(record.headers)
    return Event(
        headers["ce_type"].decode(),
        headers["ce_id"].decode(),
        headers["ce_subject"].decode(),
        int(headers.get("ce_streamversion", b"0")),
        headers["ce_time"].decode(),
        headers.get("ce_municipality", b"").decode(),
        headers.get("ce_causationid", b"").decode(),
        orjson.loads(record.value),
    )


def moment_text(text: str) -> str:
    """Write a moment as an entry does, whatever its notation."""
    if re.fullmatch(MOMENT_PATTERN, text):
        return text
    return format_moment(dt.datetime.fromisoformat(text))


def _compare(event: Event, announced: Announced, decided: Decided) -> Iterator[Difference]:
    """Name what of a decision differs."""
    for name in ("year", "covered_ore", "excess_ore", "reason"):
        was, now = getattr(announced, name), getattr(decided, name)
        if was != now:
            at = (event.citizen_id, announced.entry_no, event.id)
            yield Difference(*at, name, str(was), str(now))
