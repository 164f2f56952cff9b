"""Payroll over HTTP: parse, call a handler, render; no rules."""

from collections.abc import Awaitable, Callable

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from frikort_contracts.requests import (
    ConfirmRegistrationRequest,
    EndEmploymentRequest,
    MisreportWageRequest,
    ReconcileRequest,
    RegisterEmploymentRequest,
    RegisterWageRequest,
    ReverseWageRequest,
)
from frikort_contracts.types import BusinessDate, FreeText, Moment, Request
from services.chassis.http import Called, Run, TraceParent, addressed, respond
from services.chassis.identifiers import traceparent
from services.payroll.reconciliation import Reconciliation
from services.payroll.wages import Wage

Reconcile = Callable[[ReconcileRequest, str], Awaitable[Reconciliation]]


class EndBody(Request):
    """The end of the employment of the address."""

    ends_on: BusinessDate
    registered_at: Moment | None = None


class ReversalBody(Request):
    """A reversal of the wage of the address."""

    reason: FreeText
    reversed_on: BusinessDate
    registered_at: Moment | None = None


class MisreportBody(Request):
    """A report to eIndkomst, by mistake, of the wage of the address."""

    found_on: BusinessDate
    registered_at: Moment | None = None


class RegistrationBody(Request):
    """The registration in Socialtfrikort.dk of the wage of the address."""

    external_ref: FreeText
    confirmed_on: BusinessDate
    registered_at: Moment | None = None


def employment_routes(run: Run) -> APIRouter:
    """Serve the commands about employments."""
    router = APIRouter(prefix="/v1/employments", tags=["employments"])

    @router.post("", status_code=201)
    async def register(request: RegisterEmploymentRequest, call: Called) -> JSONResponse:
        """Register that a card holder works for an employer."""
        return await respond(run, "employments", request, call)

    @router.post("/{employment_ref:path}/end", status_code=201)
    async def end(employment_ref: str, request: EndBody, call: Called) -> JSONResponse:
        """Set an employment's last day."""
        whole = addressed(EndEmploymentRequest, request, employment_ref=employment_ref)
        return await respond(run, "employment-ends", whole, call)

    return router


def wage_routes(run: Run, read_wage: Callable[[str], Awaitable[Wage]]) -> APIRouter:
    """Serve the commands about wages; a reference may hold slashes."""
    router = APIRouter(prefix="/v1/wages", tags=["wages"])

    @router.post("", status_code=201)
    async def register(request: RegisterWageRequest, call: Called) -> JSONResponse:
        """Register a wage that was paid."""
        return await respond(run, "wages", request, call)

    @router.post("/{wage_ref:path}/reversal", status_code=201)
    async def reverse(wage_ref: str, request: ReversalBody, call: Called) -> JSONResponse:
        """Take a wage back."""
        whole = addressed(ReverseWageRequest, request, wage_ref=wage_ref)
        return await respond(run, "wage-reversals", whole, call)

    @router.post("/{wage_ref:path}/misreport", status_code=201)
    async def misreport(wage_ref: str, request: MisreportBody, call: Called) -> JSONResponse:
        """Note that a wage was sent to eIndkomst by mistake; the wage stays."""
        whole = addressed(MisreportWageRequest, request, wage_ref=wage_ref)
        return await respond(run, "wage-misreports", whole, call)

    @router.post("/{wage_ref:path}/external-registration", status_code=201)
    async def confirm(wage_ref: str, request: RegistrationBody, call: Called) -> JSONResponse:
        """Note that a wage is registered in Socialtfrikort.dk, and under which reference."""
        whole = addressed(ConfirmRegistrationRequest, request, wage_ref=wage_ref)
        return await respond(run, "external-registrations", whole, call)

    @router.get("/{wage_ref:path}")
    async def show(wage_ref: str) -> Wage:
        """Show a wage and what became of it."""
        return await read_wage(wage_ref)

    return router


def reconciliation_routes(reconcile: Reconcile) -> APIRouter:
    """Serve the comparison with Socialtfrikort.dk; the same list again changes nothing."""
    router = APIRouter(prefix="/v1/reconciliations", tags=["wages"])

    @router.post("")
    async def compare(request: ReconcileRequest, trace: TraceParent = None) -> Reconciliation:
        """Compare a list from Socialtfrikort.dk with the wages that were registered here."""
        return await reconcile(request, traceparent(trace))

    return router
