"""What became of a wage: what was recorded about it, and whether Socialtfrikort.dk has it.

Each wage carries its registration there: unknown; confirmed, with its reference; or missing, when
a list from there did not hold it. A wage that came with an `external_ref` counts as confirmed
under it. See docs/decisions/0011-external-registration.md.
"""

import datetime as dt
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from pydantic import JsonValue

from frikort_contracts.types import Contract
from services.chassis import event_store
from services.chassis.clock import business_date
from services.chassis.database import Connection, Pool
from services.chassis.errors import NotFound
from services.chassis.event_store import StoredEvent
from services.chassis.vault import Vault
from services.payroll import domain, store
from services.payroll.store import Missing
from services.payroll.translate import CODEC, PUBLISHER


class WageNotFound(NotFound):
    """No wage of that reference is registered."""

    code = "wage-unknown"
    field = "wage_ref"


class Fact(Contract):
    """One fact about a wage, as it was published."""

    event: str
    id: str
    version: int
    recorded_at: dt.datetime
    fact: dict[str, JsonValue]


class Registration(Contract):
    """A wage's registration in Socialtfrikort.dk, and since when it is known to be so.

    A missing one keeps the reference that it was confirmed under, if it was.
    """

    state: Literal["unknown", "confirmed", "missing"]
    external_ref: str | None = None
    confirmed_on: dt.date | None = None
    missing_on: dt.date | None = None


class Wage(Contract):
    """A wage as it stands, and what was recorded about it, in order.

    `misreported_on` is when it was found that it had been sent to eIndkomst (R29).
    """

    wage_ref: str
    wage_id: str
    citizen_id: str
    state: Literal["paid", "reversed"]
    misreported_on: dt.date | None
    registration: Registration
    facts: tuple[Fact, ...]


@dataclass(slots=True, kw_only=True)
class RecordedWage:
    """A wage folded from its citizen's events; `confirmed_at` is the version that confirms it."""

    wage_id: str
    citizen_id: str
    wage_ref: str | None
    card_no: str
    cvr: str
    paid_on: dt.date
    amount_ore: int
    is_reversed: bool = False
    misreported_on: dt.date | None = None
    external_ref: str | None = None
    confirmed_on: dt.date | None = None
    confirmed_at: int = 0
    events: list[StoredEvent] = field(default_factory=list)

    def confirm(self, external_ref: str | None, confirmed_on: dt.date, version: int) -> None:
        """Take the newest confirmation in the place of earlier ones."""
        self.external_ref = external_ref
        self.confirmed_on = confirmed_on
        self.confirmed_at = version

    def registration(self, missing: Missing | None) -> Registration:
        """Judge the wage by its confirmations, and by what the last list did not hold."""
        if missing is not None and missing.version >= self.confirmed_at:
            return Registration(
                state="missing", external_ref=self.external_ref, missing_on=missing.missing_on
            )
        if self.confirmed_on is None:
            return Registration(state="unknown")
        return Registration(
            state="confirmed", external_ref=self.external_ref, confirmed_on=self.confirmed_on
        )


def fold_wages(
    events: Iterable[StoredEvent], sealed: Mapping[str, Mapping[str, str]]
) -> dict[str, RecordedWage]:
    """Fold one citizen's events, in order, into wages by id; `sealed`: what each event hides."""
    employers: dict[str, str] = {}
    wages: dict[str, RecordedWage] = {}
    for row in events:
        event, hidden = CODEC.decode(row.type, row.data), sealed.get(row.event_id, {})
        match event:
            case domain.EmploymentRegistered():
                employers[event.employment_id] = event.cvr
                continue
            case domain.EmploymentEnded():
                continue
            case domain.WagePaid():
                wages[event.wage_id] = _begin(event, row, employers, hidden)
            case domain.WageReversed():
                wages[event.wage_id].is_reversed = True
            case domain.WageMisreported():
                wages[event.wage_id].misreported_on = event.found_on
            case domain.ExternalRegistrationConfirmed():
                external_ref = hidden.get("external_ref")
                wages[event.wage_id].confirm(external_ref, event.confirmed_on, row.version)
        wages[event.wage_id].events.append(row)
    return wages


def unseal(vault: Vault, wrapped_key: bytes | None, event: StoredEvent) -> dict[str, str]:
    """Open what an event hides; nothing is left of a person whose key is gone."""
    if event.private is None or wrapped_key is None:
        return {}
    text = vault.open(wrapped_key, event.stream_id, event.event_id, event.private)
    opened: dict[str, str] = json.loads(text)
    return opened


async def read_wage(pool: Pool, vault: Vault, wage_ref: str) -> Wage:
    """Tell what became of a wage.

    Raises:
        WageNotFound: no wage of that reference is registered.
    """
    async with pool.acquire() as connection:
        place = (await store.find_wages(connection, vault, [wage_ref])).get(wage_ref)
        if place is None:
            raise WageNotFound("no wage of this reference is registered")
        folded = await load_wages(connection, vault, [place.citizen_id])
        missing = await store.find_missing(connection, [place.id])
    wage = folded[place.citizen_id][place.id]
    return Wage(
        wage_ref=wage_ref,
        wage_id=wage.wage_id,
        citizen_id=wage.citizen_id,
        state="reversed" if wage.is_reversed else "paid",
        misreported_on=wage.misreported_on,
        registration=wage.registration(missing.get(wage.wage_id)),
        facts=_facts(wage.events),
    )


async def load_wages(
    connection: Connection, vault: Vault, citizen_ids: Sequence[str]
) -> dict[str, dict[str, RecordedWage]]:
    """Fold citizens' events into their wages: by citizen, then by id."""
    streams = await event_store.load(connection, citizen_ids)
    keys = await store.find_person_keys(connection, citizen_ids)
    return {
        citizen_id: fold_wages(
            events, {each.event_id: unseal(vault, keys.get(citizen_id), each) for each in events}
        )
        for citizen_id, events in streams.items()
    }


def _begin(
    event: domain.WagePaid,
    row: StoredEvent,
    employers: Mapping[str, str],
    hidden: Mapping[str, str],
) -> RecordedWage:
    wage = RecordedWage(
        wage_id=event.wage_id,
        citizen_id=row.stream_id,
        wage_ref=hidden.get("wage_ref"),
        card_no=event.card_no,
        cvr=employers[event.employment_id],
        paid_on=event.paid_on,
        amount_ore=event.amount_ore,
    )
    if "external_ref" in hidden:
        wage.confirm(hidden["external_ref"], business_date(row.known_at), row.version)
    return wage


def _facts(events: Sequence[StoredEvent]) -> tuple[Fact, ...]:
    return tuple(
        Fact(
            event=row.type,
            id=row.event_id,
            version=row.version,
            recorded_at=row.recorded_at,
            fact=json.loads(PUBLISHER.published_of(row).to_json()),
        )
        for row in events
    )
