"""How much of a wage is covered, rule by rule; the rule's number stands in the name."""

import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frikort_contracts.types import ApportionReason
from services.allowance.domain import (
    Apportionment,
    Cap,
    CardChange,
    Citizen,
    Wage,
    YearBalance,
    apportion,
    cap_for,
    limit_in_force,
    reverse,
    turns,
)

CARD = "00123"
LIMIT = 20_000_00


def moment(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(f"{text}T12:00:00+00:00")


def change(version: int, kind: Any, effective_on: str, card_no: str = CARD) -> CardChange:
    return CardChange(
        version=version,
        card_no=card_no,
        kind=kind,
        effective_on=dt.date.fromisoformat(effective_on),
    )


ISSUED = change(1, "issued", "2023-01-10")


def citizen(*changes: CardChange, years: dict[int, YearBalance] | None = None) -> Citizen:
    return Citizen(changes[-1].version if changes else 0, changes, years or {})


def wage(paid_on: str, amount_ore: int = 1_000_00, grants_version: int = 99) -> Wage:
    return Wage(
        card_no=CARD,
        paid_on=dt.date.fromisoformat(paid_on),
        amount_ore=amount_ore,
        grants_version=grants_version,
        known_at=moment(paid_on),
    )


def decided(
    paid_on: str, covered_ore: int, excess_ore: int, reason: ApportionReason
) -> Apportionment:
    day = dt.date.fromisoformat(paid_on)
    return Apportionment(day.year, day, covered_ore, excess_ore, reason)


def test_r1_paid_on_alone_decides_the_year() -> None:
    holder = citizen(ISSUED, years={2023: YearBalance(LIMIT, 0, 1)})

    found = apportion(wage("2024-01-02"), holder, LIMIT)

    assert found == decided("2024-01-02", 1_000_00, 0, ApportionReason.WITHIN_CAP)


def test_r7_a_wage_before_the_grant_is_recorded_with_nothing_covered() -> None:
    found = apportion(wage("2023-01-09"), citizen(ISSUED), LIMIT)

    assert found == decided("2023-01-09", 0, 1_000_00, ApportionReason.BEFORE_GRANT)


def test_r7_valid_from_itself_is_covered() -> None:
    found = apportion(wage("2023-01-10"), citizen(ISSUED), LIMIT)

    assert found == decided("2023-01-10", 1_000_00, 0, ApportionReason.WITHIN_CAP)


def test_r9_the_day_of_deactivation_is_the_first_not_covered() -> None:
    holder = citizen(ISSUED, change(2, "deactivated", "2023-03-01"))

    before = apportion(wage("2023-02-28"), holder, LIMIT)
    on_it = apportion(wage("2023-03-01"), holder, LIMIT)

    assert before.reason is ApportionReason.WITHIN_CAP
    assert on_it == decided("2023-03-01", 0, 1_000_00, ApportionReason.GRANT_INACTIVE)


def test_r10_a_wage_paid_before_a_deactivation_and_registered_after_is_covered() -> None:
    holder = citizen(ISSUED, change(2, "deactivated", "2023-03-01"))

    found = apportion(wage("2023-02-01", grants_version=2), holder, LIMIT)

    assert found.covered_ore == 1_000_00


def test_r12_a_reactivated_card_keeps_the_years_consumption() -> None:
    holder = citizen(
        ISSUED,
        change(2, "deactivated", "2023-03-01"),
        change(3, "reactivated", "2023-05-01"),
        years={2023: YearBalance(19_500_00, 0, 3)},
    )

    found = apportion(wage("2023-05-01"), holder, LIMIT)

    assert found == decided("2023-05-01", 500_00, 500_00, ApportionReason.OVER_CAP)


def test_r13_the_inactive_gap_stays_uncovered_after_the_reactivation() -> None:
    holder = citizen(
        ISSUED, change(2, "deactivated", "2023-03-01"), change(3, "reactivated", "2023-05-01")
    )

    found = apportion(wage("2023-04-15"), holder, LIMIT)

    assert found.reason is ApportionReason.GRANT_INACTIVE


def test_r15_a_card_issued_in_the_middle_of_a_year_has_the_full_cap() -> None:
    holder = citizen(change(1, "issued", "2023-12-01"))

    found = apportion(wage("2023-12-02", LIMIT), holder, LIMIT)

    assert found == decided("2023-12-02", LIMIT, 0, ApportionReason.WITHIN_CAP)


def test_r16_what_is_unused_lapses_at_new_year() -> None:
    holder = citizen(ISSUED, years={2023: YearBalance(0, 0, 1)})

    found = apportion(wage("2024-02-01", LIMIT + 1), holder, LIMIT)

    assert found == decided("2024-02-01", LIMIT, 1, ApportionReason.OVER_CAP)


def test_r17_a_wage_that_crosses_the_cap_is_split() -> None:
    holder = citizen(ISSUED, years={2023: YearBalance(19_000_00, 0, 1)})

    found = apportion(wage("2023-06-01", 1_500_00), holder, LIMIT)

    assert found == decided("2023-06-01", 1_000_00, 500_00, ApportionReason.OVER_CAP)


def test_r18_a_wage_when_exhausted_is_recorded_with_nothing_covered() -> None:
    holder = citizen(ISSUED, years={2023: YearBalance(LIMIT, 0, 1)})

    found = apportion(wage("2023-06-01"), holder, LIMIT)

    assert found == decided("2023-06-01", 0, 1_000_00, ApportionReason.OVER_CAP)


def test_r19_first_recorded_is_first_covered_whatever_the_dates() -> None:
    holder = citizen(ISSUED)
    later_paid = apportion(wage("2023-06-02", LIMIT), holder, LIMIT)
    holder = holder.with_year(2023, holder.year(2023).after(later_paid))

    earlier_paid = apportion(wage("2023-06-01"), holder, LIMIT)

    assert later_paid.covered_ore == LIMIT
    assert earlier_paid.covered_ore == 0


def test_r5_a_reversal_gives_back_exactly_what_the_wage_took_in_its_own_year() -> None:
    original = decided("2022-11-30", 300_00, 700_00, ApportionReason.OVER_CAP)

    found = reverse(original)

    assert found == decided("2022-11-30", -300_00, -700_00, ApportionReason.WAGE_REVERSED)


def test_i12_changes_later_than_the_grants_version_of_a_wage_are_not_seen() -> None:
    holder = citizen(ISSUED, change(2, "deactivated", "2023-02-01"))

    found = apportion(wage("2023-03-01", grants_version=1), holder, LIMIT)

    assert found.reason is ApportionReason.WITHIN_CAP


def test_another_card_of_the_citizen_covers_nothing_for_this_one() -> None:
    holder = citizen(change(1, "issued", "2023-01-01", card_no="99999"))

    found = apportion(wage("2023-03-01"), holder, LIMIT)

    assert found.reason is ApportionReason.BEFORE_GRANT


def test_of_two_changes_on_one_day_the_later_version_counts() -> None:
    holder = citizen(
        ISSUED, change(2, "deactivated", "2023-03-01"), change(3, "reactivated", "2023-03-01")
    )

    found = apportion(wage("2023-03-01"), holder, LIMIT)

    assert found.reason is ApportionReason.WITHIN_CAP


@pytest.mark.parametrize(
    ("before_ore", "after_ore", "expected"),
    [
        (0, 15_999_99, []),
        (15_999_99, 16_000_00, ["allowance-low"]),
        (16_000_00, 16_000_01, []),
        (15_000_00, 20_000_00, ["allowance-exhausted"]),
        (19_999_99, 20_000_00, ["allowance-exhausted"]),
        (20_000_00, 20_000_00, []),
        (20_000_00, 19_999_99, ["allowance-restored"]),
        (17_000_00, 15_000_00, []),
    ],
)
def test_turns_are_named_once_at_their_crossing(
    before_ore: int, after_ore: int, expected: list[str]
) -> None:
    found = turns(YearBalance(before_ore, 0, 5), YearBalance(after_ore, 0, 6), LIMIT)

    assert found == expected


def test_a_year_opens_with_its_first_wage() -> None:
    assert turns(YearBalance(), YearBalance(100, 0, 1), LIMIT) == ["allowance-opened"]


CAPS_2023 = [
    Cap(
        version=5,
        year=2023,
        amount_ore=20_000_00,
        in_force_from=dt.date(2023, 1, 1),
        known_at=moment("2022-12-28"),
    ),
    Cap(
        version=6,
        year=2023,
        amount_ore=40_000_00,
        in_force_from=dt.date(2023, 7, 1),
        known_at=moment("2023-06-01"),
    ),
]


@pytest.mark.parametrize(
    ("known_at", "amount_ore"),
    [
        ("2022-12-01", 20_000_00),
        ("2023-01-15", 20_000_00),
        ("2023-06-15", 20_000_00),
        ("2023-06-30", 20_000_00),
        ("2023-07-01", 40_000_00),
        ("2024-02-01", 40_000_00),
    ],
)
def test_r22_a_wage_is_decided_under_the_cap_in_force_and_known_when_it_became_known(
    known_at: str, amount_ore: int
) -> None:
    cap = cap_for(CAPS_2023, moment(known_at))

    assert cap is not None
    assert cap.amount_ore == amount_ore


def test_a_wage_known_before_any_cap_was_in_force_takes_the_first_known_after_it() -> None:
    early = Cap(
        version=1,
        year=2023,
        amount_ore=40_000_00,
        in_force_from=dt.date(2023, 7, 1),
        known_at=moment("2023-05-01"),
    )
    late = Cap(
        version=2,
        year=2023,
        amount_ore=20_000_00,
        in_force_from=dt.date(2023, 1, 1),
        known_at=moment("2023-06-01"),
    )

    assert cap_for([early, late], moment("2023-05-15")) is late


def test_a_cap_is_known_from_the_very_moment_it_became_known() -> None:
    first, second = (
        Cap(
            version=version,
            year=2023,
            amount_ore=amount_ore,
            in_force_from=dt.date(2023, 1, 1),
            known_at=moment(known_at),
        )
        for version, amount_ore, known_at in (
            (1, 20_000_00, "2023-01-05"),
            (2, 40_000_00, "2023-03-01"),
        )
    )

    assert cap_for([first, second], moment("2023-03-01")) is second


def test_a_cap_known_at_that_moment_and_not_in_force_is_not_known_after_it() -> None:
    to_come, next_known = (
        Cap(
            version=version,
            year=2023,
            amount_ore=40_000_00,
            in_force_from=dt.date(2023, 7, 1),
            known_at=moment(known_at),
        )
        for version, known_at in ((1, "2023-05-15"), (2, "2023-06-01"))
    )

    assert cap_for([to_come, next_known], moment("2023-05-15")) is next_known


def test_r44_the_cap_changes_at_danish_midnight() -> None:
    just_after = dt.datetime(2023, 6, 30, 22, 0, 1, tzinfo=dt.UTC)

    cap = cap_for(CAPS_2023, just_after)

    assert cap is CAPS_2023[1]


def test_r23_a_year_without_a_cap_has_none() -> None:
    assert cap_for([], moment("2026-01-01")) is None
    assert limit_in_force([], dt.date(2026, 1, 1), moment("2026-01-01")) is None


@pytest.mark.parametrize(
    ("on", "known_by", "limit_ore"),
    [
        ("2023-05-31", "2026-01-01", 20_000_00),
        ("2023-07-01", "2026-01-01", 40_000_00),
        ("2023-07-01", "2023-05-01", 20_000_00),
        ("2023-07-01", "2023-06-01", 40_000_00),
        ("2022-12-31", "2026-01-01", 20_000_00),
    ],
)
def test_the_limit_on_a_date_is_the_one_in_force_as_far_as_known(
    on: str, known_by: str, limit_ore: int
) -> None:
    found = limit_in_force(CAPS_2023, dt.date.fromisoformat(on), moment(known_by))

    assert found == limit_ore


@pytest.mark.parametrize(
    ("known_by", "limit_ore"), [("2022-10-01", 20_000_00), ("2022-11-01", 40_000_00)]
)
def test_r23_a_cap_set_anew_before_its_year_counts_from_when_that_is_known(
    known_by: str, limit_ore: int
) -> None:
    caps = [
        Cap(
            version=version,
            year=2023,
            amount_ore=amount_ore,
            in_force_from=dt.date(2023, 1, 1),
            known_at=moment(known_at),
        )
        for version, amount_ore, known_at in (
            (1, 20_000_00, "2022-09-01"),
            (2, 40_000_00, "2022-11-01"),
        )
    ]

    assert limit_in_force(caps, dt.date(2022, 12, 1), moment(known_by)) == limit_ore


AMOUNTS = st.lists(st.integers(1, 9_000_00), min_size=1, max_size=30)


@given(amounts=AMOUNTS, reversed_places=st.sets(st.integers(0, 29)))
def test_i1_i2_every_oere_is_covered_or_excess_and_never_more_than_the_cap(
    amounts: list[int], reversed_places: set[int]
) -> None:
    holder = citizen(ISSUED)
    for place, amount_ore in enumerate(amounts):
        found = apportion(wage("2023-06-01", amount_ore), holder, LIMIT)
        before = holder.year(2023)
        holder = holder.with_year(2023, before.after(found))
        assert found.covered_ore + found.excess_ore == amount_ore
        assert found.covered_ore >= 0 <= found.excess_ore
        assert holder.year(2023).covered_ore <= LIMIT
        if place in reversed_places:
            holder = holder.with_year(2023, holder.year(2023).after(reverse(found)))
            restored = holder.year(2023)
            assert (restored.covered_ore, restored.excess_ore) == (
                before.covered_ore,
                before.excess_ore,
            )
