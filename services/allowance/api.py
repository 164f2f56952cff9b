"""Allowance over HTTP: parse, ask, render; no rules."""

import datetime as dt
from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import APIRouter, Path, Query
from fastapi.responses import JSONResponse
from pydantic import AwareDatetime

from frikort_contracts.requests import SetCapRequest
from frikort_contracts.types import COPENHAGEN, CardNo, MunicipalityCode, ShortText
from services.allowance.balances import (
    AllowanceBalance,
    JournalEntry,
    Question,
    read_balance,
    read_entries,
)
from services.allowance.rules import SetCap
from services.allowance.status import Status, StatusQuestion, read_status, today
from services.chassis.clock import Clock
from services.chassis.database import Pool
from services.chassis.http import IdempotencyKey, TraceParent, answered, to_command
from services.chassis.workspace import Answer, Command

KnownAt = Annotated[
    dt.date | AwareDatetime | None,
    Query(description="a time with its offset, or a date: to its last instant"),
]
Run = Callable[[Command], Awaitable[Answer]]
CapYear = Annotated[int, Path(ge=2019, le=9999)]


def ledger_routes(pool: Pool, clock: Clock) -> APIRouter:
    """Serve balances, entries and the status."""
    router = APIRouter(prefix="/v1", tags=["ledger"])

    @router.get("/cards/{card_no}/allowance")
    async def allowance(
        card_no: CardNo,
        year: int | None = None,
        as_of: dt.date | None = None,
        known_at: KnownAt = None,
    ) -> AllowanceBalance:
        """Give a card's year: as of a business date, as known at a moment."""
        question = Question(
            year=year or today(clock).year, as_of=as_of, known_at=_last_instant(known_at)
        )
        return await read_balance(pool, clock, card_no, question)

    @router.get("/cards/{card_no}/entries")
    async def entries(card_no: CardNo, year: int | None = None) -> list[JournalEntry]:
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


def rule_routes(run: Run) -> APIRouter:
    """Serve the commands about rules."""
    router = APIRouter(prefix="/v1/caps", tags=["rules"])

    @router.put("/{year}", status_code=201)
    async def set_cap(
        year: CapYear,
        request: SetCapRequest,
        key: IdempotencyKey = None,
        trace: TraceParent = None,
    ) -> JSONResponse:
        """Set a year's cap; the same cap again changes nothing."""
        whole = SetCap(year=year, **request.model_dump())
        return answered(await run(to_command("caps", whole, key, trace)))

    return router


def _last_instant(known_at: dt.date | dt.datetime | None) -> dt.datetime | None:
    if known_at is None or isinstance(known_at, dt.datetime):
        return known_at
    return dt.datetime.combine(known_at, dt.time.max, tzinfo=COPENHAGEN)
