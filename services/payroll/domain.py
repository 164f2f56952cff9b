"""Employments and wages, decided. Pure: no clock, no randomness, no input or output.

A citizen's stream holds their employments and wages. A wage that was paid is a fact: what of it
is covered is the ledger's to decide, so nothing is refused here for a cap or a date of a grant.
"""

import datetime as dt
from dataclasses import dataclass, field, replace
from typing import TypeAlias, assert_never

from frikort_contracts.types import PaymentMethod
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fact:
    """`grants_version`: how far this citizen's grants have been read."""

    card_no: str
    grants_version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Employment(_Fact):
    employment_id: str
    cvr: str
    sector: str
    starts_on: dt.date
    ends_on: dt.date | None = None
    consultant: str | None = None
    unsubsidised_attested: bool | None = None
    """The employer's word that the work is ordinary and unsubsidised (R30); it is not sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wage(_Fact):
    wage_id: str
    employment_id: str
    paid_on: dt.date
    amount_ore: int
    holiday_pay_ore: int | None = None
    pension_ore: int | None = None
    payment_method: PaymentMethod | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterEmployment(_Employment):
    """Register that a card holder works for an employer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndEmployment:
    """Set an employment's last day."""

    employment_id: str
    ends_on: dt.date
    grants_version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterWage(_Wage):
    """Register a wage; `today` and `learned_on` are Danish business dates (R44)."""

    cvr: str
    today: dt.date
    learned_on: dt.date


@dataclass(frozen=True, slots=True, kw_only=True)
class ReverseWage:
    """Take a wage back; `reversed_on` is information."""

    wage_id: str
    reversed_on: dt.date
    grants_version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MisreportWage:
    """Note that the employer sent the wage to eIndkomst; `learned_on` bounds `found_on`."""

    wage_id: str
    found_on: dt.date
    learned_on: dt.date
    grants_version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmRegistration:
    """Note that the wage stands in Socialtfrikort.dk; `learned_on` bounds `confirmed_on`."""

    wage_id: str
    confirmed_on: dt.date
    learned_on: dt.date
    grants_version: int


Command: TypeAlias = (
    RegisterEmployment
    | EndEmployment
    | RegisterWage
    | ReverseWage
    | MisreportWage
    | ConfirmRegistration
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EmploymentRegistered(_Employment):
    """A card holder works for an employer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmploymentEnded(_Fact):
    """The employment's last day is `ends_on`."""

    employment_id: str
    ends_on: dt.date


@dataclass(frozen=True, slots=True, kw_only=True)
class WagePaid(_Wage):
    """A wage was paid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WageReversed(_Fact):
    """A wage was taken back."""

    wage_id: str
    paid_on: dt.date
    amount_ore: int
    reversed_on: dt.date


@dataclass(frozen=True, slots=True, kw_only=True)
class WageMisreported(_Fact):
    """The employer sent the wage to eIndkomst by mistake; the wage stays (R29)."""

    wage_id: str
    found_on: dt.date


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalRegistrationConfirmed(_Fact):
    """The wage stands in Socialtfrikort.dk (DOMAIN 3.1); its reference is sealed beside."""

    wage_id: str
    confirmed_on: dt.date


Event: TypeAlias = (
    EmploymentRegistered
    | EmploymentEnded
    | WagePaid
    | WageReversed
    | WageMisreported
    | ExternalRegistrationConfirmed
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Employment:
    """An employment; without `ends_on` it goes on."""

    card_no: str
    cvr: str
    starts_on: dt.date
    ends_on: dt.date | None

    def includes(self, date: dt.date) -> bool:
        """Tell whether a date lies within the employment, both ends included."""
        return self.starts_on <= date and (self.ends_on is None or date <= self.ends_on)


@dataclass(frozen=True, slots=True, kw_only=True)
class PaidWage:
    """A wage that may be reversed; `misreported_on` is when that was found, if it was."""

    employment_id: str
    card_no: str
    paid_on: dt.date
    amount_ore: int
    misreported_on: dt.date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReversedWage:
    """A wage that was taken back."""

    reversed_on: dt.date


Wage: TypeAlias = PaidWage | ReversedWage


@dataclass(frozen=True, slots=True)
class Citizen:
    """A citizen's employments and wages by their id, in order of registration."""

    employments: dict[str, Employment] = field(default_factory=dict)
    wages: dict[str, Wage] = field(default_factory=dict)


def decide(command: Command, citizen: Citizen) -> Event:
    """Decide a command on the citizen's history.

    Raises:
        Rejection: the command cannot be a fact, or does not fit the history.
    """
    match command:
        case RegisterEmployment():
            return _register_employment(command)
        case EndEmployment():
            return _end(command, citizen.employments[command.employment_id])
        case RegisterWage():
            return _register_wage(command, citizen.employments[command.employment_id])
        case ReverseWage():
            return _reverse(command, _standing(citizen.wages[command.wage_id]))
        case MisreportWage():
            return _misreport(command, _standing(citizen.wages[command.wage_id]))
        case ConfirmRegistration():
            return _confirm(command, _standing(citizen.wages[command.wage_id]))
        case _:
            assert_never(command)


def evolve(citizen: Citizen, event: Event) -> Citizen:
    """Apply one event of history."""
    match event:
        case EmploymentRegistered():
            begun = Employment(
                card_no=event.card_no,
                cvr=event.cvr,
                starts_on=event.starts_on,
                ends_on=event.ends_on,
            )
            return _with_employment(citizen, event.employment_id, begun)
        case EmploymentEnded():
            ended = replace(citizen.employments[event.employment_id], ends_on=event.ends_on)
            return _with_employment(citizen, event.employment_id, ended)
        case WagePaid():
            paid = PaidWage(
                employment_id=event.employment_id,
                card_no=event.card_no,
                paid_on=event.paid_on,
                amount_ore=event.amount_ore,
            )
            return _with_wage(citizen, event.wage_id, paid)
        case WageReversed():
            taken_back = ReversedWage(reversed_on=event.reversed_on)
            return _with_wage(citizen, event.wage_id, taken_back)
        case WageMisreported():
            noted = _misreported(citizen.wages[event.wage_id], event.found_on)
            return _with_wage(citizen, event.wage_id, noted)
        case ExternalRegistrationConfirmed():
            return citizen  # any number of confirmations may follow; none is decided upon
        case _:
            assert_never(event)


def _register_employment(command: RegisterEmployment) -> EmploymentRegistered:
    return EmploymentRegistered(
        card_no=command.card_no,
        grants_version=command.grants_version,
        employment_id=command.employment_id,
        cvr=command.cvr,
        sector=command.sector,
        starts_on=command.starts_on,
        ends_on=command.ends_on,
        consultant=command.consultant,
        unsubsidised_attested=command.unsubsidised_attested,
    )


def _end(command: EndEmployment, employment: Employment) -> EmploymentEnded:
    if command.ends_on < employment.starts_on:
        raise EndsBeforeStart(f"ends_on is on or after {employment.starts_on}, the first day")
    if command.ends_on == employment.ends_on:
        raise EndUnchanged(f"the employment ends on {employment.ends_on} already")
    return EmploymentEnded(
        card_no=employment.card_no,
        grants_version=command.grants_version,
        employment_id=command.employment_id,
        ends_on=command.ends_on,
    )


def _register_wage(command: RegisterWage, employment: Employment) -> WagePaid:
    if command.card_no != employment.card_no:
        raise EmploymentCardMismatch("the employment is with another card; give that card's number")
    if command.cvr != employment.cvr:
        raise EmploymentCvrMismatch(
            f"the employment is with CVR {employment.cvr}; a wage of another employer needs an "
            "employment of its own"
        )
    if command.paid_on > command.today:
        raise WageInFuture(f"paid_on is on or before {command.today}: register a wage once paid")
    if command.paid_on > command.learned_on:
        raise RegisteredBeforePaid(
            f"paid_on is on or before {command.learned_on}, when it was registered"
        )
    return WagePaid(
        card_no=command.card_no,
        grants_version=command.grants_version,
        wage_id=command.wage_id,
        employment_id=command.employment_id,
        paid_on=command.paid_on,
        amount_ore=command.amount_ore,
        holiday_pay_ore=command.holiday_pay_ore,
        pension_ore=command.pension_ore,
        payment_method=command.payment_method,
    )


def _standing(wage: Wage) -> PaidWage:
    """Give a wage that was not reversed.

    Raises:
        AlreadyReversed: it was taken back; a replacement is a wage of its own.
    """
    if isinstance(wage, ReversedWage):
        raise AlreadyReversed(
            f"the wage was reversed on {wage.reversed_on}; register its replacement, if there is "
            "one, under a new reference"
        )
    return wage


def _reverse(command: ReverseWage, wage: PaidWage) -> WageReversed:
    return WageReversed(
        card_no=wage.card_no,
        grants_version=command.grants_version,
        wage_id=command.wage_id,
        paid_on=wage.paid_on,
        amount_ore=wage.amount_ore,
        reversed_on=command.reversed_on,
    )


def _misreport(command: MisreportWage, wage: PaidWage) -> WageMisreported:
    if wage.misreported_on is not None:
        raise AlreadyMisreported(
            f"it is known since {wage.misreported_on} that the wage was sent to eIndkomst"
        )
    if command.found_on > command.learned_on:
        raise FoundInFuture(f"found_on is on or before {command.learned_on}, when it was told")
    return WageMisreported(
        card_no=wage.card_no,
        grants_version=command.grants_version,
        wage_id=command.wage_id,
        found_on=command.found_on,
    )


def _confirm(command: ConfirmRegistration, wage: PaidWage) -> ExternalRegistrationConfirmed:
    if command.confirmed_on > command.learned_on:
        raise ConfirmedInFuture(
            f"confirmed_on is on or before {command.learned_on}, when it was told"
        )
    return ExternalRegistrationConfirmed(
        card_no=wage.card_no,
        grants_version=command.grants_version,
        wage_id=command.wage_id,
        confirmed_on=command.confirmed_on,
    )


def _misreported(wage: Wage, found_on: dt.date) -> Wage:
    return wage if isinstance(wage, ReversedWage) else replace(wage, misreported_on=found_on)


def _with_employment(citizen: Citizen, employment_id: str, employment: Employment) -> Citizen:
    return replace(citizen, employments={**citizen.employments, employment_id: employment})


def _with_wage(citizen: Citizen, wage_id: str, wage: Wage) -> Citizen:
    return replace(citizen, wages={**citizen.wages, wage_id: wage})
