"""The rules: caps and closings by command, as a chained stream of their own with its own outbox.

Who writes a rule holds all posting off for that moment: whatever the ledger decides afterwards
has seen the rule, and whatever it decided before was recorded before it.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import orjson

from frikort_contracts.allowance import AnnualCapSet, AttentionRaised, YearClosed
from frikort_contracts.events import Event
from frikort_contracts.imports import Position
from frikort_contracts.requests import CloseYearRequest, SetCapRequest
from frikort_contracts.types import AttentionCode, MunicipalityCode, Request, Year, format_moment
from services.allowance import CODE_VERSION, store
from services.allowance.entry import GENESIS, chain_hash
from services.chassis.clock import business_date
from services.chassis.codec import Codec
from services.chassis.database import Connection
from services.chassis.errors import Rejection, StateRejection
from services.chassis.event_store import OUTBOX_CHANNEL
from services.chassis.workspace import Answer, Command, Tools, Workspace

STREAM = "rules"


class CapKnownInFuture(Rejection):
    """A cap cannot have become known tomorrow."""

    kept = False  # tomorrow it may be right
    code = "known-in-future"
    field = "known_at"


class CapAlreadySet(StateRejection):
    """The same year has another amount from the same date and knowledge on."""

    code = "cap-already-set"
    field = "amount_ore"


class YearNotBegun(Rejection):
    """A year that has not begun is not closed."""

    kept = False  # next year it may be right
    code = "year-not-begun"
    field = "year"


class SetCap(SetCapRequest):
    """Set the cap of a year: the request, and the year of its address."""

    year: Year


class CloseYear(CloseYearRequest):
    """Close a municipality's year: both are of the request's address."""

    year: Year
    municipality_code: MunicipalityCode


class MissCap(Request):
    """Say once that a year needs a cap and has none; nobody asks for this but the ledger."""

    year: Year


class RulesWorkspace(Workspace[None, object]):
    """Decides about rules; two writers conflict on the version and one decides again.

    The same cap again, under whatever key, gives the first answer and changes nothing.
    """

    service: ClassVar[str] = "allowance"
    codec: ClassVar[Codec[Any]] = Codec([])

    def __init__(self, tools: Tools) -> None:
        super().__init__(tools)
        self._rules: list[Mapping[str, Any]] = []
        self._new_rules: list[Mapping[str, Any]] = []

    def initial(self, stream_id: str) -> None:
        """Rules have no citizen's stream."""

    def evolve(self, state: None, event: object) -> None:
        """Rules have no citizen's stream."""

    async def prefetch(self, connection: Connection, requests: Sequence[Request]) -> None:
        """Load the rules, which are few, and hold off whoever decides by them."""
        del requests
        await store.hold_rules(connection, alone=True)
        rows = await connection.fetch("SELECT * FROM rules ORDER BY version")
        self._rules = [dict(row) for row in rows]

    def decide(self, command: Command, now: dt.datetime) -> Answer:
        """Decide about a cap, a closing or a cap that is missing.

        Raises:
            CapKnownInFuture: `known_at` is later than now.
            CapAlreadySet: another amount is set for the same date, known at the same moment.
            YearNotBegun: a year is closed before it has begun.
        """
        match command.request:
            case SetCap() as request:
                return self._set_cap(request, now)
            case CloseYear() as request:
                return self._close_year(request, now)
            case MissCap() as request:
                event = AttentionRaised(
                    known_at=now, code=AttentionCode.CAP_MISSING.value, year=request.year
                )
                return self._once(event, f"cap:{request.year}", request.year, now)
            case request:
                raise TypeError(f"no rule is set by {type(request).__name__}")

    def _set_cap(self, request: SetCap, now: dt.datetime) -> Answer:
        if request.known_at is not None and request.known_at > now:
            raise CapKnownInFuture(
                f"known_at {format_moment(request.known_at)} is in the future; leave it out for now"
            )
        same = self._find_same(request)
        if same is not None:
            return _answer(same, repeated=True)
        event = AnnualCapSet(
            year=request.year,
            amount_ore=request.amount_ore,
            income_limit_ore=request.income_limit_ore,
            in_force_from=request.in_force_from,
            legal_basis=request.legal_basis,
            known_at=request.known_at or now,
        )
        return _answer(self._append(event, f"cap:{event.year}", event.year, now))

    def _close_year(self, request: CloseYear, now: dt.datetime) -> Answer:
        """Close a year once: a second closing gives the first answer (R38)."""
        if request.year > business_date(now).year:
            raise YearNotBegun(f"{request.year} has not begun; a year is closed when it is over")
        code = request.municipality_code
        event = YearClosed(year=request.year, municipality_code=code, known_at=now)
        return self._once(event, f"closing:{code}:{request.year}", request.year, now)

    def _once(self, event: Event, rule_key: str, year: int, now: dt.datetime) -> Answer:
        """Append what is said once of its key; give the first answer if it was."""
        for rule in self._rules:
            if (rule["type"], rule["rule_key"]) == (event.TYPE, rule_key):
                return _answer(rule, repeated=True)
        return _answer(self._append(event, rule_key, year, now))

    async def store(self, connection: Connection) -> None:
        """Append the new rules, and wake the relay at commit."""
        for rule in self._new_rules:
            await connection.execute(
                """
                INSERT INTO rules (
                  version, rule_key, type, event_id, hash, bytes, recorded_at, known_at, year,
                  amount_ore, income_limit_ore, in_force_from, legal_basis
                )
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
                """,
                *rule.values(),
            )
            await connection.execute(f"NOTIFY {OUTBOX_CHANNEL}")

    def _find_same(self, request: SetCap) -> Mapping[str, Any] | None:
        """Find the cap that was set before with the same content, if it still is the latest."""
        place = (request.year, request.in_force_from)
        caps = [rule for rule in self._rules if rule["type"] == AnnualCapSet.TYPE]
        there = [rule for rule in caps if (rule["year"], rule["in_force_from"]) == place]
        if request.known_at is None:
            latest = there[-1] if there else None
            return latest if latest is not None and _same(latest, request) else None
        for rule in there:
            if rule["known_at"] == request.known_at:
                if _same(rule, request):
                    return rule
                raise CapAlreadySet(
                    f"the cap of {request.year} from {request.in_force_from}, known at the same "
                    f"moment, is {rule['amount_ore']} øre on another basis or with another limit; "
                    "give the moment at which the change became known"
                )
        return None

    def _append(
        self, event: Event, rule_key: str, year: int, now: dt.datetime
    ) -> Mapping[str, Any]:
        """Make the next rule of the chain, its fields in the order of the table's columns."""
        last = self._rules[-1] if self._rules else None
        version = 1 if last is None else last["version"] + 1
        recorded_at = now if last is None else max(now, last["recorded_at"])
        event_id = self.tools.ids.new()
        content = orjson.dumps(
            {
                "code_version": CODE_VERSION,
                "id": event_id,
                "key": rule_key,
                "known_at": format_moment(event.known_at),
                "payload": orjson.loads(event.to_json()),
                "recorded_at": format_moment(recorded_at),
                "type": event.TYPE,
                "version": version,
            },
            option=orjson.OPT_SORT_KEYS,
        )
        cap = event if isinstance(event, AnnualCapSet) else None
        rule = {
            "version": version,
            "rule_key": rule_key,
            "type": event.TYPE,
            "event_id": event_id,
            "hash": chain_hash(GENESIS if last is None else last["hash"], content),
            "bytes": content,
            "recorded_at": recorded_at,
            "known_at": event.known_at,
            "year": year,
            "amount_ore": cap and cap.amount_ore,
            "income_limit_ore": cap and cap.income_limit_ore,
            "in_force_from": cap and cap.in_force_from,
            "legal_basis": cap and cap.legal_basis,
        }
        self._rules.append(rule)
        self._new_rules.append(rule)
        return rule


def _same(rule: Mapping[str, Any], request: SetCap) -> bool:
    names = ("amount_ore", "income_limit_ore", "legal_basis")
    return all(rule[name] == getattr(request, name) for name in names)


def _answer(rule: Mapping[str, Any], *, repeated: bool = False) -> Answer:
    content = orjson.loads(rule["bytes"])
    return Answer(
        body={"event": content["type"], "id": content["id"], **content["payload"]},
        position=Position(service="allowance", citizen_id=STREAM, version=rule["version"]),
        repeated=repeated,
    )
