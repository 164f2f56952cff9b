"""What notifications publishes: the life of each text, without its words or its number."""

from typing import ClassVar

from frikort_contracts.events import Event
from frikort_contracts.types import Code, Identifier


class NotificationEvent(Event):
    """What every notification event says; `cause_id` is the event that the text is about."""

    notification_id: Identifier
    template: Code
    cause_id: Identifier


class NotificationRequested(NotificationEvent):
    """A fact calls for a text."""

    TYPE: ClassVar[str] = "notification-requested"


class NotificationSuppressed(NotificationEvent):
    """The text is not sent; the reason says why (`no-contact`, `stale`)."""

    TYPE: ClassVar[str] = "notification-suppressed"
    reason: Code


class NotificationSubmitted(NotificationEvent):
    """The gateway has taken the text."""

    TYPE: ClassVar[str] = "notification-submitted"
    gateway: Code
    parts: int


class NotificationDelivered(NotificationEvent):
    """The gateway reports that the text has arrived."""

    TYPE: ClassVar[str] = "notification-delivered"
    gateway: Code


class NotificationFailed(NotificationEvent):
    """The text did not arrive, or nobody can tell (`outcome-unknown`): it is not sent again."""

    TYPE: ClassVar[str] = "notification-failed"
    gateway: Code
    reason: Code


EVENTS: tuple[type[Event], ...] = (
    NotificationRequested,
    NotificationSuppressed,
    NotificationSubmitted,
    NotificationDelivered,
    NotificationFailed,
)
