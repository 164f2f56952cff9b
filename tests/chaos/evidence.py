"""What a stack has in the end, read past its services: its databases, topics and gateway."""

import asyncio
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import httpx
import psycopg
from aiokafka import AIOKafkaConsumer, TopicPartition

from deploy.local.settings import SERVICES
from deploy.local.stack import GATEWAY, Stack
from frikort_contracts.topics import ALLOWANCE, EVENT_TOPICS, Topic
from tests.chaos.oracle import Decision, Year

Row = tuple[Any, ...]
POLL_MS = 200


class Published(NamedTuple):
    """A record as a `read_committed` reader gets it; `partition_seq` 0 where it has no number."""

    partition: int
    key: str
    event_id: str
    kind: str
    version: int
    partition_seq: int
    value: dict[str, Any]


@dataclass(slots=True)
class Evidence:
    """Everything the judge looks at."""

    stored: dict[str, list[Row]]
    """By service: stream, version, event id and type of every stored event."""
    topics: dict[str, list[Published]]
    """Of every topic, each partition in order."""
    accounts: dict[str, list[Row]]
    """By reader: topic, partition, produced, applied, ignored, duplicate, waiting, parked."""
    entered: list[Row]
    """The journal: source event id, wage id, type, covered, excess, reason."""
    balances: dict[tuple[str, int], Year]
    texts_wanted: dict[str, Row]
    """By notification: its cause, its template, its state and why."""
    texts_sent: list[str]
    """The notification of every text that the gateway took."""

    def decisions(self) -> dict[str, Decision]:
        """Give what was decided of each wage."""
        return {
            wage_id: Decision(covered, excess, reason)
            for _, wage_id, kind, covered, excess, reason in self.entered
            if kind == "wage-paid"
        }


STORED = "SELECT stream_id::TEXT, version, event_id::TEXT, type FROM events"
ACCOUNTS = """
    SELECT
      p.topic, p.partition, p.last_seq + p.unnumbered, p.applied, p.ignored, p.duplicate,
      count(h.topic) FILTER (WHERE NOT h.parked), count(h.topic) FILTER (WHERE h.parked)
    FROM inbox_positions AS p
    LEFT JOIN held_messages AS h USING (topic, partition)
    GROUP BY p.topic, p.partition
"""
ENTERED = """
    SELECT
      source_id::TEXT, wage_id::TEXT, source_type, covered_ore, excess_ore,
      convert_from(bytes, 'UTF8')::JSONB #>> '{decision,reason}'
    FROM journal
"""
BALANCES = "SELECT citizen_id::TEXT, year, covered_ore, excess_ore, entries FROM balances"
TEXTS = "SELECT notification_id::TEXT, cause_id::TEXT, template, state, reason FROM texts"
EVENTS_STORED = "SELECT count(*) FROM events"
EVENTS_OF_THE_JOURNAL = """
    SELECT coalesce(sum(jsonb_array_length(convert_from(bytes, 'UTF8')::JSONB -> 'events')), 0)
    FROM journal
"""
TEXTS_UNDER_WAY = """
    SELECT count(*)
    FROM texts
    WHERE state = 'submitting'
       OR (state = 'requested' AND card_no IN (SELECT card_no FROM contacts))
"""
READ_OF_ALLOWANCE = f"""
    SELECT coalesce(sum(last_seq), 0) FROM inbox_positions WHERE topic = '{ALLOWANCE.name}'
"""  # noqa: S608 - a name of our own


class Witness:
    """Reads one stack's servers."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack

    def is_quiet(self) -> bool:
        """Tell whether what the ledger sent is read, every text tried, and all of it sent on."""
        with self._databases() as databases:
            sent = _one(databases["allowance"], EVENTS_OF_THE_JOURNAL)
            if _one(databases["notifications"], READ_OF_ALLOWANCE) != sent:
                return False
            if _one(databases["notifications"], TEXTS_UNDER_WAY):
                return False
            told = _one(databases["notifications"], EVENTS_STORED)
        return len(self.read_topics(["frikort-notifications"])["frikort-notifications"]) >= told

    def gather(self) -> Evidence:
        """Read everything."""
        with self._databases() as databases:
            balances = _rows(databases["allowance"], BALANCES)
            texts = _rows(databases["notifications"], TEXTS)
            return Evidence(
                stored={
                    name: _rows(databases[name], STORED) for name in SERVICES if name != "allowance"
                },
                topics=self.read_topics([topic.name for topic in EVENT_TOPICS]),
                accounts={
                    name: _rows(databases[name], ACCOUNTS) for name in SERVICES if name != "grants"
                },
                entered=_rows(databases["allowance"], ENTERED),
                balances={(row[0], row[1]): Year(*row[2:]) for row in balances},
                texts_wanted={row[0]: row[1:] for row in texts},
                texts_sent=self._texts_sent(),
            )

    def read_topics(self, names: Iterable[str]) -> dict[str, list[Published]]:
        """Read whole topics."""
        partitions = {topic.name: topic for topic in EVENT_TOPICS}
        return asyncio.run(_read(self._stack.kafka, [partitions[name] for name in names]))

    def _texts_sent(self) -> list[str]:
        url = f"{self._stack.service_url(GATEWAY)}/texts"
        answer = httpx.get(url, trust_env=False).raise_for_status()
        return [text["userref"] for text in answer.json()["texts"]]

    @contextmanager
    def _databases(self) -> Iterator[dict[str, psycopg.Connection[Row]]]:
        opened: dict[str, psycopg.Connection[Row]] = {}
        try:
            for name in SERVICES:
                role = "auditor" if name == "allowance" else "owner"
                opened[name] = psycopg.connect(
                    self._stack.database_url(name, role),
                    autocommit=True,
                    options="-c default_transaction_read_only=on",
                )
            yield opened
        finally:
            for connection in opened.values():
                connection.close()


def _rows(connection: psycopg.Connection[Row], query: str) -> list[Row]:
    return connection.execute(query.encode()).fetchall()


def _one(connection: psycopg.Connection[Row], query: str) -> int:
    return int(_rows(connection, query)[0][0])


async def _read(bootstrap: str, topics: list[Topic]) -> dict[str, list[Published]]:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    try:
        await consumer.start()
        lanes = [TopicPartition(topic.name, p) for topic in topics for p in range(topic.partitions)]
        consumer.assign(lanes)
        await consumer.seek_to_beginning(*lanes)
        ends = await consumer.end_offsets(lanes)
        found: dict[str, list[Published]] = {topic.name: [] for topic in topics}
        for lane in lanes:
            while await consumer.position(lane) < ends[lane]:
                records = (await consumer.getmany(lane, timeout_ms=POLL_MS)).get(lane, [])
                found[lane.topic] += map(_published, records)
        return found
    finally:
        await consumer.stop()


def _published(record: Any) -> Published:
    headers = {name: value.decode() for name, value in record.headers}
    return Published(
        partition=record.partition,
        key=record.key.decode(),
        event_id=headers["ce_id"],
        kind=headers["ce_type"],
        version=int(headers["ce_streamversion"]),
        partition_seq=int(headers.get("ce_partitionseq", 0)),
        value=json.loads(record.value),
    )
