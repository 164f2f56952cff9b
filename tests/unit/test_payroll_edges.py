"""Edges of payroll's days: the last one of an employment, and what is confirmed when told."""

import datetime as dt

from frikort_contracts.types import PaymentMethod
from services.payroll.domain import (
    Citizen,
    ConfirmRegistration,
    Employment,
    ExternalRegistrationConfirmed,
    PaidWage,
    RegisterWage,
    decide,
)
from services.payroll.warnings import Card, warn_about

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


def test_r2_a_wage_paid_on_1_january_is_one_of_the_new_year() -> None:
    last_of_january, new_year = dt.date(2023, 1, 31), dt.date(2023, 1, 1)
    work = Employment(card_no="00123", cvr="25313763", starts_on=dt.date(2022, 6, 1), ends_on=None)
    earlier = PaidWage(employment_id="e1", card_no="00123", paid_on=new_year, amount_ore=1)
    command = RegisterWage(
        card_no="00123",
        grants_version=1,
        wage_id="w2",
        employment_id="e1",
        cvr="25313763",
        paid_on=last_of_january,
        amount_ore=2,
        holiday_pay_ore=0,
        pension_ore=0,
        payment_method=PaymentMethod.BANK,
        today=last_of_january,
        learned_on=last_of_january,
    )
    card = Card(citizen_id="anna", valid_from=dt.date(2022, 6, 1))

    assert warn_about(command, Citizen({"e1": work}, {}), card) == ("year-crossing",)
    assert warn_about(command, Citizen({"e1": work}, {"w1": earlier}), card) == ()
