"""What services answer over HTTP when asked: balances, the status, how a list differs.

Amounts are øre.
"""

import datetime as dt

from frikort_contracts.types import Contract


class AllowanceBalance(Contract):
    """A card's year. Of a year without a cap limit and remaining are null.

    `waiting` counts the wages that wait for a cap, `entries` the year's wages and reversals.
    """

    card_no: str
    year: int
    limit_ore: int | None
    covered_ore: int
    excess_ore: int
    remaining_ore: int | None
    exhausted: bool
    waiting: int
    entries: int


class ReviewOutcomes(Contract):
    """How reviews ended: a deactivation decided on the same day, or the card went on."""

    reviewed: int
    continued: int
    deactivated: int


class Status(Contract):
    """The municipality's counts on a date."""

    granted: int
    active: int
    deactivated: int
    in_use: int
    used_ever: int
    employments: int
    exhausted: int
    exhausted_ever: int
    by_benefit: dict[str, int]
    by_sector: dict[str, int]
    reviews: dict[str, ReviewOutcomes]


class Difference(Contract):
    """One thing that is not the same; an amount is in øre, a date YYYY-MM-DD."""

    field: str
    here: str
    there: str


class Differing(Contract):
    """A wage that is on both sides, and how it differs."""

    wage_ref: str | None
    external_ref: str
    differences: tuple[Difference, ...]


class OnlyHere(Contract):
    """A wage of the period that the list does not hold."""

    wage_ref: str | None
    card_no: str
    cvr: str
    paid_on: dt.date
    amount_ore: int
    external_ref: str | None
