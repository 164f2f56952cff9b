"""Edges that only a change of one comparison shows: the deepest payload, a day too late."""

import datetime as dt
from typing import Any

import pytest

from frikort_contracts.types import ApportionReason, AttentionCode
from services.allowance.attention import (
    Attention,
    DecidedWage,
    Employment,
    about_reversal,
    is_registered_late,
    latest_covered,
)
from services.allowance.domain import Apportionment, Citizen, YearBalance
from services.allowance.entry import DEPTH_MAX, NotCanonicalError, require_canonical
from services.allowance.sweep import CapChange, turned_by_cap
from services.allowance.translate import read
from services.notifications.quiet_hours import QuietHours
from tests.unit.attention_cases import Tale, two_caps
from tests.unit.ledger_cases import CAP_ORE, caps, post


def nested(depth: int, kind: str) -> Any:
    inner: Any = 1
    for _ in range(depth):
        inner = {"a": inner} if kind == "object" else [inner]
    return {"a": inner}


@pytest.mark.parametrize("kind", ["object", "list"])
def test_a_payload_is_nested_sixteen_deep_and_no_deeper(kind: str) -> None:
    require_canonical(nested(DEPTH_MAX, kind))

    with pytest.raises(NotCanonicalError):
        require_canonical(nested(DEPTH_MAX + 1, kind))


def test_r36_an_employment_learned_of_on_its_first_day_is_in_time() -> None:
    employment = Employment(dt.date(2023, 3, 1))

    assert not is_registered_late(employment, dt.date(2023, 3, 1))
    assert is_registered_late(employment, dt.date(2023, 3, 2))


def test_what_is_covered_reaches_the_latest_day_of_its_own_year() -> None:
    wages = [
        DecidedWage("00123", Apportionment(year, dt.date(year, month, 1), covered_ore, 0, reason))
        for year, month, covered_ore, reason in (
            (2023, 3, 1, ApportionReason.WITHIN_CAP),
            (2023, 5, 0, ApportionReason.OVER_CAP),
            (2024, 2, 9, ApportionReason.WITHIN_CAP),
        )
    ]

    assert latest_covered(wages, 2023) == dt.date(2023, 3, 1)
    assert latest_covered(wages, 2022) is None


def test_r43_quiet_hours_within_a_day_begin_on_the_stroke() -> None:
    hours = QuietHours.parse("12:00-13:30")

    assert hours is not None
    assert hours.cover(dt.datetime(2026, 1, 15, 11, 0, tzinfo=dt.UTC))


def test_what_must_wait_on_is_left_where_it_is_written_down() -> None:
    tale = Tale()
    messages = [
        tale.issued(),
        tale.wage("no cap", "2024-03-31", 100),
        tale.reversal("no cap", "2024-03-31", 100),
        tale.wage("far ahead", "2023-03-31", 100, rests_on=3),
        tale.reversal("far ahead", "2023-03-31", 100, rests_on=3),
    ]
    done = post(messages, caps(2023))
    (page,) = done.pages.values()
    for waiting in page.waiting:
        waiting.stored = True

    done.receive(read(tale.deactivated("2023-06-01")))

    assert done.released == []
    assert [(waiting.message, waiting.stored) for waiting in page.waiting] == [
        (message, True) for message in messages[1:]
    ]


def test_one_ore_given_back_beside_one_ore_of_excess_is_room_that_reappeared() -> None:
    day = dt.date(2023, 3, 1)
    original = Apportionment(2023, day, 1, 0, ApportionReason.WITHIN_CAP)
    after = YearBalance(CAP_ORE - 1, 1, 3, 1, day)

    assert about_reversal(original, after, in_closed_year=False) == [AttentionCode.ROOM_REAPPEARED]


def test_r22_a_sweep_names_no_card_to_who_was_paid_without_one() -> None:
    change = CapChange(2, 2023, CAP_ORE, 2 * CAP_ORE)
    state = Citizen(years={2023: YearBalance(CAP_ORE, 1, 2, 1, dt.date(2023, 3, 1))})

    assert turned_by_cap(state, change) == [
        ("allowance-restored", None),
        (
            "attention-raised",
            Attention(AttentionCode.CAP_CHANGED_EXCESS, None, 2023).content(),
        ),
    ]


def test_a_page_on_which_a_grant_event_is_parked_is_written_again() -> None:
    tale = Tale()
    done = post([tale.issued()], caps(2023))
    (page,) = done.pages.values()
    page.touched = False
    tale.deactivated("2023-05-01")  # is lost

    done.receive(read(tale.reactivated("2023-06-01")))

    assert page.waiting[0].parked
    assert page.touched


def test_a_reversal_shows_the_cap_that_was_known_when_it_became_known() -> None:
    tale = Tale()
    early = "2023-03-01T10:00:00.000000Z"
    done = post(
        [
            tale.issued(),
            tale.wage("a", "2023-02-28", 100, known_at=early),
            tale.reversal("a", "2023-02-28", 100),
        ],
        two_caps(),
    )

    assert [(e.year, e.limit_ore, e.year_covered_ore, e.year_excess_ore) for e in done.entries] == [
        (None, None, None, None),
        (2023, CAP_ORE, 100, 0),
        (2023, 2 * CAP_ORE, 0, 0),
    ]
