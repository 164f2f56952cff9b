"""What payroll publishes on frikort-payroll: who works where, and what was paid.

Every event carries `grants_version`: how far payroll had read that citizen's grants when it
recorded the fact. Its readers decide with exactly that state, whatever else has come.
"""

from typing import ClassVar

from frikort_contracts.events import Event
from frikort_contracts.types import (
    AmountOre,
    BusinessDate,
    CardNo,
    Cvr,
    Identifier,
    NaturalOre,
    PaymentMethod,
    ShortText,
    Version,
)


class PayrollEvent(Event):
    """What every payroll event says."""

    card_no: CardNo
    grants_version: Version


class EmploymentRegistered(PayrollEvent):
    """A card holder works for an employer; `consultant` is an identifier, no name."""

    TYPE: ClassVar[str] = "employment-registered"
    employment_id: Identifier
    cvr: Cvr
    sector: ShortText
    starts_on: BusinessDate
    ends_on: BusinessDate | None = None
    consultant: ShortText | None = None


class EmploymentEnded(PayrollEvent):
    """The employment's last day is `ends_on`."""

    TYPE: ClassVar[str] = "employment-ended"
    employment_id: Identifier
    ends_on: BusinessDate


class WagePaid(PayrollEvent):
    """A wage was paid: a fact, whatever of it is covered.

    `amount_ore` is the whole amount, holiday pay and paid-out pension included. `paid_on`
    alone decides its year (R1).
    """

    TYPE: ClassVar[str] = "wage-paid"
    wage_id: Identifier
    employment_id: Identifier
    paid_on: BusinessDate
    amount_ore: AmountOre
    holiday_pay_ore: NaturalOre | None = None
    pension_ore: NaturalOre | None = None
    payment_method: PaymentMethod | None = None


class WageReversed(PayrollEvent):
    """A wage was taken back, in the year of its own `paid_on` (R5)."""

    TYPE: ClassVar[str] = "wage-reversed"
    wage_id: Identifier
    paid_on: BusinessDate
    amount_ore: AmountOre
    reversed_on: BusinessDate


class WageMisreported(PayrollEvent):
    """The employer sent the wage to eIndkomst by mistake (R29)."""

    TYPE: ClassVar[str] = "wage-misreported"
    wage_id: Identifier
    found_on: BusinessDate


class ExternalRegistrationConfirmed(PayrollEvent):
    """The wage is registered in Socialtfrikort.dk, as the law demands for coverage."""

    TYPE: ClassVar[str] = "external-registration-confirmed"
    wage_id: Identifier
    confirmed_on: BusinessDate


EVENTS: tuple[type[Event], ...] = (
    EmploymentRegistered,
    EmploymentEnded,
    WagePaid,
    WageReversed,
    WageMisreported,
    ExternalRegistrationConfirmed,
)
