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
    Event,
    GrantDeactivated,
    GrantIssued,
    GrantReactivated,
    GrantReviewed,
    GrantTransferred,
)

SOURCE = "/frikort/grants"
CODEC: Codec[Event] = Codec(
    [GrantIssued, GrantReviewed, GrantDeactivated, GrantReactivated, GrantTransferred]
)


def to_published(event: Event, known_at: dt.datetime) -> PublishedEvent:
    """Give the published form of a stored event."""
    match event:
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
        case GrantReviewed():
            return published.GrantReviewed(**_dates(event), known_at=known_at)
        case GrantDeactivated():
            return published.GrantDeactivated(**_dates(event), known_at=known_at)
        case GrantReactivated():
            return published.GrantReactivated(**_dates(event), known_at=known_at)
        case GrantTransferred():
            return published.GrantTransferred(
                **_dates(event),
                from_municipality_code=event.from_municipality_code,
                to_municipality_code=event.to_municipality_code,
                known_at=known_at,
            )
        case _:
            assert_never(event)


def to_record(stored: StoredEvent) -> Record:
    """Give the record that the relay sends for a stored event."""
    event = to_published(CODEC.decode(stored.type, stored.data), stored.known_at)
    return event_record(stored, event, topic=GRANTS, source=SOURCE)


class _Dates(TypedDict):
    card_no: str
    effective_on: dt.date
    decided_on: dt.date


def _dates(event: GrantReviewed | GrantDeactivated | GrantReactivated | GrantTransferred) -> _Dates:
    return {
        "card_no": event.card_no,
        "effective_on": event.effective_on,
        "decided_on": event.decided_on,
    }
