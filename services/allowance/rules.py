"""The rules: caps set by command, as a chained stream of their own."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from frikort_contracts.allowance import AnnualCapSet
from frikort_contracts.imports import Position
from frikort_contracts.requests import SetCapRequest
from frikort_contracts.types import format_moment
from services.allowance import CODE_VERSION
from services.allowance.entry import GENESIS, chain_hash
from services.chassis.clock import Clock
from services.chassis.database import Connection, Pool, deciding_again, transaction
from services.chassis.errors import Rejection, StateRejection
from services.chassis.event_store import OUTBOX_CHANNEL
from services.chassis.identifiers import Identifiers
from services.chassis.workspace import Answer


class CapKnownInFuture(Rejection):
    """A cap cannot have become known tomorrow."""

    code = "known-in-future"
    field = "known_at"


class CapAlreadySet(StateRejection):
    """The same year has another amount from the same date and knowledge on."""

    code = "cap-already-set"
    field = "amount_ore"


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleBook:
    """Writes rules; two writers conflict on the version and one decides again."""

    pool: Pool
    clock: Clock
    ids: Identifiers

    async def set_cap(self, year: int, request: SetCapRequest) -> Answer:
        """Set a year's cap. The same cap again gives the first answer.

        Raises:
            CapKnownInFuture: `known_at` is later than now.
            CapAlreadySet: another amount is set for the same date, known at the same moment.
        """
        return await deciding_again(lambda: self._set_cap(year, request))

    async def _set_cap(self, year: int, request: SetCapRequest) -> Answer:
        now = self.clock.now()
        if request.known_at is not None and request.known_at > now:
            raise CapKnownInFuture(
                f"known_at {format_moment(request.known_at)} is in the future; leave it out for now"
            )
        async with transaction(self.pool) as connection:
            rows = await connection.fetch("SELECT * FROM rules ORDER BY version")
            repeated = _find_same(rows, year, request)
            if repeated is not None:
                return repeated
            event = AnnualCapSet(
                year=year,
                amount_ore=request.amount_ore,
                income_limit_ore=request.income_limit_ore,
                in_force_from=request.in_force_from,
                legal_basis=request.legal_basis,
                known_at=request.known_at or now,
            )
            last = rows[-1] if rows else {"version": 0, "hash": GENESIS, "recorded_at": now}
            return await self._append(connection, event, last, now)

    async def _append(
        self, connection: Connection, event: AnnualCapSet, last: Mapping[str, Any], now: dt.datetime
    ) -> Answer:
        version = last["version"] + 1
        recorded_at = max(now, last["recorded_at"])
        event_id = self.ids.new()
        rule_key = f"cap:{event.year}"
        payload = orjson.loads(event.to_json())
        content = orjson.dumps(
            {
                "code_version": CODE_VERSION,
                "id": event_id,
                "key": rule_key,
                "known_at": format_moment(event.known_at),
                "payload": payload,
                "recorded_at": format_moment(recorded_at),
                "type": event.TYPE,
                "version": version,
            },
            option=orjson.OPT_SORT_KEYS,
        )
        await connection.execute(
            """
            INSERT INTO rules (
              version, rule_key, type, event_id, hash, bytes, recorded_at, known_at, year,
              amount_ore, income_limit_ore, in_force_from, legal_basis
            )
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
            """,
            version,
            rule_key,
            event.TYPE,
            event_id,
            chain_hash(last["hash"], content),
            content,
            recorded_at,
            event.known_at,
            event.year,
            event.amount_ore,
            event.income_limit_ore,
            event.in_force_from,
            event.legal_basis,
        )
        await connection.execute(f"NOTIFY {OUTBOX_CHANNEL}")
        return _answer(event_id, version, event.TYPE, payload)


def _find_same(rows: list[Mapping[str, Any]], year: int, request: SetCapRequest) -> Answer | None:
    """Find the cap that a repeated command has set before."""
    for row in rows:
        same_place = (
            row["year"] == year
            and row["in_force_from"] == request.in_force_from
            and request.known_at in {None, row["known_at"]}
        )
        if not same_place:
            continue
        if row["amount_ore"] == request.amount_ore:
            rule = orjson.loads(row["bytes"])
            return _answer(rule["id"], row["version"], rule["type"], rule["payload"], repeated=True)
        if request.known_at is not None:
            raise CapAlreadySet(
                f"the cap of {year} from {request.in_force_from} is {row['amount_ore']} øre, known "
                "at the same moment; give the moment at which the other amount became known"
            )
    return None


def _answer(
    event_id: str, version: int, kind: str, payload: dict[str, Any], *, repeated: bool = False
) -> Answer:
    return Answer(
        body={"event": kind, "id": event_id, **payload},
        position=Position(service="allowance", citizen_id="rules", version=version),
        repeated=repeated,
    )
