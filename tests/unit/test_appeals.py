"""Appeals in the ledger (R14): what is overturned lets a card cover from the appeal's date on."""

import datetime as dt

from frikort_contracts.explanations import CardRule
from services.allowance.explain import explain, to_caps
from services.allowance.posting import Posting
from tests.unit.attention_cases import Tale, raised
from tests.unit.explain_cases import changes_of, journal_rows, rule_rows
from tests.unit.ledger_cases import caps, decisions, identity, post

RULES = caps(2022, 2023)


def covered(done: Posting) -> dict[str, int]:
    """Give what is covered of each wage, by the day of its payment."""
    return {
        decided.paid_on.isoformat(): decided.covered_ore
        for entry in done.entries
        if (decided := entry.apportionment) is not None
    }


def test_r14_an_overturned_refusal_covers_from_its_date_to_the_cards_own_first_day() -> None:
    tale = Tale()
    messages = [
        tale.other_grant("application-received"),
        tale.other_grant("application-refused"),
        tale.issued("2023-03-01"),
        tale.wage("refused", "2022-12-15", 4, rests_on=3),
        tale.appeal("2022-12-01", overturns="application-refused"),
        tale.wage("day before", "2022-11-30", 5, rests_on=4),
        tale.wage("first day", "2022-12-01", 6, rests_on=4),
        tale.wage("last day", "2023-02-28", 7, rests_on=4),
        tale.wage("the card's own", "2023-03-01", 8, rests_on=4),
    ]

    done = post(messages, RULES)

    assert decisions(done.entries) == [
        ("wage-paid", 0, 4, "before-grant"),
        ("wage-paid", 0, 5, "before-grant"),
        ("wage-paid", 6, 0, "within-cap"),
        ("wage-paid", 7, 0, "within-cap"),
        ("wage-paid", 8, 0, "within-cap"),
    ]
    assert [case for entry in done.entries for case in raised(entry)] == [
        {
            "code": "grant-changed-since",
            "card_no": tale.card_no,
            "year": 2022,
            "wage_id": identity("refused"),
        }
    ]


def test_r14_a_refused_wage_is_covered_once_it_is_registered_again() -> None:
    tale = Tale()
    messages = [
        tale.issued("2023-03-01"),
        tale.wage("refused", "2023-02-15", 4),
        tale.appeal("2023-02-01", overturns="application-refused"),
        tale.reversal("refused", "2023-02-15", 4, rests_on=2),
        tale.wage("again", "2023-02-15", 4, rests_on=2),
    ]

    done = post(messages, RULES)

    assert decisions(done.entries) == [
        ("wage-paid", 0, 4, "before-grant"),
        ("wage-reversed", 0, -4, "wage-reversed"),
        ("wage-paid", 4, 0, "within-cap"),
    ]


def test_r14_an_overturned_refusal_undoes_no_deactivation() -> None:
    tale = Tale()
    messages = [
        tale.issued("2023-03-01"),
        tale.deactivated("2023-04-01"),
        tale.appeal("2023-02-01", overturns="application-refused"),
        tale.wage("before", "2023-02-01", 5, rests_on=3),
        tale.wage("after", "2023-04-01", 6, rests_on=3),
    ]

    assert covered(post(messages, RULES)) == {"2023-02-01": 5, "2023-04-01": 0}


def test_r13_r14_a_gap_is_covered_where_a_later_decision_says_so_and_no_other_gap_is() -> None:
    tale = Tale()
    messages = [
        tale.issued(),
        tale.deactivated("2023-03-01"),
        tale.reactivated("2023-05-01"),
        tale.deactivated("2023-07-01"),
        tale.wage("first gap", "2023-04-15", 4, rests_on=4),
        tale.appeal("2023-04-01"),
        tale.wage("before the appeal's date", "2023-03-31", 5, rests_on=5),
        tale.wage("from it on", "2023-04-01", 6, rests_on=5),
        tale.wage("reactivated", "2023-05-01", 7, rests_on=5),
        tale.wage("deactivated again", "2023-07-01", 8, rests_on=5),
    ]

    done = post(messages, RULES)

    assert decisions(done.entries) == [
        ("wage-paid", 0, 4, "grant-inactive"),
        ("wage-paid", 0, 5, "grant-inactive"),
        ("wage-paid", 6, 0, "within-cap"),
        ("wage-paid", 7, 0, "within-cap"),
        ("wage-paid", 0, 8, "grant-inactive"),
    ]
    assert [case["wage_id"] for entry in done.entries for case in raised(entry)] == [
        identity("first gap")
    ]


def test_r14_an_explanation_names_the_appeal_that_covers() -> None:
    tale = Tale()
    done = post(
        [
            tale.issued("2023-03-01"),
            tale.appeal("2023-02-01", overturns="application-refused"),
            tale.wage("a", "2023-02-15", 5, rests_on=2),
        ],
        RULES,
    )
    (page,) = done.pages.values()

    (entry,) = explain(
        tale.card_no,
        2023,
        journal=journal_rows(done.entries),
        changes=changes_of(page),
        caps=to_caps(rule_rows(RULES)),
        held=(),
    ).entries

    assert entry.rules == ("R1", "R15", "R14")
    assert entry.card_change == CardRule(
        entry_no=2, kind="overturned", effective_on=dt.date(2023, 2, 1)
    )
