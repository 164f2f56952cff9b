"""The life of a card, decided. Pure: no clock, no randomness, no input or output.

A citizen's stream holds all their cards. Whether a card covers a date is for the ledger to
fold from the dated changes; here only what may be decided next matters.
"""

import datetime as dt
from dataclasses import dataclass, field, replace
from typing import TypeAlias, TypedDict, assert_never

from frikort_contracts.types import AgeGroup, Benefit
from services.chassis.errors import StateRejection


class GrantExists(StateRejection):
    """The citizen holds a live card; a second one is refused."""

    code = "grant-exists"
    field = "cpr"


class CardNumberTaken(StateRejection):
    """The number was given to a card before; numbers are never reused."""

    code = "card-number-taken"
    field = "card_no"


class CardUnknown(StateRejection):
    """No card of that number was granted here."""

    code = "card-unknown"
    field = "card_no"


class GrantInactive(StateRejection):
    """The card is deactivated already."""

    code = "grant-inactive"
    field = "change"


class GrantActive(StateRejection):
    """The card is active already."""

    code = "grant-active"
    field = "change"


class EffectiveBeforeEarlier(StateRejection):
    """The change would take effect before one that is already decided."""

    code = "effective-before-earlier-change"
    field = "effective_on"


class AlreadyResponsible(StateRejection):
    """The card is with that municipality already."""

    code = "municipality-unchanged"
    field = "municipality_code"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Grant:
    card_no: str
    municipality_code: str
    valid_from: dt.date
    decided_on: dt.date
    benefit: Benefit
    age_group: AgeGroup


class _Dates(TypedDict):
    card_no: str
    effective_on: dt.date
    decided_on: dt.date


@dataclass(frozen=True, slots=True, kw_only=True)
class _Change:
    card_no: str
    effective_on: dt.date
    decided_on: dt.date


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueGrant(_Grant):
    """Grant a citizen a card."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewGrant(_Change):
    """Record that the conditions were checked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeactivateGrant(_Change):
    """Stop a card from its effective date on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReactivateGrant(_Change):
    """Let a card cover again from its effective date on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferGrant(_Change):
    """Hand a card over to another municipality."""

    municipality_code: str


Command: TypeAlias = IssueGrant | ReviewGrant | DeactivateGrant | ReactivateGrant | TransferGrant


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantIssued(_Grant):
    """A card was granted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantReviewed(_Change):
    """The conditions were checked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantDeactivated(_Change):
    """The card covers nothing from its effective date on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantReactivated(_Change):
    """The card covers again from its effective date on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantTransferred(_Change):
    """Another municipality is responsible."""

    from_municipality_code: str
    to_municipality_code: str


Event: TypeAlias = (
    GrantIssued | GrantReviewed | GrantDeactivated | GrantReactivated | GrantTransferred
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ActiveCard:
    """A card that may be deactivated or transferred."""

    municipality_code: str
    changed_on: dt.date


@dataclass(frozen=True, slots=True, kw_only=True)
class InactiveCard:
    """A card that may be reactivated."""

    municipality_code: str
    changed_on: dt.date


Card: TypeAlias = ActiveCard | InactiveCard


@dataclass(frozen=True, slots=True)
class Citizen:
    """A citizen's cards by number, in order of issue."""

    cards: dict[str, Card] = field(default_factory=dict)

    @property
    def has_live_card(self) -> bool:
        """Whether one of the cards is live, that is neither closed nor deactivated."""
        return any(isinstance(card, ActiveCard) for card in self.cards.values())


def decide(command: Command, citizen: Citizen) -> Event:
    """Decide a command on the citizen's history.

    Raises:
        StateRejection: the command does not fit the history.
    """
    if isinstance(command, IssueGrant):
        return _issue(command, citizen)
    card = citizen.cards.get(command.card_no)
    if card is None:
        raise CardUnknown(f"no card {command.card_no} was granted; grant it first")
    match command:
        case ReviewGrant():
            return GrantReviewed(**_dates(command))
        case DeactivateGrant():
            return _deactivate(command, card)
        case ReactivateGrant():
            return _reactivate(command, card, citizen)
        case TransferGrant():
            return _transfer(command, card)
        case _:
            assert_never(command)


def evolve(citizen: Citizen, event: Event) -> Citizen:
    """Apply one event of history."""
    match event:
        case GrantIssued():
            card: Card = ActiveCard(
                municipality_code=event.municipality_code, changed_on=event.valid_from
            )
        case GrantReviewed():
            return citizen
        case GrantDeactivated():
            card = InactiveCard(
                municipality_code=citizen.cards[event.card_no].municipality_code,
                changed_on=event.effective_on,
            )
        case GrantReactivated():
            card = ActiveCard(
                municipality_code=citizen.cards[event.card_no].municipality_code,
                changed_on=event.effective_on,
            )
        case GrantTransferred():
            card = replace(
                citizen.cards[event.card_no], municipality_code=event.to_municipality_code
            )
        case _:
            assert_never(event)
    return Citizen({**citizen.cards, event.card_no: card})


def responsible_municipality(event: Event, citizen: Citizen) -> str:
    """Give the municipality responsible when the event was decided, before it is applied.

    A transfer is the old municipality's decision.
    """
    if isinstance(event, GrantIssued):
        return event.municipality_code
    return citizen.cards[event.card_no].municipality_code


def _issue(command: IssueGrant, citizen: Citizen) -> GrantIssued:
    if command.card_no in citizen.cards:
        raise CardNumberTaken(f"card {command.card_no} was granted before; take another number")
    if citizen.has_live_card:
        raise GrantExists(
            "the citizen holds a live card; deactivate or close it before granting another"
        )
    return GrantIssued(
        card_no=command.card_no,
        municipality_code=command.municipality_code,
        valid_from=command.valid_from,
        decided_on=command.decided_on,
        benefit=command.benefit,
        age_group=command.age_group,
    )


def _deactivate(command: DeactivateGrant, card: Card) -> GrantDeactivated:
    if isinstance(card, InactiveCard):
        raise GrantInactive(
            f"card {command.card_no} is deactivated since {card.changed_on}: "
            "leave this out, or reactivate it first"
        )
    _refuse_before(command, card)
    return GrantDeactivated(**_dates(command))


def _reactivate(command: ReactivateGrant, card: Card, citizen: Citizen) -> GrantReactivated:
    if isinstance(card, ActiveCard):
        raise GrantActive(
            f"card {command.card_no} is active since {card.changed_on}: "
            "leave this out, or deactivate it first"
        )
    if citizen.has_live_card:
        raise GrantExists("the citizen holds another live card; deactivate it first")
    _refuse_before(command, card)
    return GrantReactivated(**_dates(command))


def _transfer(command: TransferGrant, card: Card) -> GrantTransferred:
    if card.municipality_code == command.municipality_code:
        raise AlreadyResponsible(
            f"municipality {command.municipality_code} is responsible for it already"
        )
    return GrantTransferred(
        **_dates(command),
        from_municipality_code=card.municipality_code,
        to_municipality_code=command.municipality_code,
    )


def _refuse_before(command: _Change, card: Card) -> None:
    if command.effective_on < card.changed_on:
        raise EffectiveBeforeEarlier(
            f"effective_on is on or after {card.changed_on}, when the change before it took effect"
        )


def _dates(command: _Change) -> _Dates:
    return {
        "card_no": command.card_no,
        "effective_on": command.effective_on,
        "decided_on": command.decided_on,
    }
