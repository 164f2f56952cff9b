"""Load, decide, append for grants: from a request to the recorded fact."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal, TypeAlias

from frikort_contracts.grant_requests import (
    CloseGrantRequest,
    DecideAppealRequest,
    GrantDispensationRequest,
    ReceiveApplicationRequest,
    RefuseApplicationRequest,
    ReidentifyCitizenRequest,
)
from frikort_contracts.requests import ChangeGrantRequest, IssueGrantRequest
from frikort_contracts.types import COPENHAGEN, Request
from services.chassis.database import Connection
from services.chassis.errors import Rejection
from services.chassis.workspace import Answer, Command, Recording, Tools, Workspace
from services.grants import domain, store
from services.grants.cpr import check_adult, check_cpr
from services.grants.store import Place
from services.grants.translate import CODEC, PUBLISHER

Minors: TypeAlias = Literal["refused", "taken"]
CardRequest: TypeAlias = (
    ChangeGrantRequest | CloseGrantRequest | GrantDispensationRequest | DecideAppealRequest
)


class MunicipalityMismatch(Rejection):
    """Only a transfer names a municipality."""

    code = "municipality-not-a-transfer"
    field = "municipality_code"


class GrantsWorkspace(Workspace[domain.Citizen, domain.Event]):
    """Finds citizens by CPR number, card or application, and decides about them."""

    service: ClassVar[str] = "grants"
    codec = CODEC

    def __init__(self, tools: Tools, *, minors: Minors = "refused") -> None:
        super().__init__(tools)
        self._minors = minors
        self._by_cpr: dict[bytes, str] = {}
        self._by_card: dict[str, str] = {}
        self._by_application: dict[str, Place] = {}
        self._new_citizens: dict[bytes, str] = {}
        self._new_cards: dict[str, str] = {}
        self._new_applications: dict[str, Place] = {}

    def initial(self, stream_id: str) -> domain.Citizen:
        """Give a citizen without cards."""
        del stream_id
        return domain.Citizen()

    def evolve(self, state: domain.Citizen, event: domain.Event) -> domain.Citizen:
        """Apply one event."""
        return domain.evolve(state, event)

    async def prefetch(self, connection: Connection, requests: Sequence[Request]) -> None:
        """Load the citizens whom the requests name, by CPR number, card or application."""
        people = [self.tools.vault.index(cpr) for r in requests for cpr in _cpr_numbers(r)]
        cards = [r.card_no for r in requests if isinstance(r, IssueGrantRequest | CardRequest)]
        refs = {
            r.application_ref
            for r in requests
            if isinstance(r, ReceiveApplicationRequest | RefuseApplicationRequest)
        }
        found = await store.find_citizens(connection, people)
        self._by_cpr = {**found, **self._by_cpr}
        self._by_card = {**await store.find_cards(connection, cards), **self._by_card}
        if refs:  # files bring none
            places = await store.find_applications(connection, self.tools.vault, refs)
            self._by_application = {**places, **self._by_application}
        known = [self._by_cpr[person] for person in people if person in self._by_cpr]
        known += [self._by_card[card] for card in cards if card in self._by_card]
        known += [self._by_application[r].citizen_id for r in refs if r in self._by_application]
        await self.load_streams(connection, known)

    def decide(self, command: Command, now: dt.datetime) -> Answer:
        """Decide one request."""
        match command.request:
            case IssueGrantRequest() as request:
                return self._issue(request, command, now)
            case ReceiveApplicationRequest() as request:
                return self._receive(request, command, now)
            case RefuseApplicationRequest() as request:
                return self._refuse(request, command, now)
            case ReidentifyCitizenRequest() as request:
                return self._reidentify(request, command, now)
            case request if isinstance(request, CardRequest):
                return self._change(request, command, now)
        raise TypeError(f"grants takes no {type(command.request).__name__}")

    async def store(self, connection: Connection) -> None:
        """Write new citizens, cards and applications down."""
        await store.insert_citizens(connection, self._new_citizens)
        await store.insert_cards(connection, self._new_cards)
        await store.insert_applications(connection, self.tools.vault, self._new_applications)

    def _issue(self, request: IssueGrantRequest, command: Command, now: dt.datetime) -> Answer:
        check_cpr(request.cpr, production=self.tools.production)
        if self._minors == "refused":
            check_adult(request.cpr, request.valid_from)
        owner = self._by_card.get(request.card_no)
        citizen_id, citizen = self._find_or_begin(request.cpr)
        if owner is not None and owner != citizen_id:
            raise domain.CardNumberTaken(
                f"card {request.card_no} was granted to somebody else; take another number"
            )
        known_at = self.known_at(request.registered_at, now)
        event = domain.decide(
            domain.IssueGrant(
                card_no=request.card_no,
                municipality_code=request.municipality_code,
                valid_from=request.valid_from,
                decided_on=request.decided_on,
                benefit=request.benefit,
                age_group=request.age_group,
            ),
            citizen,
        )
        self._settle(request.cpr, citizen_id)
        self._by_card[request.card_no] = self._new_cards[request.card_no] = citizen_id
        private = {"cpr": request.cpr, "decision_ref": request.decision_ref}
        return self._record(citizen_id, event, known_at, private, command, now)

    def _change(self, request: CardRequest, command: Command, now: dt.datetime) -> Answer:
        citizen_id = self._by_card.get(request.card_no)
        if citizen_id is None:
            raise domain.CardUnknown(f"no card {request.card_no} was granted; grant it first")
        known_at = self.known_at(request.registered_at, now)
        citizen = self.streams[citizen_id].state
        event = domain.decide(_card_command(request), citizen)
        private = {"reason": request.reason}
        return self._record(citizen_id, event, known_at, private, command, now)

    def _receive(
        self, request: ReceiveApplicationRequest, command: Command, now: dt.datetime
    ) -> Answer:
        """Take an application by whoever it is: below 18 it is refused, not turned away."""
        check_cpr(request.cpr, production=self.tools.production)
        if request.application_ref in self._by_application:
            raise domain.ApplicationRefTaken(
                "an application of this reference was received; take another reference"
            )
        known_at = self.known_at(request.registered_at, now)
        citizen_id, citizen = self._find_or_begin(request.cpr)
        place = Place(self.tools.ids.new(), citizen_id)
        event = domain.decide(
            domain.ReceiveApplication(
                application_id=place.application_id,
                municipality_code=request.municipality_code,
                received_on=request.received_on,
                learned_on=known_at.astimezone(COPENHAGEN).date(),
            ),
            citizen,
        )
        self._settle(request.cpr, citizen_id)
        self._by_application[request.application_ref] = place
        self._new_applications[request.application_ref] = place
        private = {"cpr": request.cpr, "application_ref": request.application_ref}
        return self._record(citizen_id, event, known_at, private, command, now)

    def _refuse(
        self, request: RefuseApplicationRequest, command: Command, now: dt.datetime
    ) -> Answer:
        place = self._by_application.get(request.application_ref)
        if place is None:
            raise domain.ApplicationUnknown(
                "no application of this reference was received; register it first"
            )
        known_at = self.known_at(request.registered_at, now)
        event = domain.decide(
            domain.RefuseApplication(
                application_id=place.application_id,
                reason=request.reason.value,
                decided_on=request.decided_on,
            ),
            self.streams[place.citizen_id].state,
        )
        private = {"note": request.note}
        return self._record(place.citizen_id, event, known_at, private, command, now)

    def _reidentify(
        self, request: ReidentifyCitizenRequest, command: Command, now: dt.datetime
    ) -> Answer:
        """Let the citizen be found by the new number too; the old one stays a way to them."""
        check_cpr(request.old_cpr, production=self.tools.production)
        check_cpr(request.new_cpr, production=self.tools.production)
        citizen_id = self._by_cpr.get(self.tools.vault.index(request.old_cpr))
        if citizen_id is None:
            raise domain.CitizenUnknown("nobody with the old CPR number is known here")
        owner = self._by_cpr.get(self.tools.vault.index(request.new_cpr))
        if owner == citizen_id:
            raise domain.CprUnchanged("the citizen is found by the new CPR number already")
        if owner is not None:
            raise domain.CprTaken("the new CPR number is another citizen's; look both up again")
        known_at = self.known_at(request.registered_at, now)
        event = domain.decide(domain.ReidentifyCitizen(), self.streams[citizen_id].state)
        self._settle(request.new_cpr, citizen_id)
        private = {"old_cpr": request.old_cpr, "new_cpr": request.new_cpr}
        return self._record(citizen_id, event, known_at, private, command, now)

    def _find_or_begin(self, cpr: str) -> tuple[str, domain.Citizen]:
        """Give who a CPR number stands for, and their history; a new citizen has none."""
        citizen_id = self._by_cpr.get(self.tools.vault.index(cpr))
        if citizen_id is None:
            return self.tools.ids.new(), domain.Citizen()
        return citizen_id, self.streams[citizen_id].state

    def _settle(self, cpr: str, citizen_id: str) -> None:
        """Have a citizen found by a CPR number, if nobody is yet."""
        person = self.tools.vault.index(cpr)
        if person not in self._by_cpr:
            self._by_cpr[person] = self._new_citizens[person] = citizen_id
        if citizen_id not in self.streams:
            self.add_stream(citizen_id)

    def _record(
        self,
        citizen_id: str,
        event: domain.Event,
        known_at: dt.datetime,
        private: Mapping[str, str | None],
        command: Command,
        now: dt.datetime,
    ) -> Answer:
        recording = Recording(
            event=event,
            municipality_code=domain.responsible_municipality(
                event, self.streams[citizen_id].state
            ),
            known_at=known_at,
            private=private,
        )
        position, recorded = self.record(citizen_id, recording, command, now)
        return Answer(body=PUBLISHER.fact(recorded), position=position)


def _cpr_numbers(request: Request) -> tuple[str, ...]:
    match request:
        case IssueGrantRequest() | ReceiveApplicationRequest():
            return (request.cpr,)
        case ReidentifyCitizenRequest():
            return (request.old_cpr, request.new_cpr)
        case _:
            return ()


def _card_command(request: CardRequest) -> domain.Command:
    match request:
        case ChangeGrantRequest():
            return _change_command(request)
        case CloseGrantRequest():
            return domain.CloseGrant(
                card_no=request.card_no,
                effective_on=request.effective_on,
                decided_on=request.decided_on or request.effective_on,
                cause=request.cause,
            )
        case GrantDispensationRequest():
            return domain.GrantDispensation(
                card_no=request.card_no,
                effective_on=request.effective_on,
                decided_on=request.decided_on,
            )
        case DecideAppealRequest():
            return domain.DecideAppeal(
                card_no=request.card_no,
                effective_on=request.effective_on,
                decided_on=request.decided_on,
                outcome=request.outcome,
                overturns=request.overturns,
            )


def _change_command(request: ChangeGrantRequest) -> domain.Command:
    card_no, effective_on, decided_on = request.card_no, request.effective_on, request.decided_on
    to = request.municipality_code
    if request.change == "transferred" and to is not None:
        return domain.TransferGrant(
            card_no=card_no,
            effective_on=effective_on,
            decided_on=decided_on,
            municipality_code=to,
        )
    if to is not None:
        raise MunicipalityMismatch("leave municipality_code empty: only a transfer names one")
    commands: dict[
        str, type[domain.ReviewGrant | domain.DeactivateGrant | domain.ReactivateGrant]
    ] = {
        "reviewed": domain.ReviewGrant,
        "deactivated": domain.DeactivateGrant,
        "reactivated": domain.ReactivateGrant,
    }
    return commands[request.change](
        card_no=card_no, effective_on=effective_on, decided_on=decided_on
    )
