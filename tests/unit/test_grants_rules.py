"""The life of a grant, rule by rule (DOMAIN section 12): dates, appeals, reviews."""

import pytest

from services.grants import domain
from services.grants.projections import ReviewDue, reviews_due
from tests.unit.grants_cases import (
    APPLICATION,
    CARD,
    CLOSED,
    DEACTIVATED,
    ISSUED,
    OTHER_CARD,
    REACTIVATED,
    after,
    dates,
    day,
    deactivation_overturned,
    grant,
    outcome,
    received,
    refusal_overturned,
    refused,
)

DEACTIVATED_AGAIN = domain.GrantDeactivated(**dates("2023-07-01"))
OTHER_BEFORE = domain.GrantIssued(**grant(OTHER_CARD, "2020-01-01"))
OFF_AT_ONCE = domain.GrantDeactivated(**dates("2023-01-01"))


def refuse(decided_on: str) -> domain.RefuseApplication:
    return domain.RefuseApplication(
        application_id=APPLICATION, reason="other", decided_on=day(decided_on)
    )


def shapes(citizen: domain.Citizen) -> list[type[domain.Application]]:
    return [type(application) for application in citizen.applications.values()]


@pytest.mark.parametrize(
    ("history", "command", "event"),
    [
        (
            (ISSUED,),
            domain.CloseGrant(**dates("2023-04-01", "2023-03-20"), cause="moved-abroad"),
            domain.GrantClosed(**dates("2023-04-01", "2023-03-20"), cause="moved-abroad"),
        ),
        (
            (ISSUED,),
            domain.GrantDispensation(**dates("2023-04-01", "2023-03-20")),
            domain.DispensationGranted(**dates("2023-04-01", "2023-03-20")),
        ),
        (
            (ISSUED, DEACTIVATED),
            deactivation_overturned("2023-03-01"),
            domain.AppealDecided(
                **dates("2023-03-01", "2023-09-01"),
                outcome="overturned",
                overturns="grant-deactivated",
            ),
        ),
        (
            (),
            domain.ReceiveApplication(
                application_id=APPLICATION,
                municipality_code="751",
                received_on=day("2022-11-01"),
                learned_on=day("2022-11-01"),
            ),
            received(),
        ),
        (
            (received(),),
            domain.RefuseApplication(
                application_id=APPLICATION,
                reason="income-too-high",
                decided_on=day("2022-12-01"),
            ),
            refused(),
        ),
        ((ISSUED,), domain.ReidentifyCitizen(), domain.CitizenReidentified()),
        (
            (ISSUED,),
            domain.TransferGrant(**dates("2023-04-01"), municipality_code="730"),
            domain.GrantTransferred(
                **dates("2023-04-01"), from_municipality_code="751", to_municipality_code="730"
            ),
        ),
        (
            (
                OTHER_BEFORE,
                domain.GrantClosed(**dates("2020-06-01", card_no=OTHER_CARD), cause="death"),
            ),
            domain.IssueGrant(**grant(CARD, "2023-01-01")),
            ISSUED,
        ),
        (
            (ISSUED,),
            domain.ReviewGrant(**dates("2024-04-01", "2024-03-20")),
            domain.GrantReviewed(**dates("2024-04-01", "2024-03-20")),
        ),
        (
            (ISSUED,),
            domain.DeactivateGrant(**dates("2023-03-01", "2023-02-20")),
            domain.GrantDeactivated(**dates("2023-03-01", "2023-02-20")),
        ),
        (
            (ISSUED, DEACTIVATED),
            domain.ReactivateGrant(**dates("2023-05-01", "2023-04-20")),
            domain.GrantReactivated(**dates("2023-05-01", "2023-04-20")),
        ),
        (
            (received(), refused(), ISSUED),
            refusal_overturned("2022-12-01"),
            domain.AppealDecided(
                **dates("2022-12-01", "2023-09-01"),
                outcome="overturned",
                overturns="application-refused",
            ),
        ),
    ],
    ids=[
        "R34: whoever moves abroad has no card from then on",
        "R29: the income condition is waived where the employer has sent the wage to eIndkomst",
        "R14: a deactivation is overturned as of its own day",
        "an application is received",
        "an application is refused, with a reason that is a code",
        "R35: a changed CPR number stands nowhere in the event",
        "R32: the card goes to another municipality as of a day",
        "R15: a card is granted from a day on, beside one that has ended for good",
        "R33: a card is reviewed",
        "R9: a card is deactivated from a day on",
        "R12: a card is reactivated from a day on",
        "R14: a refused application is overturned on the card that was granted",
    ],
)
def test_what_is_decided_says_what_was_asked(
    history: tuple[domain.Event, ...], command: domain.Command, event: domain.Event
) -> None:
    assert domain.decide(command, after(*history)) == event


@pytest.mark.parametrize(
    ("history", "command", "expected"),
    [
        # R9, R12: no change before one that took effect already
        ((ISSUED,), domain.DeactivateGrant(**dates("2023-01-01")), "GrantDeactivated"),
        (
            (ISSUED,),
            domain.DeactivateGrant(**dates("2022-12-31")),
            "effective-before-earlier-change",
        ),
        (
            (ISSUED, DEACTIVATED),
            domain.ReactivateGrant(**dates("2023-02-28")),
            "effective-before-earlier-change",
        ),
        ((ISSUED, DEACTIVATED), domain.ReactivateGrant(**dates("2023-03-01")), "GrantReactivated"),
        # R32: with whom it is already, it is not transferred to
        (
            (ISSUED,),
            domain.TransferGrant(**dates("2023-06-01"), municipality_code="751"),
            "municipality-unchanged",
        ),
        # R34: a closing is not before the card last began to cover, a deactivation is no hindrance
        ((ISSUED,), domain.CloseGrant(**dates("2023-01-01"), cause="death"), "GrantClosed"),
        (
            (ISSUED,),
            domain.CloseGrant(**dates("2022-12-31"), cause="death"),
            "effective-before-earlier-change",
        ),
        (
            (ISSUED, DEACTIVATED),
            domain.CloseGrant(**dates("2023-02-01"), cause="death"),
            "GrantClosed",
        ),
        (
            (ISSUED, DEACTIVATED, REACTIVATED),
            domain.CloseGrant(**dates("2023-04-30"), cause="death"),
            "effective-before-earlier-change",
        ),
        # R14: overturned with effect on a day of the deactivation only
        ((ISSUED, DEACTIVATED), deactivation_overturned("2022-12-31"), "nothing-to-overturn"),
        ((ISSUED, DEACTIVATED), deactivation_overturned("2023-02-28"), "nothing-to-overturn"),
        ((ISSUED, DEACTIVATED), deactivation_overturned("2024-01-01"), "AppealDecided"),
        (
            (ISSUED, DEACTIVATED, REACTIVATED),
            deactivation_overturned("2023-04-30"),
            "AppealDecided",
        ),
        (
            (ISSUED, DEACTIVATED, REACTIVATED),
            deactivation_overturned("2023-05-01"),
            "nothing-to-overturn",
        ),
        # R13: an earlier gap may be appealed too, even once the card was deactivated again
        (
            (ISSUED, DEACTIVATED, REACTIVATED, DEACTIVATED_AGAIN),
            deactivation_overturned("2023-04-30"),
            "AppealDecided",
        ),
        (
            (ISSUED, DEACTIVATED, REACTIVATED, DEACTIVATED_AGAIN),
            deactivation_overturned("2023-06-30"),
            "nothing-to-overturn",
        ),
        (
            (ISSUED, DEACTIVATED, REACTIVATED, DEACTIVATED_AGAIN),
            deactivation_overturned("2023-07-01"),
            "AppealDecided",
        ),
        # R14: a refusal with effect from the application on
        ((received(), refused(), ISSUED), refusal_overturned("2022-11-01"), "AppealDecided"),
        ((received(), refused(), ISSUED), refusal_overturned("2022-10-31"), "nothing-to-overturn"),
        ((received(), refused(), ISSUED), refusal_overturned("2023-01-01"), "AppealDecided"),
        ((received(), refused(), ISSUED), refusal_overturned("2023-01-02"), "nothing-to-overturn"),
        (
            (received(), refused(), ISSUED, OFF_AT_ONCE),
            refusal_overturned("2023-01-01"),
            "nothing-to-overturn",
        ),
        (
            (received(), refused(), ISSUED, OFF_AT_ONCE),
            refusal_overturned("2022-12-31"),
            "AppealDecided",
        ),
        # an application is decided on once it has come
        ((received(),), refuse("2022-11-01"), "ApplicationRefused"),
        (
            (received(),),
            refuse("2022-10-31"),
            "decided-before-received",
        ),
        (
            (),
            domain.ReceiveApplication(
                application_id="new",
                municipality_code="751",
                received_on=day("2023-06-02"),
                learned_on=day("2023-06-01"),
            ),
            "received-in-future",
        ),
    ],
)
def test_dates_bound_what_may_be_decided(
    history: tuple[domain.Event, ...], command: domain.Command, expected: str
) -> None:
    assert outcome(command, after(*history)) == expected


def test_r14_an_overturned_deactivation_makes_the_card_live_as_of_its_date() -> None:
    before = after(ISSUED, DEACTIVATED)

    live = domain.evolve(before, domain.decide(deactivation_overturned("2023-03-01"), before))

    assert live.has_live_card
    assert outcome(domain.IssueGrant(**grant(OTHER_CARD, "2023-06-01")), live) == "grant-exists"
    assert outcome(deactivation_overturned("2023-03-01"), live) == "nothing-to-overturn"
    assert outcome(domain.DeactivateGrant(**dates("2023-06-01")), live) == "GrantDeactivated"


def test_r14_a_refusal_is_overturned_once() -> None:
    before = after(received(), refused(), ISSUED)

    changed = domain.evolve(before, domain.decide(refusal_overturned("2022-12-01"), before))

    assert outcome(refusal_overturned("2022-12-01"), changed) == "nothing-to-overturn"
    assert outcome(refuse("2023-06-01"), changed) == "application-granted"


def test_r14_an_overturned_refusal_lets_the_card_begin_on_its_date() -> None:
    before = after(received(), refused(), ISSUED, DEACTIVATED)

    changed = domain.evolve(before, domain.decide(refusal_overturned("2022-12-01"), before))

    card = changed.cards[CARD]
    assert isinstance(card, domain.InactiveCard)
    assert card.begins_on == day("2022-12-01")
    assert outcome(domain.ReactivateGrant(**dates("2023-03-01")), changed) == "GrantReactivated"


OTHER_ISSUED = domain.GrantIssued(**grant(OTHER_CARD, "2023-05-01"))


@pytest.mark.parametrize(
    ("earlier", "effective_on", "expected"),
    [
        (DEACTIVATED, "2023-02-28", "nothing-to-overturn"),
        (DEACTIVATED, "2023-03-01", "AppealDecided"),
        (CLOSED, "2023-03-31", "nothing-to-overturn"),
        (CLOSED, "2023-04-01", "AppealDecided"),
    ],
    ids=["deactivated since", "deactivated from then", "closed since", "closed from then"],
)
def test_r14_a_refusal_is_overturned_on_the_first_card_granted_since(
    earlier: domain.Event, effective_on: str, expected: str
) -> None:
    citizen = after(received(), refused(), ISSUED, earlier, OTHER_ISSUED)
    appeal = domain.DecideAppeal(
        **dates(effective_on, "2023-09-01", OTHER_CARD),
        outcome="overturned",
        overturns="application-refused",
    )

    assert outcome(appeal, citizen) == expected


def test_r14_a_later_card_is_no_hindrance_to_overturning_on_the_first() -> None:
    citizen = after(received(), refused(), ISSUED, DEACTIVATED, OTHER_ISSUED)

    assert outcome(refusal_overturned("2022-12-01"), citizen) == "AppealDecided"


@pytest.mark.parametrize(
    ("effective_on", "expected"),
    [("2023-04-01", "AppealDecided"), ("2023-07-01", "grant-exists")],
    ids=["an earlier gap", "the last deactivation"],
)
def test_r14_beside_another_live_card_an_appeal_may_mend_a_gap_and_make_no_second_one_live(
    effective_on: str, expected: str
) -> None:
    live = domain.GrantIssued(**grant(OTHER_CARD, "2023-08-01"))
    citizen = after(ISSUED, DEACTIVATED, REACTIVATED, DEACTIVATED_AGAIN, live)

    assert outcome(deactivation_overturned(effective_on), citizen) == expected


def test_r14_of_two_refusals_the_newest_that_had_come_is_overturned() -> None:
    later = "0f7d2a64-9f46-4f0a-9c0a-6c3f1a0b2d11"
    before = after(received(), refused(), received(later, "2022-12-10"), refused(later), ISSUED)

    changed = domain.evolve(before, domain.decide(refusal_overturned("2022-12-01"), before))

    assert shapes(changed) == [domain.GrantedApplication, domain.RefusedApplication]
    appealed_later = domain.decide(refusal_overturned("2022-12-10"), before)
    assert shapes(domain.evolve(before, appealed_later)) == [
        domain.RefusedApplication,
        domain.GrantedApplication,
    ]


def test_an_upheld_appeal_changes_nothing() -> None:
    before = after(ISSUED, DEACTIVATED)

    assert (
        domain.evolve(
            before,
            domain.decide(domain.DecideAppeal(**dates("2023-06-01"), outcome="upheld"), before),
        )
        == before
    )


def test_a_dispensation_changes_no_coverage() -> None:
    before = after(ISSUED)

    assert (
        domain.evolve(
            before, domain.decide(domain.GrantDispensation(**dates("2023-06-01")), before)
        )
        == before
    )


@pytest.mark.parametrize(
    ("history", "event", "municipality_code"),
    [
        ((), ISSUED, "751"),
        ((), received(), "751"),
        ((received(),), refused(), "751"),
        ((received(),), domain.CitizenReidentified(), "751"),
        ((ISSUED,), CLOSED, "751"),
    ],
)
def test_every_event_names_who_is_responsible(
    history: tuple[domain.Event, ...], event: domain.Event, municipality_code: str
) -> None:
    assert domain.responsible_municipality(event, after(*history)) == municipality_code


def test_r32_after_a_transfer_the_new_municipality_answers_for_the_citizen() -> None:
    moved = domain.GrantTransferred(
        **dates("2023-02-01"), from_municipality_code="751", to_municipality_code="730"
    )
    citizen = after(received(), ISSUED, moved)

    assert domain.responsible_municipality(moved, after(ISSUED)) == "751"
    assert domain.responsible_municipality(domain.CitizenReidentified(), citizen) == "730"
    assert domain.responsible_municipality(CLOSED, citizen) == "730"


def test_the_live_card_says_who_is_responsible_whichever_came_last() -> None:
    elsewhere = domain.GrantIssued(**grant(OTHER_CARD, "2023-03-15") | {"municipality_code": "461"})
    back = domain.GrantReactivated(**dates("2023-08-01"))
    other_off = domain.GrantDeactivated(**dates("2023-07-01", card_no=OTHER_CARD))

    both = after(ISSUED, DEACTIVATED, elsewhere)

    assert both.municipality_code == "461"
    assert domain.evolve(domain.evolve(both, other_off), back).municipality_code == "751"


def test_without_a_live_card_the_newest_says_who_is_responsible() -> None:
    elsewhere = grant(OTHER_CARD, "2023-05-01") | {"municipality_code": "461"}
    other_closed = domain.GrantClosed(**dates("2023-07-01", card_no=OTHER_CARD), cause="death")

    citizen = after(received(), ISSUED, CLOSED, domain.GrantIssued(**elsewhere), other_closed)

    assert citizen.municipality_code == "461"


@pytest.mark.parametrize(
    ("reading", "assessed_on", "due_on"),
    [
        ("safe", "2025-01-01", "2026-12-31"),
        ("safe", "2025-12-31", "2026-12-31"),
        ("safe", "2026-03-01", "2027-12-31"),
        ("literal", "2025-01-01", "2027-12-31"),
        ("literal", "2025-12-31", "2027-12-31"),
        ("literal", "2026-03-01", "2028-12-31"),
    ],
)
def test_r33_a_review_is_due_by_the_end_of_a_year(
    reading: domain.ReviewReading, assessed_on: str, due_on: str
) -> None:
    assert domain.review_due_on(reading, day(assessed_on)) == day(due_on)


@pytest.mark.parametrize(
    ("event", "assessed_on"),
    [
        (None, "2023-01-01"),
        (domain.GrantReviewed(**dates("2024-02-01", "2024-01-15")), "2024-01-15"),
        (domain.DispensationGranted(**dates("2024-02-01", "2024-01-15")), "2023-01-01"),
        (
            domain.GrantTransferred(
                **dates("2024-02-01"), from_municipality_code="751", to_municipality_code="730"
            ),
            "2023-01-01",
        ),
    ],
)
def test_r33_issue_and_review_are_what_the_next_review_counts_from(
    event: domain.Event | None, assessed_on: str
) -> None:
    card = after(ISSUED, *([] if event is None else [event])).cards[CARD]

    assert isinstance(card, domain.ActiveCard)
    assert card.assessed_on == day(assessed_on)


def test_r33_a_card_is_issued_when_it_is_decided() -> None:
    issued = domain.GrantIssued(**grant(CARD, "2023-01-01") | {"decided_on": day("2022-12-20")})
    card = after(issued).cards[CARD]

    assert isinstance(card, domain.ActiveCard)
    assert card.assessed_on == day("2022-12-20")


def test_r33_the_live_cards_alone_are_to_be_reviewed_by_whoever_is_responsible() -> None:
    moved = domain.GrantTransferred(
        **dates("2023-02-01"), from_municipality_code="751", to_municipality_code="730"
    )
    other = domain.GrantIssued(**grant(OTHER_CARD, "2025-05-01"))

    assert reviews_due(after(received()), "safe") == []
    assert reviews_due(after(ISSUED, CLOSED), "safe") == []
    assert reviews_due(after(ISSUED, moved), "literal") == [
        ReviewDue(card_no=CARD, municipality_code="730", review_due_on=day("2025-12-31"))
    ]
    assert reviews_due(after(ISSUED, DEACTIVATED, other), "safe") == [
        ReviewDue(card_no=OTHER_CARD, municipality_code="751", review_due_on=day("2026-12-31"))
    ]


def test_r33_a_reactivation_counts_like_an_issue() -> None:
    card = after(ISSUED, DEACTIVATED, domain.GrantReactivated(**dates("2025-02-01"))).cards[CARD]

    assert isinstance(card, domain.ActiveCard)
    assert card.assessed_on == day("2025-02-01")
