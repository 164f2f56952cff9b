"""What may be decided next. Refuses with a code; never changes what was decided."""

import datetime as dt
from typing import TypedDict, assert_never

from services.grants.domain.citizen import (
    ActiveCard,
    Citizen,
    ClosedCard,
    GrantedApplication,
    InactiveCard,
    RefusedApplication,
    Turn,
    after_turn,
)
from services.grants.domain.commands import (
    CardChange,
    CloseGrant,
    Command,
    DeactivateGrant,
    DecideAppeal,
    GrantDispensation,
    IssueGrant,
    ReactivateGrant,
    ReceiveApplication,
    RefuseApplication,
    ReidentifyCitizen,
    ReviewGrant,
    TransferGrant,
)
from services.grants.domain.events import (
    AppealDecided,
    ApplicationReceived,
    ApplicationRefused,
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
from services.grants.domain.rejections import (
    AlreadyResponsible,
    ApplicationGranted,
    ApplicationReceivedInFuture,
    ApplicationRefusedAlready,
    CardClosed,
    CardNumberTaken,
    CardUnknown,
    DecidedBeforeReceived,
    EffectiveBeforeEarlier,
    GrantActive,
    GrantExists,
    GrantInactive,
    NothingToOverturn,
)


class _Dates(TypedDict):
    card_no: str
    effective_on: dt.date
    decided_on: dt.date


def decide(command: Command, citizen: Citizen) -> Event:
    """Decide a command on the citizen's history.

    Of applications the caller names one of the citizen's by its id.

    Raises:
        Rejection: the command does not fit the history.
    """
    match command:
        case IssueGrant():
            return _issue(command, citizen)
        case ReceiveApplication():
            return _receive(command)
        case RefuseApplication():
            return _refuse(command, citizen)
        case ReidentifyCitizen():
            return CitizenReidentified()
        case _:
            return _change(command, citizen)


def _issue(command: IssueGrant, citizen: Citizen) -> GrantIssued:
    """A closed card stands in no new one's way, so that a death noted by mistake can be mended."""
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


def _receive(command: ReceiveApplication) -> ApplicationReceived:
    if command.received_on > command.learned_on:
        raise ApplicationReceivedInFuture(
            f"received_on is on or before {command.learned_on}, when it was registered"
        )
    return ApplicationReceived(
        application_id=command.application_id,
        municipality_code=command.municipality_code,
        received_on=command.received_on,
    )


def _refuse(command: RefuseApplication, citizen: Citizen) -> ApplicationRefused:
    application = citizen.applications[command.application_id]
    if isinstance(application, RefusedApplication):
        raise ApplicationRefusedAlready("the application was refused before; leave this out")
    if isinstance(application, GrantedApplication):
        raise ApplicationGranted("a card was granted on it; deactivate the card instead")
    if command.decided_on < application.received_on:
        raise DecidedBeforeReceived(
            f"decided_on is on or after {application.received_on}, when the application came"
        )
    return ApplicationRefused(
        application_id=command.application_id,
        reason=command.reason,
        decided_on=command.decided_on,
    )


def _change(command: CardChange, citizen: Citizen) -> Event:
    card = citizen.cards.get(command.card_no)
    if card is None:
        raise CardUnknown(f"no card {command.card_no} was granted; grant it first")
    if isinstance(card, ClosedCard):
        raise CardClosed(
            f"card {command.card_no} is closed since {card.closed_on} ({card.cause}) and takes no "
            "further change; a citizen who may have a card again is granted another"
        )
    event: Event
    match command:
        case ReviewGrant():
            event = GrantReviewed(**_dates(command))
        case GrantDispensation():
            event = DispensationGranted(**_dates(command))
        case DeactivateGrant():
            event = _deactivate(command, card)
        case ReactivateGrant():
            event = _reactivate(command, card, citizen)
        case TransferGrant():
            event = _transfer(command, card)
        case CloseGrant():
            event = _close(command, card)
        case DecideAppeal():
            event = _appeal(command, card, citizen)
        case _:
            assert_never(command)
    return event


def _deactivate(command: DeactivateGrant, card: ActiveCard | InactiveCard) -> GrantDeactivated:
    if isinstance(card, InactiveCard):
        raise GrantInactive(
            f"card {command.card_no} is deactivated since {card.changed_on}: "
            "leave this out, or reactivate it first"
        )
    _refuse_before(command.effective_on, card.changed_on)
    return GrantDeactivated(**_dates(command))


def _reactivate(
    command: ReactivateGrant, card: ActiveCard | InactiveCard, citizen: Citizen
) -> GrantReactivated:
    if isinstance(card, ActiveCard):
        raise GrantActive(
            f"card {command.card_no} is active since {card.changed_on}: "
            "leave this out, or deactivate it first"
        )
    _refuse_second_live(citizen)
    _refuse_before(command.effective_on, card.changed_on)
    return GrantReactivated(**_dates(command))


def _transfer(command: TransferGrant, card: ActiveCard | InactiveCard) -> GrantTransferred:
    if card.municipality_code == command.municipality_code:
        raise AlreadyResponsible(
            f"municipality {command.municipality_code} is responsible for it already"
        )
    return GrantTransferred(
        **_dates(command),
        from_municipality_code=card.municipality_code,
        to_municipality_code=command.municipality_code,
    )


def _close(command: CloseGrant, card: ActiveCard | InactiveCard) -> GrantClosed:
    """Close from no earlier than the card last began to cover, or it would cover again after.

    A deactivation with effect later than the closing stands in no way.
    """
    _refuse_before(command.effective_on, card.covers_since)
    return GrantClosed(**_dates(command), cause=command.cause)


def _appeal(
    command: DecideAppeal, card: ActiveCard | InactiveCard, citizen: Citizen
) -> AppealDecided:
    """An overturned decision lets the card cover from `effective_on` to its next change."""
    if command.overturns == "grant-deactivated":
        _refuse_unless_deactivated(command, card)
    elif command.overturns == "application-refused":
        _refuse_unless_refused(command, card, citizen)
    if command.outcome == "overturned" and isinstance(card, InactiveCard):
        turn = Turn(effective_on=command.effective_on, covers=True)
        if isinstance(after_turn(card, turn), ActiveCard):
            _refuse_second_live(citizen)
    return AppealDecided(**_dates(command), outcome=command.outcome, overturns=command.overturns)


def _refuse_unless_deactivated(command: DecideAppeal, card: ActiveCard | InactiveCard) -> None:
    """Overturn with effect within the deactivation only: else the fold would not show it."""
    if not card.is_deactivated_on(command.effective_on):
        raise NothingToOverturn(
            f"card {command.card_no} is not deactivated on {command.effective_on}; effective_on is "
            "on or after the deactivation's own, and before what let the card cover again"
        )


def _refuse_unless_refused(
    command: DecideAppeal, card: ActiveCard | InactiveCard, citizen: Citizen
) -> None:
    """Overturn on the first card granted since: that one covers from the appeal's date on.

    Not beyond its own first day, nor over the days of an earlier card, of which other decisions
    were made.
    """
    effective_on = command.effective_on
    if citizen.refused_by(effective_on) is None:
        raise NothingToOverturn(f"no application that had come by {effective_on} stands refused")
    if effective_on > card.begins_on or card.is_deactivated_on(effective_on):
        raise NothingToOverturn(
            f"card {command.card_no} was granted from {card.begins_on}; effective_on is that day "
            "or before it"
        )
    for earlier in citizen.granted_before(command.card_no):
        if citizen.cards[earlier].changed_on > effective_on:
            raise NothingToOverturn(
                f"card {earlier} was granted before card {command.card_no} and changed after "
                f"{effective_on}; overturn the refusal on the first card granted since"
            )


def _refuse_second_live(citizen: Citizen) -> None:
    if citizen.has_live_card:
        raise GrantExists("the citizen holds another live card; deactivate it first")


def _refuse_before(effective_on: dt.date, earlier: dt.date) -> None:
    if effective_on < earlier:
        raise EffectiveBeforeEarlier(
            f"effective_on is on or after {earlier}, when the change before it took effect"
        )


def _dates(command: CardChange) -> _Dates:
    return {
        "card_no": command.card_no,
        "effective_on": command.effective_on,
        "decided_on": command.decided_on,
    }
