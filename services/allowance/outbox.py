"""What the journal and the rules send: the relay's sources.

The journal row is its own outbox: each entry's events are made from its bytes, under the ids
that the bytes name. Of the balances only the latest of a citizen-year in a transaction goes.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import orjson

from frikort_contracts.topics import ALLOWANCE, BALANCES, RULES
from services.allowance.entry import sent_event_id
from services.allowance.tail import Tail, Told, told_of_row
from services.chassis.database import Connection, Pool
from services.chassis.relay import Batch, Record, Source

SOURCE = b"/frikort/allowance"
ENTRIES_MAX = 2500
"""Entries of a partition that go into one transaction; the more, the fewer balances."""
RULES_MAX = 100
_FIXED_HEADERS: Final = (
    ("ce_specversion", b"1.0"),
    ("ce_source", SOURCE),
    ("content-type", b"application/json"),
)


def journal_source(pool: Pool, tail: Tail) -> Source:
    """Give what follows each partition's position in the journal, from memory where it is."""

    async def read(after: Mapping[int, int]) -> Batch:
        told: list[Told] = []
        unknown = {}
        for partition, position in after.items():
            found = tail.follow(partition, position, ENTRIES_MAX)
            told.extend(found)
            if not found:
                unknown[partition] = position
        if unknown:
            async with pool.acquire() as connection:
                told.extend(map(told_of_row, await _read_journal(connection, unknown)))
        return _batch(told)

    return read


def rules_source(pool: Pool) -> Source:
    """Read what follows the position in the rules."""

    async def read(after: Mapping[int, int]) -> Batch:
        async with pool.acquire() as connection:
            rows = await connection.fetch(
                "SELECT * FROM rules WHERE version > $1 ORDER BY version LIMIT $2",
                after[0],
                RULES_MAX,
            )
        return Batch(
            records=[_rule(row) for row in rows],
            positions={0: rows[-1]["version"]} if rows else {},
        )

    return read


async def _read_journal(connection: Connection, after: Mapping[int, int]) -> list[Any]:
    rows: list[Any] = await connection.fetch(
        """
        SELECT e.*
        FROM unnest($1::SMALLINT[], $2::BIGINT[]) AS p (partition, after)
        CROSS JOIN LATERAL (
          SELECT
            partition, journal_seq, bytes, hash, year, paid_on::TEXT AS paid_on,
            wage_id::TEXT AS wage_id, limit_ore, year_covered_ore, year_excess_ore,
            correlation_id, traceparent
          FROM journal
          WHERE partition = p.partition
            AND journal_seq > p.after
          ORDER BY journal_seq
          LIMIT $3
        ) AS e
        """,
        list(after),
        list(after.values()),
        ENTRIES_MAX,
    )
    return rows


def _batch(told: Iterable[Told]) -> Batch:
    records: list[Record] = []
    latest: dict[tuple[str, int], Told] = {}
    positions: dict[int, int] = {}
    for entry in told:
        positions[entry.partition] = entry.journal_seq
        if entry.year is not None:
            records.extend(_events(entry))
            latest[entry.citizen_id, entry.year] = entry
    records.extend(map(_balance, latest.values()))
    return Batch(records=records, positions=positions)


def _events(told: Told) -> list[Record]:
    """Make the records of an entry's events, in its order."""
    key = told.citizen_id.encode()
    common = _headers(told, key)
    return [
        Record(
            ALLOWANCE.name,
            told.partition,
            key,
            orjson.dumps(_payload(event.type, told)),
            [("ce_id", event.id.encode()), ("ce_type", event.type.encode()), *common],
        )
        for event in told.events
    ]


def _headers(told: Told, subject: bytes) -> list[tuple[str, bytes]]:
    headers = [
        *_FIXED_HEADERS,
        ("ce_subject", subject),
        ("ce_time", told.recorded_at.encode()),
        ("ce_streamversion", b"%d" % told.entry_no),
        ("ce_correlationid", told.correlation_id.encode()),
        ("ce_causationid", told.source_id.encode()),
        ("ce_municipality", told.municipality_code.encode()),
    ]
    if told.traceparent is not None:
        headers.append(("traceparent", told.traceparent.encode()))
    return headers


def _payload(kind: str, told: Told) -> dict[str, Any]:
    if kind == "allowance-opened":
        return {"known_at": told.known_at, "year": told.year, "limit_ore": told.limit_ore}
    if kind not in {"wage-apportioned", "apportionment-reversed"}:
        return {
            "known_at": told.known_at,
            "card_no": told.card_no,
            "year": told.year,
            "limit_ore": told.limit_ore,
            "covered_ore": told.year_covered_ore,
        }
    payload = {
        "known_at": told.known_at,
        "wage_id": told.wage_id,
        "card_no": told.card_no,
        "year": told.year,
        "covered_ore": abs(told.covered_ore),
        "excess_ore": abs(told.excess_ore),
        "remaining_ore": max(0, told.limit_ore - told.year_covered_ore),
        "entry_no": told.entry_no,
        "entry_hash": told.entry_hash.hex(),
    }
    if kind == "wage-apportioned":
        payload["paid_on"] = told.paid_on
        payload["amount_ore"] = told.covered_ore + told.excess_ore
        payload["reason"] = told.reason
    return payload


def _balance(told: Told) -> Record:
    citizen_id, limit_ore, covered_ore = told.citizen_id, told.limit_ore, told.year_covered_ore
    balance = {
        "known_at": told.known_at,
        "citizen_id": citizen_id,
        "year": told.year,
        "limit_ore": limit_ore,
        "covered_ore": covered_ore,
        "excess_ore": told.year_excess_ore,
        "remaining_ore": max(0, limit_ore - covered_ore),
        "exhausted": covered_ore >= limit_ore,
        "entry_no": told.entry_no,
    }
    identity = sent_event_id(told.source_id, citizen_id, len(told.events))
    return Record(
        BALANCES.name,
        told.partition,
        f"{citizen_id}:{told.year}".encode(),
        orjson.dumps(balance),
        [
            ("ce_id", identity.encode()),
            ("ce_type", b"balance"),
            *_headers(told, citizen_id.encode()),
        ],
        numbered=False,
    )


def _rule(row: Mapping[str, Any]) -> Record:
    rule = orjson.loads(row["bytes"])
    identity = rule["id"].encode()
    return Record(
        RULES.name,
        0,
        row["rule_key"].encode(),
        orjson.dumps(rule["payload"]),
        [
            ("ce_id", identity),
            ("ce_type", rule["type"].encode()),
            *_FIXED_HEADERS,
            ("ce_subject", row["rule_key"].encode()),
            ("ce_time", rule["recorded_at"].encode()),
            ("ce_streamversion", b"%d" % row["version"]),
            ("ce_correlationid", identity),
        ],
    )
