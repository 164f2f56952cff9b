"""A year that needs a cap and has none: attention, once for each year, in the rules' stream (R23).

From 1 November before the year, when its amounts are known as a rule (DOMAIN, R23), or as soon
as a wage waits for it.
"""

import datetime as dt
from collections.abc import Collection

from services.allowance.pages import CAP_UNKNOWN
from services.allowance.posting import Rules
from services.chassis.database import Connection

WARN_FROM_MONTH = 11
FIRST_YEAR = 2019
"""The scheme's first; an earlier year will never have a cap."""


def years_to_tell(
    on: dt.date, *, with_cap: Collection[int], waited_for: Collection[int], told: Collection[int]
) -> list[int]:
    """Name the years without a cap that a person must hear of, and has not. Pure."""
    needed = {on.year, *waited_for}
    if on.month >= WARN_FROM_MONTH:
        needed.add(on.year + 1)
    return sorted(year for year in needed - {*with_cap} - {*told} if year >= FIRST_YEAR)


async def read_years_to_tell(connection: Connection, rules: Rules, on: dt.date) -> list[int]:
    """Read which years wages wait for and which were told of, and name those to tell."""
    rows = await connection.fetch(
        """
        SELECT year, true AS told
        FROM rules
        WHERE type = 'attention-raised'
        UNION
        SELECT year, false
        FROM held_messages
        WHERE reason = $1
          AND year IS NOT NULL
        """,
        CAP_UNKNOWN,
    )
    return years_to_tell(
        on,
        with_cap=rules.caps.keys(),
        waited_for={row["year"] for row in rows if not row["told"]},
        told={row["year"] for row in rows if row["told"]},
    )
