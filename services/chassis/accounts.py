"""The account of every message read, as figures for Prometheus; it changes nothing.

Per topic and partition, produced = applied + ignored + duplicate + waiting + parked: what is
produced beyond the rest has been lost here. Each instance shows the same database's figures.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import structlog
from prometheus_client import Gauge

from services.chassis.database import Connection, Pool, may_pass
from services.chassis.errors import describe

Row: TypeAlias = Mapping[str, Any]
EVERY_S = 1.0
OUTCOMES = ("produced", "applied", "ignored", "duplicate", "waiting", "parked")
MESSAGES = Gauge(
    "frikort_inbox_messages",
    "Messages produced, as far as they were read, and what became of them",
    ["topic", "partition", "outcome"],
)
WAITING = Gauge("frikort_waiting_messages", "Messages that wait, by what they wait for", ["reason"])
PARKED = Gauge(
    "frikort_parked_messages", "Messages set aside for a person, by why", ["topic", "reason"]
)

log = structlog.get_logger()


async def publish_accounts(pool: Pool) -> None:
    """Publish the figures every second until cancelled."""
    while True:
        try:
            async with (
                pool.acquire() as connection,
                connection.transaction(isolation="repeatable_read", readonly=True),
            ):
                await publish_once(connection)
        except Exception as error:
            if not may_pass(error):
                raise
            log.warning("accounts_not_published", error=describe(error))
        await asyncio.sleep(EVERY_S)


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounts:
    """Rows: lanes by topic, partition and `OUTCOMES`; counts of what is held, by reason."""

    lanes: Sequence[Row]
    waiting: Sequence[Row]
    parked: Sequence[Row]


async def read_accounts(connection: Connection) -> Accounts:
    """Read the accounts of one snapshot; the caller's transaction gives it."""
    lanes = await connection.fetch(
        """
        SELECT
          p.topic,
          p.partition,
          p.last_seq + p.unnumbered AS produced,
          p.applied,
          p.ignored,
          p.duplicate,
          count(h.topic) FILTER (WHERE NOT h.parked) AS waiting,
          count(h.topic) FILTER (WHERE h.parked) AS parked
        FROM inbox_positions AS p
        LEFT JOIN held_messages AS h USING (topic, partition)
        GROUP BY p.topic, p.partition
        ORDER BY p.topic, p.partition
        """
    )
    waiting = await connection.fetch(
        """
        SELECT
          reason,
          count(*)
        FROM held_messages
        WHERE NOT parked
        GROUP BY reason
        ORDER BY reason
        """
    )
    parked = await connection.fetch(
        """
        SELECT
          topic,
          reason,
          count(*)
        FROM held_messages
        WHERE parked
        GROUP BY topic, reason
        ORDER BY topic, reason
        """
    )
    return Accounts(lanes=lanes, waiting=waiting, parked=parked)


async def publish_once(connection: Connection) -> None:
    """Publish the figures of one snapshot; the caller's transaction gives it."""
    accounts = await read_accounts(connection)
    for lane in accounts.lanes:
        for outcome in OUTCOMES:
            MESSAGES.labels(lane["topic"], lane["partition"], outcome).set(lane[outcome])
    WAITING.clear()  # what nobody waits for any more goes
    for row in accounts.waiting:
        WAITING.labels(row["reason"]).set(row["count"])
    PARKED.clear()
    for row in accounts.parked:
        PARKED.labels(row["topic"], row["reason"]).set(row["count"])
