"""Grants over HTTP: parse, call a handler, render; no rules."""

from collections.abc import Awaitable, Callable

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from frikort_contracts.requests import ChangeGrantRequest, IssueGrantRequest
from frikort_contracts.types import BusinessDate, FreeText, Moment, MunicipalityCode, Request
from services.chassis.http import IdempotencyKey, TraceParent, answered, to_command
from services.chassis.workspace import Answer, Command
from services.grants.projections import Grant

Run = Callable[[Command], Awaitable[Answer]]


class ChangeBody(Request):
    """A decision about the card of the address."""

    effective_on: BusinessDate
    decided_on: BusinessDate
    reason: FreeText | None = None
    registered_at: Moment | None = None


class TransferBody(ChangeBody):
    """A transfer to another municipality."""

    municipality_code: MunicipalityCode


def grant_routes(run: Run, read_grant: Callable[[str], Awaitable[Grant]]) -> APIRouter:
    """Serve the commands about cards."""
    router = APIRouter(prefix="/v1/grants", tags=["grants"])

    @router.post("", status_code=201)
    async def issue(
        request: IssueGrantRequest, key: IdempotencyKey = None, trace: TraceParent = None
    ) -> JSONResponse:
        """Grant a citizen a card."""
        return answered(await run(to_command("grants", request, key, trace)))

    @router.get("/{card_no}")
    async def show(card_no: str) -> Grant:
        """Show a card and what was decided about it."""
        return await read_grant(card_no)

    def change_route(path: str, change: str, body: type[ChangeBody]) -> None:
        @router.post(f"/{{card_no}}/{path}", status_code=201, name=change)
        async def decide(
            card_no: str,
            request: body,  # type: ignore[valid-type]  # one route per body
            key: IdempotencyKey = None,
            trace: TraceParent = None,
        ) -> JSONResponse:
            fields = request.model_dump(exclude_none=True)  # type: ignore[attr-defined]
            whole = ChangeGrantRequest(card_no=card_no, change=change, **fields)
            return answered(await run(to_command("grant-changes", whole, key, trace)))

    change_route("reviews", "reviewed", ChangeBody)
    change_route("deactivation", "deactivated", ChangeBody)
    change_route("reactivation", "reactivated", ChangeBody)
    change_route("transfer", "transferred", TransferBody)
    return router
