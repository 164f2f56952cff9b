"""A year's balance after each wage and reversal, whole balances compared."""

import datetime as dt

from frikort_contracts.types import ApportionReason
from services.allowance.domain import (
    Apportionment,
    Cap,
    Wage,
    YearBalance,
    cap_for,
    leave_uncovered,
)

JANUARY, MARCH, MAY = (dt.date(2023, month, 31) for month in (1, 3, 5))


def decided(paid_on: dt.date, covered_ore: int, excess_ore: int = 0) -> Apportionment:
    reason = ApportionReason.OVER_CAP if excess_ore else ApportionReason.WITHIN_CAP
    return Apportionment(2023, paid_on, covered_ore, excess_ore, reason)


def uncovered(paid_on: dt.date) -> Apportionment:
    return Apportionment(2023, paid_on, 0, 30, ApportionReason.GRANT_INACTIVE)


def test_what_is_covered_reaches_the_latest_wage_of_which_something_is() -> None:
    first = YearBalance().after(decided(MARCH, 1))
    earlier = first.after(decided(JANUARY, 20))
    later_uncovered = earlier.after(uncovered(MAY))

    assert first == YearBalance(1, 0, 1, 0, MARCH)
    assert earlier == YearBalance(21, 0, 2, 0, MARCH)
    assert later_uncovered == YearBalance(21, 30, 3, 0, MARCH)
    assert YearBalance().after(uncovered(MAY)) == YearBalance(0, 30, 1, 0, None)


def test_excess_over_the_cap_adds_up_apart_from_other_excess() -> None:
    balance = YearBalance()
    for one in (decided(JANUARY, 10, 5), uncovered(MARCH), decided(MAY, 0, 7)):
        balance = balance.after(one)

    assert balance == YearBalance(10, 42, 3, 12, JANUARY)


def test_i1_a_reversal_takes_from_each_sum_what_its_wage_put_there() -> None:
    balance = YearBalance(10, 42, 3, 12, JANUARY)

    assert balance.after_reversal(uncovered(MARCH), JANUARY) == YearBalance(10, 12, 4, 12, JANUARY)
    assert balance.after_reversal(decided(JANUARY, 10, 5), None) == YearBalance(0, 37, 4, 7, None)


def test_r38_a_wage_left_uncovered_keeps_its_own_day() -> None:
    wage = Wage("00123", MARCH, 30, 1, dt.datetime(2024, 5, 1, tzinfo=dt.UTC))

    left = leave_uncovered(wage, ApportionReason.YEAR_CLOSED)

    assert left == Apportionment(2023, MARCH, 0, 30, ApportionReason.YEAR_CLOSED)


def test_a_years_only_cap_counts_whenever_it_became_known() -> None:
    late = Cap(
        version=1,
        year=2023,
        amount_ore=1,
        in_force_from=MAY,
        known_at=dt.datetime(2023, 5, 1, tzinfo=dt.UTC),
    )

    assert cap_for([late], dt.datetime(2023, 1, 1, tzinfo=dt.UTC)) is late
    assert cap_for([late], dt.datetime(2024, 1, 1, tzinfo=dt.UTC)) is late
