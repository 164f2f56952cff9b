"""Load, decide, append for grants: from a request to the recorded fact."""

import datetime as dt
from collections.abc import Sequence
from typing import ClassVar

from frikort_contracts.requests import ChangeGrantRequest, IssueGrantRequest
from frikort_contracts.types import Request
from services.chassis.database import Connection
from services.chassis.errors import Rejection
from services.chassis.workspace import Answer, Command, Recording, Tools, Workspace
from services.grants import domain, store
from services.grants.cpr import check_cpr
from services.grants.translate import CODEC, to_published


class MunicipalityMismatch(Rejection):
    """Only a transfer names a municipality."""

    code = "municipality-not-a-transfer"
    field = "municipality_code"


class GrantsWorkspace(Workspace[domain.Citizen, domain.Event]):
    """Finds citizens by CPR number or card, and decides about their cards."""

    service: ClassVar[str] = "grants"
    codec = CODEC

    def __init__(self, tools: Tools) -> None:
        super().__init__(tools)
        self._by_cpr: dict[bytes, str] = {}
        self._by_card: dict[str, str] = {}
        self._new_citizens: dict[bytes, str] = {}
        self._new_cards: dict[str, str] = {}

    def initial(self, stream_id: str) -> domain.Citizen:
        """Give a citizen without cards."""
        del stream_id
        return domain.Citizen()

    def evolve(self, state: domain.Citizen, event: domain.Event) -> domain.Citizen:
        """Apply one event."""
        return domain.evolve(state, event)

    async def prefetch(self, connection: Connection, requests: Sequence[Request]) -> None:
        """Load the citizens whom the requests name, by CPR number or by card."""
        index = self.tools.vault.index
        people = [index(r.cpr) for r in requests if isinstance(r, IssueGrantRequest)]
        cards = [
            r.card_no for r in requests if isinstance(r, IssueGrantRequest | ChangeGrantRequest)
        ]
        found = await store.find_citizens(connection, people)
        self._by_cpr = {**found, **self._by_cpr}
        self._by_card = {**await store.find_cards(connection, cards), **self._by_card}
        known = [self._by_cpr[person] for person in people if person in self._by_cpr]
        known += [self._by_card[card] for card in cards if card in self._by_card]
        await self.load_streams(connection, known)

    def decide(self, command: Command, now: dt.datetime) -> Answer:
        """Decide one request."""
        request = command.request
        if isinstance(request, IssueGrantRequest):
            return self._issue(request, command, now)
        if isinstance(request, ChangeGrantRequest):
            return self._change(request, command, now)
        raise TypeError(f"grants takes no {type(request).__name__}")

    async def store(self, connection: Connection) -> None:
        """Write new citizens and cards down."""
        await store.insert_citizens(connection, self._new_citizens)
        await store.insert_cards(connection, self._new_cards)

    def _issue(self, request: IssueGrantRequest, command: Command, now: dt.datetime) -> Answer:
        check_cpr(request.cpr, production=self.tools.production)
        owner = self._by_card.get(request.card_no)
        person = self.tools.vault.index(request.cpr)
        citizen_id = self._by_cpr.get(person) or self.tools.ids.new()
        if owner is not None and owner != citizen_id:
            raise domain.CardNumberTaken(
                f"card {request.card_no} was granted to somebody else; take another number"
            )
        known_at = self.known_at(request.registered_at, now)
        new = person not in self._by_cpr
        state = domain.Citizen() if new else self.streams[citizen_id].state
        event = domain.decide(
            domain.IssueGrant(
                card_no=request.card_no,
                municipality_code=request.municipality_code,
                valid_from=request.valid_from,
                decided_on=request.decided_on,
                benefit=request.benefit,
                age_group=request.age_group,
            ),
            state,
        )
        if new:
            self.add_stream(citizen_id)
            self._by_cpr[person] = self._new_citizens[person] = citizen_id
        self._by_card[request.card_no] = self._new_cards[request.card_no] = citizen_id
        private = _private(cpr=request.cpr, decision_ref=request.decision_ref)
        return self._record(citizen_id, event, known_at, private, command, now)

    def _change(self, request: ChangeGrantRequest, command: Command, now: dt.datetime) -> Answer:
        citizen_id = self._by_card.get(request.card_no)
        if citizen_id is None:
            raise domain.CardUnknown(f"no card {request.card_no} was granted; grant it first")
        known_at = self.known_at(request.registered_at, now)
        event = domain.decide(_change_command(request), self.streams[citizen_id].state)
        private = _private(reason=request.reason)
        return self._record(citizen_id, event, known_at, private, command, now)

    def _record(
        self,
        citizen_id: str,
        event: domain.Event,
        known_at: dt.datetime,
        private: dict[str, str],
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
        position, stored = self.record(citizen_id, recording, command, now)
        fact = to_published(event, known_at).model_dump(mode="json", exclude_none=True)
        return Answer(body={"event": stored.type, "id": stored.event_id, **fact}, position=position)


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


def _private(**texts: str | None) -> dict[str, str]:
    return {name: text for name, text in texts.items() if text is not None}
