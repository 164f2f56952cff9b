"""Two lists of wages compared: given theirs and ours, then what agrees, differs and is missing."""

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest

from frikort_contracts.requests import ListedRegistration
from services.payroll.matching import Comparison, OurWage, Pair, compare

JANUARY = {"first_on": dt.date(2024, 1, 1), "last_on": dt.date(2024, 1, 31)}
OURS = OurWage(
    wage_id="w1",
    card_no="04817",
    cvr="10150817",
    paid_on=dt.date(2024, 1, 12),
    amount_ore=125_050,
    external_ref=None,
)
ROW = ListedRegistration(
    card_no="04817",
    cvr="10150817",
    paid_on=dt.date(2024, 1, 12),
    amount_ore=125_050,
    external_ref="SF-1",
)


def listed(**changed: Any) -> ListedRegistration:
    return ROW.model_copy(update=changed)


def paired(row: ListedRegistration, wage: OurWage, *differences: str) -> Pair:
    return Pair(row=row, wage=wage, differences=differences)


def compared(rows: list[ListedRegistration], wages: list[OurWage]) -> Comparison:
    return compare(rows, wages, **JANUARY)


def test_wage_that_is_the_same_agrees() -> None:
    assert compared([ROW], [OURS]) == Comparison(
        pairs=(paired(ROW, OURS),), only_there=(), only_here=()
    )


def test_what_only_one_side_has_is_named() -> None:
    theirs = listed(card_no="00042")

    assert compared([theirs], [OURS]) == Comparison(
        pairs=(), only_there=(theirs,), only_here=(OURS,)
    )


def test_empty_lists_agree() -> None:
    assert compared([], []) == Comparison(pairs=(), only_there=(), only_here=())


@pytest.mark.parametrize(
    ("changed", "differs"),
    [
        ({"amount_ore": 125_051}, "amount_ore"),
        ({"cvr": "31119103"}, "cvr"),
        ({"paid_on": dt.date(2024, 1, 13)}, "paid_on"),
        ({"paid_on": dt.date(2023, 12, 31)}, "paid_on"),
        ({"paid_on": dt.date(2024, 2, 12)}, "paid_on"),
    ],
)
def test_one_thing_that_differs_is_named(changed: dict[str, Any], differs: str) -> None:
    theirs = listed(**changed)

    assert compared([theirs], [OURS]).pairs == (paired(theirs, OURS, differs),)


@pytest.mark.parametrize(
    "changed",
    [
        {"amount_ore": 1, "cvr": "31119103"},
        {"amount_ore": 1, "paid_on": dt.date(2024, 1, 13)},
        {"paid_on": dt.date(2024, 2, 13)},
    ],
)
def test_what_differs_too_much_are_two_wages(changed: dict[str, Any]) -> None:
    theirs = listed(**changed)

    assert compared([theirs], [OURS]) == Comparison(
        pairs=(), only_there=(theirs,), only_here=(OURS,)
    )


def test_same_reference_is_the_same_wage_whatever_else_differs() -> None:
    ours = replace(OURS, external_ref="SF-1")
    theirs = listed(card_no="00042", cvr="31119103", paid_on=dt.date(2024, 6, 1), amount_ore=1)

    assert compared([theirs], [ours]).pairs == (
        paired(theirs, ours, "card_no", "cvr", "paid_on", "amount_ore"),
    )


def test_another_reference_of_the_same_wage_is_a_difference() -> None:
    ours = replace(OURS, external_ref="SF-9")

    assert compared([ROW], [ours]).pairs == (paired(ROW, ours, "external_ref"),)


def test_reference_goes_before_likeness() -> None:
    alike, referred = OURS, replace(OURS, wage_id="w2", amount_ore=1, external_ref="SF-1")

    assert compared([ROW], [alike, referred]) == Comparison(
        pairs=(paired(ROW, referred, "amount_ore"),), only_there=(), only_here=(alike,)
    )


def test_reference_that_two_wages_bear_goes_to_the_likelier_one() -> None:
    unlike = replace(OURS, wage_id="w1", amount_ore=1, cvr="31119103", external_ref="SF-1")
    later = replace(OURS, wage_id="w2", paid_on=dt.date(2024, 6, 12), external_ref="SF-1")

    assert compared([ROW], [unlike, later]).pairs == (paired(ROW, later, "paid_on"),)


def test_each_wage_and_each_row_is_paired_once() -> None:
    first, second, third = (listed(external_ref=f"SF-{number}") for number in (1, 2, 3))
    ours = [OURS, replace(OURS, wage_id="w2")]

    assert compared([first, second, third], ours) == Comparison(
        pairs=(paired(first, ours[0]), paired(second, ours[1])),
        only_there=(third,),
        only_here=(),
    )


def test_what_agrees_is_paired_before_what_differs() -> None:
    near = listed(paid_on=dt.date(2024, 1, 13), external_ref="SF-0")

    found = compared([near, ROW], [OURS])

    assert (found.pairs, found.only_there) == ((paired(ROW, OURS),), (near,))


def test_nearest_day_is_paired_whatever_the_order() -> None:
    early = replace(OURS, wage_id="w1", paid_on=dt.date(2024, 1, 5))
    late = replace(OURS, wage_id="w2", paid_on=dt.date(2024, 1, 26))
    theirs = [listed(paid_on=dt.date(2024, 1, 25), external_ref="SF-2")]

    found = compared(theirs, [early, late])

    assert found.pairs == (paired(theirs[0], late, "paid_on"),)
    assert found.only_here == (early,)


def test_wage_outside_the_period_is_not_missed_and_can_still_be_paired() -> None:
    before = replace(OURS, wage_id="w1", paid_on=dt.date(2023, 12, 31))
    after = replace(OURS, wage_id="w2", paid_on=dt.date(2024, 2, 1), cvr="31119103")
    first = replace(OURS, wage_id="w3", paid_on=dt.date(2024, 1, 1), cvr="31119103")
    last = replace(OURS, wage_id="w4", paid_on=dt.date(2024, 1, 31), cvr="31119103")
    theirs = listed(paid_on=dt.date(2024, 1, 1))

    found = compared([theirs], [before, first, last, after])

    assert found.pairs == (paired(theirs, first, "cvr"),)
    assert found.only_here == (last,)
    assert compared([], [before, first, last, after]).only_here == (first, last)
    assert compared([listed(paid_on=dt.date(2023, 12, 31))], [before]).only_here == ()
