"""Load, decide, append for payroll: from a request to the recorded fact."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar, TypeAlias

from frikort_contracts.requests import (
    ConfirmRegistrationRequest,
    EndEmploymentRequest,
    MisreportWageRequest,
    RegisterEmploymentRequest,
    RegisterWageRequest,
    ReverseWageRequest,
)
from frikort_contracts.types import Request
from services.chassis.clock import business_date
from services.chassis.database import Connection
from services.chassis.workspace import Answer, Command, Recording, Tools, Workspace
from services.payroll import domain, refusals, store
from services.payroll.store import Place, Standing
from services.payroll.translate import CODEC, PUBLISHER
from services.payroll.warnings import Card, warn_about, warn_about_employment

CARD_NAMING = (RegisterEmploymentRequest, RegisterWageRequest)
EMPLOYMENT_NAMING = (RegisterEmploymentRequest, EndEmploymentRequest, RegisterWageRequest)
WageChange: TypeAlias = ReverseWageRequest | MisreportWageRequest | ConfirmRegistrationRequest
WAGE_NAMING = RegisterWageRequest | WageChange


class PayrollWorkspace(Workspace[domain.Citizen, domain.Event]):
    """Finds citizens by card or reference, and decides about their employments and wages."""

    service: ClassVar[str] = "payroll"
    codec = CODEC

    def __init__(self, tools: Tools) -> None:
        super().__init__(tools)
        self._cards: dict[str, Card] = {}
        self._standings: dict[str, Standing] = {}
        self._employments: dict[str, Place] = {}
        self._wages: dict[str, Place] = {}
        self._new_employments: dict[str, Place] = {}
        self._new_wages: dict[str, Place] = {}

    def initial(self, stream_id: str) -> domain.Citizen:
        """Give a citizen without employments."""
        del stream_id
        return domain.Citizen()

    def evolve(self, state: domain.Citizen, event: domain.Event) -> domain.Citizen:
        """Apply one event."""
        return domain.evolve(state, event)

    async def prefetch(self, connection: Connection, requests: Sequence[Request]) -> None:
        """Load the cards, references and citizens that the requests name: six queries."""
        cards = {r.card_no for r in requests if isinstance(r, CARD_NAMING)}
        employments = {r.employment_ref for r in requests if isinstance(r, EMPLOYMENT_NAMING)}
        wages = {r.wage_ref for r in requests if isinstance(r, WAGE_NAMING)}
        vault = self.tools.vault
        self._cards |= await store.find_cards(connection, cards)
        self._employments |= await store.find_employments(
            connection, vault, employments - self._employments.keys()
        )
        self._wages |= await store.find_wages(connection, vault, wages - self._wages.keys())
        citizens = {self._cards[card].citizen_id for card in cards & self._cards.keys()}
        for refs, places in ((employments, self._employments), (wages, self._wages)):
            citizens |= {places[ref].citizen_id for ref in refs & places.keys()}
        await self.load_streams(connection, sorted(citizens))
        # After the streams: so grants_version never falls along a stream, whoever else writes.
        self._standings |= await store.find_standings(connection, sorted(citizens))

    def decide(self, command: Command, now: dt.datetime) -> Answer:
        """Decide one request."""
        request = command.request
        if isinstance(request, RegisterWageRequest):
            return self._register_wage(request, command, now)
        if isinstance(request, WageChange):
            return self._change_wage(request, command, now)
        if isinstance(request, RegisterEmploymentRequest):
            return self._register_employment(request, command, now)
        if isinstance(request, EndEmploymentRequest):
            return self._end_employment(request, command, now)
        raise TypeError(f"payroll takes no {type(request).__name__}")

    async def store(self, connection: Connection) -> None:
        """Write new references down."""
        await store.insert_employments(connection, self.tools.vault, self._new_employments)
        await store.insert_wages(connection, self.tools.vault, self._new_wages)

    def _register_employment(
        self, request: RegisterEmploymentRequest, command: Command, now: dt.datetime
    ) -> Answer:
        ref = request.employment_ref
        if ref in self._employments:
            raise refusals.EmploymentRefTaken(
                "an employment of this reference is registered; take another reference"
            )
        citizen_id, standing = self._holder(request.card_no)
        known_at = self.known_at(request.registered_at, now)
        employment_id = self.tools.ids.new()
        event = domain.decide(
            domain.RegisterEmployment(
                card_no=request.card_no,
                grants_version=standing.grants_version,
                employment_id=employment_id,
                cvr=request.cvr,
                sector=request.sector,
                starts_on=request.starts_on,
                ends_on=request.ends_on,
                consultant=request.consultant,
                unsubsidised_attested=request.unsubsidised_attested,
            ),
            self.streams[citizen_id].state,
        )
        self._employments[ref] = self._new_employments[ref] = Place(employment_id, citizen_id)
        private = {
            "employment_ref": request.employment_ref,
            "employer": request.employer,
            "contact": request.contact,
        }
        answer = self._record(citizen_id, event, known_at, private, command, now)
        warnings = warn_about_employment(
            starts_on=request.starts_on,
            learned_on=business_date(known_at),
            attested=request.unsubsidised_attested is not None,
        )
        return replace(answer, warnings=warnings)

    def _end_employment(
        self, request: EndEmploymentRequest, command: Command, now: dt.datetime
    ) -> Answer:
        place = self._employment(request.employment_ref)
        known_at = self.known_at(request.registered_at, now)
        event = domain.decide(
            domain.EndEmployment(
                employment_id=place.id,
                ends_on=request.ends_on,
                grants_version=self._standings[place.citizen_id].grants_version,
            ),
            self.streams[place.citizen_id].state,
        )
        return self._record(place.citizen_id, event, known_at, {}, command, now)

    def _register_wage(
        self, request: RegisterWageRequest, command: Command, now: dt.datetime
    ) -> Answer:
        ref = request.wage_ref
        if ref in self._wages:
            raise refusals.WageRefTaken(
                "a wage of this reference is registered; take another reference"
            )
        _, standing = self._holder(request.card_no)
        employment = self._employment(request.employment_ref)
        known_at = self.known_at(request.registered_at, now)
        wage_id = self.tools.ids.new()
        wage = _wage_command(request, wage_id, employment.id, standing, known_at, now)
        citizen = self.streams[employment.citizen_id].state
        event = domain.decide(wage, citizen)
        warnings = warn_about(wage, citizen, self._cards[request.card_no])
        self._wages[ref] = self._new_wages[ref] = Place(wage_id, employment.citizen_id)
        private = {
            "wage_ref": request.wage_ref,
            "voucher_ref": request.voucher_ref,
            "external_ref": request.external_ref,
        }
        answer = self._record(employment.citizen_id, event, known_at, private, command, now)
        return replace(answer, warnings=warnings)

    def _change_wage(self, request: WageChange, command: Command, now: dt.datetime) -> Answer:
        place = self._wage(request.wage_ref)
        known_at = self.known_at(request.registered_at, now)
        change = _wage_change(request, place.id, self._standings[place.citizen_id], known_at)
        event = domain.decide(change, self.streams[place.citizen_id].state)
        return self._record(place.citizen_id, event, known_at, _words(request), command, now)

    def _holder(self, card_no: str) -> tuple[str, Standing]:
        card = self._cards.get(card_no)
        if card is None:
            raise refusals.CardUnknown(
                f"no grant of card {card_no} has arrived here; grant it, or try again in a moment"
            )
        return card.citizen_id, self._standings[card.citizen_id]

    def _employment(self, employment_ref: str) -> Place:
        place = self._employments.get(employment_ref)
        if place is None:
            raise refusals.EmploymentUnknown(
                "no employment of this reference is registered; register it first"
            )
        return place

    def _wage(self, wage_ref: str) -> Place:
        place = self._wages.get(wage_ref)
        if place is None:
            raise refusals.WageUnknown(
                "no wage of this reference is registered; register it first, or correct the "
                "reference"
            )
        return place

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
            municipality_code=self._standings[citizen_id].municipality_code,
            known_at=known_at,
            private=private,
        )
        position, recorded = self.record(citizen_id, recording, command, now)
        return Answer(body=PUBLISHER.fact(recorded), position=position)


def _wage_command(
    request: RegisterWageRequest,
    wage_id: str,
    employment_id: str,
    standing: Standing,
    known_at: dt.datetime,
    now: dt.datetime,
) -> domain.RegisterWage:
    return domain.RegisterWage(
        card_no=request.card_no,
        grants_version=standing.grants_version,
        wage_id=wage_id,
        employment_id=employment_id,
        paid_on=request.paid_on,
        amount_ore=request.amount_ore,
        holiday_pay_ore=request.holiday_pay_ore,
        pension_ore=request.pension_ore,
        payment_method=request.payment_method,
        cvr=request.cvr,
        today=business_date(now),
        learned_on=business_date(known_at),
    )


def _wage_change(
    request: WageChange, wage_id: str, standing: Standing, known_at: dt.datetime
) -> domain.Command:
    learned_on = business_date(known_at)
    match request:
        case ReverseWageRequest():
            return domain.ReverseWage(
                wage_id=wage_id,
                reversed_on=request.reversed_on,
                grants_version=standing.grants_version,
            )
        case MisreportWageRequest():
            return domain.MisreportWage(
                wage_id=wage_id,
                found_on=request.found_on,
                learned_on=learned_on,
                grants_version=standing.grants_version,
            )
        case ConfirmRegistrationRequest():
            return domain.ConfirmRegistration(
                wage_id=wage_id,
                confirmed_on=request.confirmed_on,
                learned_on=learned_on,
                grants_version=standing.grants_version,
            )


def _words(request: WageChange) -> dict[str, str]:
    """Give the words of a change that stay with payroll."""
    match request:
        case ReverseWageRequest():
            return {"reason": request.reason}
        case ConfirmRegistrationRequest():
            return {"external_ref": request.external_ref}
        case MisreportWageRequest():
            return {}
