"""Which cards a reader may see who sees one municipality's citizens alone."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, Final

from services.allowance.balances import card_unknown
from services.allowance.status import municipality_on, today
from services.chassis.clock import Clock
from services.chassis.database import Pool
from services.chassis.web.reading import AdmitCard, Scope

_BEGINNINGS: Final = frozenset({"issued", "reactivated"})


def admits_cards(pool: Pool, clock: Clock) -> AdmitCard:
    """Give what refuses a card that a scope does not hold."""

    async def admit(scope: Scope, card_no: str) -> None:
        """Refuse a card of another municipality in the words for one that nobody knows.

        Raises:
            CardUnknown: no grant of the card has arrived, or the scope does not hold it.
        """
        changes = await pool.fetch(
            """
            SELECT x.card_no, x.version, x.kind, x.effective_on, x.municipality_code
            FROM cards AS c
            JOIN card_changes AS x USING (card_no)
            WHERE c.citizen_id = (SELECT citizen_id FROM cards WHERE card_no = $1)
            ORDER BY x.version
            """,
            card_no,
        )
        if not holds(scope, card_no, changes, today(clock)):
            raise card_unknown(card_no)

    return admit


def holds(scope: Scope, card_no: str, changes: Sequence[Mapping[str, Any]], on: dt.date) -> bool:
    """Tell whether a card is its scope's on a date, and so is the holder's last one.

    A card's pages tell everything of its holder. A municipality that once granted a card is told
    no more when another one has granted the same citizen the next.

    `changes`: those of all the holder's cards, in order; a card's first is its grant.
    """
    cards: dict[str, list[Mapping[str, Any]]] = {}
    last = card_no
    for change in changes:
        cards.setdefault(change["card_no"], []).append(change)
        if change["kind"] in _BEGINNINGS:
            last = change["card_no"]
    return card_no in cards and all(
        scope.holds(municipality_on(cards[each][0], cards[each], on)) for each in (card_no, last)
    )
