"""A preview is the decision that the wage would get, and nothing else."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frikort_contracts.explanations import PreviewRequest
from frikort_contracts.types import COPENHAGEN
from services.allowance.domain import Citizen, Wage
from services.allowance.explain import explain, to_caps
from services.allowance.posting import Posting, Rules
from services.allowance.preview import RegisteredBeforePaid, becomes_known_at, preview, to_wage
from services.allowance.translate import read
from services.chassis.inbox import Message
from tests.unit.explain_cases import caps_of_2023, journal_rows, rule_rows
from tests.unit.ledger_cases import CAP_ORE, Story, caps, post

DAYS = st.dates(dt.date(2023, 1, 1), dt.date(2023, 12, 31))
START = dt.datetime(2022, 12, 1, tzinfo=dt.UTC)
MOMENTS = st.integers(0, 18 * 30 * 24).map(lambda hours: START + dt.timedelta(hours=hours))
WAGES = st.lists(st.tuples(DAYS, st.integers(1, 15_000_00)), max_size=6)
CHANGES = st.lists(st.tuples(st.sampled_from(["deactivated", "reactivated"]), DAYS), max_size=3)
NOON = dt.datetime(2023, 6, 1, 12, tzinfo=dt.UTC)


def request(paid_on: dt.date, amount_ore: int, registered_at: dt.datetime | None) -> PreviewRequest:
    return PreviewRequest(amount_ore=amount_ore, paid_on=paid_on, registered_at=registered_at)


def thought(
    citizen: Citizen, paid_on: dt.date, amount_ore: int, *, now: dt.datetime = NOON
) -> Wage:
    asked = request(paid_on, amount_ore, None)
    return to_wage("00123", asked, citizen, becomes_known_at(asked, now))


def state_of(under_way: Posting) -> Citizen:
    (page,) = under_way.pages.values()
    return page.state


@given(wages=WAGES, changes=CHANGES, paid_on=DAYS, amount_ore=st.integers(1, 50_000_00), at=MOMENTS)
def test_a_preview_is_what_the_wage_then_gets(
    wages: list[tuple[dt.date, int]],
    changes: list[tuple[str, dt.date]],
    paid_on: dt.date,
    amount_ore: int,
    at: dt.datetime,
) -> None:
    story, rules = Story(), caps_of_2023()
    told: list[Message] = [story.issued("2023-02-15")]
    told += [getattr(story, kind)(day.isoformat()) for kind, day in changes]
    told += [
        story.wage(f"wage-{place}", day.isoformat(), amount, rests_on=1)
        for place, (day, amount) in enumerate(wages)
    ]
    under_way = post(told, rules)
    citizen, known = state_of(under_way), to_caps(rule_rows(rules))

    wage = thought(citizen, paid_on, amount_ore, now=at)
    found = preview(wage, citizen, known, waiting=0)
    told_later = story.wage(
        "it",
        paid_on.isoformat(),
        amount_ore,
        rests_on=story.grants_version,
        known_at=wage.known_at,
    )
    under_way.receive(read(told_later))

    journal = journal_rows(under_way.entries)
    entry = explain("00123", 2023, journal=journal, changes=None, caps=known, held=()).entries[-1]
    same = ("covered_ore", "excess_ore", "reason", "danish", "english", "rules", "basis", "cap")
    assert {name: getattr(found, name) for name in same} == {
        name: getattr(entry, name) for name in same
    }
    assert found.limit_ore == entry.limit_ore
    assert found.remaining_before_ore == entry.before.remaining_ore
    assert found.remaining_after_ore == entry.after.remaining_ore


def test_a_preview_tells_the_split_and_what_waits() -> None:
    story = Story()
    under_way = post([story.issued(), story.wage("a", "2023-02-01", CAP_ORE - 100)], caps(2023))
    citizen = state_of(under_way)

    wage = thought(citizen, dt.date(2023, 3, 1), 250)
    found = preview(wage, citizen, to_caps(rule_rows(caps(2023))), waiting=2)

    assert (found.covered_ore, found.excess_ore, found.reason) == (100, 150, "over-cap")
    assert (found.remaining_before_ore, found.remaining_after_ore) == (100, 0)
    assert (found.limit_ore, found.waiting) == (CAP_ORE, 2)


def test_r23_a_year_without_a_cap_says_that_the_wage_would_wait() -> None:
    wage = thought(Citizen(), dt.date(2031, 3, 1), 250)

    found = preview(wage, Citizen(), to_caps(()), waiting=0)

    assert (found.reason, found.covered_ore, found.excess_ore) == ("cap-unknown", None, None)
    assert (found.limit_ore, found.cap, found.remaining_before_ore) == (None, None, None)
    assert found.danish == "Loftet for 2031 er ikke fastsat: lønnen vil vente, til det er."
    assert found.english == "The cap of 2031 is not set: the wage would wait until it is."


@pytest.mark.parametrize(
    ("paid_on", "registered_at", "known_at"),
    [
        (dt.date(2023, 5, 1), None, NOON),
        (dt.date(2023, 7, 2), None, dt.datetime(2023, 7, 2, tzinfo=COPENHAGEN)),
        (
            dt.date(2023, 5, 1),
            dt.datetime(2023, 5, 2, tzinfo=dt.UTC),
            dt.datetime(2023, 5, 2, tzinfo=dt.UTC),
        ),
        (
            dt.date(2023, 5, 1),
            dt.datetime(2023, 5, 1, tzinfo=COPENHAGEN),
            dt.datetime(2023, 5, 1, tzinfo=COPENHAGEN),
        ),
    ],
)
def test_a_wage_becomes_known_when_told_and_never_before_it_is_paid(
    paid_on: dt.date, registered_at: dt.datetime | None, known_at: dt.datetime
) -> None:
    assert becomes_known_at(request(paid_on, 1, registered_at), NOON) == known_at


def test_a_wage_to_come_is_decided_under_the_cap_that_will_be_in_force() -> None:
    rules = caps_of_2023()

    wage = thought(Citizen(), dt.date(2023, 7, 1), 1)
    found = preview(wage, Citizen(), to_caps(rule_rows(rules)), waiting=0)

    assert found.limit_ore == 40_000_00


def test_a_wage_told_before_it_is_paid_is_refused() -> None:
    before = dt.datetime(2023, 5, 1, tzinfo=COPENHAGEN) - dt.timedelta(seconds=1)

    with pytest.raises(RegisteredBeforePaid, match="2023-05-01"):
        becomes_known_at(request(dt.date(2023, 5, 1), 1, before), NOON)


@pytest.mark.parametrize("paid_on", [dt.date.min, dt.date.max])
def test_the_calendars_ends_are_a_year_without_a_cap(paid_on: dt.date) -> None:
    wage = thought(Citizen(), paid_on, 1)

    found = preview(wage, Citizen(), to_caps(rule_rows(Rules(0, {}))), waiting=0)

    assert found.reason == "cap-unknown"


def test_r38_a_year_that_the_municipality_has_closed_covers_nothing() -> None:
    story = Story()
    citizen = state_of(post([story.issued()], caps(2023)))

    wage = thought(citizen, dt.date(2023, 3, 1), 250)
    found = preview(wage, citizen, to_caps(rule_rows(caps(2023))), closed=True, waiting=0)

    assert (found.covered_ore, found.excess_ore, found.reason) == (0, 250, "year-closed")
    assert found.rules == ("R38",)
    assert found.remaining_before_ore == found.remaining_after_ore == CAP_ORE
