"""The texts as they stand: one row each, for the sender to work on and for people to ask about."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

from prometheus_client import Counter

from frikort_contracts.types import Contract
from services.chassis.database import Connection, Pool
from services.chassis.event_store import NewEvent
from services.notifications import domain, store
from services.notifications.store import TextChange, TextRow

TEXTS = Counter(
    "frikort_notifications_texts_total",
    "Texts that came into a state; counted again if a transaction is repeated",
    ["state", "template"],
)

UNDELIVERABLE = domain.DeliveryStatus.FAILED.value


@dataclass(frozen=True, slots=True)
class Decided:
    """An event that is about to be appended."""

    event: domain.Event
    stored: NewEvent


class Message(Contract):
    """A text as people may see it: when and how it went, not its number.

    `state` is `requested`, `submitting`, `submitted`, `delivered`, `failed` or `suppressed`.
    """

    notification_id: str
    template: str
    template_version: int
    cause_id: str
    state: str
    reason: str | None
    gateway: str | None
    requested_at: dt.datetime
    submitted_at: dt.datetime | None
    settled_at: dt.datetime | None


class Messages(Contract):
    """A card's texts, in the order they were requested."""

    messages: tuple[Message, ...]


async def keep(connection: Connection, decided: Sequence[Decided]) -> None:
    """Bring the rows of the texts to what was decided about them."""
    rows = [
        _row(item.event, item.stored)
        for item in decided
        if isinstance(item.event, domain.NotificationRequested)
    ]
    await store.insert_texts(connection, rows)
    changes: dict[str, TextChange] = {}
    for item in decided:
        _fold(changes, item.event, item.stored.recorded_at)
        state = item.stored.type.removeprefix("notification-")
        TEXTS.labels(state, item.event.template).inc()
    await store.change_texts(connection, changes)
    await store.count_failures(
        connection,
        undeliverable=[i for i, change in changes.items() if change.reason == UNDELIVERABLE],
        delivered=[i for i, change in changes.items() if change.state == "delivered"],
    )


async def read_messages(pool: Pool, card_no: str) -> Messages:
    """Give a card's texts; none is an answer like any other."""
    async with pool.acquire() as connection:
        rows = await store.find_texts(connection, card_no)
    return Messages(
        messages=tuple(
            Message(
                notification_id=str(row["notification_id"]),
                cause_id=str(row["cause_id"]),
                **{
                    name: row[name]
                    for name in Message.model_fields
                    if name not in {"notification_id", "cause_id"}
                },
            )
            for row in rows
        )
    )


def _row(event: domain.NotificationRequested, stored: NewEvent) -> TextRow:
    return TextRow(
        notification_id=event.notification_id,
        citizen_id=stored.stream_id,
        cause_id=event.cause_id,
        template=event.template,
        template_version=event.template_version,
        card_no=event.card_no,
        requested_at=stored.recorded_at,
    )


def _fold(changes: dict[str, TextChange], event: domain.Event, at: dt.datetime) -> None:
    match event:
        case domain.NotificationRequested():
            return
        case domain.NotificationSubmitted():
            changes[event.notification_id] = TextChange(
                state="submitted", gateway=event.gateway, submitted_at=at
            )
        case domain.NotificationSuppressed():
            changes[event.notification_id] = TextChange(
                state="suppressed", reason=event.reason, settled_at=at
            )
        case domain.NotificationDelivered() | domain.NotificationFailed():
            failed = isinstance(event, domain.NotificationFailed)
            before = changes.get(event.notification_id)
            changes[event.notification_id] = TextChange(
                state="failed" if failed else "delivered",
                reason=event.reason if isinstance(event, domain.NotificationFailed) else None,
                gateway=event.gateway,
                submitted_at=None if before is None else before.submitted_at,
                settled_at=at,
            )
        case _:
            assert_never(event)
