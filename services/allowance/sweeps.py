"""The SQL of sweeps: which is under way, whose turn it is, and how far it has come."""

import datetime as dt
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from frikort_contracts.topics import GRANTS, RULES
from services.allowance import store
from services.allowance.entry import Source
from services.allowance.pages import Page
from services.allowance.sweep import CapChange, due_change
from services.allowance.translate import Body, Received
from services.chassis.clock import business_date
from services.chassis.database import Connection
from services.chassis.inbox import Message

NOT_READ = -1
"""In place of an offset: a sweep rests on the rule itself, not on a record of its topic."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """A sweep under way: what it brings, its rule's content, and the last citizen it reached."""

    change: CapChange
    rule: dict[str, Any]
    known_at: dt.datetime
    reached: str | None

    def to_received(self, page: Page, municipality_code: str) -> Received:
        """Give the rule as the source of a citizen's entry."""
        rule = self.rule
        value = orjson.dumps(rule["payload"])  # as it goes to frikort-rules
        headers = {"ce_correlationid": rule["id"].encode()}
        return Received(
            Message(RULES.name, 0, NOT_READ, rule["key"].encode(), value, headers),
            page.citizen_id,
            Source(
                type=rule["type"],
                id=rule["id"],
                version=rule["version"],
                payload=rule["payload"],
                sha256=hashlib.sha256(value).hexdigest(),
            ),
            Body(known_at=self.known_at),
            municipality_code,
            rule["known_at"],
            page.state.grants_version,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """How far a sweep has come: citizens reached in all, and whether that was everybody."""

    year: int
    rule_version: int
    citizens: int
    finished: bool


async def take(connection: Connection, *, now: dt.datetime) -> Sweep | None:
    """Take the sweep that is under way, or begin one that is due; None if another has it."""
    rows = await connection.fetch("SELECT rule_version, finished_at FROM cap_sweeps")
    under_way = [row["rule_version"] for row in rows if row["finished_at"] is None]
    if not under_way:
        under_way = await _begin(connection, [row["rule_version"] for row in rows], now=now)
    row = await connection.fetchrow(
        """
        SELECT s.*, r.bytes, r.known_at
        FROM cap_sweeps AS s
        JOIN rules AS r ON r.version = s.rule_version
        WHERE s.rule_version = ANY($1::INT[])
          AND s.finished_at IS NULL
        ORDER BY s.rule_version
        LIMIT 1
        FOR UPDATE OF s SKIP LOCKED
        """,
        under_way,
    )
    if row is None:
        return None
    return Sweep(
        change=CapChange(row["rule_version"], row["year"], row["before_ore"], row["limit_ore"]),
        rule=orjson.loads(row["bytes"]),
        known_at=row["known_at"],
        reached=row["reached"] and str(row["reached"]),
    )


async def next_page(connection: Connection, sweep: Sweep, *, citizens_max: int) -> dict[str, int]:
    """Give the next citizens whose year is open (id → partition), in the order of their ids."""
    rows = await connection.fetch(
        """
        SELECT b.citizen_id, c.partition
        FROM balances AS b
        JOIN citizens AS c USING (citizen_id)
        WHERE b.year = $1
          AND ($2::UUID IS NULL OR b.citizen_id > $2)
        ORDER BY b.citizen_id
        LIMIT $3
        """,
        sweep.change.year,
        sweep.reached,
        citizens_max,
    )
    return {str(row["citizen_id"]): row["partition"] for row in rows}


async def read_municipalities(connection: Connection, citizen_ids: Sequence[str]) -> dict[str, str]:
    """Give who is responsible for each citizen: as their last grants event leaves it."""
    rows = await connection.fetch(
        """
        SELECT DISTINCT ON (citizen_id)
          citizen_id,
          coalesce(
            convert_from(bytes, 'UTF8')::JSONB #>> '{source,payload,to_municipality_code}',
            municipality_code
          ) AS municipality_code
        FROM journal
        WHERE citizen_id = ANY($1::UUID[])
        ORDER BY citizen_id, (source_topic = $2) DESC, entry_no DESC
        """,
        citizen_ids,
        GRANTS.name,
    )
    return {str(row["citizen_id"]): row["municipality_code"] for row in rows}


async def move(
    connection: Connection,
    sweep: Sweep,
    citizen_ids: Sequence[str],
    *,
    finished: bool,
    now: dt.datetime,
) -> Swept:
    """Write how far a sweep has come, in the transaction of the entries."""
    citizens = await connection.fetchval(
        """
        UPDATE cap_sweeps
        SET
          reached = coalesce($2::UUID, reached),
          citizens = citizens + $3,
          finished_at = $4
        WHERE rule_version = $1
        RETURNING citizens
        """,
        sweep.change.rule_version,
        citizen_ids[-1] if citizen_ids else None,
        len(citizen_ids),
        now if finished else None,
    )
    return Swept(
        year=sweep.change.year,
        rule_version=sweep.change.rule_version,
        citizens=citizens,
        finished=finished,
    )


async def _begin(connection: Connection, swept: Sequence[int], *, now: dt.datetime) -> list[int]:
    """Begin the sweep of a changed cap that has come into force, if there is one."""
    rules = await store.read_rules(connection)
    change = due_change(rules.caps, swept, on=business_date(now), now=now)
    if change is None:
        return []
    await connection.execute(
        """
        INSERT INTO cap_sweeps (rule_version, year, before_ore, limit_ore, started_at)
        VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT DO NOTHING
        """,
        *change,
        now,
    )
    return [change.rule_version]
