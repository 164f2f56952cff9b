"""Employments and wages, decided: given a history, when a command, then an event or a refusal."""

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest

from services.chassis.errors import Rejection
from services.payroll.domain import (
    Citizen,
    Command,
    ConfirmRegistration,
    EmploymentEnded,
    EmploymentRegistered,
    EndEmployment,
    Event,
    ExternalRegistrationConfirmed,
    MisreportWage,
    RegisterEmployment,
    RegisterWage,
    ReverseWage,
    WageMisreported,
    WagePaid,
    WageReversed,
    decide,
    evolve,
)
from services.payroll.refusals import (
    AlreadyMisreported,
    AlreadyReversed,
    ConfirmedInFuture,
    EmploymentCardMismatch,
    EmploymentCvrMismatch,
    EndsBeforeStart,
    EndUnchanged,
    FoundInFuture,
    RegisteredBeforePaid,
    WageInFuture,
)
from services.payroll.translate import CODEC
from services.payroll.warnings import Card, CardChange, warn_about

TODAY = dt.date(2023, 5, 31)
EMPLOY = RegisterEmployment(
    card_no="01234",
    grants_version=1,
    employment_id="e1",
    cvr="10150817",
    sector="cleaning",
    starts_on=dt.date(2023, 1, 2),
    ends_on=dt.date(2023, 4, 28),
)
EMPLOYED = EmploymentRegistered(
    card_no="01234",
    grants_version=1,
    employment_id="e1",
    cvr="10150817",
    sector="cleaning",
    starts_on=dt.date(2023, 1, 2),
    ends_on=dt.date(2023, 4, 28),
)
PAID = WagePaid(
    card_no="01234",
    grants_version=2,
    wage_id="w1",
    employment_id="e1",
    paid_on=dt.date(2023, 3, 31),
    amount_ore=150_000,
)
REVERSED = WageReversed(
    card_no="01234",
    grants_version=2,
    wage_id="w1",
    paid_on=dt.date(2023, 3, 31),
    amount_ore=150_000,
    reversed_on=dt.date(2023, 4, 3),
)
REGISTER_WAGE = RegisterWage(
    card_no="01234",
    grants_version=2,
    wage_id="w1",
    employment_id="e1",
    paid_on=dt.date(2023, 3, 31),
    amount_ore=150_000,
    cvr="10150817",
    today=TODAY,
    learned_on=TODAY,
)
REVERSE = ReverseWage(wage_id="w1", reversed_on=dt.date(2023, 4, 3), grants_version=2)
MISREPORT = MisreportWage(
    wage_id="w1", found_on=dt.date(2023, 4, 11), learned_on=TODAY, grants_version=3
)
MISREPORTED = WageMisreported(
    card_no="01234", grants_version=3, wage_id="w1", found_on=dt.date(2023, 4, 11)
)
CONFIRM = ConfirmRegistration(
    wage_id="w1", confirmed_on=dt.date(2023, 4, 12), learned_on=TODAY, grants_version=3
)
CONFIRMED = ExternalRegistrationConfirmed(
    card_no="01234", grants_version=3, wage_id="w1", confirmed_on=dt.date(2023, 4, 12)
)
CARD = Card(citizen_id="c1", valid_from=dt.date(2023, 1, 1))


def given(*history: Event) -> Citizen:
    citizen = Citizen()
    for event in history:
        citizen = evolve(citizen, event)
    return citizen


def refused(command: Command, *history: Event) -> type[Rejection]:
    with pytest.raises(Rejection) as caught:
        decide(command, given(*history))
    assert "None" not in str(caught.value)  # every value that it tells is there
    return caught.type


def test_employment_may_start_before_anything_is_known_about_it() -> None:
    assert decide(EMPLOY, given()) == EMPLOYED


def test_wage_is_recorded_as_it_was_paid() -> None:
    assert decide(REGISTER_WAGE, given(EMPLOYED)) == PAID


def test_who_attested_and_what_is_pension_are_recorded_as_they_were_told() -> None:
    attested = replace(EMPLOY, consultant="b7", unsubsidised_attested=True)
    in_parts = replace(REGISTER_WAGE, pension_ore=8, holiday_pay_ore=12)

    assert decide(attested, given()) == replace(
        EMPLOYED, consultant="b7", unsubsidised_attested=True
    )
    assert decide(in_parts, given(EMPLOYED)) == replace(PAID, pension_ore=8, holiday_pay_ore=12)


def test_wage_paid_today_is_taken() -> None:
    today = replace(REGISTER_WAGE, paid_on=TODAY)

    assert decide(today, given(EMPLOYED)) == replace(PAID, paid_on=TODAY)


def test_wage_paid_tomorrow_is_refused() -> None:
    tomorrow = replace(REGISTER_WAGE, paid_on=TODAY + dt.timedelta(days=1))

    assert refused(tomorrow, EMPLOYED) is WageInFuture


def test_wage_cannot_have_been_learned_before_it_was_paid() -> None:
    early = replace(REGISTER_WAGE, learned_on=dt.date(2023, 3, 30))

    assert refused(early, EMPLOYED) is RegisteredBeforePaid


@pytest.mark.parametrize(
    ("changed", "refusal"),
    [({"card_no": "43210"}, EmploymentCardMismatch), ({"cvr": "31119103"}, EmploymentCvrMismatch)],
)
def test_wage_and_its_employment_name_the_same_card_and_employer(
    changed: dict[str, Any], refusal: type[Rejection]
) -> None:
    assert refused(replace(REGISTER_WAGE, **changed), EMPLOYED) is refusal
    assert refusal.field == next(iter(changed))


def test_reversal_names_the_wage_that_it_takes_back() -> None:
    assert decide(REVERSE, given(EMPLOYED, PAID)) == REVERSED


def test_second_reversal_is_refused() -> None:
    assert refused(REVERSE, EMPLOYED, PAID, REVERSED) is AlreadyReversed


def test_reversed_on_is_information_only() -> None:
    long_before = replace(REVERSE, reversed_on=dt.date(1999, 1, 1))

    reversal = decide(long_before, given(EMPLOYED, PAID))

    assert reversal == replace(REVERSED, reversed_on=dt.date(1999, 1, 1))


def test_misreported_wage_stays_and_can_be_reversed() -> None:
    assert decide(MISREPORT, given(EMPLOYED, PAID)) == MISREPORTED
    assert decide(REVERSE, given(EMPLOYED, PAID, MISREPORTED)) == REVERSED


def test_misreport_is_noted_once_and_never_of_a_reversed_wage() -> None:
    tomorrow = replace(MISREPORT, found_on=TODAY + dt.timedelta(days=1))

    assert refused(MISREPORT, EMPLOYED, PAID, MISREPORTED) is AlreadyMisreported
    assert refused(MISREPORT, EMPLOYED, PAID, REVERSED) is AlreadyReversed
    assert refused(MISREPORT, EMPLOYED, PAID, MISREPORTED, REVERSED) is AlreadyReversed
    assert refused(tomorrow, EMPLOYED, PAID) is FoundInFuture
    assert decide(replace(MISREPORT, found_on=TODAY), given(EMPLOYED, PAID)) == replace(
        MISREPORTED, found_on=TODAY
    )


def test_registration_may_be_confirmed_again_until_the_wage_is_reversed() -> None:
    tomorrow = replace(CONFIRM, confirmed_on=TODAY + dt.timedelta(days=1))

    assert decide(CONFIRM, given(EMPLOYED, PAID)) == CONFIRMED
    assert decide(CONFIRM, given(EMPLOYED, PAID, CONFIRMED)) == CONFIRMED
    assert refused(CONFIRM, EMPLOYED, PAID, REVERSED) is AlreadyReversed
    assert refused(tomorrow, EMPLOYED, PAID) is ConfirmedInFuture


def test_history_that_was_never_decided_is_folded_all_the_same() -> None:
    assert given(EMPLOYED, PAID, REVERSED, MISREPORTED) == given(EMPLOYED, PAID, REVERSED)


def test_employment_ends_on_its_last_day_and_may_be_given_another() -> None:
    end = EndEmployment(employment_id="e1", ends_on=dt.date(2023, 5, 1), grants_version=3)
    ended = EmploymentEnded(
        card_no="01234", grants_version=3, employment_id="e1", ends_on=dt.date(2023, 5, 1)
    )

    assert decide(end, given(EMPLOYED)) == ended
    assert refused(end, EMPLOYED, ended) is EndUnchanged
    assert refused(replace(end, ends_on=dt.date(2023, 1, 1)), EMPLOYED) is EndsBeforeStart
    assert decide(replace(end, ends_on=EMPLOYED.starts_on), given(EMPLOYED)) == replace(
        ended, ends_on=EMPLOYED.starts_on
    )


@pytest.mark.parametrize(
    ("command", "card", "history", "warnings"),
    [
        (REGISTER_WAGE, CARD, (), ("registered-late",)),
        (replace(REGISTER_WAGE, learned_on=dt.date(2023, 5, 30)), CARD, (), ()),
        (REGISTER_WAGE, CARD, (PAID,), ("likely-duplicate", "registered-late")),
        (REGISTER_WAGE, CARD, (PAID, REVERSED), ("registered-late",)),
        (replace(REGISTER_WAGE, paid_on=TODAY), CARD, (), ("outside-employment",)),
        (
            replace(REGISTER_WAGE, paid_on=dt.date(2022, 12, 31)),
            CARD,
            (),
            ("before-grant", "outside-employment", "year-crossing", "registered-late"),
        ),
    ],
)
def test_odd_wages_are_taken_with_warnings(
    command: RegisterWage, card: Card, history: tuple[Event, ...], warnings: tuple[str, ...]
) -> None:
    assert warn_about(command, given(EMPLOYED, *history), card) == warnings


@pytest.mark.parametrize(
    ("day", "is_active"),
    [(1, True), (9, True), (10, False), (19, False), (20, True), (28, True)],
)
def test_card_is_active_by_the_latest_effective_change(day: int, *, is_active: bool) -> None:
    changes = (
        CardChange(effective_on=dt.date(2023, 2, 10), active=False),
        CardChange(effective_on=dt.date(2023, 2, 20), active=True),
    )

    assert replace(CARD, changes=changes).is_active_on(dt.date(2023, 2, day)) is is_active


def test_decision_of_the_same_day_overrules_the_earlier_one() -> None:
    changes = (
        CardChange(effective_on=dt.date(2023, 2, 10), active=False),
        CardChange(effective_on=dt.date(2023, 2, 10), active=True),
    )

    assert replace(CARD, changes=changes).is_active_on(dt.date(2023, 2, 10))


@pytest.mark.parametrize("event", [EMPLOYED, PAID, REVERSED, MISREPORTED, CONFIRMED])
def test_history_is_read_back_as_it_was_written(event: Event) -> None:
    assert CODEC.decode(*CODEC.encode(event)) == event
