"""The life of a text, decided. Pure: no clock, no randomness, no input or output.

A citizen's stream holds all their texts. A text that was submitted, or that may have been, is
never requested again: there is no way back to `RequestedText`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias, assert_never

NO_CONTACT = "no-contact"
CONTACT_FAILING = "contact-failing"
CITIZEN_DECEASED = "citizen-deceased"
STALE = "stale"
OUTCOME_UNKNOWN = "outcome-unknown"


class DeliveryStatus(StrEnum):
    """What a gateway reports, in words that are the same for every gateway (DOMAIN 8.4)."""

    QUEUED = "queued"
    SENT = "sent"
    UNKNOWN = "unknown"
    DELIVERED = "delivered"
    ACCEPTED_UNCONFIRMED = "accepted-unconfirmed"
    EXPIRED = "expired"
    FAILED = "undeliverable"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Whether nothing follows it; a transient status after it is out of order (R41)."""
        return self not in {self.QUEUED, self.SENT, self.UNKNOWN}


class Outcome(StrEnum):
    """How a text ended. An unknown outcome may still be told by a delivery report."""

    DELIVERED = "delivered"
    FAILED = "failed"
    SUPPRESSED = "suppressed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestText:
    """A fact calls for a text; a stale one is noted and not sent."""

    notification_id: str
    template: str
    template_version: int
    cause_id: str
    card_no: str
    stale: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SuppressText:
    """Give up a text that was never submitted."""

    notification_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordSubmission:
    """The gateway has answered that it takes the text."""

    notification_id: str
    gateway: str
    parts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordFailure:
    """The gateway refused the text for good, or nobody can tell what it did."""

    notification_id: str
    gateway: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordReport:
    """The gateway reports what became of the text."""

    notification_id: str
    gateway: str
    status: DeliveryStatus


Command: TypeAlias = RequestText | SuppressText | RecordSubmission | RecordFailure | RecordReport


@dataclass(frozen=True, slots=True, kw_only=True)
class _Notification:
    notification_id: str
    template: str
    cause_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationRequested(_Notification):
    """A fact called for a text."""

    template_version: int
    card_no: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationSuppressed(_Notification):
    """The text is not sent."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationSubmitted(_Notification):
    """The gateway has taken the text."""

    gateway: str
    parts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationDelivered(_Notification):
    """The text has arrived."""

    gateway: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationFailed(_Notification):
    """The text did not arrive, or nobody can tell."""

    gateway: str
    reason: str


Event: TypeAlias = (
    NotificationRequested
    | NotificationSuppressed
    | NotificationSubmitted
    | NotificationDelivered
    | NotificationFailed
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Text:
    template: str
    cause_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestedText(_Text):
    """A text that no gateway is known to have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmittedText(_Text):
    """A text that a gateway has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SettledText(_Text):
    """A text of which nothing more is expected."""

    outcome: Outcome


Text: TypeAlias = RequestedText | SubmittedText | SettledText


@dataclass(frozen=True, slots=True)
class Citizen:
    """A citizen's texts by notification id, in the order they were requested."""

    texts: Mapping[str, Text] = field(default_factory=dict)


def decide(command: Command, citizen: Citizen) -> list[Event]:
    """Decide a command on the citizen's history; one that changes nothing gives no event."""
    text = citizen.texts.get(command.notification_id)
    if isinstance(command, RequestText):
        return [] if text is not None else _request(command)
    if text is None:
        return []
    match command:
        case SuppressText():
            return _suppress(command, text)
        case RecordSubmission():
            return _submit(command.notification_id, text, command.gateway, command.parts)
        case RecordFailure():
            return _fail(command, text)
        case RecordReport():
            return _report(command, text)
        case _:
            assert_never(command)


def evolve(citizen: Citizen, event: Event) -> Citizen:
    """Apply one event of history."""
    text: Text
    template, cause_id = event.template, event.cause_id
    match event:
        case NotificationRequested():
            text = RequestedText(template=template, cause_id=cause_id)
        case NotificationSubmitted():
            text = SubmittedText(template=template, cause_id=cause_id)
        case NotificationSuppressed() | NotificationDelivered() | NotificationFailed():
            text = SettledText(template=template, cause_id=cause_id, outcome=_outcome(event))
        case _:
            assert_never(event)
    return Citizen({**citizen.texts, event.notification_id: text})


def _request(command: RequestText) -> list[Event]:
    requested = NotificationRequested(
        notification_id=command.notification_id,
        template=command.template,
        cause_id=command.cause_id,
        template_version=command.template_version,
        card_no=command.card_no,
    )
    if not command.stale:
        return [requested]
    return [
        requested,
        NotificationSuppressed(
            notification_id=command.notification_id,
            template=command.template,
            cause_id=command.cause_id,
            reason=STALE,
        ),
    ]


def _suppress(command: SuppressText, text: Text) -> list[Event]:
    if not isinstance(text, RequestedText):
        return []
    return [
        NotificationSuppressed(
            notification_id=command.notification_id,
            template=text.template,
            cause_id=text.cause_id,
            reason=command.reason,
        )
    ]


def _submit(notification_id: str, text: Text, gateway: str, parts: int) -> list[Event]:
    if not _is_unanswered(text):
        return []
    return [
        NotificationSubmitted(
            notification_id=notification_id,
            template=text.template,
            cause_id=text.cause_id,
            gateway=gateway,
            parts=parts,
        )
    ]


def _fail(command: RecordFailure, text: Text) -> list[Event]:
    if not isinstance(text, RequestedText):
        return []  # a report has come first, and knows better
    return [
        NotificationFailed(
            notification_id=command.notification_id,
            template=text.template,
            cause_id=text.cause_id,
            gateway=command.gateway,
            reason=command.reason,
        )
    ]


def _report(command: RecordReport, text: Text) -> list[Event]:
    """Take a report: any shows that the gateway has the text, the first final one settles it."""
    if isinstance(text, SettledText) and not _is_unanswered(text):
        return []
    events = _submit(command.notification_id, text, command.gateway, parts=1)
    if command.status is DeliveryStatus.DELIVERED:
        events.append(
            NotificationDelivered(
                notification_id=command.notification_id,
                template=text.template,
                cause_id=text.cause_id,
                gateway=command.gateway,
            )
        )
    elif command.status.is_final:
        events.append(
            NotificationFailed(
                notification_id=command.notification_id,
                template=text.template,
                cause_id=text.cause_id,
                gateway=command.gateway,
                reason=command.status.value,
            )
        )
    return events


def _is_unanswered(text: Text) -> bool:
    """Tell whether the gateway has not yet said that it has the text."""
    return isinstance(text, RequestedText) or (
        isinstance(text, SettledText) and text.outcome is Outcome.UNKNOWN
    )


def _outcome(
    event: NotificationSuppressed | NotificationDelivered | NotificationFailed,
) -> Outcome:
    match event:
        case NotificationSuppressed():
            return Outcome.SUPPRESSED
        case NotificationDelivered():
            return Outcome.DELIVERED
        case NotificationFailed():
            unknown = event.reason == OUTCOME_UNKNOWN
            return Outcome.UNKNOWN if unknown else Outcome.FAILED
        case _:
            assert_never(event)
