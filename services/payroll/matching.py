"""Two lists of wages compared: theirs, from Socialtfrikort.dk, and ours. Pure.

A row and a wage are paired when they bear the same reference, or have the same card and differ
in one thing at the most. Each is paired once, what agrees best first.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from frikort_contracts.requests import ListedRegistration

COMPARED = ("card_no", "cvr", "paid_on", "amount_ore", "external_ref")
"""What is compared, by the name of a list's field; ours without a reference agrees with any."""
DAYS_APART_MAX = 31
"""Equal wages of the same employer that are further apart are those of two months."""
DIFFERENCES_MAX = 1

Candidate: TypeAlias = tuple[tuple[bool, int, int, int, int], int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class OurWage:
    """A wage that stands with us; `external_ref` is None while no reference is known."""

    wage_id: str
    card_no: str
    cvr: str
    paid_on: dt.date
    amount_ore: int
    external_ref: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A row and the wage it stands for; `differences` names what is not the same."""

    row: ListedRegistration
    wage: OurWage
    differences: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What two lists come to, each part in the order of its list."""

    pairs: tuple[Pair, ...]
    only_there: tuple[ListedRegistration, ...]
    only_here: tuple[OurWage, ...]


def compare(
    rows: Sequence[ListedRegistration],
    wages: Sequence[OurWage],
    *,
    first_on: dt.date,
    last_on: dt.date,
) -> Comparison:
    """Pair rows with wages; a wage is missed only if paid from `first_on` to `last_on`."""
    pair_of_row: dict[int, Pair] = {}
    paired_wages: set[int] = set()
    for _, row_no, wage_no in sorted(_candidates(rows, wages)):
        if row_no not in pair_of_row and wage_no not in paired_wages:
            row, wage = rows[row_no], wages[wage_no]
            differences = _differences(row, wage)
            pair_of_row[row_no] = Pair(row=row, wage=wage, differences=differences)
            paired_wages.add(wage_no)
    return Comparison(
        pairs=tuple(pair_of_row[row_no] for row_no in sorted(pair_of_row)),
        only_there=tuple(row for no, row in enumerate(rows) if no not in pair_of_row),
        only_here=tuple(
            wage
            for no, wage in enumerate(wages)
            if no not in paired_wages and first_on <= wage.paid_on <= last_on
        ),
    )


def _candidates(
    rows: Sequence[ListedRegistration], wages: Sequence[OurWage]
) -> Iterator[Candidate]:
    """Give what may be paired, with what sorts the best first: reference, likeness, nearness."""
    by_card: dict[str, set[int]] = defaultdict(set)
    by_reference: dict[str, set[int]] = defaultdict(set)
    for wage_no, wage in enumerate(wages):
        by_card[wage.card_no].add(wage_no)
        if wage.external_ref is not None:
            by_reference[wage.external_ref].add(wage_no)
    for row_no, row in enumerate(rows):
        for wage_no in by_card[row.card_no] | by_reference[row.external_ref]:
            wage = wages[wage_no]
            same_reference = wage.external_ref == row.external_ref
            days = abs((row.paid_on - wage.paid_on).days)
            if days > DAYS_APART_MAX and not same_reference:
                continue
            differences = len(_differences(row, wage))
            if differences <= DIFFERENCES_MAX or same_reference:
                yield (not same_reference, differences, days, row_no, wage_no), row_no, wage_no


def _differences(row: ListedRegistration, wage: OurWage) -> tuple[str, ...]:
    return tuple(
        name
        for name in COMPARED
        if getattr(wage, name) is not None and getattr(wage, name) != getattr(row, name)
    )
