"""Each decision in words: every reason, the cap it rests on, the balance before and after."""

import datetime as dt
import re
from collections.abc import Callable, Sequence

import pytest

from deploy.local.settings import REPOSITORY
from frikort_contracts.explanations import (
    AttentionRaisedFor,
    Basis,
    CapInForce,
    CapUsed,
    CardRule,
    ExplainedEntry,
    Explanation,
    YearState,
)
from frikort_contracts.types import ApportionReason
from services.allowance.explain import explain, to_caps
from services.allowance.posting import Posting, Rules
from services.allowance.reasons import (
    GROUNDS,
    NOTHING_LEFT,
    WAITING,
    Facts,
    Ground,
    in_danish,
    in_english,
    why_held,
)
from services.allowance.sweep import CapChange
from services.allowance.sweeps import Sweep
from services.allowance.translate import read
from services.chassis.inbox import Message
from tests.unit.attention_cases import Tale
from tests.unit.explain_cases import (
    basis,
    caps_of_2023,
    changes_of,
    held_rows,
    journal_rows,
    rule_rows,
)
from tests.unit.ledger_cases import CAP_ORE, KNOWN_AT, NOW, Story, caps, identity, post

FACTS = Facts(
    card_no="00123",
    paid_on=dt.date(2023, 2, 1),
    amount_ore=1250_50,
    covered_ore=1000_00,
    excess_ore=250_50,
    room_ore=1000_00,
    limit_ore=20_000_00,
)

CROSSING_RESTS_ON = (
    Basis(source=basis(1), standing="law"),
    Basis(source="LOV 689 af 08/06/2018 med senere ændringer", standing="law"),
    Basis(source="ligningsloven § 7, nr. 32", standing="law"),
    Basis(
        source="no source states that only the excess is an ordinary wage, nor which of two wages "
        "comes first: first recorded, first covered",
        standing="default",
        danish="ingen kilde siger, at kun det overskydende er almindelig løn, eller hvilken af to "
        "lønninger der kommer først: først registreret, først dækket",
    ),
)


def explained(messages: Sequence[Message], rules: Rules, *, year: int | None = None) -> Explanation:
    return explained_of(post(messages, rules), year)


def explained_of(under_way: Posting, year: int | None = None) -> Explanation:
    (page,) = under_way.pages.values()
    return explain(
        "00123",
        year,
        journal=journal_rows(under_way.entries),
        changes=changes_of(page),
        caps=to_caps(rule_rows(under_way.rules)),
        held=held_rows(page),
    )


def told(messages: Sequence[Message], rules: Rules) -> list[tuple[str, str]]:
    return [(entry.danish, entry.english) for entry in explained(messages, rules).entries]


def test_every_reason_of_the_published_language_has_its_words() -> None:
    assert set(GROUNDS) == set(ApportionReason)


@pytest.mark.parametrize("ground", [*GROUNDS.values(), NOTHING_LEFT], ids=lambda g: g.rules[0])
def test_every_reason_is_told_in_both_languages_with_rule_and_basis(ground: Ground) -> None:
    danish, english = in_danish(ground, FACTS), in_english(ground, FACTS)

    assert danish != english
    assert danish.endswith(".")
    assert english.endswith(".")
    assert "{" not in danish + english
    assert all(rule[0] == "R" and 1 <= int(rule[1:]) <= 44 for rule in ground.rules)
    for day in (dt.date(2023, 2, 1), dt.date(2025, 2, 1)):
        assert all(each.source for each in ground.basis(day))
        assert ground.basis(day)


def test_the_auditors_page_lists_every_reason_with_its_rules() -> None:
    page = (REPOSITORY / "docs" / "auditor.md").read_text(encoding="utf-8")
    listed = dict(re.findall(r"^\| `([a-z-]+)` \| (R[^|]+) \|", page, re.MULTILINE))

    rules = {reason.value: re.findall(r"R\d+", listed.get(reason.value, "")) for reason in GROUNDS}
    assert rules == {
        reason.value: [
            *ground.rules,
            *(NOTHING_LEFT.rules if reason is ApportionReason.OVER_CAP else ()),
        ]
        for reason, ground in GROUNDS.items()
    }


def test_dates_and_amounts_are_written_as_people_write_them() -> None:
    inactive = GROUNDS[ApportionReason.GRANT_INACTIVE]

    assert in_danish(inactive, FACTS) == (
        "Intet er dækket: kort 00123 var ikke aktivt den 01-02-2023. Lønnen, 250,50 kr, er "
        "almindelig løn (eIndkomst, A-skat, AM-bidrag)."
    )
    assert in_english(inactive, FACTS) == (
        "Nothing is covered: card 00123 was not active on 2023-02-01. The wage, 250,50 kr, is an "
        "ordinary wage (eIndkomst, A-skat, AM-bidrag)."
    )


def test_a_crossing_wage_is_explained_whole() -> None:
    story = Story()
    messages = [
        story.issued(),
        story.wage("first", "2023-02-01", CAP_ORE - 500_00),
        story.wage("crossing", "2023-03-01", 800_00),
    ]

    (_, crossing) = explained(messages, caps(2023)).entries

    known_at = dt.datetime.fromisoformat(KNOWN_AT)
    hashes = [entry.hash.hex() for entry in post(messages, caps(2023)).entries]
    assert crossing == ExplainedEntry(
        entry_no=3,
        hash=hashes[2],
        kind="wage",
        card_no="00123",
        wage_id=identity("crossing"),
        year=2023,
        paid_on=dt.date(2023, 3, 1),
        known_at=known_at,
        recorded_at=NOW,
        amount_ore=800_00,
        covered_ore=500_00,
        excess_ore=300_00,
        reason=ApportionReason.OVER_CAP,
        danish="Lønnen går over loftet på 20.000,00 kr i 2023: de 500,00 kr, der var tilbage, er "
        "dækket. Resten, 300,00 kr, er almindelig løn (eIndkomst, A-skat, AM-bidrag).",
        english="The wage crosses the cap of 20.000,00 kr in 2023: the 500,00 kr that was left is "
        "covered. The rest, 300,00 kr, is an ordinary wage (eIndkomst, A-skat, AM-bidrag).",
        rules=("R17", "R19"),
        basis=CROSSING_RESTS_ON,
        limit_ore=CAP_ORE,
        cap=CapUsed(
            rule_version=1,
            amount_ore=CAP_ORE,
            in_force_from=dt.date(2023, 1, 1),
            known_at=dt.datetime(2018, 6, 8, tzinfo=dt.UTC),
            legal_basis=basis(1),
        ),
        before=YearState(covered_ore=CAP_ORE - 500_00, excess_ore=0, remaining_ore=500_00),
        after=YearState(covered_ore=CAP_ORE, excess_ore=300_00, remaining_ore=0),
        card_change=CardRule(entry_no=1, kind="issued", effective_on=dt.date(2023, 1, 1)),
    )


def test_balances_before_and_after_run_on_through_a_reversal_and_by_year() -> None:
    story = Story()
    messages = [
        story.issued(),
        story.wage("a", "2023-02-01", CAP_ORE + 100),
        story.wage("b", "2024-02-01", 700),
        story.reversal("a", "2023-02-01", CAP_ORE + 100),
        story.wage("c", "2023-04-01", 50),
    ]

    entries = explained(messages, caps(2023, 2024)).entries

    states = [(e.year, e.before.covered_ore, e.after.covered_ore) for e in entries]
    assert states == [
        (2023, 0, CAP_ORE),
        (2024, 0, 700),
        (2023, CAP_ORE, 0),
        (2023, 0, 50),
    ]
    reversal = entries[2]
    assert (reversal.kind, reversal.rules) == ("reversal", ("R5",))
    assert (reversal.covered_ore, reversal.excess_ore) == (-CAP_ORE, -100)
    assert reversal.english == (
        "The wage of 20.001,00 kr was taken back: 20.000,00 kr covered and 1,00 kr ordinary wage "
        "are given back in 2023, the year in which it was paid."
    )


def test_r18_a_cap_that_was_used_up_reads_otherwise_than_one_crossed() -> None:
    story = Story()
    messages = [
        story.issued(),
        story.wage("all", "2023-02-01", CAP_ORE),
        story.wage("none", "2023-03-01", 100),
    ]

    danish, english = told(messages, caps(2023))[1]

    assert danish.startswith("Intet er dækket: loftet på 20.000,00 kr i 2023 var brugt op.")
    assert english.startswith("Nothing is covered: the cap of 20.000,00 kr in 2023 was used up.")


@pytest.mark.parametrize(
    ("turn", "paid_on", "rules"),
    [
        (Tale.deactivated, "2023-03-01", ("R9", "R13")),
        (Tale.reactivated, "2023-03-01", ("R1", "R15", "R12")),
        (Tale.closed, "2023-03-01", ("R9", "R13", "R34")),
    ],
    ids=["deactivated", "reactivated", "closed"],
)
def test_r12_r34_what_ruled_the_card_is_a_rule_that_the_decision_follows(
    turn: Callable[[Tale, str], Message], paid_on: str, rules: tuple[str, ...]
) -> None:
    story = Tale()
    messages = [story.issued(), turn(story, paid_on), story.wage("a", paid_on, 5, rests_on=2)]

    (entry,) = explained(messages, caps(2023)).entries

    assert entry.rules == rules


def test_r22_the_basis_is_of_the_cap_that_decided_not_of_a_later_one() -> None:
    story = Story()
    messages = [
        story.issued(),
        story.wage("june", "2023-05-01", 100, known_at=dt.datetime(2023, 6, 30, 12, tzinfo=dt.UTC)),
        story.wage("july", "2023-05-01", 100, known_at=dt.datetime(2023, 7, 1, 12, tzinfo=dt.UTC)),
    ]

    entries = explained(messages, caps_of_2023()).entries

    cited = [(e.limit_ore, e.cap and e.cap.rule_version, e.basis[0].source) for e in entries]
    assert cited == [(20_000_00, 1, basis(1)), (40_000_00, 2, basis(2))]


def test_a_cap_set_after_the_decision_does_not_explain_it() -> None:
    story = Story()
    only_the_first = Rules(1, {2023: caps_of_2023().caps[2023][:1]})
    messages = [story.issued(), story.wage("late", "2023-08-01", 100)]
    entries = post(messages, only_the_first).entries

    found = explain(
        "00123",
        2023,
        journal=journal_rows(entries),
        changes=None,
        caps=to_caps(rule_rows(caps_of_2023())),
        held=(),
    )

    (late,) = found.entries
    assert late.cap is not None
    assert (late.limit_ore, late.cap.rule_version) == (20_000_00, 1)


def test_what_no_cap_decided_cites_no_cap() -> None:
    story = Story()
    messages = [story.issued("2025-02-01"), story.wage("early", "2025-01-31", 100)]

    (early,) = explained(messages, caps(2025)).entries

    assert (early.reason, early.rules) == (ApportionReason.BEFORE_GRANT, ("R7",))
    assert [each.source for each in early.basis] == [
        "LOV 616 af 11/06/2024 § 2",
        "bevillingsbrevets dato (Faaborg-Midtfyn Kommune)",
    ]


def test_wages_that_wait_are_shown_with_their_reason_and_year() -> None:
    story = Story()
    messages = [
        story.issued(),
        story.wage("next year", "2024-02-01", 900_00),
        story.wage("ahead", "2023-02-01", 800_00, rests_on=2),
    ]

    found = explained(messages, caps(2023), year=2024).waiting
    everything = explained(messages, caps(2023)).waiting

    assert [(w.wage_id, w.paid_on, w.amount_ore, w.reason) for w in found] == [
        (identity("next year"), dt.date(2024, 2, 1), 900_00, "cap-unknown")
    ]
    assert [w.reason for w in everything] == ["cap-unknown", "grants-behind"]
    assert found[0].danish == "Den venter på, at årets loft bliver fastsat."
    assert found[0].english == "It waits until the cap of its year is set."


def test_what_is_set_aside_says_that_a_person_must_look() -> None:
    words = {why_held(reason, parked=False) for reason in WAITING}

    assert why_held("version-gap", parked=True) == why_held("never-heard-of", parked=False)
    assert why_held("version-gap", parked=True) not in words


def test_a_held_message_that_nobody_can_read_is_left_out_or_shown_bare() -> None:
    unreadable = {"reason": "payload-unreadable", "parked": True, "held_at": NOW}
    held = [
        unreadable | {"headers": b"no json", "value": b"x"},
        unreadable | {"headers": b'{"ce_type":"employment-ended"}', "value": b"{}"},
        unreadable | {"headers": b'{"ce_type":"wage-paid"}', "value": b'{"paid_on":"2023-02-30"}'},
        unreadable | {"headers": b'{"ce_type":"wage-paid"}', "value": None},
    ]

    found = explain("00123", 2023, journal=(), changes=None, caps=to_caps(()), held=held).waiting

    assert [(w.kind, w.paid_on, w.parked) for w in found] == [("wage", None, True)] * 2


def test_the_change_that_ruled_the_card_is_named_as_the_wage_knew_it() -> None:
    story = Story()
    messages = [
        story.issued("2023-02-01"),
        story.wage("early", "2023-01-31", 100),
        story.deactivated("2023-03-01"),
        story.wage("unaware", "2023-03-01", 100, rests_on=1),
        story.wage("inactive", "2023-03-01", 100, rests_on=2),
        story.reversal("inactive", "2023-03-01", 100, rests_on=2),
    ]

    entries = explained(messages, caps(2023)).entries

    found = [e.card_change and (e.card_change.entry_no, e.card_change.kind) for e in entries]
    assert found == [None, (1, "issued"), (3, "deactivated"), None]


def test_a_person_asked_to_look_is_named_whichever_entry_raised_it() -> None:
    story = Story()
    messages = [
        story.issued("2023-02-01"),
        story.wage("covered", "2023-03-02", 100),
        story.deactivated("2023-03-01"),
        story.wage("unaware", "2023-03-03", 100, rests_on=1),
    ]

    entries = explained(messages, caps(2023)).entries

    found = [[(case.entry_no, case.code) for case in e.attention] for e in entries]
    assert found == [[(3, "grant-changed-since")], [(4, "grant-changed-since")]]


def test_r22_a_cap_that_came_into_force_stands_between_the_decisions() -> None:
    story, rules = Story(), caps_of_2023()
    in_may = dt.datetime(2023, 5, 2, tzinfo=dt.UTC)
    over = story.wage("over", "2023-05-01", CAP_ORE + 70, known_at=in_may)
    under_way = post([story.issued(), over], rules)
    (page,) = under_way.pages.values()
    raised = CapChange(2, 2023, CAP_ORE, 2 * CAP_ORE)
    rule = {
        "id": identity("rule"),
        "key": "cap:2023",
        "type": "annual-cap-set",
        "version": 2,
        "known_at": "2023-06-01T00:00:00.000000Z",
        "payload": {"year": 2023},
    }
    known_at = dt.datetime(2023, 6, 1, tzinfo=dt.UTC)
    sweep = Sweep(change=raised, rule=rule, known_at=known_at, reached=None)
    under_way.enter_cap(page, sweep.to_received(page, "751"), raised)
    under_way.receive(read(story.wage("after", "2023-08-01", 10)))

    found = explained_of(under_way, 2023)

    assert [(e.entry_no, e.after.remaining_ore) for e in found.entries] == [
        (2, 0),
        (4, CAP_ORE - 10),
    ]
    assert found.caps == (
        CapInForce(
            entry_no=3,
            hash=under_way.entries[2].hash.hex(),
            recorded_at=NOW,
            year=2023,
            cap=to_caps(rule_rows(rules)).used(rules.caps_of(2023)[1]),
            attention=(AttentionRaisedFor(entry_no=3, code="cap-changed-excess"),),
        ),
    )
