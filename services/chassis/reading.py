"""Sorting a batch out: what can be read goes on in order, what cannot is parked with its reason.

A stream's later messages of the topic wait behind a parked one, visible, so that nothing is
applied out of order; other streams go on. Events of a type that this version does not know
are no fault: they are counted as ignored, and move the stream's version like any other.
"""

import datetime as dt
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

import structlog
from pydantic import ValidationError

from frikort_contracts.envelope import Envelope, EnvelopeError, from_headers
from frikort_contracts.events import Event
from services.chassis.clock import Clock
from services.chassis.database import Connection, Pool, deciding_again, transaction
from services.chassis.errors import ContractError
from services.chassis.held import BEHIND_PARKED, Held, held_for, hold, release
from services.chassis.inbox import Inbox, Lane, Message, RawRecord, advance_streams, is_uuid

E = TypeVar("E")
Parse: TypeAlias = Callable[[Message], tuple[Envelope, E | None]]
"""Reads a message; no event where its type is unknown.

Raises `ContractError`, `EnvelopeError` or pydantic's `ValidationError` where it cannot be read.
"""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Received(Generic[E]):
    """A message that was read; `event` is None where this version does not know its type."""

    message: Message
    envelope: Envelope
    event: E | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader(Generic[E]):
    """Takes batches of a service's topics: `apply` is the effect, in the position's transaction."""

    pool: Pool
    clock: Clock
    parse: Parse[E]
    apply: Callable[[Connection, Sequence[Received[E]], dt.datetime], Awaitable[None]]

    async def take(self, records: Iterable[RawRecord]) -> None:
        """Apply a batch once, however often it is given."""
        await deciding_again(lambda: self._take(list(records)))

    async def redrive(self, connection: Connection, lane: Lane, subject: str) -> None:
        """Take what is held of a subject again, as if it came now, in its order."""
        inbox = await Inbox.open(connection, [lane])
        held = await held_for(connection, [lane[0]], [subject])
        inbox.fresh = [item.message for item in held.get(subject, [])]
        await release(connection, inbox.fresh)
        await self._apply_fresh(connection, inbox)

    async def _take(self, records: Sequence[RawRecord]) -> None:
        async with transaction(self.pool) as connection:
            await self._apply_fresh(connection, await Inbox.take(connection, records))

    async def _apply_fresh(self, connection: Connection, inbox: Inbox) -> None:
        now = self.clock.now()
        received = await sort_out(connection, inbox, self.parse, now=now)
        await self.apply(connection, received, now)
        await inbox.close()


def parse_with(events: Sequence[type[Event]]) -> Parse[Event]:
    """Make a parser of the events that a topic carries; a subject is a UUID."""
    by_type = {event.TYPE: event for event in events}

    def parse(message: Message) -> tuple[Envelope, Event | None]:
        envelope = from_headers(message.headers.items())
        _require_stream(envelope, message)
        event = by_type.get(envelope.type)
        return envelope, None if event is None else event.model_validate_json(message.value)

    return parse


async def sort_out(
    connection: Connection, inbox: Inbox, parse: Parse[E], *, now: dt.datetime
) -> list[Received[E]]:
    """Give the fresh messages that are to be applied now, in order; hold the others.

    Counts what it gives as applied or ignored, and notes how far each stream has been read.
    Queries do not grow with the batch. Runs in the transaction of the effects.
    """
    topics = {message.topic for message in inbox.fresh}
    streams = {message.stream_id for message in inbox.fresh}
    held = await held_for(connection, sorted(topics), sorted(streams))
    blocked = {(item.message.topic, stream) for stream, items in held.items() for item in items}
    received: list[Received[E]] = []
    set_aside: list[Held] = []
    for message in inbox.fresh:
        lane = (message.topic, message.stream_id)
        if lane in blocked:
            set_aside.append(Held(message=message, parked=False, reason=BEHIND_PARKED))
            continue
        try:
            envelope, event = parse(message)
        except (ContractError, EnvelopeError, ValidationError) as error:
            blocked.add(lane)
            set_aside.append(Held(message=message, parked=True, reason=_reason(error)))
            continue
        received.append(Received(message, envelope, event))
        inbox.count(message.topic, message.partition, "ignored" if event is None else "applied")
    await hold(connection, set_aside, now=now, reads_on=inbox.reads_on)
    await advance_streams(connection, inbox.fresh)
    _log_parked(set_aside)
    return received


def _require_stream(envelope: Envelope, message: Message) -> None:
    """Refuse what belongs to no stream, or has no place in it."""
    if not is_uuid(envelope.subject):
        raise EnvelopeError("ce_subject")
    if message.version is None:
        raise EnvelopeError("ce_streamversion")


def _reason(error: ContractError | EnvelopeError | ValidationError) -> str:
    """Give the code under which a message is parked; nothing of its content."""
    match error:
        case ContractError():
            return error.reason
        case EnvelopeError():
            return "envelope-unreadable"
        case _:
            return "payload-unreadable"


def _log_parked(set_aside: Sequence[Held]) -> None:
    for item in set_aside:
        if item.parked:
            log.warning(
                "message_parked",
                topic=item.message.topic,
                partition=item.message.partition,
                offset=item.message.offset,
                reason=item.reason,
            )
