"""Between the stored events and the published language. Nothing else."""

import datetime as dt
from typing import TypedDict, assert_never

from frikort_contracts import grants as published
from frikort_contracts.events import Event as PublishedEvent
from frikort_contracts.topics import GRANTS
from services.chassis.codec import Codec
from services.chassis.event_store import StoredEvent
from services.chassis.publishing import event_record
from services.chassis.relay import Record
from services.grants.domain import (
    AppealDecided,
    ApplicationReceived,
    ApplicationRefused,
    CardEvent,
    CitizenReidentified,
    DispensationGranted,
    Event,
    GrantClosed,
    GrantDeactivated,
    GrantIssued,
    GrantReactivated,
    GrantReviewed,
    GrantTransferred,
)

SOURCE = "/frikort/grants"
CODEC: Codec[Event] = Codec(
    [
        GrantIssued,
        GrantReviewed,
        GrantDeactivated,
        GrantReactivated,
        GrantTransferred,
        GrantClosed,
        DispensationGranted,
        AppealDecided,
        CitizenReidentified,
        ApplicationReceived,
        ApplicationRefused,
    ]
)


class _Told(TypedDict):
    card_no: str
    effective_on: dt.date
    decided_on: dt.date
    known_at: dt.datetime


def to_published(event: Event, known_at: dt.datetime) -> PublishedEvent:
    """Give the published form of a stored event."""
    match event:
        case CitizenReidentified():
            return published.CitizenReidentified(known_at=known_at)
        case ApplicationReceived():
            return published.ApplicationReceived(
                application_id=event.application_id,
                received_on=event.received_on,
                known_at=known_at,
            )
        case ApplicationRefused():
            return published.ApplicationRefused(
                application_id=event.application_id,
                reason=event.reason,
                decided_on=event.decided_on,
                known_at=known_at,
            )
        case GrantIssued():
            return published.GrantIssued(
                card_no=event.card_no,
                municipality_code=event.municipality_code,
                valid_from=event.valid_from,
                decided_on=event.decided_on,
                benefit=event.benefit,
                age_group=event.age_group,
                known_at=known_at,
            )
        case _:
            return _change_to_published(event, known_at)


def to_record(stored: StoredEvent) -> Record:
    """Give the record that the relay sends for a stored event."""
    event = to_published(CODEC.decode(stored.type, stored.data), stored.known_at)
    return event_record(stored, event, topic=GRANTS, source=SOURCE)


def is_about(event: Event, card_no: str) -> bool:
    """Tell whether an event is about a card."""
    return isinstance(event, CardEvent) and event.card_no == card_no


def _change_to_published(
    event: GrantReviewed
    | GrantDeactivated
    | GrantReactivated
    | GrantTransferred
    | GrantClosed
    | DispensationGranted
    | AppealDecided,
    known_at: dt.datetime,
) -> PublishedEvent:
    told = _Told(
        card_no=event.card_no,
        effective_on=event.effective_on,
        decided_on=event.decided_on,
        known_at=known_at,
    )
    match event:
        case GrantReviewed():
            change: PublishedEvent = published.GrantReviewed(**told)
        case GrantDeactivated():
            change = published.GrantDeactivated(**told)
        case GrantReactivated():
            change = published.GrantReactivated(**told)
        case GrantTransferred():
            change = published.GrantTransferred(
                **told,
                from_municipality_code=event.from_municipality_code,
                to_municipality_code=event.to_municipality_code,
            )
        case GrantClosed():
            change = published.GrantClosed(**told, cause=event.cause)
        case DispensationGranted():
            change = published.DispensationGranted(**told)
        case AppealDecided():
            change = published.AppealDecided(
                **told, outcome=event.outcome, overturns=event.overturns
            )
        case _:
            assert_never(event)
    return change
