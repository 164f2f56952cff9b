"""Whose is a card, and was it active? As grants' events tell it."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from frikort_contracts import grants
from frikort_contracts.events import Event
from services.chassis.database import Connection
from services.chassis.reading import Received
from services.payroll import store


@dataclass(slots=True)
class Learned:
    """What a run of grants' events tells of cards and citizens."""

    citizens: dict[str, store.LearnedCitizen] = field(default_factory=dict)
    cards: list[store.LearnedCard] = field(default_factory=list)
    changes: list[store.LearnedChange] = field(default_factory=list)


def learn(received: Sequence[Received[Event]]) -> Learned:
    """Fold grants' events, in order, into what is new about cards and citizens."""
    learned = Learned()
    for item in received:
        citizen_id, version = item.envelope.subject, item.envelope.stream_version
        municipality_code = _municipality_after(item.event, item.envelope.municipality)
        earlier = learned.citizens.get(citizen_id)
        if municipality_code is None and earlier is not None:
            municipality_code = earlier.municipality_code
        learned.citizens[citizen_id] = store.LearnedCitizen(
            citizen_id=citizen_id, grants_version=version, municipality_code=municipality_code
        )
        if isinstance(item.event, grants.GrantIssued):
            learned.cards.append(
                store.LearnedCard(
                    card_no=item.event.card_no,
                    citizen_id=citizen_id,
                    valid_from=item.event.valid_from,
                )
            )
        change = _change(item.event, citizen_id, version)
        if change is not None:
            learned.changes.append(change)
    return learned


async def keep(connection: Connection, learned: Learned) -> None:
    """Write down what was learned, in the transaction of the position."""
    await store.upsert_citizens(connection, list(learned.citizens.values()))
    await store.insert_cards(connection, learned.cards)
    await store.insert_changes(connection, learned.changes)


def _municipality_after(event: Event | None, decided_by: str | None) -> str | None:
    """Give who is responsible after an event, None where it does not say.

    A card that is live again is with whoever decided so: a newer one may have been elsewhere.
    """
    match event:
        case grants.GrantIssued():
            return event.municipality_code
        case grants.GrantTransferred():
            return event.to_municipality_code
        case grants.GrantReactivated():
            return decided_by
        case _:
            return None


def _change(event: Event | None, citizen_id: str, version: int) -> store.LearnedChange | None:
    match event:
        case grants.GrantDeactivated() | grants.GrantClosed():
            active = False
        case grants.GrantReactivated():
            active = True
        case grants.AppealDecided(outcome="overturned"):
            active = True
        case _:
            return None
    return store.LearnedChange(
        citizen_id=citizen_id,
        grants_version=version,
        card_no=event.card_no,
        effective_on=event.effective_on,
        active=active,
    )
