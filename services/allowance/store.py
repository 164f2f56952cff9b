"""The ledger's SQL: pages in, entries and balances out. Set-based, nothing else."""

import datetime as dt
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence

from frikort_contracts.types import ApportionReason
from services.allowance.attention import DecidedWage, Employment
from services.allowance.domain import Apportionment, Cap, Citizen, WageOf, YearBalance
from services.allowance.pages import Page, Waiting, in_order
from services.allowance.posting import Entry, Posting, Rules
from services.allowance.translate import (
    changes_from_json,
    changes_to_json,
    read,
)
from services.chassis.database import Connection
from services.chassis.errors import ContractError
from services.chassis.event_store import OUTBOX_CHANNEL
from services.chassis.held import Held, held_for, hold, release
from services.chassis.inbox import is_uuid

RULES_LOCK = 0x72756C6573
"""Shared by who decides by the rules, taken alone by who writes one; the word "rules"."""
TOPICS = ("frikort-grants", "frikort-payroll")
_COPY_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_COPY_TRAILER = b"\xff\xff"
JOURNAL_COLUMNS = (
    "citizen_id",
    "entry_no",
    "partition",
    "journal_seq",
    "hash",
    "bytes",
    "source_id",
    "source_type",
    "source_version",
    "municipality_code",
    "recorded_at",
    "known_at",
    "card_no",
    "wage_id",
    "year",
    "paid_on",
    "amount_ore",
    "covered_ore",
    "excess_ore",
    "limit_ore",
    "year_covered_ore",
    "year_excess_ore",
    "source_topic",
    "source_partition",
    "source_offset",
    "correlation_id",
    "traceparent",
)


async def lock_partitions(
    connection: Connection, partitions: Iterable[int]
) -> dict[int, tuple[int, int]]:
    """Become the only writer of some partitions; give each one's (journal_seq, change_no)."""
    rows = await connection.fetch(
        """
        SELECT partition, journal_seq, change_no
        FROM ledger_partitions
        WHERE partition = ANY($1::SMALLINT[])
        ORDER BY partition
        FOR UPDATE
        """,
        sorted(partitions),
    )
    return {row["partition"]: (row["journal_seq"], row["change_no"]) for row in rows}


async def move_partitions(connection: Connection, moved: Mapping[int, tuple[int, int]]) -> None:
    """Write how far the partitions are now, as (journal_seq, change_no)."""
    await connection.execute(
        """
        UPDATE ledger_partitions AS l
        SET
          journal_seq = m.journal_seq,
          change_no = m.change_no
        FROM unnest($1::SMALLINT[], $2::BIGINT[], $3::BIGINT[])
          AS m (partition, journal_seq, change_no)
        WHERE l.partition = m.partition
        """,
        list(moved),
        [journal_seq for journal_seq, _ in moved.values()],
        [change_no for _, change_no in moved.values()],
    )
    await connection.execute(f"NOTIFY {OUTBOX_CHANNEL}")


async def hold_rules(connection: Connection, *, alone: bool = False) -> None:
    """Keep rules as they are until the transaction ends; `alone` is who writes one.

    So no decision is recorded between the moment a rule bears and its becoming visible: what a
    closing binds follows from recorded moments, never from who was faster (DESIGN, I12).
    """
    lock = "pg_advisory_xact_lock" if alone else "pg_advisory_xact_lock_shared"
    await connection.execute(f"SELECT {lock}({RULES_LOCK})")


async def read_rules(connection: Connection) -> Rules:
    """Read the caps by year, and which municipality has closed which year."""
    rows = await connection.fetch(
        """
        SELECT version, rule_key, type, year, amount_ore, in_force_from, known_at, recorded_at
        FROM rules
        ORDER BY version
        """
    )
    caps: dict[int, list[Cap]] = {}
    closings: dict[tuple[str, int], dt.datetime] = {}
    for row in rows:
        if row["type"] == "annual-cap-set":
            cap = Cap(
                version=row["version"],
                year=row["year"],
                amount_ore=row["amount_ore"],
                in_force_from=row["in_force_from"],
                known_at=row["known_at"],
            )
            caps.setdefault(cap.year, []).append(cap)
        elif row["type"] == "year-closed":
            closings[row["rule_key"].split(":")[1], row["year"]] = row["recorded_at"]
    return Rules(rows[-1]["version"] if rows else 0, caps, closings)


async def load_pages(
    connection: Connection, citizens: Mapping[str, int], *, with_waiting: bool
) -> dict[str, Page]:
    """Load the pages of citizens (id → partition); one never seen gets an empty page."""
    pages = {citizen_id: Page(citizen_id, partition) for citizen_id, partition in citizens.items()}
    ids = list(citizens)
    years: dict[str, dict[int, YearBalance]] = {}
    for row in await connection.fetch(
        "SELECT * FROM balances WHERE citizen_id = ANY($1::UUID[])", ids
    ):
        balance = YearBalance(
            row["covered_ore"],
            row["excess_ore"],
            row["entries"],
            row["over_cap_ore"],
            row["covered_to"],
        )
        years.setdefault(str(row["citizen_id"]), {})[row["year"]] = balance
    for row in await connection.fetch(
        "SELECT * FROM citizens WHERE citizen_id = ANY($1::UUID[])", ids
    ):
        page = pages[str(row["citizen_id"])]
        page.entry_no = row["entry_no"]
        page.head = row["head"]
        page.recorded_at = row["recorded_at"]
        page.payroll_version = row["payroll_version"]
        page.state = Citizen(
            row["grants_version"],
            changes_from_json(row["changes"]),
            years.get(page.citizen_id, {}),
        )
    for row in await connection.fetch(
        "SELECT * FROM employments WHERE citizen_id = ANY($1::UUID[])", ids
    ):
        employment = Employment(row["starts_on"], row["ends_on"])
        pages[str(row["citizen_id"])].employments[str(row["employment_id"])] = employment
    if with_waiting:
        held = await held_for(connection, TOPICS, ids)
        for citizen_id, items in held.items():
            pages[citizen_id].waiting = in_order(map(_waiting, items))
    return pages


async def read_versions(
    connection: Connection, topic: str, citizen_ids: Sequence[str]
) -> dict[str, int]:
    """Give how far each citizen's grants or payroll has been read."""
    rows = await connection.fetch(
        """
        SELECT citizen_id, grants_version, payroll_version
        FROM citizens
        WHERE citizen_id = ANY($1::UUID[])
        """,
        [citizen_id for citizen_id in citizen_ids if is_uuid(citizen_id)],
    )
    column = "grants_version" if topic == TOPICS[0] else "payroll_version"
    return {str(row["citizen_id"]): row[column] for row in rows}


async def anything_held(connection: Connection) -> bool:
    """Tell whether any message waits or is parked."""
    found: bool = await connection.fetchval("SELECT EXISTS (SELECT FROM held_messages)")
    return found


async def load_wages(
    connection: Connection, citizen_ids: Iterable[str]
) -> tuple[dict[str, dict[str, DecidedWage]], set[WageOf]]:
    """Load every wage of some citizens as it was decided, and name those that are reversed."""
    found: dict[str, dict[str, DecidedWage]] = {citizen_id: {} for citizen_id in citizen_ids}
    if not found:
        return found, set()
    rows = await connection.fetch(
        """
        SELECT
          citizen_id, wage_id, card_no, source_type, year, paid_on, covered_ore, excess_ore,
          convert_from(bytes, 'UTF8')::JSONB #>> '{decision,reason}' AS reason
        FROM journal
        WHERE citizen_id = ANY($1::UUID[])
          AND wage_id IS NOT NULL
        ORDER BY citizen_id, entry_no
        """,
        list(found),
    )
    reversed_wages: set[WageOf] = set()
    for row in rows:
        wage_id = str(row["wage_id"])
        if row["source_type"] == "wage-paid":
            found[str(row["citizen_id"])][wage_id] = DecidedWage(
                row["card_no"],
                Apportionment(
                    row["year"],
                    row["paid_on"],
                    row["covered_ore"],
                    row["excess_ore"],
                    ApportionReason(row["reason"]),
                ),
            )
        else:
            reversed_wages.add((str(row["citizen_id"]), wage_id))
    return found, reversed_wages


async def append_entries(connection: Connection, entries: Sequence[Entry]) -> None:
    """Append to the journal; a page's next number taken by another is a unique violation."""
    if entries:
        await connection.copy_records_to_table(
            "journal", columns=JOURNAL_COLUMNS, records=[_journal_row(entry) for entry in entries]
        )


async def append_rows(connection: Connection, rows: bytes) -> None:
    """Append rows that are written as COPY takes them, in the order of `JOURNAL_COLUMNS`."""
    if rows:
        await connection.copy_to_table(
            "journal",
            columns=JOURNAL_COLUMNS,
            source=_as_copy(rows),
            format="binary",
        )


async def _as_copy(rows: bytes) -> AsyncIterator[bytes]:
    yield _COPY_HEADER
    yield rows
    yield _COPY_TRAILER


async def store_pages(connection: Connection, pages: Sequence[Page]) -> None:
    """Write where the pages' chains end, and the balances of the years that were touched."""
    await _store_ends(connection, pages)
    await _store_balances(
        connection,
        [
            (page.citizen_id, year, page.state.years[year])
            for page in pages
            for year in page.touched_years
        ],
    )


async def _store_ends(connection: Connection, pages: Sequence[Page]) -> None:
    await connection.execute(
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
        [page.citizen_id for page in pages],
        [page.partition for page in pages],
        [page.entry_no for page in pages],
        [page.head for page in pages],
        [page.recorded_at for page in pages],
        [page.state.grants_version for page in pages],
        [page.payroll_version for page in pages],
        [changes_to_json(page.state.changes) for page in pages],
    )


async def _store_balances(
    connection: Connection, touched: Sequence[tuple[str, int, YearBalance]]
) -> None:
    await connection.execute(
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
        [citizen_id for citizen_id, _, _ in touched],
        [year for _, year, _ in touched],
        [balance.covered_ore for _, _, balance in touched],
        [balance.excess_ore for _, _, balance in touched],
        [balance.entries for _, _, balance in touched],
        [balance.over_cap_ore for _, _, balance in touched],
        [balance.covered_to for _, _, balance in touched],
    )


async def store_waiting(connection: Connection, posting: Posting, pages: Iterable[Page]) -> None:
    """Forget what was applied, keep what waits now."""
    if posting.released:
        await release(connection, posting.released)
    fresh = [w for page in pages for w in page.waiting if not w.stored]
    if fresh:
        held = [
            Held(message=w.message, parked=w.parked, reason=w.reason, year=w.year) for w in fresh
        ]
        await hold(connection, held, now=posting.now, reads_on=posting.inbox.reads_on)


def _waiting(held: Held) -> Waiting:
    received = None
    if not held.parked:
        try:
            received = read(held.message)
        except ContractError:
            received = None  # it waits behind a parked one and will be parked in its turn
    return Waiting(held.message, received, held.reason, parked=held.parked, year=held.year)


def _journal_row(entry: Entry) -> tuple[object, ...]:
    received, decided = entry.received, entry.apportionment
    source, message = received.source, received.message
    headers = message.headers
    trace = headers.get("traceparent")
    return (
        entry.page.citizen_id,
        entry.entry_no,
        entry.page.partition,
        entry.journal_seq,
        entry.hash,
        entry.content,
        source.id,
        source.type,
        source.version,
        received.municipality_code,
        entry.recorded_at,
        received.body.known_at,
        received.body.card_no,
        entry.wage_id,
        entry.year,
        decided and decided.paid_on,
        decided and decided.amount_ore,
        decided and decided.covered_ore,
        decided and decided.excess_ore,
        entry.limit_ore,
        entry.year_covered_ore,
        entry.year_excess_ore,
        message.topic,
        message.partition,
        message.offset,
        headers["ce_correlationid"].decode(),
        trace.decode() if trace else None,
    )
