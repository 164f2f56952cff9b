"""Which numbers a person is to ask the citizen about: a review calls for it (R40).

A number that was given up may be somebody else's a year later, and no gateway tells. So a
contact that was last said, or confirmed, before the day its citizen's card was reviewed is to be
confirmed. It is texted all the same: nobody loses their texts because somebody forgot to ask.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from frikort_contracts.events import Event
from frikort_contracts.grants import GrantReviewed
from frikort_contracts.types import CardNo, Contract
from services.chassis.database import Connection, Pool
from services.chassis.errors import NotFound
from services.chassis.reading import Received

LISTED_MAX: Final = 1000


class ContactNotFound(NotFound):
    """Nothing was ever said of the card's contact."""

    code = "contact-unknown"
    field = "card_no"


class ContactState(Contract):
    """A card's contact as people may see it, without the number.

    `reviewed_on`: the newest review of any of the citizen's cards. `failures`: texts in a row
    that did not reach it.
    """

    card_no: CardNo
    state: Literal["known", "deleted"]
    known_at: dt.datetime
    confirmed_at: dt.datetime | None
    reviewed_on: dt.date | None
    confirmation_due: bool
    failures: int


class ContactsToConfirm(Contract):
    """The contacts to confirm, the longest due first; no more than `LISTED_MAX` of them."""

    contacts: tuple[ContactState, ...]


async def note_reviews(connection: Connection, received: Sequence[Received[Event]]) -> None:
    """Learn which cards were reviewed, and when that was decided; the newest review counts."""
    reviews = [item.event for item in received if isinstance(item.event, GrantReviewed)]
    await connection.executemany(
        "UPDATE cards SET reviewed_on = greatest(reviewed_on, $2) WHERE card_no = $1",
        [(review.card_no, review.decided_on) for review in reviews],
    )


async def confirm(connection: Connection, confirmed: Mapping[str, dt.datetime]) -> None:
    """Write down that numbers are their citizens' still; whoever was given up is tried again."""
    await connection.executemany(
        "UPDATE contacts SET confirmed_at = $2, failures = 0 WHERE card_no = $1",
        list(confirmed.items()),
    )


async def read_contact(pool: Pool, card_no: str) -> ContactState:
    """Show a card's contact.

    Raises:
        ContactNotFound: nothing was said of it.
    """
    async with pool.acquire() as connection:
        row = await connection.fetchrow(
            """
            SELECT *
            FROM contact_states
            WHERE card_no = $1
            """,
            card_no,
        )
    if row is None:
        raise ContactNotFound(f"no contact of card {card_no} was registered")
    return _state(row)


async def read_contacts_to_confirm(pool: Pool) -> ContactsToConfirm:
    """List the contacts to confirm, of each citizen the one that texts go to."""
    async with pool.acquire() as connection:
        rows = await connection.fetch(
            """
            SELECT *
            FROM contact_states
            WHERE confirmation_due
              AND is_texted
            ORDER BY reviewed_on, card_no
            LIMIT $1
            """,
            LISTED_MAX,
        )
    return ContactsToConfirm(contacts=tuple(_state(row) for row in rows))


def _state(row: Mapping[str, Any]) -> ContactState:
    return ContactState(**{name: row[name] for name in ContactState.model_fields})
