"""Appeals about a card: of which decision, with effect from when, and what follows (R14)."""

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

OTHER_ISSUED = domain.GrantIssued(**grant(OTHER_CARD, "2023-05-01"))


def shapes(citizen: domain.Citizen) -> list[type[domain.Application]]:
    return [type(application) for application in citizen.applications.values()]


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

    assert changed.applications == {
        APPLICATION: domain.GrantedApplication(
            municipality_code="751", received_on=day("2022-11-01")
        )
    }
    assert outcome(refusal_overturned("2022-12-01"), changed) == "nothing-to-overturn"
    assert outcome(refuse("2023-06-01"), changed) == "application-granted"


def test_r14_an_overturned_refusal_lets_the_card_begin_on_its_date() -> None:
    before = after(received(), refused(), ISSUED, DEACTIVATED)

    changed = domain.evolve(before, domain.decide(refusal_overturned("2022-12-01"), before))

    card = changed.cards[CARD]
    assert isinstance(card, domain.InactiveCard)
    assert card.begins_on == day("2022-12-01")
    assert outcome(domain.ReactivateGrant(**dates("2023-03-01")), changed) == "GrantReactivated"


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


def test_r14_who_may_not_overturn_on_a_later_card_is_told_of_the_earlier_one() -> None:
    citizen = after(received(), refused(), ISSUED, DEACTIVATED, OTHER_ISSUED)
    appeal = domain.DecideAppeal(
        **dates("2023-02-28", "2023-09-01", OTHER_CARD),
        outcome="overturned",
        overturns="application-refused",
    )

    with pytest.raises(domain.NothingToOverturn, match=f"^card {CARD} was granted before card "):
        domain.decide(appeal, citizen)


def test_who_would_make_a_second_card_live_is_told_what_to_do_first() -> None:
    live = domain.GrantIssued(**grant(OTHER_CARD, "2023-08-01"))
    citizen = after(ISSUED, DEACTIVATED, live)

    with pytest.raises(domain.GrantExists, match=r"deactivate it first$"):
        domain.decide(deactivation_overturned("2023-04-01"), citizen)


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


def test_a_citizen_of_another_number_keeps_cards_and_applications() -> None:
    before = after(received(), ISSUED)

    assert domain.evolve(before, domain.CitizenReidentified()) == before
