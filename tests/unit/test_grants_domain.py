"""The life of a grant: what each state says to each command, rule by rule (DOMAIN section 12)."""

import datetime as dt
import itertools
from typing import Any

import pytest

from frikort_contracts.types import AgeGroup, Benefit
from services.chassis.errors import Rejection
from services.grants import domain
from services.grants.cpr import CitizenUnder18, birth_date, check_adult

CARD, OTHER_CARD, UNKNOWN_CARD = "04817", "04818", "04899"
APPLICATION = "ff4377af-fc5c-47be-8f75-393ec85fe393"


def day(text: str) -> dt.date:
    return dt.date.fromisoformat(text)


def dates(effective_on: str, decided_on: str | None = None, card_no: str = CARD) -> dict[str, Any]:
    """Make what every decision about a card says; decided on the day it takes effect."""
    return {
        "card_no": card_no,
        "effective_on": day(effective_on),
        "decided_on": day(decided_on or effective_on),
    }


def grant(card_no: str, valid_from: str) -> dict[str, Any]:
    return {
        "card_no": card_no,
        "municipality_code": "751",
        "valid_from": day(valid_from),
        "decided_on": day(valid_from),
        "benefit": Benefit.KONTANTHJAELP,
        "age_group": AgeGroup.FROM_30,
    }


def received(application_id: str = APPLICATION, on: str = "2022-11-01") -> domain.Event:
    return domain.ApplicationReceived(
        application_id=application_id, municipality_code="751", received_on=day(on)
    )


def refused(application_id: str = APPLICATION) -> domain.Event:
    return domain.ApplicationRefused(
        application_id=application_id, reason="income-too-high", decided_on=day("2022-12-01")
    )


ISSUED = domain.GrantIssued(**grant(CARD, "2023-01-01"))
DEACTIVATED = domain.GrantDeactivated(**dates("2023-03-01"))
REACTIVATED = domain.GrantReactivated(**dates("2023-05-01"))
CLOSED = domain.GrantClosed(**dates("2023-04-01"), cause="moved-abroad")
HISTORIES: dict[str, tuple[domain.Event, ...]] = {
    "no card": (received(),),
    "active": (received(), ISSUED),
    "inactive": (received(), ISSUED, DEACTIVATED),
    "reactivated": (received(), ISSUED, DEACTIVATED, REACTIVATED),
    "inactive, another live": (
        received(),
        ISSUED,
        DEACTIVATED,
        domain.GrantIssued(**grant(OTHER_CARD, "2023-03-15")),
    ),
    "closed": (received(), ISSUED, CLOSED),
    "refused": (received(), refused()),
    "refused, then active": (received(), refused(), ISSUED),
}
"""What a citizen's history left: the states there are, each by the shortest way to it."""
COMMANDS: dict[str, domain.Command] = {
    "issue": domain.IssueGrant(**grant(OTHER_CARD, "2023-06-01")),
    "review": domain.ReviewGrant(**dates("2023-06-01")),
    "deactivate": domain.DeactivateGrant(**dates("2023-06-01")),
    "reactivate": domain.ReactivateGrant(**dates("2023-06-01")),
    "transfer": domain.TransferGrant(**dates("2023-06-01"), municipality_code="730"),
    "close": domain.CloseGrant(**dates("2023-06-01"), cause="death"),
    "dispense": domain.GrantDispensation(**dates("2023-06-01")),
    "uphold": domain.DecideAppeal(**dates("2023-06-01"), outcome="upheld"),
    "overturn deactivation": domain.DecideAppeal(
        **dates("2023-03-01", "2023-06-01"), outcome="overturned", overturns="grant-deactivated"
    ),
    "overturn refusal": domain.DecideAppeal(
        **dates("2022-12-01", "2023-06-01"), outcome="overturned", overturns="application-refused"
    ),
    "receive": domain.ReceiveApplication(
        application_id="new",
        municipality_code="751",
        received_on=day("2023-06-01"),
        learned_on=day("2023-06-01"),
    ),
    "refuse": domain.RefuseApplication(
        application_id=APPLICATION, reason="other", decided_on=day("2023-06-01")
    ),
    "reidentify": domain.ReidentifyCitizen(),
}
NO_CARD = dict.fromkeys(COMMANDS, "card-unknown")
CLOSED_CARD = dict.fromkeys(COMMANDS, "grant-closed")
OF_A_CARD = {
    "review": "GrantReviewed",
    "transfer": "GrantTransferred",
    "close": "GrantClosed",
    "dispense": "DispensationGranted",
    "uphold": "AppealDecided",
}
OF_A_CITIZEN = {
    "receive": "ApplicationReceived",
    "refuse": "application-granted",
    "reidentify": "CitizenReidentified",
}
OUTCOMES: dict[str, dict[str, str]] = {
    "no card": NO_CARD | OF_A_CITIZEN | {"issue": "GrantIssued", "refuse": "ApplicationRefused"},
    "active": OF_A_CARD
    | OF_A_CITIZEN
    | {
        "issue": "grant-exists",
        "deactivate": "GrantDeactivated",
        "reactivate": "grant-active",
        "overturn deactivation": "nothing-to-overturn",
        "overturn refusal": "nothing-to-overturn",
    },
    "inactive": OF_A_CARD
    | OF_A_CITIZEN
    | {
        "issue": "GrantIssued",
        "deactivate": "grant-inactive",
        "reactivate": "GrantReactivated",
        "overturn deactivation": "AppealDecided",
        "overturn refusal": "nothing-to-overturn",
    },
    "reactivated": OF_A_CARD
    | OF_A_CITIZEN
    | {
        "issue": "grant-exists",
        "deactivate": "GrantDeactivated",
        "reactivate": "grant-active",
        "overturn deactivation": "AppealDecided",
        "overturn refusal": "nothing-to-overturn",
    },
    "inactive, another live": OF_A_CARD
    | OF_A_CITIZEN
    | {
        "issue": "card-number-taken",
        "deactivate": "grant-inactive",
        "reactivate": "grant-exists",
        "overturn deactivation": "grant-exists",
        "overturn refusal": "nothing-to-overturn",
    },
    "closed": CLOSED_CARD | OF_A_CITIZEN | {"issue": "GrantIssued"},
    "refused": NO_CARD
    | OF_A_CITIZEN
    | {"issue": "GrantIssued", "refuse": "application-already-refused"},
    "refused, then active": OF_A_CARD
    | OF_A_CITIZEN
    | {
        "issue": "grant-exists",
        "deactivate": "GrantDeactivated",
        "reactivate": "grant-active",
        "overturn deactivation": "nothing-to-overturn",
        "overturn refusal": "AppealDecided",
        "refuse": "application-already-refused",
    },
}
"""The event, or the code of the refusal, for every pair of a state and a command."""


def after(*events: domain.Event) -> domain.Citizen:
    citizen = domain.Citizen()
    for event in events:
        citizen = domain.evolve(citizen, event)
    return citizen


def outcome(command: domain.Command, citizen: domain.Citizen) -> str:
    """Name the event that was decided, or the code of the refusal."""
    try:
        return type(domain.decide(command, citizen)).__name__
    except Rejection as rejection:
        return rejection.code


def deactivation_overturned(effective_on: str) -> domain.DecideAppeal:
    return domain.DecideAppeal(
        **dates(effective_on, "2023-09-01"), outcome="overturned", overturns="grant-deactivated"
    )


def refusal_overturned(effective_on: str) -> domain.DecideAppeal:
    return domain.DecideAppeal(
        **dates(effective_on, "2023-09-01"), outcome="overturned", overturns="application-refused"
    )


@pytest.mark.parametrize(("state", "command"), list(itertools.product(HISTORIES, COMMANDS)))
def test_every_state_answers_every_command(state: str, command: str) -> None:
    assert outcome(COMMANDS[command], after(*HISTORIES[state])) == OUTCOMES[state][command]


def test_the_table_has_a_row_for_every_command_and_every_shape_of_a_card() -> None:
    shapes = {type(card) for events in HISTORIES.values() for card in after(*events).cards.values()}

    assert {type(command) for command in COMMANDS.values()} == set(domain.Command.__args__)
    assert shapes == set(domain.Card.__args__)


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
        # R14: a refusal with effect from the application on, and no later than the card
        ((received(), refused(), ISSUED), refusal_overturned("2022-11-01"), "AppealDecided"),
        ((received(), refused(), ISSUED), refusal_overturned("2022-10-31"), "nothing-to-overturn"),
        ((received(), refused(), ISSUED), refusal_overturned("2023-01-01"), "AppealDecided"),
        (
            (received(), refused(), ISSUED),
            refusal_overturned("2023-01-02"),
            "effective-after-grant",
        ),
        # an application is decided on once it has come
        (
            (received(),),
            domain.RefuseApplication(
                application_id=APPLICATION, reason="other", decided_on=day("2022-10-31")
            ),
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
    assert outcome(COMMANDS["issue"], live) == "grant-exists"
    assert outcome(deactivation_overturned("2023-03-01"), live) == "nothing-to-overturn"
    assert outcome(COMMANDS["deactivate"], live) == "GrantDeactivated"


def test_r13_an_appeal_about_an_earlier_gap_leaves_a_later_deactivation_standing() -> None:
    again = domain.GrantDeactivated(**dates("2023-07-01"))
    before = after(ISSUED, DEACTIVATED, REACTIVATED, again)

    changed = domain.evolve(before, domain.decide(deactivation_overturned("2023-03-01"), before))

    assert not changed.has_live_card
    assert outcome(domain.ReactivateGrant(**dates("2023-08-01")), changed) == "GrantReactivated"
    assert outcome(deactivation_overturned("2023-03-01"), changed) == "nothing-to-overturn"
    assert outcome(deactivation_overturned("2023-07-01"), changed) == "AppealDecided"


def test_r13_an_earlier_gap_is_overturned_while_another_card_is_live() -> None:
    again = domain.GrantDeactivated(**dates("2023-07-01"))
    other = domain.GrantIssued(**grant(OTHER_CARD, "2023-08-01"))
    citizen = after(ISSUED, DEACTIVATED, REACTIVATED, again, other)

    assert outcome(deactivation_overturned("2023-04-01"), citizen) == "AppealDecided"
    assert outcome(deactivation_overturned("2023-07-01"), citizen) == "grant-exists"


def test_r14_a_refusal_is_overturned_once() -> None:
    before = after(received(), refused(), ISSUED)

    changed = domain.evolve(before, domain.decide(refusal_overturned("2022-12-01"), before))

    assert outcome(refusal_overturned("2022-12-01"), changed) == "nothing-to-overturn"
    assert outcome(COMMANDS["refuse"], changed) == "application-granted"
    assert outcome(domain.CloseGrant(**dates("2022-12-15"), cause="death"), changed) == (
        "effective-before-earlier-change"
    )


def test_r14_of_two_refusals_the_newest_that_had_come_is_overturned() -> None:
    later = "0f7d2a64-9f46-4f0a-9c0a-6c3f1a0b2d11"
    before = after(received(), refused(), received(later, "2022-12-10"), refused(later), ISSUED)

    changed = domain.evolve(before, domain.decide(refusal_overturned("2022-12-01"), before))

    assert isinstance(changed.applications[APPLICATION], domain.GrantedApplication)
    assert isinstance(changed.applications[later], domain.RefusedApplication)


def test_an_upheld_appeal_changes_nothing() -> None:
    before = after(ISSUED, DEACTIVATED)

    assert domain.evolve(before, domain.decide(COMMANDS["uphold"], before)) == before


def test_a_dispensation_changes_no_coverage() -> None:
    before = after(ISSUED)

    assert domain.evolve(before, domain.decide(COMMANDS["dispense"], before)) == before


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


def test_r33_a_reactivation_counts_like_an_issue() -> None:
    card = after(ISSUED, DEACTIVATED, domain.GrantReactivated(**dates("2025-02-01"))).cards[CARD]

    assert isinstance(card, domain.ActiveCard)
    assert card.assessed_on == day("2025-02-01")


@pytest.mark.parametrize(
    ("cpr", "born"),
    [
        ("0101000000", "1900-01-01"),
        ("3112993999", "1999-12-31"),
        ("0101364000", "2036-01-01"),
        ("0101374000", "1937-01-01"),
        ("0101575000", "2057-01-01"),
        ("0101585000", "1858-01-01"),
        ("0101578999", "2057-01-01"),
        ("0101588999", "1858-01-01"),
        ("0101369000", "2036-01-01"),
        ("0101379000", "1937-01-01"),
        ("6101801234", "1980-01-01"),
        ("9112801234", "1980-12-31"),
    ],
)
def test_a_cpr_number_tells_the_birth_date(cpr: str, born: str) -> None:
    assert birth_date(cpr) == day(born)


@pytest.mark.parametrize(
    ("cpr", "adult_on"),
    [("1506054000", "2023-06-15"), ("7506054000", "2023-06-15"), ("2902044000", "2022-03-01")],
)
def test_r34_a_card_is_valid_from_the_18th_birthday_at_the_earliest(
    cpr: str, adult_on: str
) -> None:
    check_adult(cpr, day(adult_on))
    with pytest.raises(CitizenUnder18) as refused_as:
        check_adult(cpr, day(adult_on) - dt.timedelta(days=1))

    assert refused_as.value.code == "citizen-under-18"
