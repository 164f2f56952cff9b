"""Grants over HTTP: parse, call a handler, render; no rules."""

import datetime as dt
from collections.abc import Awaitable, Callable
from typing import Literal

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from frikort_contracts.grant_requests import (
    CloseGrantRequest,
    DecideAppealRequest,
    GrantDispensationRequest,
    ReceiveApplicationRequest,
    RefusalReason,
    RefuseApplicationRequest,
    ReidentifyCitizenRequest,
)
from frikort_contracts.requests import ChangeGrantRequest, IssueGrantRequest
from frikort_contracts.types import BusinessDate, FreeText, Moment, MunicipalityCode, Request
from services.chassis.http import Called, Run, addressed, respond
from services.grants.projections import Grant, ReviewsDue


class ChangeBody(Request):
    """A decision about the card of the address."""

    effective_on: BusinessDate
    decided_on: BusinessDate
    reason: FreeText | None = None
    registered_at: Moment | None = None


class TransferBody(ChangeBody):
    """A transfer to another municipality."""

    municipality_code: MunicipalityCode


class ClosingBody(Request):
    """The end of the card of the address; `effective_on` is the first day not covered."""

    cause: Literal["death", "moved-abroad"]
    effective_on: BusinessDate
    decided_on: BusinessDate | None = None
    reason: FreeText | None = None
    registered_at: Moment | None = None


class AppealBody(ChangeBody):
    """An appeal by the holder of the card of the address; `effective_on` may work backwards."""

    outcome: Literal["upheld", "overturned"]
    overturns: Literal["grant-deactivated", "application-refused"] | None = None


class RefusalBody(Request):
    """The refusal of the application of the address."""

    reason: RefusalReason
    decided_on: BusinessDate
    note: FreeText | None = None
    registered_at: Moment | None = None


def grant_routes(
    run: Run,
    read_grant: Callable[[str], Awaitable[Grant]],
    read_reviews_due: Callable[[dt.date, str | None], Awaitable[ReviewsDue]],
) -> APIRouter:
    """Serve the commands about cards, and what is known of them."""
    router = APIRouter(prefix="/v1/grants", tags=["grants"])

    @router.post("", status_code=201)
    async def issue(request: IssueGrantRequest, call: Called) -> JSONResponse:
        """Grant a citizen of 18 or older a card (`citizen-under-18`)."""
        return await respond(run, "grants", request, call)

    @router.get("")
    async def to_review(
        review_due_by: BusinessDate, municipality: MunicipalityCode | None = None
    ) -> ReviewsDue:
        """List the live cards whose review is due by a day, the earliest first (R33)."""
        return await read_reviews_due(review_due_by, municipality)

    @router.get("/{card_no}")
    async def show(card_no: str) -> Grant:
        """Show a card, what was decided about it, and when its review is due."""
        return await read_grant(card_no)

    def change_route(path: str, change: str, body: type[ChangeBody]) -> None:
        @router.post(f"/{{card_no}}/{path}", status_code=201, name=change)
        async def decide(
            card_no: str,
            request: body,  # type: ignore[valid-type]  # one route per body
            call: Called,
        ) -> JSONResponse:
            whole = addressed(ChangeGrantRequest, request, card_no=card_no, change=change)
            return await respond(run, "grant-changes", whole, call)

    change_route("reviews", "reviewed", ChangeBody)
    change_route("deactivation", "deactivated", ChangeBody)
    change_route("reactivation", "reactivated", ChangeBody)
    change_route("transfer", "transferred", TransferBody)
    _special_routes(router, run)
    return router


def _special_routes(router: APIRouter, run: Run) -> None:
    """Serve what no file brings: closings, dispensations, appeals."""

    @router.post("/{card_no}/closing", status_code=201)
    async def close(card_no: str, request: ClosingBody, call: Called) -> JSONResponse:
        """End a card for good; it takes no further change (`grant-closed`).

        `effective_on`, the first day not covered, is on or after `decided_on`. A death is no
        decision: leave `decided_on` out, and it takes effect when it happened, however late it
        is learned of. A wage paid after it is recorded, uncovered; one that was covered before
        the closing was known stays as it was decided, and a person is told.
        """
        whole = addressed(CloseGrantRequest, request, card_no=card_no)
        return await respond(run, "grant-closings", whole, call)

    @router.post("/{card_no}/dispensation", status_code=201)
    async def dispense(card_no: str, request: ChangeBody, call: Called) -> JSONResponse:
        """Waive the income condition (LOV 616 section 3(3)); coverage stays as it is."""
        whole = addressed(GrantDispensationRequest, request, card_no=card_no)
        return await respond(run, "dispensations", whole, call)

    @router.post("/{card_no}/appeal", status_code=201)
    async def appeal(card_no: str, request: AppealBody, call: Called) -> JSONResponse:
        """Record that an appeal was upheld or a decision overturned (R14).

        The one decision whose `effective_on` may lie before `decided_on`: what is overturned
        lets the card cover from that day to its next change. Of a deactivation it is a day on
        which the card is deactivated, be it in an earlier gap. Of a refused application it is a
        day since the application came, and before the card's first day or on it: issue the card
        first, then overturn the refusal on it. Else `nothing-to-overturn`. Wages decided before
        stay as decided, and a person is told; they may be reversed and registered again.
        """
        whole = addressed(DecideAppealRequest, request, card_no=card_no)
        return await respond(run, "appeals", whole, call)


def application_routes(run: Run) -> APIRouter:
    """Serve the commands about applications; a reference may hold slashes."""
    router = APIRouter(prefix="/v1/applications", tags=["applications"])

    @router.post("", status_code=201)
    async def receive(request: ReceiveApplicationRequest, call: Called) -> JSONResponse:
        """Record that a citizen applies for a card; a card granted later answers it."""
        return await respond(run, "applications", request, call)

    @router.post("/{application_ref:path}/refusal", status_code=201)
    async def refuse(application_ref: str, request: RefusalBody, call: Called) -> JSONResponse:
        """Refuse an application; `reason` is published, `note` stays here, sealed.

        Refused with `application-unknown`, `application-already-refused`, `application-granted`
        or `decided-before-received`.
        """
        whole = addressed(RefuseApplicationRequest, request, application_ref=application_ref)
        return await respond(run, "application-refusals", whole, call)

    return router


def citizen_routes(run: Run) -> APIRouter:
    """Serve the command about who a citizen is."""
    router = APIRouter(prefix="/v1/citizens", tags=["citizens"])

    @router.post("/reidentification", status_code=201)
    async def reidentify(request: ReidentifyCitizenRequest, call: Called) -> JSONResponse:
        """Record that a citizen's CPR number has changed (R35).

        The citizen is found by both numbers from then on; neither is published. Refused with
        `citizen-unknown` (the old number), `cpr-taken` (the new one is another citizen's) or
        `cpr-unchanged`.
        """
        return await respond(run, "reidentifications", request, call)

    return router
