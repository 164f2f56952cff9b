"""What the journal and the rules send: the relay's sources.

The journal row is its own outbox: each entry's events are made from its bytes, under the ids
that the bytes name. Of the balances only the latest of a citizen-year in a transaction goes.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import orjson

from frikort_contracts.allowance import CheckpointSigned
from frikort_contracts.topics import ALLOWANCE, BALANCES, CHECKPOINTS, RULES
from frikort_contracts.types import format_moment
from services.allowance.bulk_loading import BulkLoader
from services.allowance.entry import sent_event_id
from services.chassis.database import Connection, Pool
from services.chassis.relay import Source
from services.chassis.sending import Batch, Record

SOURCE = b"/frikort/allowance"
ENTRIES_MAX = 2500
"""Entries of a partition that go into one transaction; the more, the fewer balances."""
RULES_MAX = 100
CHECKPOINTS_MAX = 100
_JOURNAL = """
    SELECT e.*
    FROM unnest($1::SMALLINT[], $2::BIGINT[]) AS p (partition, after)
    CROSS JOIN LATERAL (
      SELECT
        citizen_id, partition, journal_seq, bytes, hash, year, paid_on::TEXT AS paid_on,
        wage_id::TEXT AS wage_id, card_no, limit_ore, year_covered_ore, year_excess_ore,
        correlation_id, traceparent
      FROM journal
      WHERE partition = p.partition
        AND journal_seq > p.after
      ORDER BY journal_seq
      LIMIT $3
    ) AS e
"""
INSTALLATION = b"installation"
"""What a checkpoint is of: the whole ledger."""
ATTENTION = b"attention-raised"
"""What an entry without a year may send; one that does not say the word sends nothing."""


def journal_source(pool: Pool, bulk: BulkLoader | None = None) -> Source:
    """Read what follows each partition's position in the journal.

    After many entries many more are likely: those are told in bulk, as soon as that is loaded.
    """
    before = 0

    async def read(after: Mapping[int, int]) -> Batch:
        nonlocal before
        telling = bulk.telling(before) if bulk else None
        async with pool.acquire() as connection:
            if telling is not None:
                batch: Batch
                batch, before = telling.tell_rows(await _copy_journal(connection, after))
                return batch
            rows = await _read_journal(connection, after)
            before = len(rows)
        records: list[Record] = []
        latest: dict[tuple[UUID, int], tuple[Mapping[str, Any], dict[str, Any]]] = {}
        positions: dict[int, int] = {}
        for row in rows:
            positions[row["partition"]] = row["journal_seq"]
            if row["year"] is None and ATTENTION not in row["bytes"]:
                continue
            entry = orjson.loads(row["bytes"])
            records.extend(event_records(row, entry))
            if row["year"] is not None:
                latest[row["citizen_id"], row["year"]] = row, entry
        records.extend(balance_record(row, entry) for row, entry in latest.values())
        return Batch(records=records, positions=positions)

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


def checkpoints_source(pool: Pool) -> Source:
    """Read what follows the position in the checkpoints."""

    async def read(after: Mapping[int, int]) -> Batch:
        async with pool.acquire() as connection:
            rows = await connection.fetch(
                """
                SELECT checkpoint_no, event_id::TEXT AS event_id, taken_at, bytes
                FROM checkpoints
                WHERE checkpoint_no > $1
                ORDER BY checkpoint_no
                LIMIT $2
                """,
                after[0],
                CHECKPOINTS_MAX,
            )
        return Batch(
            records=[_checkpoint(row) for row in rows],
            positions={0: rows[-1]["checkpoint_no"]} if rows else {},
        )

    return read


async def _read_journal(connection: Connection, after: Mapping[int, int]) -> list[Any]:
    rows: list[Any] = await connection.fetch(_JOURNAL, *_after(after))
    return rows


async def _copy_journal(connection: Connection, after: Mapping[int, int]) -> bytes:
    """Read the same as COPY sends it."""
    sent: list[bytes] = []

    async def take(data: bytes) -> None:
        sent.append(data)

    await connection.copy_from_query(_JOURNAL, *_after(after), output=take, format="binary")
    return b"".join(sent)


def _after(after: Mapping[int, int]) -> tuple[list[int], list[int], int]:
    """Give what is asked for: partitions, the number after which each is read, and how many."""
    return list(after), list(after.values()), ENTRIES_MAX


def event_records(row: Mapping[str, Any], entry: dict[str, Any]) -> list[Record]:
    """Make the records of an entry's events, in its order."""
    key = entry["citizen_id"].encode()
    common = _headers(row, entry)
    return [
        Record(
            ALLOWANCE.name,
            row["partition"],
            key,
            orjson.dumps(_payload(event, row, entry)),
            [("ce_id", event["id"].encode()), ("ce_type", event["type"].encode()), *common],
        )
        for event in entry["events"]
    ]


def _headers(row: Mapping[str, Any], entry: dict[str, Any]) -> list[tuple[str, bytes]]:
    headers = [
        ("ce_specversion", b"1.0"),
        ("ce_source", SOURCE),
        ("ce_subject", entry["citizen_id"].encode()),
        ("ce_time", entry["recorded_at"].encode()),
        ("content-type", b"application/json"),
        ("ce_streamversion", b"%d" % entry["entry_no"]),
        ("ce_correlationid", row["correlation_id"].encode()),
        ("ce_causationid", entry["source"]["id"].encode()),
        ("ce_municipality", entry["municipality_code"].encode()),
    ]
    if row["traceparent"] is not None:
        headers.append(("traceparent", row["traceparent"].encode()))
    return headers


def _payload(
    event: Mapping[str, Any], row: Mapping[str, Any], entry: dict[str, Any]
) -> dict[str, Any]:
    kind = event["type"]
    if kind == "attention-raised":
        about = ("code", "card_no", "year", "wage_id")
        said = {name: event[name] for name in about if name in event}
        return {"known_at": entry["known_at"], **said}
    limit_ore, covered_ore = row["limit_ore"], row["year_covered_ore"]
    year = row["year"]
    known_at = entry["known_at"]
    card_no = event.get("card_no") or entry["source"]["payload"].get("card_no")
    if kind == "allowance-opened":
        return {"known_at": known_at, "year": year, "limit_ore": limit_ore}
    if kind not in {"wage-apportioned", "apportionment-reversed"}:
        return {
            "known_at": known_at,
            "card_no": card_no,
            "year": year,
            "limit_ore": limit_ore,
            "covered_ore": covered_ore,
        }
    decision = entry["decision"]
    payload = {
        "known_at": known_at,
        "wage_id": row["wage_id"],
        "card_no": card_no,
        "year": year,
        "covered_ore": abs(decision["covered_ore"]),
        "excess_ore": abs(decision["excess_ore"]),
        "remaining_ore": max(0, limit_ore - covered_ore),
        "entry_no": entry["entry_no"],
        "entry_hash": row["hash"].hex(),
    }
    if kind == "wage-apportioned":
        payload["paid_on"] = row["paid_on"]
        payload["amount_ore"] = decision["covered_ore"] + decision["excess_ore"]
        payload["reason"] = decision["reason"]
    return payload


def balance_record(row: Mapping[str, Any], entry: dict[str, Any]) -> Record:
    """Make the record of what an entry's year has come to."""
    citizen_id, year = entry["citizen_id"], row["year"]
    limit_ore, covered_ore = row["limit_ore"], row["year_covered_ore"]
    balance = {
        "known_at": entry["known_at"],
        "citizen_id": citizen_id,
        "year": year,
        "limit_ore": limit_ore,
        "covered_ore": covered_ore,
        "excess_ore": row["year_excess_ore"],
        "remaining_ore": max(0, limit_ore - covered_ore),
        "exhausted": covered_ore >= limit_ore,
        "entry_no": entry["entry_no"],
    }
    identity = sent_event_id(entry["source"]["id"], citizen_id, len(entry["events"]))
    return Record(
        BALANCES.name,
        row["partition"],
        f"{citizen_id}:{year}".encode(),
        orjson.dumps(balance),
        [("ce_id", identity.encode()), ("ce_type", b"balance"), *_headers(row, entry)],
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
            ("ce_specversion", b"1.0"),
            ("ce_source", SOURCE),
            ("ce_subject", row["rule_key"].encode()),
            ("ce_time", rule["recorded_at"].encode()),
            ("content-type", b"application/json"),
            ("ce_streamversion", b"%d" % row["version"]),
            ("ce_correlationid", identity),
        ],
    )


def _checkpoint(row: Mapping[str, Any]) -> Record:
    identity = row["event_id"].encode()
    return Record(
        CHECKPOINTS.name,
        0,
        INSTALLATION,
        row["bytes"],
        [
            ("ce_id", identity),
            ("ce_type", CheckpointSigned.TYPE.encode()),
            ("ce_specversion", b"1.0"),
            ("ce_source", SOURCE),
            ("ce_subject", INSTALLATION),
            ("ce_time", format_moment(row["taken_at"]).encode()),
            ("content-type", b"application/json"),
            ("ce_streamversion", b"%d" % row["checkpoint_no"]),
            ("ce_correlationid", identity),
        ],
    )
