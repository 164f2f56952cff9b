"""A citizen's cards and applications as their history left them."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias, assert_never

from services.grants.domain.events import (
    AppealDecided,
    ApplicationReceived,
    ApplicationRefused,
    CardEvent,
    Cause,
    CitizenReidentified,
    DispensationGranted,
    Event,
    GrantClosed,
    GrantDeactivated,
    GrantIssued,
    GrantReactivated,
    GrantReviewed,
    GrantTransferred,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """From `effective_on` on, included, a card covers or does not."""

    effective_on: dt.date
    covers: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _OpenCard:
    """`assessed_on`: when the conditions were last found to be met; `turns` as decided."""

    municipality_code: str
    assessed_on: dt.date
    turns: tuple[Turn, ...]

    @property
    def begins_on(self) -> dt.date:
        """The first day covered."""
        return min(turn.effective_on for turn in self.turns)

    @property
    def covers_since(self) -> dt.date:
        """When it last began to cover."""
        return max(turn.effective_on for turn in self.turns if turn.covers)

    @property
    def changed_on(self) -> dt.date:
        """The last date from which something changes: what comes next is not before it."""
        return max(turn.effective_on for turn in self.turns)

    def is_deactivated_on(self, date: dt.date) -> bool:
        """Tell whether a deactivation holds on a date; before the card began none does.

        Fold the turns up to the date: the latest effective one holds, of equals the later.
        """
        turn = _last([turn for turn in self.turns if turn.effective_on <= date])
        return turn is not None and not turn.covers


@dataclass(frozen=True, slots=True, kw_only=True)
class ActiveCard(_OpenCard):
    """A live card."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InactiveCard(_OpenCard):
    """A card that may be reactivated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedCard:
    """A card that takes no further change."""

    municipality_code: str
    closed_on: dt.date
    cause: Cause

    @property
    def changed_on(self) -> dt.date:
        """The last date from which something changes."""
        return self.closed_on


Card: TypeAlias = ActiveCard | InactiveCard | ClosedCard


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenApplication:
    """An application that waits for an answer."""

    municipality_code: str
    received_on: dt.date


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedApplication:
    """An application whose refusal may be overturned."""

    municipality_code: str
    received_on: dt.date


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantedApplication:
    """An application that a card answers, at once or on appeal."""

    municipality_code: str
    received_on: dt.date


Application: TypeAlias = OpenApplication | RefusedApplication | GrantedApplication


@dataclass(frozen=True, slots=True)
class Citizen:
    """A citizen's cards by number and applications by id, in the order they came."""

    cards: dict[str, Card] = field(default_factory=dict)
    applications: dict[str, Application] = field(default_factory=dict)

    @property
    def has_live_card(self) -> bool:
        """Whether one of the cards is live, that is neither closed nor deactivated."""
        return any(isinstance(card, ActiveCard) for card in self.cards.values())

    @property
    def municipality_code(self) -> str:
        """Who is responsible: by the live card, else by the newest card or application."""
        live = [card for card in self.cards.values() if isinstance(card, ActiveCard)]
        for known in (live, self.cards.values(), self.applications.values()):
            codes = [item.municipality_code for item in known]
            if codes:
                return codes[-1]
        raise LookupError("a citizen without cards and applications has no municipality")

    def granted_before(self, card_no: str) -> list[str]:
        """Name the cards that were granted before one of them, the oldest first."""
        numbers = list(self.cards)
        return numbers[: numbers.index(card_no)]

    def refused_by(self, date: dt.date) -> str | None:
        """Name the newest refused application that had come by a date, None if there is none."""
        found = [
            application_id
            for application_id, application in self.applications.items()
            if isinstance(application, RefusedApplication) and application.received_on <= date
        ]
        return found[-1] if found else None


def evolve(citizen: Citizen, event: Event) -> Citizen:
    """Apply one event of history."""
    match event:
        case GrantIssued():
            return _issued(citizen, event)
        case CitizenReidentified():
            return citizen
        case ApplicationReceived():
            received = OpenApplication(
                municipality_code=event.municipality_code, received_on=event.received_on
            )
            return _with_application(citizen, event.application_id, received)
        case ApplicationRefused():
            application = citizen.applications[event.application_id]
            refused = RefusedApplication(
                municipality_code=application.municipality_code,
                received_on=application.received_on,
            )
            return _with_application(citizen, event.application_id, refused)
        case AppealDecided(overturns="application-refused"):
            citizen = _granted_on_appeal(citizen, event)
    return replace(
        citizen,
        cards={**citizen.cards, event.card_no: _changed(citizen.cards[event.card_no], event)},
    )


def responsible_municipality(event: Event, citizen: Citizen) -> str:
    """Give the municipality responsible when the event was decided, before it is applied.

    A transfer is the old municipality's decision.
    """
    match event:
        case GrantIssued() | ApplicationReceived():
            return event.municipality_code
        case ApplicationRefused():
            return citizen.applications[event.application_id].municipality_code
        case CitizenReidentified():
            return citizen.municipality_code
        case _:
            return citizen.cards[event.card_no].municipality_code


def after_turn(card: ActiveCard | InactiveCard, turn: Turn) -> ActiveCard | InactiveCard:
    """Give the card with one more turn: what takes effect last says whether it is live."""
    turns = (*card.turns, turn)
    last = _last(turns)
    shape = ActiveCard if last is not None and last.covers else InactiveCard
    return shape(
        municipality_code=card.municipality_code, assessed_on=card.assessed_on, turns=turns
    )


def _last(turns: Sequence[Turn]) -> Turn | None:
    """Give the turn with the latest effect, of equals the one decided later."""
    found: Turn | None = None
    for turn in turns:
        if found is None or turn.effective_on >= found.effective_on:
            found = turn
    return found


def _issued(citizen: Citizen, event: GrantIssued) -> Citizen:
    """Add the card; it answers what the citizen has applied for."""
    card = ActiveCard(
        municipality_code=event.municipality_code,
        assessed_on=event.decided_on,
        turns=(Turn(effective_on=event.valid_from, covers=True),),
    )
    applications: dict[str, Application] = {
        application_id: _granted(application)
        if isinstance(application, OpenApplication)
        else application
        for application_id, application in citizen.applications.items()
    }
    return Citizen({**citizen.cards, event.card_no: card}, applications)


def _changed(card: Card, event: CardEvent) -> Card:
    if isinstance(card, ClosedCard):
        return card
    changed: Card = card
    match event:
        case GrantReviewed():
            changed = replace(card, assessed_on=event.decided_on)
        case GrantDeactivated():
            changed = after_turn(card, Turn(effective_on=event.effective_on, covers=False))
        case GrantReactivated():
            assessed = replace(card, assessed_on=event.decided_on)
            changed = after_turn(assessed, Turn(effective_on=event.effective_on, covers=True))
        case GrantTransferred():
            changed = replace(card, municipality_code=event.to_municipality_code)
        case GrantClosed():
            changed = ClosedCard(
                municipality_code=card.municipality_code,
                closed_on=event.effective_on,
                cause=event.cause,
            )
        case AppealDecided(outcome="overturned"):
            changed = after_turn(card, Turn(effective_on=event.effective_on, covers=True))
        case GrantIssued() | DispensationGranted() | AppealDecided():
            pass  # an issue is folded above; the others change no coverage
        case _:
            assert_never(event)
    return changed


def _granted(application: Application) -> GrantedApplication:
    return GrantedApplication(
        municipality_code=application.municipality_code, received_on=application.received_on
    )


def _granted_on_appeal(citizen: Citizen, event: AppealDecided) -> Citizen:
    application_id = citizen.refused_by(event.effective_on)
    if application_id is None:
        return citizen
    granted = _granted(citizen.applications[application_id])
    return _with_application(citizen, application_id, granted)


def _with_application(citizen: Citizen, application_id: str, changed: Application) -> Citizen:
    return replace(citizen, applications={**citizen.applications, application_id: changed})
