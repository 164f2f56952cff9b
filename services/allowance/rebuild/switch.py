"""What differs between kept and new read models, and the switch: their SQL."""

from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, Final, NamedTuple

import orjson

from frikort_contracts.rebuilds import RebuildDifference
from services.chassis.database import Connection

DIFFERENCES_PER_PAGE: Final = 5000
KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "citizens": ("citizen_id",),
    "balances": ("citizen_id", "year"),
    "cards": ("card_no",),
    "card_changes": ("card_no", "version"),
    "employments": ("employment_id",),
}
"""The read models, and what names a row of each."""
_COMPARE: Final = (
    """
    INSERT INTO differences
    SELECT 'citizens', to_jsonb(l), to_jsonb(n)
    FROM citizens AS l
    FULL JOIN built_citizens AS n USING (citizen_id)
    WHERE l IS DISTINCT FROM n
    """,
    """
    INSERT INTO differences
    SELECT 'balances', to_jsonb(l), to_jsonb(n)
    FROM balances AS l
    FULL JOIN built_balances AS n USING (citizen_id, year)
    WHERE l IS DISTINCT FROM n
    """,
    """
    INSERT INTO differences
    SELECT 'cards', to_jsonb(l), to_jsonb(n)
    FROM cards AS l
    FULL JOIN (
      SELECT DISTINCT ON (card_no)
        card_no, citizen_id, municipality_code, valid_from, benefit, age_group
      FROM built_cards
      ORDER BY card_no, recorded_at, citizen_id
    ) AS n USING (card_no)
    WHERE l IS DISTINCT FROM n
    """,
    """
    INSERT INTO differences
    SELECT 'card_changes', to_jsonb(l), to_jsonb(n)
    FROM card_changes AS l
    FULL JOIN (
      SELECT DISTINCT ON (card_no, version)
        card_no, version, kind, effective_on, decided_on, municipality_code
      FROM built_card_changes
      ORDER BY card_no, version, recorded_at, citizen_id
    ) AS n USING (card_no, version)
    WHERE l IS DISTINCT FROM n
    """,
    """
    INSERT INTO differences
    SELECT 'employments', to_jsonb(l), to_jsonb(n)
    FROM employments AS l
    FULL JOIN (
      SELECT DISTINCT ON (employment_id)
        employment_id, card_no, sector, starts_on, ends_on, consultant, registered_on, citizen_id
      FROM built_employments
      ORDER BY employment_id, recorded_at, citizen_id
    ) AS n USING (employment_id)
    WHERE l IS DISTINCT FROM n
    """,
)
_SWITCH: Final = (
    """
    DELETE FROM citizens AS l
    USING differences AS d
    WHERE d.model = 'citizens'
      AND l.citizen_id = (d.found ->> 'citizen_id')::UUID
    """,
    """
    DELETE FROM balances AS l
    USING differences AS d
    WHERE d.model = 'balances'
      AND l.citizen_id = (d.found ->> 'citizen_id')::UUID
      AND l.year = (d.found ->> 'year')::SMALLINT
    """,
    """
    DELETE FROM cards AS l
    USING differences AS d
    WHERE d.model = 'cards'
      AND l.card_no = d.found ->> 'card_no'
    """,
    """
    DELETE FROM card_changes AS l
    USING differences AS d
    WHERE d.model = 'card_changes'
      AND l.card_no = d.found ->> 'card_no'
      AND l.version = (d.found ->> 'version')::INTEGER
    """,
    """
    DELETE FROM employments AS l
    USING differences AS d
    WHERE d.model = 'employments'
      AND l.employment_id = (d.found ->> 'employment_id')::UUID
    """,
    """
    INSERT INTO citizens
    SELECT n.*
    FROM differences AS d
    CROSS JOIN jsonb_populate_record(NULL::citizens, d.expected) AS n
    WHERE d.model = 'citizens'
      AND d.expected IS NOT NULL
    """,
    """
    INSERT INTO balances
    SELECT n.*
    FROM differences AS d
    CROSS JOIN jsonb_populate_record(NULL::balances, d.expected) AS n
    WHERE d.model = 'balances'
      AND d.expected IS NOT NULL
    """,
    """
    INSERT INTO cards
    SELECT n.*
    FROM differences AS d
    CROSS JOIN jsonb_populate_record(NULL::cards, d.expected) AS n
    WHERE d.model = 'cards'
      AND d.expected IS NOT NULL
    """,
    """
    INSERT INTO card_changes
    SELECT n.*
    FROM differences AS d
    CROSS JOIN jsonb_populate_record(NULL::card_changes, d.expected) AS n
    WHERE d.model = 'card_changes'
      AND d.expected IS NOT NULL
    """,
    """
    INSERT INTO employments
    SELECT n.*
    FROM differences AS d
    CROSS JOIN jsonb_populate_record(NULL::employments, d.expected) AS n
    WHERE d.model = 'employments'
      AND d.expected IS NOT NULL
    """,
)
"""Of what differs, the kept row goes and the folded one takes its place."""


class Difference(NamedTuple):
    """A row that is kept otherwise than the journal folds; None where there is none."""

    model: str
    found: dict[str, Any] | None
    expected: dict[str, Any] | None


async def compare(connection: Connection) -> dict[str, int]:
    """Find every row that is kept otherwise than it folds; give how many, by table."""
    await connection.execute("TRUNCATE differences")
    for statement in _COMPARE:
        await connection.execute(statement)
    rows = await connection.fetch("SELECT model, count(*) AS rows FROM differences GROUP BY model")
    return {row["model"]: row["rows"] for row in rows}


async def read_differences(connection: Connection) -> AsyncIterator[Difference]:
    """Give what `compare` found, in order, a page at a time; inside the same transaction."""
    cursor = connection.cursor(
        """
        SELECT model, found::TEXT AS found, expected::TEXT AS expected
        FROM differences AS d
        CROSS JOIN LATERAL (SELECT coalesce(d.expected, d.found)) AS known (row)
        ORDER BY model, row ->> 'citizen_id', row ->> 'card_no', row ->> 'year', row ->> 'version'
        """,
        prefetch=DIFFERENCES_PER_PAGE,
    )
    async for row in cursor:
        yield Difference(row["model"], _fields(row["found"]), _fields(row["expected"]))


async def take_over(connection: Connection) -> None:
    """Let the new rows take the place of those that differ, and outdate what is remembered.

    `change_no` tells every process that writes to read its citizens anew.
    """
    for statement in _SWITCH:
        await connection.execute(statement)
    await connection.execute("UPDATE ledger_partitions SET change_no = change_no + 1")


def to_lines(difference: Difference) -> Iterator[RebuildDifference]:
    """Give each column that differs; of a row that is missing or too much, the whole row."""
    model, found, expected = difference
    row = expected or found or {}
    key = " ".join(f"{name}={row[name]}" for name in KEYS[model])
    if found is None or expected is None:
        whole = (_text(found), _text(expected))
        yield RebuildDifference(
            table=model, key=key, column="row", found=whole[0], expected=whole[1]
        )
        return
    for name, value in expected.items():
        if found[name] != value:
            yield RebuildDifference(
                table=model,
                key=key,
                column=name,
                found=_text(found[name]),
                expected=_text(value),
            )


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return orjson.dumps(value).decode()


def _fields(text: str | None) -> dict[str, Any] | None:
    fields: dict[str, Any] | None = None if text is None else orjson.loads(text)
    return fields
