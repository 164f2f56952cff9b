"""Between the stored events and the published language. Nothing else."""

from frikort_contracts.notifications import EVENTS
from frikort_contracts.topics import NOTIFICATIONS
from services.chassis.codec import Codec
from services.chassis.publishing import Publisher
from services.notifications.domain import (
    Event,
    NotificationDelivered,
    NotificationFailed,
    NotificationRequested,
    NotificationSubmitted,
    NotificationSuppressed,
)

CODEC: Codec[Event] = Codec(
    [
        NotificationRequested,
        NotificationSuppressed,
        NotificationSubmitted,
        NotificationDelivered,
        NotificationFailed,
    ]
)
PUBLISHER = Publisher(CODEC, EVENTS, topic=NOTIFICATIONS, source="/frikort/notifications")
