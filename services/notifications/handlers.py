"""Load, decide, append for texts: whatever happens to a text goes through `carry_out`."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from services.chassis import event_store
from services.chassis.clock import Clock
from services.chassis.database import Connection
from services.chassis.event_store import NewEvent, StoredEvent
from services.chassis.identifiers import Identifiers
from services.notifications import domain, projections
from services.notifications.projections import Decided
from services.notifications.translate import CODEC

BEGINNING = dt.datetime.min.replace(tzinfo=dt.UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What all events of a text copy from the fact that called for it."""

    municipality_code: str
    correlation_id: str
    cause_id: str
    traceparent: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A command about one of a citizen's texts.

    A new text names its origin, and when its fact was learned; later commands find the origin
    in the history, and were learned when they are recorded.
    """

    citizen_id: str
    command: domain.Command
    origin: Origin | None = None
    known_at: dt.datetime | None = None


@dataclass(slots=True)
class _Stream:
    citizen: domain.Citizen
    origins: dict[str, Origin]
    version: int = 0
    recorded_at: dt.datetime = BEGINNING


async def carry_out(
    connection: Connection, orders: Sequence[Order], *, clock: Clock, ids: Identifiers
) -> list[Decided]:
    """Decide orders one after the other and append what was decided, in the caller's transaction.

    To be called last in it, for it takes the partitions' numbers. An order that changes nothing
    appends nothing, so any of them may be repeated.
    """
    if not orders:
        return []
    citizens = sorted({order.citizen_id for order in orders})
    stored = await event_store.load(connection, citizens)
    streams = {citizen: _fold(stored.get(citizen, [])) for citizen in citizens}
    now = clock.now()
    decided = [
        _append(streams[order.citizen_id], order, event, now=now, event_id=ids.new())
        for order in orders
        for event in domain.decide(order.command, streams[order.citizen_id].citizen)
    ]
    await projections.keep(connection, decided)
    await event_store.append(connection, [item.stored for item in decided])
    return decided


def _fold(stored: Sequence[StoredEvent]) -> _Stream:
    stream = _Stream(domain.Citizen(), {})
    for row in stored:
        event = CODEC.decode(row.type, row.data)
        stream.citizen = domain.evolve(stream.citizen, event)
        stream.version, stream.recorded_at = row.version, row.recorded_at
        stream.origins.setdefault(
            event.notification_id,
            Origin(
                municipality_code=row.municipality_code,
                correlation_id=row.correlation_id,
                cause_id=event.cause_id,
                traceparent=row.traceparent,
            ),
        )
    return stream


def _append(
    stream: _Stream, order: Order, event: domain.Event, *, now: dt.datetime, event_id: str
) -> Decided:
    """Put an event at the end of a stream in memory."""
    if order.origin is not None:
        stream.origins.setdefault(event.notification_id, order.origin)
    origin = stream.origins[event.notification_id]
    stream.citizen = domain.evolve(stream.citizen, event)
    stream.version += 1
    stream.recorded_at = max(now, stream.recorded_at)
    kind, data = CODEC.encode(event)
    stored = NewEvent(
        stream_id=order.citizen_id,
        version=stream.version,
        event_id=event_id,
        type=kind,
        data=data,
        private=None,
        recorded_at=stream.recorded_at,
        known_at=order.known_at or stream.recorded_at,
        municipality_code=origin.municipality_code,
        correlation_id=origin.correlation_id,
        causation_id=origin.cause_id,
        traceparent=origin.traceparent,
    )
    return Decided(event, stored)
