"""Allowance over HTTP: parse, ask, render; no rules."""

import datetime as dt
import re
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Path, Query
from fastapi.responses import JSONResponse
from pydantic import BeforeValidator

from frikort_contracts.answers import AllowanceBalance, Status
from frikort_contracts.explanations import (
    Asked,
    Difference,
    Explanation,
    Preview,
    PreviewRequest,
)
from frikort_contracts.requests import CloseYearRequest, SetCapRequest
from frikort_contracts.types import COPENHAGEN, CardNo, Moment, MunicipalityCode, ShortText, moment
from services.allowance.balances import (
    JournalEntry,
    Question,
    read_balance,
    read_entries,
)
from services.allowance.checkpoints import OPERATION, SHOWN_MAX, TakeCheckpoint, read_latest
from services.allowance.explanations import read_difference, read_explanation, read_preview
from services.allowance.keys import read_keys
from services.allowance.rules import CloseYear, SetCap
from services.allowance.status import StatusQuestion, read_status, today
from services.chassis.clock import Clock
from services.chassis.database import Pool
from services.chassis.http import Called, Run, addressed, respond


def _to_moment(value: Any) -> Any:
    """Read a date as its last instant in Denmark, a time with its offset as it is."""
    if isinstance(value, str) and re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        return dt.datetime.combine(moment(value).astimezone(COPENHAGEN), dt.time.max, COPENHAGEN)
    return value


KnownAt = Annotated[
    Moment | None,
    BeforeValidator(_to_moment),
    Query(description="a time with its offset, or a date: to its last instant"),
]
AskedYear = Annotated[int | None, Query(ge=2019, le=9999)]
CapYear = Annotated[int, Path(ge=2019, le=9999)]


def ledger_routes(pool: Pool, clock: Clock) -> APIRouter:
    """Serve balances, entries and the status."""
    router = APIRouter(prefix="/v1", tags=["ledger"])

    @router.get("/cards/{card_no}/allowance")
    async def allowance(
        card_no: CardNo,
        year: AskedYear = None,
        as_of: dt.date | None = None,
        known_at: KnownAt = None,
    ) -> AllowanceBalance:
        """Give a card's year: as of a business date, as known at a moment."""
        question = Question(year=year or today(clock).year, as_of=as_of, known_at=known_at)
        return await read_balance(pool, clock, card_no, question)

    @router.get("/cards/{card_no}/entries")
    async def entries(card_no: CardNo, year: AskedYear = None) -> list[JournalEntry]:
        """Give the journal entries of the card's holder, in order."""
        return await read_entries(pool, card_no, year)

    @router.get("/status")
    async def status(
        municipality: MunicipalityCode | None = None,
        on: dt.date | None = None,
        consultant: ShortText | None = None,
        since: dt.date | None = None,
    ) -> Status:
        """Count cards, their use and employments on a date (today unless given)."""
        question = StatusQuestion(
            on=on or today(clock),
            municipality_code=municipality,
            consultant=consultant,
            since=since,
        )
        return await read_status(pool, clock, question)

    return router


def explanation_routes(pool: Pool, clock: Clock) -> APIRouter:
    """Serve what is explained: decisions, differences between answers, wages thought of."""
    router = APIRouter(prefix="/v1/cards/{card_no}", tags=["ledger"])

    @router.get("/explanation")
    async def explanation(card_no: CardNo, year: AskedYear = None) -> Explanation:
        """Explain each wage of the card's holder: what was covered, why, and on what basis."""
        return await read_explanation(pool, card_no, year)

    @router.get("/difference")
    async def difference(
        card_no: CardNo,
        year: AskedYear = None,
        from_as_of: dt.date | None = None,
        from_known_at: KnownAt = None,
        to_as_of: dt.date | None = None,
        to_known_at: KnownAt = None,
    ) -> Difference:
        """Say which entries and caps make two answers about a year differ."""
        first = Asked(as_of=from_as_of, known_at=from_known_at)
        second = Asked(as_of=to_as_of, known_at=to_known_at)
        asked_year = year or today(clock).year
        return await read_difference(pool, clock, card_no, asked_year, (first, second))

    @router.post("/preview")
    async def preview(card_no: CardNo, request: PreviewRequest) -> Preview:
        """Say what would be covered of a wage; decides nothing and keeps nothing."""
        return await read_preview(pool, clock, card_no, request)

    return router


def rule_routes(run: Run) -> APIRouter:
    """Serve the commands about rules."""
    router = APIRouter(prefix="/v1", tags=["rules"])

    @router.put("/caps/{year}", status_code=201)
    async def set_cap(year: CapYear, request: SetCapRequest, call: Called) -> JSONResponse:
        """Set a year's cap; the same cap again changes nothing."""
        whole = addressed(SetCap, request, year=year)
        return await respond(run, "caps", whole, call)

    @router.post("/municipalities/{code}/years/{year}/closing", status_code=201)
    async def close_year(
        code: MunicipalityCode,
        year: CapYear,
        call: Called,
        request: CloseYearRequest | None = None,
    ) -> JSONResponse:
        """Close a municipality's year: wages recorded later are kept, and nothing is covered."""
        del request  # the address says it all
        whole = CloseYear(year=year, municipality_code=code)
        return await respond(run, "closings", whole, call)

    return router


def checkpoint_routes(run: Run, pool: Pool) -> APIRouter:
    """Serve checkpoints and the public keys they are signed with."""
    router = APIRouter(prefix="/v1", tags=["checkpoints"])

    @router.post("/checkpoints", status_code=201)
    async def take(call: Called) -> JSONResponse:
        """Take a checkpoint now; where nothing has changed since the last, give that one."""
        return await respond(run, OPERATION, TakeCheckpoint(), call)

    @router.get("/checkpoints")
    async def checkpoints(
        limit: Annotated[int, Query(ge=1, le=SHOWN_MAX)] = SHOWN_MAX,
    ) -> list[dict[str, Any]]:
        """Give the latest checkpoints as they are published, the newest first."""
        async with pool.acquire() as connection:
            rows = await read_latest(connection, limit)
        return [orjson.loads(row["bytes"]) for row in rows]

    @router.get("/signing-keys")
    async def signing_keys() -> list[dict[str, str | None]]:
        """Give the public keys in order, each but the first endorsed by the one before it."""
        return await read_keys(pool)

    return router
