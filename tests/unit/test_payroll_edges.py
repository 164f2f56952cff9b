"""Edges of payroll's days: the last one of an employment, and what is confirmed when told."""

import datetime as dt

from services.payroll.domain import (
    Citizen,
    ConfirmRegistration,
    Employment,
    ExternalRegistrationConfirmed,
    PaidWage,
    decide,
)

DAY = dt.date(2023, 3, 31)


def test_an_employment_includes_its_first_and_last_day() -> None:
    employment = Employment(card_no="00123", cvr="25313763", starts_on=DAY, ends_on=DAY)

    assert employment.includes(DAY)
    assert not employment.includes(DAY + dt.timedelta(days=1))
    assert not employment.includes(DAY - dt.timedelta(days=1))


def test_a_registration_may_be_confirmed_on_the_day_it_is_told() -> None:
    wage = PaidWage(employment_id="e1", card_no="00123", paid_on=DAY, amount_ore=1)
    command = ConfirmRegistration(wage_id="w1", confirmed_on=DAY, learned_on=DAY, grants_version=1)

    assert decide(command, Citizen({}, {"w1": wage})) == ExternalRegistrationConfirmed(
        card_no="00123", grants_version=1, wage_id="w1", confirmed_on=DAY
    )
