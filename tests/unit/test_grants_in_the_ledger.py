"""Grants and the ledger read the same history alike, whatever was decided in whatever order.

Grants knows what may be decided next, the ledger whether a date is covered: two folds of the
same events, by two hands.
"""

import datetime as dt
from typing import Literal

from hypothesis import given, settings
from hypothesis import strategies as st

from services.allowance.domain import CardChange, CardChangeKind, uncovered_reason
from services.chassis.errors import Rejection
from services.grants import domain
from tests.unit.grants_cases import CARD, ISSUED, after, received, refused

Move = Literal["deactivate", "reactivate", "overturn", "overturn refusal", "close"]
MOVES: tuple[Move, ...] = (
    *("deactivate", "reactivate", "overturn") * 3,
    "overturn refusal",
    "close",
)
"""Closings are rare, for nothing follows them, and a refusal is overturned once."""
BEFORE = 3
"""Days before the card begins; its holder's application was refused before them."""
FIRST = dt.date(2023, 1, 1)
DAYS = 8
KINDS: dict[type[domain.Event], CardChangeKind] = {
    domain.GrantDeactivated: "deactivated",
    domain.GrantReactivated: "reactivated",
    domain.AppealDecided: "overturned",
    domain.GrantClosed: "closed",
}


def command(move: Move, effective_on: dt.date) -> domain.Command:
    match move:
        case "deactivate":
            return domain.DeactivateGrant(
                card_no=CARD, effective_on=effective_on, decided_on=effective_on
            )
        case "reactivate":
            return domain.ReactivateGrant(
                card_no=CARD, effective_on=effective_on, decided_on=effective_on
            )
        case "overturn":
            return domain.DecideAppeal(
                card_no=CARD,
                effective_on=effective_on,
                decided_on=effective_on,
                outcome="overturned",
                overturns="grant-deactivated",
            )
        case "overturn refusal":
            return domain.DecideAppeal(
                card_no=CARD,
                effective_on=effective_on,
                decided_on=effective_on,
                outcome="overturned",
                overturns="application-refused",
            )
        case "close":
            return domain.CloseGrant(
                card_no=CARD, effective_on=effective_on, decided_on=effective_on, cause="death"
            )


def covered_days(changes: list[CardChange]) -> list[bool]:
    """Ask the ledger of every day there is, and of one after all."""
    return [
        uncovered_reason(
            changes,
            card_no=CARD,
            on=FIRST + dt.timedelta(days=day),
            grants_version=len(changes),
        )
        is None
        for day in range(-BEFORE, DAYS + 1)
    ]


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(MOVES),
            st.integers(-BEFORE, DAYS - 1),
        ),
        min_size=12,
        max_size=24,
    )
)
def test_every_decision_changes_coverage_from_its_date_on_as_grants_says(
    moves: list[tuple[Move, int]],
) -> None:
    citizen = after(received(), refused(), ISSUED)
    changes = [CardChange(version=1, card_no=CARD, kind="issued", effective_on=FIRST)]
    for move, day in moves:
        before = covered_days(changes)
        effective_on = FIRST + dt.timedelta(days=day)
        try:
            event = domain.decide(command(move, effective_on), citizen)
        except Rejection:
            continue
        citizen = domain.evolve(citizen, event)
        changes.append(
            CardChange(
                version=len(changes) + 1,
                card_no=CARD,
                kind=KINDS[type(event)],
                effective_on=effective_on,
            )
        )
        now = covered_days(changes)

        place = BEFORE + day
        assert now[:place] == before[:place]
        assert now[place] is (move not in {"deactivate", "close"})
        assert now[-1] is citizen.has_live_card
