"""The new read models of a rebuild, beside the live ones: their SQL.

They stand in tables that only this connection sees and that go with it, whatever ends it.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from frikort_contracts.topics import PAYROLL
from services.allowance.entry import GENESIS
from services.allowance.fold import CitizenFold, HeldPayroll, JournalEntry, read_up_to
from services.allowance.pages import BEGINNING
from services.allowance.store import TOPICS
from services.allowance.translate import changes_to_json, is_citizen_id
from services.chassis.database import Connection

ENTRIES_PER_PAGE: Final = 5000
_BUILD = """
    CREATE TEMPORARY TABLE built_citizens (LIKE citizens);
    CREATE TEMPORARY TABLE built_balances (LIKE balances);
    CREATE TEMPORARY TABLE built_cards (LIKE cards, recorded_at TIMESTAMPTZ);
    CREATE TEMPORARY TABLE built_card_changes (
      LIKE card_changes, citizen_id UUID, recorded_at TIMESTAMPTZ
    );
    CREATE TEMPORARY TABLE built_employments (LIKE employments, recorded_at TIMESTAMPTZ);
    CREATE INDEX ON built_citizens (citizen_id);
    CREATE INDEX ON built_balances (citizen_id);
    CREATE INDEX ON built_cards (citizen_id);
    CREATE INDEX ON built_card_changes (citizen_id);
    CREATE INDEX ON built_employments (citizen_id);
    CREATE TEMPORARY TABLE differences (model TEXT, found JSONB, expected JSONB);
    """
_FORGET: Final = (
    "DELETE FROM built_citizens WHERE citizen_id = ANY($1::UUID[])",
    "DELETE FROM built_balances WHERE citizen_id = ANY($1::UUID[])",
    "DELETE FROM built_cards WHERE citizen_id = ANY($1::UUID[])",
    "DELETE FROM built_card_changes WHERE citizen_id = ANY($1::UUID[])",
    "DELETE FROM built_employments WHERE citizen_id = ANY($1::UUID[])",
)
COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "citizens": (
        "citizen_id",
        "partition",
        "entry_no",
        "head",
        "recorded_at",
        "grants_version",
        "payroll_version",
        "changes",
    ),
    "balances": (
        "citizen_id",
        "year",
        "covered_ore",
        "excess_ore",
        "entries",
        "over_cap_ore",
        "covered_to",
    ),
    "cards": (
        "card_no",
        "citizen_id",
        "municipality_code",
        "valid_from",
        "benefit",
        "age_group",
        "recorded_at",
    ),
    "card_changes": (
        "card_no",
        "version",
        "kind",
        "effective_on",
        "decided_on",
        "municipality_code",
        "citizen_id",
        "recorded_at",
    ),
    "employments": (
        "employment_id",
        "card_no",
        "sector",
        "starts_on",
        "ends_on",
        "consultant",
        "registered_on",
        "citizen_id",
        "recorded_at",
    ),
}
"""What is folded, by table: every column of it, and what orders and forgets the new rows."""


async def make_tables(connection: Connection) -> None:
    """Make the tables of the new rows, which go when the connection does."""
    await connection.execute(_BUILD)


async def journal_ends(connection: Connection) -> dict[int, int]:
    """Give each partition's last number; none below it can become visible any more."""
    rows = await connection.fetch(
        """
        SELECT p.partition, coalesce(max(j.journal_seq), 0) AS journal_seq
        FROM ledger_partitions AS p
        LEFT JOIN LATERAL (
          SELECT journal_seq
          FROM journal
          WHERE partition = p.partition
          ORDER BY journal_seq DESC
          LIMIT 1
        ) AS j ON TRUE
        GROUP BY p.partition
        """
    )
    return {row["partition"]: row["journal_seq"] for row in rows}


async def next_entries(connection: Connection, citizen_id: str, entry_no: int) -> list[Any]:
    """Give the journal's next page, in the order of citizens and of their entries."""
    rows: list[Any] = await connection.fetch(
        """
        SELECT citizen_id, entry_no, partition, hash, bytes, source_topic
        FROM journal
        WHERE (citizen_id, entry_no) > ($1::UUID, $2::INTEGER)
        ORDER BY citizen_id, entry_no
        LIMIT $3
        """,
        citizen_id,
        entry_no,
        ENTRIES_PER_PAGE,
    )
    return rows


async def entries_of(
    connection: Connection, citizen_ids: Sequence[str], citizen_id: str, entry_no: int
) -> list[Any]:
    """Give the next page of some citizens' entries."""
    rows: list[Any] = await connection.fetch(
        """
        SELECT citizen_id, entry_no, partition, hash, bytes, source_topic
        FROM journal
        WHERE citizen_id = ANY($1::UUID[])
          AND (citizen_id, entry_no) > ($2::UUID, $3::INTEGER)
        ORDER BY citizen_id, entry_no
        LIMIT $4
        """,
        citizen_ids,
        citizen_id,
        entry_no,
        ENTRIES_PER_PAGE,
    )
    return rows


async def citizens_since(connection: Connection, ends: Mapping[int, int]) -> list[str]:
    """Name the citizens with entries behind each partition's number."""
    rows = await connection.fetch(
        """
        SELECT DISTINCT j.citizen_id
        FROM unnest($1::SMALLINT[], $2::BIGINT[]) AS p (partition, after)
        JOIN journal AS j ON j.partition = p.partition
        WHERE j.journal_seq > p.after
        ORDER BY j.citizen_id
        """,
        list(ends),
        list(ends.values()),
    )
    return [str(row["citizen_id"]) for row in rows]


def to_entry(row: Any) -> JournalEntry:
    """Give a journal row as the fold reads it."""
    citizen_id, entry_no, partition, entry_hash, content, topic = row
    return JournalEntry(str(citizen_id), entry_no, partition, entry_hash, content, topic)


async def forget(connection: Connection, citizen_ids: Sequence[str]) -> None:
    """Take citizens' new rows away, to be folded again."""
    for statement in _FORGET:
        await connection.execute(statement, citizen_ids)


async def keep(connection: Connection, folds: Iterable[CitizenFold]) -> None:
    """Put citizens' folded rows into the new tables."""
    rows: dict[str, list[tuple[object, ...]]] = {model: [] for model in COLUMNS}
    for fold in folds:
        citizen_id = fold.citizen_id
        rows["citizens"].append(_citizen_row(fold))
        rows["balances"] += ((citizen_id, year, *balance) for year, balance in fold.years.items())
        rows["cards"] += ((*card, since) for card, since in fold.cards.values())
        rows["card_changes"] += ((*c, citizen_id, since) for c, since in fold.card_changes)
        rows["employments"] += ((*work, since) for work, since in fold.employments.values())
    for model, records in rows.items():
        if records:
            await connection.copy_records_to_table(
                f"built_{model}", columns=COLUMNS[model], records=records
            )


async def add_held(connection: Connection) -> None:
    """Let the new rows say how far payroll was read, what is held included.

    Of a citizen of whom something is held and nothing was entered, a row says so too.
    """
    held: dict[str, list[Any]] = {}
    for row in await connection.fetch(
        "SELECT stream_id, topic, partition, version, parked FROM held_messages "
        "WHERE topic = ANY($1)",
        list(TOPICS),
    ):
        if is_citizen_id(row["stream_id"]):
            held.setdefault(row["stream_id"], []).append(row)
    known = await connection.fetch(
        """
        SELECT h.citizen_id, n.payroll_version AS applied, coalesce(l.payroll_version, 0) AS kept
        FROM unnest($1::UUID[]) AS h (citizen_id)
        LEFT JOIN built_citizens AS n USING (citizen_id)
        LEFT JOIN citizens AS l USING (citizen_id)
        """,
        list(held),
    )
    strangers, read = [], []
    for citizen_id, applied, kept in known:
        rows = held[str(citizen_id)]
        payroll = [
            HeldPayroll(row["version"], row["parked"])
            for row in rows
            if row["topic"] == PAYROLL.name
        ]
        version = read_up_to(applied or 0, payroll, kept)
        if applied is None:
            beginning = (GENESIS, BEGINNING, 0, version, "[]")
            strangers.append((citizen_id, rows[0]["partition"], 0, *beginning))
        else:
            read.append((citizen_id, version))
    await connection.copy_records_to_table(
        "built_citizens", columns=COLUMNS["citizens"], records=strangers
    )
    await connection.executemany(
        "UPDATE built_citizens SET payroll_version = $2 WHERE citizen_id = $1", read
    )


async def count_rows(connection: Connection) -> dict[str, int]:
    """Count what the journal gives, by table."""
    row = await connection.fetchrow(
        """
        SELECT
          (SELECT count(*) FROM built_citizens) AS citizens,
          (SELECT count(*) FROM built_balances) AS balances,
          (SELECT count(DISTINCT card_no) FROM built_cards) AS cards,
          (SELECT count(DISTINCT (card_no, version)) FROM built_card_changes) AS card_changes,
          (SELECT count(DISTINCT employment_id) FROM built_employments) AS employments
        """
    )
    return dict(row)


async def analyse(connection: Connection) -> None:
    """Let the server know how large the new tables are, before anybody waits for it."""
    await connection.execute(
        "ANALYZE built_citizens, built_balances, built_cards, built_card_changes, built_employments"
    )


def _citizen_row(fold: CitizenFold) -> tuple[object, ...]:
    return (
        fold.citizen_id,
        fold.partition,
        fold.entry_no,
        fold.head,
        fold.recorded_at,
        fold.grants_version,
        fold.payroll_version,
        changes_to_json(tuple(fold.changes)),
    )
