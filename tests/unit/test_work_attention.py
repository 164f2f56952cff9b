"""Attention to when the work was done: before the card, after its end, outside the employment."""

import pytest

from tests.unit.attention_cases import Tale, codes, raised
from tests.unit.ledger_cases import decisions, post
from tests.unit.test_allowance_posting import RULES


def test_r8_work_that_may_lie_before_the_grant_raises_attention() -> None:
    tale = Tale()
    messages = [
        tale.issued("2023-03-10"),
        tale.employed("2023-02-01"),
        tale.wage("first", "2023-03-31", 5),
        tale.wage("long after", "2023-04-30", 5),
        tale.ended("2023-03-09"),
        tale.wage("holiday pay", "2023-09-01", 5),
    ]

    done = post(messages, RULES)

    assert [codes(entry) for entry in done.entries] == [
        [],
        [],
        ["work-before-grant"],
        [],
        [],
        ["outside-employment", "work-before-grant"],
    ]


@pytest.mark.parametrize(
    ("ends_on", "expected"),
    [
        ("2023-03-09", ["outside-employment", "work-before-grant"]),
        ("2023-03-10", ["outside-employment"]),
    ],
    ids=["the day before", "the card's first day"],
)
def test_r8_work_ended_before_the_card_if_none_of_its_days_is_the_cards(
    ends_on: str, expected: list[str]
) -> None:
    tale = Tale()
    messages = [
        tale.issued("2023-03-10"),
        tale.employed("2023-02-01", ends_on=ends_on),
        tale.wage("a", "2023-04-30", 5),
    ]

    assert codes(post(messages, RULES).entries[-1]) == expected


def test_r8_an_employment_that_begins_with_the_card_is_no_case() -> None:
    tale = Tale()
    messages = [
        tale.issued("2023-03-10"),
        tale.employed("2023-03-10"),
        tale.wage("a", "2023-03-31", 5),
        tale.reactivated("2023-05-10"),
        tale.wage("b", "2023-05-31", 5, rests_on=2),
    ]

    assert [codes(entry) for entry in post(messages, RULES).entries] == [
        [],
        [],
        [],
        [],
        ["work-before-grant"],
    ]


@pytest.mark.parametrize(
    ("starts_on", "paid_on", "expected"),
    [
        ("2023-03-09", "2023-04-09", ["work-before-grant"]),
        ("2023-03-09", "2023-04-10", []),
        ("2023-03-10", "2023-03-31", []),
    ],
    ids=["the 31st day", "the 32nd day", "begun with the card"],
)
def test_r8_work_is_looked_for_in_the_31_days_before_a_wage(
    starts_on: str, paid_on: str, expected: list[str]
) -> None:
    tale = Tale()
    messages = [
        tale.issued("2023-03-10"),
        tale.employed(starts_on),
        tale.wage("a", paid_on, 5, rests_on=2),
        tale.deactivated("2023-12-01"),
    ]

    done = post(messages, RULES)

    (wage,) = [e for e in done.entries if e.received.source.type == "wage-paid"]
    assert codes(wage) == expected


def test_r11_r27_work_and_holiday_pay_of_before_a_deactivation_raise_attention() -> None:
    tale = Tale()
    messages = [
        tale.issued(),
        tale.employed("2023-02-01"),
        tale.deactivated("2023-06-01"),
        tale.wage("may's", "2023-06-10", 5, rests_on=2),
        tale.wage("august's", "2023-08-31", 5, rests_on=2),
        tale.ended("2023-05-31"),
        tale.wage("holiday", "2023-10-01", 5, rests_on=2, holiday_pay_ore=5),
        tale.wage("balance", "2023-10-02", 5, rests_on=2),
    ]

    done = post(messages, RULES)

    assert [codes(entry) for entry in done.entries[3:]] == [
        ["work-before-deactivation"],
        [],
        [],
        ["outside-employment", "holiday-pay-after-deactivation"],
        ["outside-employment", "work-before-deactivation"],
    ]
    assert {covered for _, covered, _, _ in decisions(done.entries)} == {0}


def test_a_wage_outside_the_employments_dates_raises_attention() -> None:
    tale = Tale()
    messages = [
        tale.issued(),
        tale.employed("2023-02-01", ends_on="2023-05-31"),
        tale.wage("too early", "2023-01-31", 5),
        tale.wage("first day", "2023-02-01", 5),
        tale.wage("last day", "2023-05-31", 5),
        tale.wage("too late", "2023-06-01", 5),
    ]

    done = post(messages, RULES)

    assert [codes(entry) for entry in done.entries[2:]] == [
        ["outside-employment"],
        [],
        [],
        ["outside-employment"],
    ]


def test_r36_an_employment_learned_of_after_its_first_day_raises_attention() -> None:
    tale = Tale()
    messages = [
        tale.issued(),
        tale.employed("2023-02-01", known_at="2023-02-01T20:00:00.000000Z"),
        tale.employed("2023-02-01", known_at="2023-02-01T23:30:00.000000Z"),
    ]

    done = post(messages, RULES)

    assert raised(done.entries[1]) == []
    assert raised(done.entries[2]) == [{"code": "employment-late", "card_no": tale.card_no}]
