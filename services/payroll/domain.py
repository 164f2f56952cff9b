"""Employments and wages, decided. Pure: no clock, no randomness, no input or output.

A citizen's stream holds their employments and wages. A wage that was paid is a fact: what of it
is covered is the ledger's to decide, so nothing is refused here for a cap or a date of a grant.
"""

import datetime as dt
from dataclasses import dataclass, field, replace
from typing import TypeAlias, assert_never

from frikort_contracts.types import PaymentMethod
from services.chassis.errors import Rejection, StateRejection


class CardUnknown(StateRejection):
    """No grant of that card has been read here; it may be on its way."""

    code = "card-unknown"
    field = "card_no"
    retry = True


class EmploymentUnknown(StateRejection):
    """No employment of that reference is registered."""

    code = "employment-unknown"
    field = "employment_ref"


class EmploymentRefTaken(StateRejection):
    """The reference was used for an employment before."""

    code = "employment-ref-taken"
    field = "employment_ref"


class EmploymentCardMismatch(StateRejection):
    """The wage names another card than its employment."""

    code = "employment-card-mismatch"
    field = "card_no"


class EmploymentCvrMismatch(StateRejection):
    """The wage names another employer than its employment."""

    code = "employment-cvr-mismatch"
    field = "cvr"


class EndsBeforeStart(StateRejection):
    """An employment lasts at least its first day."""

    code = "ends-before-start"
    field = "ends_on"


class EndUnchanged(StateRejection):
    """The employment ends on that day already."""

    code = "employment-end-unchanged"
    field = "ends_on"


class WageUnknown(StateRejection):
    """No wage of that reference is registered."""

    code = "wage-unknown"
    field = "wage_ref"


class WageRefTaken(StateRejection):
    """The reference was used for a wage before; a reversed wage's is spent."""

    code = "wage-ref-taken"
    field = "wage_ref"


class AlreadyReversed(StateRejection):
    """The wage was reversed before."""

    code = "already-reversed"
    field = "wage_ref"


class WageInFuture(Rejection):
    """A wage is registered once it is paid (R37)."""

    kept = False  # tomorrow it may be right
    code = "wage-in-future"
    field = "paid_on"


class RegisteredBeforePaid(Rejection):
    """The source system cannot have learned of a wage before it was paid."""

    code = "registered-before-paid"
    field = "paid_on"


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


Command: TypeAlias = RegisterEmployment | EndEmployment | RegisterWage | ReverseWage


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


Event: TypeAlias = EmploymentRegistered | EmploymentEnded | WagePaid | WageReversed


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
    """A wage that may be reversed."""

    employment_id: str
    card_no: str
    paid_on: dt.date
    amount_ore: int


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
            return _reverse(command, citizen.wages[command.wage_id])
        case _:
            assert_never(command)


def evolve(citizen: Citizen, event: Event) -> Citizen:
    """Apply one event of history."""
    match event:
        case EmploymentRegistered():
            return _with_employment(
                citizen,
                event.employment_id,
                Employment(
                    card_no=event.card_no,
                    cvr=event.cvr,
                    starts_on=event.starts_on,
                    ends_on=event.ends_on,
                ),
            )
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
            return replace(citizen, wages={**citizen.wages, event.wage_id: paid})
        case WageReversed():
            taken_back = ReversedWage(reversed_on=event.reversed_on)
            return replace(citizen, wages={**citizen.wages, event.wage_id: taken_back})
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


def _reverse(command: ReverseWage, wage: Wage) -> WageReversed:
    if isinstance(wage, ReversedWage):
        raise AlreadyReversed(
            f"the wage was reversed on {wage.reversed_on}; register its replacement, if there is "
            "one, under a new reference"
        )
    return WageReversed(
        card_no=wage.card_no,
        grants_version=command.grants_version,
        wage_id=command.wage_id,
        paid_on=wage.paid_on,
        amount_ore=wage.amount_ore,
        reversed_on=command.reversed_on,
    )


def _with_employment(citizen: Citizen, employment_id: str, employment: Employment) -> Citizen:
    return replace(citizen, employments={**citizen.employments, employment_id: employment})
