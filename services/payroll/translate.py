"""Between the stored events and the published language. Nothing else."""

import datetime as dt
from typing import assert_never

from frikort_contracts import payroll as published
from frikort_contracts.topics import PAYROLL
from services.chassis.codec import Codec
from services.chassis.event_store import StoredEvent
from services.chassis.publishing import event_record
from services.chassis.relay import Record
from services.payroll.domain import (
    EmploymentEnded,
    EmploymentRegistered,
    Event,
    ExternalRegistrationConfirmed,
    WageMisreported,
    WagePaid,
    WageReversed,
)

SOURCE = "/frikort/payroll"
CODEC: Codec[Event] = Codec(
    [
        EmploymentRegistered,
        EmploymentEnded,
        WagePaid,
        WageReversed,
        WageMisreported,
        ExternalRegistrationConfirmed,
    ]
)


def to_published(event: Event, known_at: dt.datetime) -> published.PayrollEvent:
    """Give the published form of a stored event."""
    match event:
        case EmploymentRegistered():
            return published.EmploymentRegistered(
                card_no=event.card_no,
                grants_version=event.grants_version,
                employment_id=event.employment_id,
                cvr=event.cvr,
                sector=event.sector,
                starts_on=event.starts_on,
                ends_on=event.ends_on,
                consultant=event.consultant,
                known_at=known_at,
            )
        case EmploymentEnded():
            return published.EmploymentEnded(
                card_no=event.card_no,
                grants_version=event.grants_version,
                employment_id=event.employment_id,
                ends_on=event.ends_on,
                known_at=known_at,
            )
        case WagePaid():
            return published.WagePaid(
                card_no=event.card_no,
                grants_version=event.grants_version,
                wage_id=event.wage_id,
                employment_id=event.employment_id,
                paid_on=event.paid_on,
                amount_ore=event.amount_ore,
                holiday_pay_ore=event.holiday_pay_ore,
                pension_ore=event.pension_ore,
                payment_method=event.payment_method,
                known_at=known_at,
            )
        case WageReversed():
            return published.WageReversed(
                card_no=event.card_no,
                grants_version=event.grants_version,
                wage_id=event.wage_id,
                paid_on=event.paid_on,
                amount_ore=event.amount_ore,
                reversed_on=event.reversed_on,
                known_at=known_at,
            )
        case WageMisreported():
            return published.WageMisreported(
                card_no=event.card_no,
                grants_version=event.grants_version,
                wage_id=event.wage_id,
                found_on=event.found_on,
                known_at=known_at,
            )
        case ExternalRegistrationConfirmed():
            return published.ExternalRegistrationConfirmed(
                card_no=event.card_no,
                grants_version=event.grants_version,
                wage_id=event.wage_id,
                confirmed_on=event.confirmed_on,
                known_at=known_at,
            )
        case _:
            assert_never(event)


def to_record(stored: StoredEvent) -> Record:
    """Give the record that the relay sends for a stored event."""
    event = to_published(CODEC.decode(stored.type, stored.data), stored.known_at)
    return event_record(stored, event, topic=PAYROLL, source=SOURCE)
