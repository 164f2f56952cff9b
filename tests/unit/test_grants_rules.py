"""The life of a grant, rule by rule (DOMAIN section 12): what is decided, and who answers."""

import pytest

from services.grants import domain
from tests.unit.grants_cases import (
    APPLICATION,
    CARD,
    CLOSED,
    DEACTIVATED,
    DEACTIVATED_AGAIN,
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
    refuse,
    refused,
)

OTHER_BEFORE = domain.GrantIssued(**grant(OTHER_CARD, "2020-01-01"))
OFF_AT_ONCE = domain.GrantDeactivated(**dates("2023-01-01"))


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
