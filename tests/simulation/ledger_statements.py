"""The statements of the allowance service, as `statements` has those of the chassis."""

import datetime as dt
from typing import Any

import asyncpg

from tests.simulation.statements import (
    Key,
    Row,
    Session,
    Wanted,
    if_there,
    insert,
    reason_of,
    statement,
)

RULES = ("advisory", 0x72756C6573)
RULE_COLUMNS = (
    "version",
    "rule_key",
    "type",
    "event_id",
    "hash",
    "bytes",
    "recorded_at",
    "known_at",
    "year",
    "amount_ore",
    "income_limit_ore",
    "in_force_from",
    "legal_basis",
)


def _partitions(s: Session, partitions: list[int], *_: Any) -> Wanted:
    wanted = [p for p in sorted(partitions) if s.get("ledger_partitions", (p,))]
    return [(("ledger_partitions", partition), False) for partition in wanted]


@statement(
    """
    SELECT partition, journal_seq, change_no
    FROM ledger_partitions
    WHERE partition = ANY($1::SMALLINT[])
    ORDER BY partition
    FOR UPDATE
    """,
    locks=_partitions,
)
def lock_partitions(s: Session, partitions: list[int]) -> list[Row]:
    found = [s.get("ledger_partitions", (p,)) for p in sorted({*partitions})]
    return [row for row in found if row is not None]


@statement(
    """
    UPDATE ledger_partitions AS l
    SET
      journal_seq = m.journal_seq,
      change_no = m.change_no
    FROM unnest($1::SMALLINT[], $2::BIGINT[], $3::BIGINT[])
      AS m (partition, journal_seq, change_no)
    WHERE l.partition = m.partition
    """,
    locks=_partitions,
)
def move_partitions(
    s: Session, partitions: list[int], journal_seqs: list[int], change_nos: list[int]
) -> list[Row]:
    for partition, seq, change_no in zip(partitions, journal_seqs, change_nos, strict=True):
        row = {"partition": partition, "journal_seq": seq, "change_no": change_no}
        s.put("ledger_partitions", (partition,), row)
    return []


# rules


@statement(f"SELECT pg_advisory_xact_lock_shared({RULES[1]})", locks=lambda _: [(RULES, True)])
def hold_rules(_: Session) -> list[Row]:
    return [{"held": None}]


@statement(f"SELECT pg_advisory_xact_lock({RULES[1]})", locks=lambda _: [(RULES, False)])
def hold_rules_alone(_: Session) -> list[Row]:
    return [{"held": None}]


@statement("SELECT * FROM rules ORDER BY version")
def read_whole_rules(s: Session) -> list[Row]:
    return sorted(s.scan("rules"), key=lambda row: row["version"])


@statement(
    """
    SELECT version, rule_key, type, year, amount_ore, in_force_from, known_at, recorded_at
    FROM rules
    ORDER BY version
    """
)
def read_rules(s: Session) -> list[Row]:
    return read_whole_rules(s)


@statement(
    """
    INSERT INTO rules (
      version, rule_key, type, event_id, hash, bytes, recorded_at, known_at, year,
      amount_ore, income_limit_ore, in_force_from, legal_basis
    )
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
    """,
    locks=lambda _, *args: [(("rules", args[0]), False)],
)
def append_rule(s: Session, *args: Any) -> list[Row]:
    insert(s, "rules", args[:1], dict(zip(RULE_COLUMNS, args, strict=True)))
    return []


# pages


def _of(s: Session, table: str, citizen_ids: list[str]) -> list[Row]:
    return [row for row in s.scan(table) if row["citizen_id"] in citizen_ids]


@statement("SELECT * FROM balances WHERE citizen_id = ANY($1::UUID[])")
def load_balances(s: Session, citizen_ids: list[str]) -> list[Row]:
    return _of(s, "balances", citizen_ids)


@statement("SELECT * FROM citizens WHERE citizen_id = ANY($1::UUID[])")
def load_citizens(s: Session, citizen_ids: list[str]) -> list[Row]:
    return _of(s, "citizens", citizen_ids)


@statement("SELECT * FROM employments WHERE citizen_id = ANY($1::UUID[])")
def load_employments(s: Session, citizen_ids: list[str]) -> list[Row]:
    return _of(s, "employments", citizen_ids)


@statement(
    """
    SELECT
      citizen_id, wage_id, card_no, source_type, year, paid_on, covered_ore, excess_ore,
      convert_from(bytes, 'UTF8')::JSONB #>> '{decision,reason}' AS reason
    FROM journal
    WHERE citizen_id = ANY($1::UUID[])
      AND wage_id IS NOT NULL
    ORDER BY citizen_id, entry_no
    """
)
def load_wages(s: Session, citizen_ids: list[str]) -> list[Row]:
    found = [row for row in _of(s, "journal", citizen_ids) if row["wage_id"] is not None]
    found.sort(key=lambda row: (row["citizen_id"], row["entry_no"]))
    return [{**row, "reason": reason_of(row["bytes"])} for row in found]


def _journal_keys(_: Session, row: Row) -> Wanted:
    return [
        (("journal", row["citizen_id"], row["entry_no"]), False),
        (("journal_seq", row["partition"], row["journal_seq"]), False),
    ]


@statement("COPY journal", locks=_journal_keys)
def append_entry(s: Session, row: Row) -> list[Row]:
    if (
        row["amount_ore"] is not None
        and row["covered_ore"] + row["excess_ore"] != row["amount_ore"]
    ):
        raise asyncpg.CheckViolationError("every_oere_is_covered_or_excess")
    place = (row["partition"], row["journal_seq"])
    if s.get("journal_seq", place) is not None:
        raise asyncpg.UniqueViolationError(f"journal: {place} is there")
    insert(s, "journal", (row["citizen_id"], row["entry_no"]), row)
    s.put("journal_seq", place, {})
    return []


CITIZEN_COLUMNS = (
    "citizen_id",
    "partition",
    "entry_no",
    "head",
    "recorded_at",
    "grants_version",
    "payroll_version",
    "changes",
)


@statement(
    """
    INSERT INTO citizens (
      citizen_id, partition, entry_no, head, recorded_at, grants_version, payroll_version,
      changes
    )
    SELECT * FROM unnest(
      $1::UUID[], $2::SMALLINT[], $3::INT[], $4::BYTEA[], $5::TIMESTAMPTZ[], $6::INT[],
      $7::INT[], $8::JSONB[]
    )
    ON CONFLICT (citizen_id) DO UPDATE
    SET
      entry_no = excluded.entry_no,
      head = excluded.head,
      recorded_at = excluded.recorded_at,
      grants_version = excluded.grants_version,
      payroll_version = excluded.payroll_version,
      changes = excluded.changes
    """,
    locks=lambda _, *columns: [(("citizens", citizen_id), False) for citizen_id in columns[0]],
)
def store_citizens(s: Session, *columns: list[Any]) -> list[Row]:
    for values in zip(*columns, strict=True):
        row = dict(zip(CITIZEN_COLUMNS, values, strict=True))
        there = s.get("citizens", values[:1])
        s.put(
            "citizens",
            values[:1],
            row if there is None else row | {"partition": there["partition"]},
        )
    return []


BALANCE_COLUMNS = (
    "citizen_id",
    "year",
    "covered_ore",
    "excess_ore",
    "entries",
    "over_cap_ore",
    "covered_to",
)


@statement(
    """
    INSERT INTO balances (
      citizen_id, year, covered_ore, excess_ore, entries, over_cap_ore, covered_to
    )
    SELECT * FROM unnest(
      $1::UUID[], $2::SMALLINT[], $3::BIGINT[], $4::BIGINT[], $5::INT[], $6::BIGINT[],
      $7::DATE[]
    )
    ON CONFLICT (citizen_id, year) DO UPDATE
    SET
      covered_ore = excluded.covered_ore,
      excess_ore = excluded.excess_ore,
      entries = excluded.entries,
      over_cap_ore = excluded.over_cap_ore,
      covered_to = excluded.covered_to
    """,
    locks=lambda _, *columns: [
        (("balances", *key), False) for key in zip(*columns[:2], strict=True)
    ],
)
def store_balances(s: Session, *columns: list[Any]) -> list[Row]:
    for values in zip(*columns, strict=True):
        s.put("balances", values[:2], dict(zip(BALANCE_COLUMNS, values, strict=True)))
    return []


# projections


def _unless_there(table: str, count: int) -> Any:
    def locks(s: Session, *args: Any) -> Wanted:
        return [] if s.get(table, args[:count]) else [((table, *args[:count]), False)]

    return locks


def _keep_first(s: Session, table: str, key: Key, row: Row) -> list[Row]:
    if s.get(table, key) is None:
        s.put(table, key, row)
    return []


CARD_COLUMNS = ("card_no", "citizen_id", "municipality_code", "valid_from", "benefit", "age_group")


@statement(
    """
    INSERT INTO cards (
      card_no, citizen_id, municipality_code, valid_from, benefit, age_group
    )
    VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT DO NOTHING
    """,
    locks=_unless_there("cards", 1),
)
def project_card(s: Session, *args: Any) -> list[Row]:
    return _keep_first(s, "cards", args[:1], dict(zip(CARD_COLUMNS, args, strict=True)))


CHANGE_COLUMNS = (
    "card_no",
    "version",
    "kind",
    "effective_on",
    "decided_on",
    "municipality_code",
)


@statement(
    """
    INSERT INTO card_changes (
      card_no, version, kind, effective_on, decided_on, municipality_code
    )
    VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT DO NOTHING
    """,
    locks=_unless_there("card_changes", 2),
)
def project_card_change(s: Session, *args: Any) -> list[Row]:
    return _keep_first(s, "card_changes", args[:2], dict(zip(CHANGE_COLUMNS, args, strict=True)))


EMPLOYMENT_COLUMNS = (
    "employment_id",
    "card_no",
    "sector",
    "starts_on",
    "ends_on",
    "consultant",
    "registered_on",
    "citizen_id",
)


@statement(
    """
    INSERT INTO employments (
      employment_id, card_no, sector, starts_on, ends_on, consultant, registered_on, citizen_id
    )
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
    ON CONFLICT DO NOTHING
    """,
    locks=_unless_there("employments", 1),
)
def project_employment(s: Session, *args: Any) -> list[Row]:
    row = dict(zip(EMPLOYMENT_COLUMNS, args, strict=True))
    return _keep_first(s, "employments", args[:1], row)


@statement(
    "UPDATE employments SET ends_on = $2 WHERE employment_id = $1",
    locks=if_there("employments", 1),
)
def end_employment(s: Session, employment_id: str, ends_on: dt.date) -> list[Row]:
    row = s.get("employments", (employment_id,))
    if row is not None:
        s.put("employments", (employment_id,), row | {"ends_on": ends_on})
    return []
