"""What grants answers itself: what was decided about a card, and which are to be reviewed."""

import datetime as dt
import json
from typing import Literal

from pydantic import JsonValue

from frikort_contracts.types import Contract
from services.chassis import event_store
from services.chassis.database import Pool
from services.chassis.errors import NotFound
from services.grants import domain, store
from services.grants.translate import CODEC, PUBLISHER, is_about


class GrantNotFound(NotFound):
    """No card of that number was granted here."""

    code = "card-unknown"
    field = "card_no"


class Decision(Contract):
    """One decision about a card, as it was published."""

    event: str
    id: str
    version: int
    recorded_at: dt.datetime
    fact: dict[str, JsonValue]


class Grant(Contract):
    """A card as it stands after its last decision, and all decisions in their order.

    `review_due_on` is the last day for the next check of the conditions, of a live card (R33).
    """

    card_no: str
    citizen_id: str
    municipality_code: str
    state: Literal["active", "inactive", "closed"]
    review_due_on: dt.date | None
    decisions: tuple[Decision, ...]


class ReviewDue(Contract):
    """A live card, who is responsible for it, and the last day for its next check (R33)."""

    review_due_on: dt.date
    card_no: str
    municipality_code: str


class ReviewsDue(Contract):
    """The cards to review, the earliest due first; no more than `LISTED_MAX` of them."""

    cards: tuple[ReviewDue, ...]


LISTED_MAX = 1000
_STATES: dict[type[domain.Card], Literal["active", "inactive", "closed"]] = {
    domain.ActiveCard: "active",
    domain.InactiveCard: "inactive",
    domain.ClosedCard: "closed",
}


async def read_grant(pool: Pool, reading: domain.ReviewReading, card_no: str) -> Grant:
    """Fold a card's decisions; `reading` is how the law's rule on reviews is read.

    Raises:
        GrantNotFound: no card of that number was granted.
    """
    async with pool.acquire() as connection:
        owners = await store.find_cards(connection, [card_no])
        if card_no not in owners:
            raise GrantNotFound(f"no card {card_no} was granted")
        citizen_id = owners[card_no]
        stored = (await event_store.load(connection, [citizen_id]))[citizen_id]
    citizen = domain.Citizen()
    decisions = []
    for row in stored:
        event = CODEC.decode(row.type, row.data)
        citizen = domain.evolve(citizen, event)
        if is_about(event, card_no):
            decisions.append(
                Decision(
                    event=row.type,
                    id=row.event_id,
                    version=row.version,
                    recorded_at=row.recorded_at,
                    fact=json.loads(PUBLISHER.published(event, row.known_at).to_json()),
                )
            )
    card = citizen.cards[card_no]
    return Grant(
        card_no=card_no,
        citizen_id=citizen_id,
        municipality_code=card.municipality_code,
        state=_STATES[type(card)],
        review_due_on=domain.review_due_on(reading, card.assessed_on)
        if isinstance(card, domain.ActiveCard)
        else None,
        decisions=tuple(decisions),
    )


async def read_reviews_due(
    pool: Pool,
    reading: domain.ReviewReading,
    due_by: dt.date,
    municipality_code: str | None = None,
) -> ReviewsDue:
    """List the live cards whose conditions are to be checked by a day, of all or of one place.

    Folds every history anew: a work list is asked for now and then, and is never behind.
    """
    found: list[ReviewDue] = []
    async with pool.acquire() as connection, connection.transaction(readonly=True):
        async for history in store.read_histories(connection):
            citizen = domain.Citizen()
            for kind, data in history:
                citizen = domain.evolve(citizen, CODEC.decode(kind, data))
            found.extend(
                each
                for each in reviews_due(citizen, reading)
                if each.review_due_on <= due_by
                and municipality_code in {None, each.municipality_code}
            )
    found.sort(key=lambda each: (each.review_due_on, each.card_no))
    return ReviewsDue(cards=tuple(found[:LISTED_MAX]))


def reviews_due(citizen: domain.Citizen, reading: domain.ReviewReading) -> list[ReviewDue]:
    """Give a citizen's live cards with the last day for their next check."""
    return [
        ReviewDue(
            card_no=card_no,
            municipality_code=card.municipality_code,
            review_due_on=domain.review_due_on(reading, card.assessed_on),
        )
        for card_no, card in citizen.cards.items()
        if isinstance(card, domain.ActiveCard)
    ]
