"""What notifications hears: the facts a citizen should know, from grants and allowance.

The position moves in the transaction that requests the texts, and a text's id follows from its
fact: however often a topic is read again, nothing is requested twice.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from frikort_contracts.allowance import AllowanceExhausted, AllowanceLow
from frikort_contracts.envelope import Envelope
from frikort_contracts.events import Event
from frikort_contracts.grants import GrantClosed, GrantIssued, GrantReviewed, GrantTransferred
from services.chassis.clock import Clock
from services.chassis.database import Connection, Pool
from services.chassis.errors import ContractError
from services.chassis.identifiers import Identifiers, derived_id, traceparent
from services.chassis.inbox import Message, is_uuid
from services.chassis.reading import Reader, Received, parse_with
from services.notifications import confirmations, domain, responsibility, store, templates
from services.notifications.handlers import Order, Origin, carry_out

_parse_fact = parse_with(
    [
        GrantIssued,
        GrantReviewed,
        GrantTransferred,
        GrantClosed,
        AllowanceLow,
        AllowanceExhausted,
    ]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is done about facts; one older than `stale_after` is noted and not texted."""

    clock: Clock
    ids: Identifiers
    stale_after: dt.timedelta | None

    async def apply(
        self, connection: Connection, received: Sequence[Received[Event]], now: dt.datetime
    ) -> None:
        """Learn whose cards are whose, and request the texts that the facts call for."""
        await _learn_cards(connection, received)
        await responsibility.note_municipalities(connection, received)
        await confirmations.note_reviews(connection, received)
        orders = [order for item in received if (order := self._order(item, now)) is not None]
        await carry_out(connection, orders, clock=self.clock, ids=self.ids)

    def _order(self, received: Received[Event], now: dt.datetime) -> Order | None:
        envelope, event = received.envelope, received.event
        match event:
            case GrantIssued():
                template = templates.CARD_ISSUED
            case AllowanceLow():
                template = templates.ALLOWANCE_LOW
            case AllowanceExhausted():
                template = templates.ALLOWANCE_EXHAUSTED
            case _:
                return None
        return Order(
            citizen_id=envelope.subject,
            command=domain.RequestText(
                notification_id=derived_id("text", envelope.id, template),
                template=template,
                template_version=templates.newest_version(template),
                cause_id=envelope.id,
                card_no=event.card_no,
                stale=self.stale_after is not None and now - event.known_at > self.stale_after,
            ),
            origin=_origin(envelope),
            known_at=event.known_at,
        )


def read_facts(pool: Pool, facts: Facts) -> Reader[Event]:
    """Make the reader that takes each fact once."""
    return Reader(pool=pool, clock=facts.clock, parse=parse, apply=facts.apply)


def parse(message: Message) -> tuple[Envelope, Event | None]:
    """Read a message; a fact that calls for a text must say who is responsible for it.

    Raises:
        ContractError: `municipality-missing`, or `id-unreadable`, which is to be a UUID.
        EnvelopeError, ValidationError: as `parse_with`.
    """
    envelope, event = _parse_fact(message)
    if event is not None and envelope.municipality is None:
        raise ContractError("municipality-missing", "the fact names no municipality")
    if event is not None and not (is_uuid(envelope.id) and is_uuid(envelope.correlation_id)):
        raise ContractError("id-unreadable", "the fact's identifiers are no UUIDs")
    return envelope, event


def _origin(envelope: Envelope) -> Origin:
    return Origin(
        municipality_code=envelope.municipality or "",
        correlation_id=envelope.correlation_id,
        cause_id=envelope.id,
        traceparent=traceparent(envelope.traceparent),
    )


async def _learn_cards(connection: Connection, received: Sequence[Received[Event]]) -> None:
    """Learn whose cards are whose, and who has died; a card granted after that is not marked."""
    deaths = [item for item in received if _is_death(item.event)]
    if deaths:
        citizens = [item.envelope.subject for item in deaths]
        await store.mark_deceased(connection, citizens=citizens, card_nos=[])
    await store.insert_cards(connection, _cards(received))
    closed = [item.event.card_no for item in deaths if isinstance(item.event, GrantClosed)]
    if closed:
        await store.mark_deceased(connection, citizens=[], card_nos=closed)


def _is_death(event: Event | None) -> bool:
    return isinstance(event, GrantClosed) and event.cause == "death"


def _cards(received: Sequence[Received[Event]]) -> dict[str, str]:
    return {
        item.event.card_no: item.envelope.subject
        for item in received
        if isinstance(item.event, GrantIssued)
    }
