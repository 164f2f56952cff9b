"""Two questions: whose is a card, as grants' events tell it; and what became of a wage."""

import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from pydantic import JsonValue

from frikort_contracts import grants
from frikort_contracts.events import Event
from frikort_contracts.types import Contract
from services.chassis import event_store
from services.chassis.database import Connection, Pool
from services.chassis.errors import NotFound
from services.chassis.reading import Received
from services.chassis.vault import Vault
from services.payroll import domain, store
from services.payroll.translate import CODEC, to_published


class WageNotFound(NotFound):
    """No wage of that reference is registered."""

    code = "wage-unknown"
    field = "wage_ref"


@dataclass(slots=True)
class Learned:
    """What a run of grants' events tells of cards and citizens."""

    citizens: dict[str, store.LearnedCitizen] = field(default_factory=dict)
    cards: list[store.LearnedCard] = field(default_factory=list)
    changes: list[store.LearnedChange] = field(default_factory=list)


class Fact(Contract):
    """One fact about a wage, as it was published."""

    event: str
    id: str
    version: int
    recorded_at: dt.datetime
    fact: dict[str, JsonValue]


class Wage(Contract):
    """A wage as it stands, and what was recorded about it, in order."""

    wage_ref: str
    wage_id: str
    citizen_id: str
    state: Literal["paid", "reversed"]
    facts: tuple[Fact, ...]


def learn(received: Sequence[Received[Event]]) -> Learned:
    """Fold grants' events, in order, into what is new about cards and citizens."""
    learned = Learned()
    for item in received:
        citizen_id, version = item.envelope.subject, item.envelope.stream_version
        municipality_code = _municipality_after(item.event)
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


async def read_wage(pool: Pool, vault: Vault, wage_ref: str) -> Wage:
    """Fold what was recorded about a wage.

    Raises:
        WageNotFound: no wage of that reference is registered.
    """
    async with pool.acquire() as connection:
        place = (await store.find_wages(connection, vault, [wage_ref])).get(wage_ref)
        if place is None:
            raise WageNotFound("no wage of this reference is registered")
        stored = (await event_store.load(connection, [place.citizen_id]))[place.citizen_id]
    facts = []
    state: Literal["paid", "reversed"] = "paid"
    for row in stored:
        event = CODEC.decode(row.type, row.data)
        if isinstance(event, domain.WagePaid | domain.WageReversed) and event.wage_id == place.id:
            state = "paid" if isinstance(event, domain.WagePaid) else "reversed"
            facts.append(
                Fact(
                    event=row.type,
                    id=row.event_id,
                    version=row.version,
                    recorded_at=row.recorded_at,
                    fact=json.loads(to_published(event, row.known_at).to_json()),
                )
            )
    return Wage(
        wage_ref=wage_ref,
        wage_id=place.id,
        citizen_id=place.citizen_id,
        state=state,
        facts=tuple(facts),
    )


def _municipality_after(event: Event | None) -> str | None:
    """Give who is responsible after an event, None where it does not say."""
    match event:
        case grants.GrantIssued():
            return event.municipality_code
        case grants.GrantTransferred():
            return event.to_municipality_code
        case _:
            return None


def _change(event: Event | None, citizen_id: str, version: int) -> store.LearnedChange | None:
    match event:
        case grants.GrantDeactivated() | grants.GrantClosed():
            active = False
        case grants.GrantReactivated():
            active = True
        case grants.AppealDecided(outcome="overturned", overturns="grant-deactivated"):
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
