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
from services.chassis.http import IdempotencyKey, TraceParent, answered, to_command
from services.chassis.identifiers import traceparent
from services.chassis.workspace import Answer, Command
from services.payroll.reconciliation import Reconciliation
from services.payroll.wages import Wage

Run = Callable[[Command], Awaitable[Answer]]
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
    async def register(
        request: RegisterEmploymentRequest, key: IdempotencyKey = None, trace: TraceParent = None
    ) -> JSONResponse:
        """Register that a card holder works for an employer."""
        return answered(await run(to_command("employments", request, key, trace)))

    @router.post("/{employment_ref:path}/end", status_code=201)
    async def end(
        employment_ref: str,
        request: EndBody,
        key: IdempotencyKey = None,
        trace: TraceParent = None,
    ) -> JSONResponse:
        """Set an employment's last day."""
        fields = request.model_dump(exclude_none=True)
        whole = EndEmploymentRequest(employment_ref=employment_ref, **fields)
        return answered(await run(to_command("employment-ends", whole, key, trace)))

    return router


def wage_routes(run: Run, read_wage: Callable[[str], Awaitable[Wage]]) -> APIRouter:
    """Serve the commands about wages; a reference may hold slashes."""
    router = APIRouter(prefix="/v1/wages", tags=["wages"])

    @router.post("", status_code=201)
    async def register(
        request: RegisterWageRequest, key: IdempotencyKey = None, trace: TraceParent = None
    ) -> JSONResponse:
        """Register a wage that was paid."""
        return answered(await run(to_command("wages", request, key, trace)))

    @router.post("/{wage_ref:path}/reversal", status_code=201)
    async def reverse(
        wage_ref: str,
        request: ReversalBody,
        key: IdempotencyKey = None,
        trace: TraceParent = None,
    ) -> JSONResponse:
        """Take a wage back."""
        fields = request.model_dump(exclude_none=True)
        whole = ReverseWageRequest(wage_ref=wage_ref, **fields)
        return answered(await run(to_command("wage-reversals", whole, key, trace)))

    @router.post("/{wage_ref:path}/misreport", status_code=201)
    async def misreport(
        wage_ref: str,
        request: MisreportBody,
        key: IdempotencyKey = None,
        trace: TraceParent = None,
    ) -> JSONResponse:
        """Note that a wage was sent to eIndkomst by mistake; the wage stays."""
        fields = request.model_dump(exclude_none=True)
        whole = MisreportWageRequest(wage_ref=wage_ref, **fields)
        return answered(await run(to_command("wage-misreports", whole, key, trace)))

    @router.post("/{wage_ref:path}/external-registration", status_code=201)
    async def confirm(
        wage_ref: str,
        request: RegistrationBody,
        key: IdempotencyKey = None,
        trace: TraceParent = None,
    ) -> JSONResponse:
        """Note that a wage is registered in Socialtfrikort.dk, and under which reference."""
        fields = request.model_dump(exclude_none=True)
        whole = ConfirmRegistrationRequest(wage_ref=wage_ref, **fields)
        return answered(await run(to_command("external-registrations", whole, key, trace)))

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
