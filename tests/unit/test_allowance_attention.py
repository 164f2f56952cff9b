"""Attention: each case that a person must look at, raised by the entry that shows it."""

import datetime as dt
import json
import re

import pytest
from hypothesis import given, settings

from deploy.local.settings import REPOSITORY
from frikort_contracts.types import AttentionCode
from services.allowance.posting import Posting
from services.chassis.inbox import Message
from tests.unit.attention_cases import Tale, codes, raised, two_caps
from tests.unit.ledger_cases import CAP_ORE, caps, decisions, identity, post, sent
from tests.unit.test_allowance_posting import RULES, interleavings

SINCE = "grant-changed-since"


def test_an_ordinary_wage_raises_nothing_and_its_bytes_say_nothing_of_it() -> None:
    tale = Tale()

    done = post(
        [tale.issued(), tale.employed("2023-01-01"), tale.wage("a", "2023-02-01", 5)], RULES
    )

    assert [raised(entry) for entry in done.entries] == [[], [], []]
    assert json.loads(done.entries[0].content)["events"] == []


def test_r14_a_change_entered_second_raises_each_wage_it_contradicts() -> None:
    tale = Tale()
    messages = [
        tale.issued(),
        tale.wage("before", "2023-04-30", 5),
        tale.wage("first", "2023-05-01", 6),
        tale.wage("second", "2023-06-01", 7),
        tale.deactivated("2023-05-01"),
    ]

    done = post(messages, RULES)

    assert raised(done.entries[-1]) == [
        {"code": SINCE, "card_no": tale.card_no, "year": 2023, "wage_id": identity(name)}
        for name in ("first", "second")
    ]
    assert decisions(done.entries)[2] == ("wage-paid", 7, 0, "within-cap")


def test_r14_a_wage_entered_second_raises_it_itself() -> None:
    tale = Tale()
    wage = tale.wage("late", "2023-05-01", 6, rests_on=1)

    done = post([tale.issued(), tale.deactivated("2023-05-01"), wage], RULES)

    assert decisions(done.entries) == [("wage-paid", 6, 0, "within-cap")]
    assert codes(done.entries[-1]) == [SINCE]
    assert sent(done.entries[-1]) == ["allowance-opened", "wage-apportioned", "attention-raised"]


def test_a_change_that_turns_no_wages_date_raises_nothing() -> None:
    tale = Tale()
    messages = [
        tale.issued(),
        tale.wage("a", "2023-04-30", 5),
        tale.deactivated("2023-05-01"),
        tale.reactivated("2023-05-01"),
    ]

    done = post(messages, RULES)

    assert [codes(entry) for entry in done.entries] == [[], [], [], []]


def test_a_reversed_wage_is_contradicted_by_nothing() -> None:
    tale = Tale()
    messages = [
        tale.issued(),
        tale.wage("a", "2023-05-02", 5),
        tale.reversal("a", "2023-05-02", 5),
        tale.deactivated("2023-05-01"),
    ]

    assert codes(post(messages, RULES).entries[-1]) == []


def test_a_change_of_another_card_contradicts_nothing() -> None:
    tale = Tale()
    messages = [tale.issued(), tale.wage("a", "2023-05-02", 5)]
    tale.card_no = "00999"
    messages.append(tale.issued("2023-05-01"))
    messages.append(tale.deactivated("2023-05-01"))

    assert [codes(entry) for entry in post(messages, RULES).entries] == [[], [], [], []]


def test_r14_an_overturned_deactivation_covers_again_from_before_it_was_decided() -> None:
    tale = Tale()
    in_gap = tale.wage("gap", "2023-06-15", 5, rests_on=2)
    messages = [tale.issued(), tale.deactivated("2023-06-01"), in_gap]
    messages.append(tale.appeal("2023-06-01", decided_on="2023-11-20"))
    messages.append(tale.wage("again", "2023-06-15", 5, rests_on=3))

    done = post(messages, RULES)

    assert decisions(done.entries) == [
        ("wage-paid", 0, 5, "grant-inactive"),
        ("wage-paid", 5, 0, "within-cap"),
    ]
    assert [codes(entry) for entry in done.entries] == [[], [], [], [SINCE], []]


def test_r14_an_appeal_upheld_changes_nothing() -> None:
    tale = Tale()
    messages = [
        tale.issued(),
        tale.deactivated("2023-06-01"),
        tale.appeal("2023-06-01", outcome="upheld", overturns=None),
        tale.wage("a", "2023-07-01", 5, rests_on=3),
    ]

    assert decisions(post(messages, RULES).entries) == [("wage-paid", 0, 5, "grant-inactive")]


def test_r35_grants_events_without_effect_are_entries_all_the_same() -> None:
    tale = Tale()
    messages = [
        tale.issued(),
        tale.other_grant("dispensation-granted"),
        tale.other_grant("citizen-reidentified"),
        tale.other_grant("application-received"),
        tale.other_grant("application-refused"),
        tale.wage("a", "2023-07-01", 5, rests_on=5),
    ]

    done = post(messages, RULES)

    assert [entry.entry_no for entry in done.entries] == [1, 2, 3, 4, 5, 6]
    assert decisions(done.entries) == [("wage-paid", 5, 0, "within-cap")]


def test_r20_a_late_wage_takes_what_is_left_and_raises_attention_if_that_is_too_little() -> None:
    tale = Tale()
    messages = [
        tale.issued(),
        tale.wage("june", "2023-06-01", CAP_ORE - 10),
        tale.wage("may", "2023-05-01", 4),
        tale.wage("april", "2023-04-01", 10),
        tale.wage("july", "2023-07-01", 10),
    ]

    done = post(messages, RULES)

    assert [codes(entry) for entry in done.entries] == [[], [], [], ["wage-late"], []]
    assert decisions(done.entries)[2] == ("wage-paid", 6, 4, "over-cap")


def test_r20_a_wage_is_not_late_beside_one_that_was_taken_back() -> None:
    tale = Tale()
    messages = [
        tale.issued(),
        tale.wage("june", "2023-06-01", 50),
        tale.reversal("june", "2023-06-01", 50),
        tale.wage("april", "2023-04-01", CAP_ORE + 1),
    ]

    assert codes(post(messages, RULES).entries[-1]) == []


def test_r21_room_that_reappears_beside_excess_raises_attention_and_decides_nothing() -> None:
    tale = Tale()
    messages = [
        tale.issued(),
        tale.wage("a", "2023-02-01", CAP_ORE),
        tale.wage("b", "2023-03-01", 70),
        tale.reversal("a", "2023-02-01", CAP_ORE),
    ]

    done = post(messages, RULES)

    assert raised(done.entries[-1]) == [
        {
            "code": "room-reappeared",
            "card_no": tale.card_no,
            "year": 2023,
            "wage_id": identity("a"),
        }
    ]
    assert sent(done.entries[-1]) == [
        "apportionment-reversed",
        "allowance-restored",
        "attention-raised",
    ]
    assert done.pages[tale.citizen_id].state.year(2023).over_cap_ore == 70


def test_r21_excess_that_no_room_could_cover_is_no_case() -> None:
    tale = Tale()
    messages = [
        tale.issued("2023-02-15"),
        tale.wage("a", "2023-02-01", 70),
        tale.wage("b", "2023-03-01", 50),
        tale.reversal("b", "2023-03-01", 50),
        tale.wage("c", "2023-03-01", CAP_ORE + 3),
        tale.reversal("c", "2023-03-01", CAP_ORE + 3),
    ]

    done = post(messages, RULES)

    assert [codes(entry) for entry in done.entries] == [[]] * 6
    assert done.pages[tale.citizen_id].state.year(2023)[:2] == (0, 70)


def test_r22_excess_under_an_earlier_cap_than_the_one_in_force_raises_attention() -> None:
    tale = Tale(known_at="2023-03-01T10:00:00.000000Z")
    messages = [tale.issued(), tale.wage("a", "2023-02-15", CAP_ORE + 9)]

    done = post(messages, two_caps())

    assert decisions(done.entries) == [("wage-paid", CAP_ORE, 9, "over-cap")]
    assert codes(done.entries[-1]) == ["cap-changed-excess"]


def test_r29_a_wage_sent_to_eindkomst_by_mistake_raises_attention_and_stays() -> None:
    tale = Tale()
    messages = [tale.issued(), tale.wage("a", "2023-02-01", 5), tale.misreported("a")]

    done = post(messages, RULES)

    assert raised(done.entries[-1]) == [
        {"code": "wage-misreported", "card_no": tale.card_no, "wage_id": identity("a")}
    ]
    assert decisions(done.entries) == [("wage-paid", 5, 0, "within-cap")]


def test_r34_a_wage_recorded_after_the_card_has_ended_for_good_raises_attention() -> None:
    tale = Tale()
    messages = [
        tale.issued(),
        tale.closed("2023-06-01"),
        tale.wage("before", "2023-05-31", 5, rests_on=2),
        tale.wage("after", "2023-06-01", 6, rests_on=2),
        tale.wage("unaware", "2023-05-31", 7, rests_on=1),
    ]

    done = post(messages, RULES)

    late = "citizen-closed-late-wage"
    assert [codes(entry) for entry in done.entries[2:]] == [[late], [late], []]
    assert decisions(done.entries)[:2] == [
        ("wage-paid", 5, 0, "within-cap"),
        ("wage-paid", 0, 6, "grant-inactive"),
    ]


def test_r38_a_wage_recorded_after_its_year_was_closed_is_kept_and_not_covered() -> None:
    tale = Tale()
    rules = caps(2023, 2024)
    closed_at = dt.datetime(2024, 2, 1, 9, tzinfo=dt.UTC)
    rules = type(rules)(3, rules.caps, {("751", 2023): closed_at})
    messages = [
        tale.issued(),
        tale.wage("in time", "2023-12-01", 5, at=closed_at),
        tale.wage("too late", "2023-12-01", 6, at=closed_at + dt.timedelta(microseconds=1)),
        tale.wage("next year's", "2024-01-05", 7, at=closed_at + dt.timedelta(days=1)),
        tale.reversal("in time", "2023-12-01", 5, at=closed_at + dt.timedelta(days=1)),
        tale.wage("elsewhere", "2023-12-02", 8, at=closed_at + dt.timedelta(1), code="730"),
    ]

    done = post(messages, rules)

    assert decisions(done.entries) == [
        ("wage-paid", 5, 0, "within-cap"),
        ("wage-paid", 0, 6, "year-closed"),
        ("wage-paid", 7, 0, "within-cap"),
        ("wage-reversed", -5, 0, "wage-reversed"),
        ("wage-paid", 8, 0, "within-cap"),
    ]
    assert [codes(entry) for entry in done.entries[1:]] == [
        [],
        ["wage-in-closed-year"],
        [],
        ["reversal-in-closed-year"],
        [],
    ]


def test_r20_a_wage_of_the_same_day_is_not_late() -> None:
    tale = Tale()
    messages = [
        tale.issued(),
        tale.wage("a", "2023-06-01", CAP_ORE - 1),
        tale.wage("b", "2023-06-01", 9),
    ]

    assert codes(post(messages, RULES).entries[-1]) == []


def test_r22_excess_under_the_cap_in_force_is_no_case() -> None:
    tale = Tale(known_at="2023-08-01T10:00:00.000000Z")
    messages = [tale.issued(), tale.wage("a", "2023-02-15", 2 * CAP_ORE + 9)]

    done = post(messages, two_caps())

    assert decisions(done.entries) == [("wage-paid", 2 * CAP_ORE, 9, "over-cap")]
    assert codes(done.entries[-1]) == []


def test_r21_a_wage_of_which_nothing_was_covered_frees_no_room() -> None:
    tale = Tale()
    messages = [
        tale.issued(),
        tale.wage("a", "2023-02-01", CAP_ORE),
        tale.wage("b", "2023-03-01", 70),
        tale.wage("c", "2023-04-01", 80),
        tale.reversal("c", "2023-04-01", 80),
    ]

    assert codes(post(messages, RULES).entries[-1]) == []


@pytest.mark.parametrize("page", ["integrator.md", "operator.md"])
def test_the_pages_tell_every_code_and_no_other(page: str) -> None:
    text = (REPOSITORY / "docs" / page).read_text(encoding="utf-8")
    section = text.partition("## Attention")[2].partition("\n## ")[0]

    told = set(re.findall(r"^\| `([a-z-]+)` \|", section, re.MULTILINE))
    assert told == {code.value for code in AttentionCode}


@settings(deadline=None)  # a busy machine fails nothing
@given(case=interleavings())
def test_i12_whatever_comes_first_the_same_wages_are_raised_as_changed_since(
    case: tuple[list[Message], list[Message]],
) -> None:
    in_order, as_arrived = case

    expected, found = post(in_order, RULES), post(as_arrived, RULES)

    assert _standing(found) == _standing(expected)


def _standing(done: Posting) -> set[str]:
    """Name the wages raised as changed since; of one taken back it may be raised or not."""
    cases = [case for entry in done.entries for case in raised(entry)]
    taken_back = {wage_id for _, wage_id in done.reversed_wages}
    return {case["wage_id"] for case in cases if case["code"] == SINCE} - taken_back
