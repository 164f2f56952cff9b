"""A citizen's grants for tests of their domain: dates, events, and what a command comes to."""

import datetime as dt
from typing import Any

from frikort_contracts.types import AgeGroup, Benefit
from services.chassis.errors import Rejection
from services.grants import domain

CARD, OTHER_CARD = "04817", "04818"
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
DEACTIVATED_AGAIN = domain.GrantDeactivated(**dates("2023-07-01"))
CLOSED = domain.GrantClosed(**dates("2023-04-01"), cause="moved-abroad")


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
        refusal = rejection
    assert "None" not in str(refusal)  # every value that it tells is there
    return refusal.code


def deactivation_overturned(effective_on: str) -> domain.DecideAppeal:
    return domain.DecideAppeal(
        **dates(effective_on, "2023-09-01"), outcome="overturned", overturns="grant-deactivated"
    )


def refuse(decided_on: str) -> domain.RefuseApplication:
    return domain.RefuseApplication(
        application_id=APPLICATION, reason="other", decided_on=day(decided_on)
    )


def refusal_overturned(effective_on: str) -> domain.DecideAppeal:
    return domain.DecideAppeal(
        **dates(effective_on, "2023-09-01"), outcome="overturned", overturns="application-refused"
    )
