"""Load, decide, write for contacts: where a card's holder can be reached.

A contact is no history: only the newest is kept, sealed under a key of its own, and deleting it
destroys the key at once. It may come before its card is known here.
"""

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from pydantic import JsonValue

from frikort_contracts.imports import Position
from frikort_contracts.requests import PutContactRequest
from frikort_contracts.types import CardNo, Moment, Request, format_moment
from services.chassis.codec import Codec
from services.chassis.database import Connection
from services.chassis.errors import StateRejection
from services.chassis.vault import Vault
from services.chassis.workspace import Answer, Command, Tools, Workspace
from services.notifications import confirmations
from services.notifications.phones import parse_phone

SERVICE = "notifications"


class DeleteContactRequest(Request):
    """Forget a card's contact, and whatever was said of it before now."""

    card_no: CardNo


class ConfirmContactRequest(Request):
    """Note that a card's number is its citizen's still, as a review of the card calls for (R40)."""

    card_no: CardNo
    registered_at: Moment | None = None


class ContactUnknown(StateRejection):
    """There is no number to confirm: none was said, or it was deleted."""

    code = "contact-unknown"
    field = "card_no"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """Where and in which language a citizen is reached."""

    msisdn: str
    language: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """A card's contact as it stands; without statements it is deleted.

    `statements` are fingerprints of what was said at `known_at`, the last one counting. `reach`
    is set where it was decided here and is to be written.
    """

    version: int
    known_at: dt.datetime
    statements: tuple[str, ...]
    reach: Reach | None = None
    confirmed_at: dt.datetime | None = None


class ContactsWorkspace(Workspace[None, object]):
    """Decides contacts: the newest `known_at` wins, what changes nothing is said to be repeated.

    Without a `registered_at` the same contact again changes nothing. Of several with the same
    `known_at` the last one said counts.
    """

    service: ClassVar[str] = SERVICE
    codec: ClassVar[Codec[object]] = Codec([])

    def __init__(self, tools: Tools) -> None:
        super().__init__(tools)
        self._contacts: dict[str, Contact | None] = {}
        self._changed: set[str] = set()
        self._confirmed: dict[str, dt.datetime] = {}

    def initial(self, stream_id: str) -> None:
        """Contacts have no stream."""

    def evolve(self, state: None, event: object) -> None:
        """Contacts have no stream."""

    async def prefetch(self, connection: Connection, requests: Sequence[Request]) -> None:
        """Load the cards' contacts, locked against other writers until the transaction ends."""
        cards = {
            r.card_no
            for r in requests
            if isinstance(r, PutContactRequest | DeleteContactRequest | ConfirmContactRequest)
        }
        missing = sorted(cards - self._contacts.keys())
        rows = await connection.fetch(
            """
            SELECT card_no, version, known_at, statement_macs, confirmed_at
            FROM contacts
            WHERE card_no = ANY($1)
            ORDER BY card_no
            FOR UPDATE
            """,
            missing,
        )
        self._contacts |= dict.fromkeys(missing)
        self._contacts |= {
            row["card_no"]: Contact(
                version=row["version"],
                known_at=row["known_at"],
                statements=tuple(row["statement_macs"]),
                confirmed_at=row["confirmed_at"],
            )
            for row in rows
        }

    def decide(self, command: Command, now: dt.datetime) -> Answer:
        """Decide one request."""
        match command.request:
            case PutContactRequest() as request:
                return self._put(request, now)
            case DeleteContactRequest() as request:
                return self._delete(request, now)
            case ConfirmContactRequest() as request:
                return self._confirm(request, now)
            case request:
                raise TypeError(f"contacts takes no {type(request).__name__}")

    async def store(self, connection: Connection) -> None:
        """Write the changed contacts down; a new card's unique key decides between two writers."""
        changed = {card: c for card in self._changed if (c := self._contacts[card]) is not None}
        await _write(connection, changed, self.tools.vault)
        await confirmations.confirm(connection, self._confirmed)

    def _put(self, request: PutContactRequest, now: dt.datetime) -> Answer:
        msisdn = parse_phone(request.phone, production=self.tools.production)
        reach = Reach(msisdn=msisdn, language=request.language)
        known_at = self.known_at(request.registered_at, now)
        said = self.tools.vault.field_mac("contact", f"{msisdn}/{request.language}")
        current = self._contacts[request.card_no]
        statements = _statements(
            current, said, known_at=known_at, dated=request.registered_at is not None
        )
        if statements is None:
            return self._answer(request.card_no, repeated=True)
        return self._change(request.card_no, known_at, statements, reach)

    def _delete(self, request: DeleteContactRequest, now: dt.datetime) -> Answer:
        current = self._contacts[request.card_no]
        if current is not None and not current.statements:
            return self._answer(request.card_no, repeated=True)
        known_at = now if current is None else max(now, current.known_at)
        return self._change(request.card_no, known_at, (), None)

    def _confirm(self, request: ConfirmContactRequest, now: dt.datetime) -> Answer:
        current = self._contacts[request.card_no]
        if current is None or not current.statements:
            raise ContactUnknown(f"no contact of card {request.card_no} is known; register it")
        known_at = self.known_at(request.registered_at, now)
        last_said = max(current.known_at, current.confirmed_at or current.known_at)
        if known_at <= last_said:
            return self._answer(request.card_no, repeated=True)
        self._contacts[request.card_no] = replace(current, confirmed_at=known_at)
        self._confirmed[request.card_no] = known_at
        return self._answer(request.card_no, repeated=False)

    def _change(
        self, card_no: str, known_at: dt.datetime, statements: tuple[str, ...], reach: Reach | None
    ) -> Answer:
        current = self._contacts[card_no]
        self._contacts[card_no] = Contact(
            version=1 if current is None else current.version + 1,
            known_at=known_at,
            statements=statements,
            reach=reach,
        )
        self._changed.add(card_no)
        return self._answer(card_no, repeated=False)

    def _answer(self, card_no: str, *, repeated: bool) -> Answer:
        contact = self._contacts[card_no]
        if contact is None:
            raise TypeError("a contact was decided")
        body: dict[str, JsonValue] = {
            "card_no": card_no,
            "state": "known" if contact.statements else "deleted",
            "known_at": format_moment(contact.known_at),
        }
        if contact.confirmed_at is not None:
            body["confirmed_at"] = format_moment(contact.confirmed_at)
        position = Position(service=SERVICE, citizen_id=card_no, version=contact.version)
        return Answer(body=body, position=position, repeated=repeated)


def open_reach(
    vault: Vault, *, wrapped_key: bytes, card_no: str, version: int, sealed: bytes
) -> Reach:
    """Open a stored contact."""
    text = vault.open(wrapped_key, _holder(card_no), _place(card_no, version), sealed)
    return Reach(**json.loads(text))


def _statements(
    current: Contact | None, said: str, *, known_at: dt.datetime, dated: bool
) -> tuple[str, ...] | None:
    """Give what counts from now on, None if nothing changes."""
    if current is None:
        return (said,)
    if known_at > current.known_at:
        unchanged = not dated and current.statements[-1:] == (said,)
        return None if unchanged else (said,)
    if known_at == current.known_at and current.statements and said not in current.statements:
        return (*current.statements, said)
    return None


async def _write(connection: Connection, changed: Mapping[str, Contact], vault: Vault) -> None:
    contacts: list[tuple[object, ...]] = []
    keys: list[tuple[str, bytes]] = []
    for card_no, contact in sorted(changed.items()):
        sealed = None
        if contact.reach is not None:
            key = vault.new_person_key(_holder(card_no))
            keys.append((card_no, key))
            sealed = _seal(vault, key, card_no, contact.version, contact.reach)
        contacts.append(
            (card_no, contact.version, contact.known_at, list(contact.statements), sealed)
        )
    await connection.execute(
        "DELETE FROM contact_keys WHERE card_no = ANY($1)", list(changed)
    )  # with its key the number before is gone, wherever a copy of the row may be
    await connection.executemany(
        "INSERT INTO contact_keys (card_no, wrapped_key) VALUES ($1, $2)", keys
    )
    await connection.executemany(
        """
        INSERT INTO contacts (card_no, version, known_at, statement_macs, sealed)
        VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (card_no) DO UPDATE
        SET
          version = excluded.version,
          known_at = excluded.known_at,
          statement_macs = excluded.statement_macs,
          sealed = excluded.sealed,
          confirmed_at = NULL,
          failures = 0
        """,
        contacts,
    )


def _seal(vault: Vault, key: bytes, card_no: str, version: int, reach: Reach) -> bytes:
    text = json.dumps({"msisdn": reach.msisdn, "language": reach.language}).encode()
    return vault.seal(key, _holder(card_no), _place(card_no, version), text)


def _holder(card_no: str) -> str:
    """Name the person to whom a key belongs: the card's holder, known by number or not yet."""
    return f"holder-of/{card_no}"


def _place(card_no: str, version: int) -> str:
    return f"contact/{card_no}/{version}"
