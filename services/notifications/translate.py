"""Between the stored events and the published language. Nothing else."""

import datetime as dt
from typing import assert_never

from frikort_contracts import notifications as published
from frikort_contracts.topics import NOTIFICATIONS
from services.chassis.codec import Codec
from services.chassis.event_store import StoredEvent
from services.chassis.publishing import event_record
from services.chassis.relay import Record
from services.notifications.domain import (
    Event,
    NotificationDelivered,
    NotificationFailed,
    NotificationRequested,
    NotificationSubmitted,
    NotificationSuppressed,
)

SOURCE = "/frikort/notifications"
CODEC: Codec[Event] = Codec(
    [
        NotificationRequested,
        NotificationSuppressed,
        NotificationSubmitted,
        NotificationDelivered,
        NotificationFailed,
    ]
)


def to_published(event: Event, known_at: dt.datetime) -> published.NotificationEvent:
    """Give the published form of a stored event."""
    match event:
        case NotificationRequested():
            return published.NotificationRequested(
                notification_id=event.notification_id,
                template=event.template,
                cause_id=event.cause_id,
                known_at=known_at,
            )
        case NotificationSuppressed():
            return published.NotificationSuppressed(
                notification_id=event.notification_id,
                template=event.template,
                cause_id=event.cause_id,
                reason=event.reason,
                known_at=known_at,
            )
        case NotificationSubmitted():
            return published.NotificationSubmitted(
                notification_id=event.notification_id,
                template=event.template,
                cause_id=event.cause_id,
                gateway=event.gateway,
                parts=event.parts,
                known_at=known_at,
            )
        case NotificationDelivered():
            return published.NotificationDelivered(
                notification_id=event.notification_id,
                template=event.template,
                cause_id=event.cause_id,
                gateway=event.gateway,
                known_at=known_at,
            )
        case NotificationFailed():
            return published.NotificationFailed(
                notification_id=event.notification_id,
                template=event.template,
                cause_id=event.cause_id,
                gateway=event.gateway,
                reason=event.reason,
                known_at=known_at,
            )
        case _:
            assert_never(event)


def to_record(stored: StoredEvent) -> Record:
    """Give the record that the relay sends for a stored event."""
    event = to_published(CODEC.decode(stored.type, stored.data), stored.known_at)
    return event_record(stored, event, topic=NOTIFICATIONS, source=SOURCE)
