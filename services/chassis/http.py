"""HTTP as every service speaks it: problem details, health, metrics, progress, imports.

It parses and renders; no rule is decided here. Refusals are RFC 9457 problem details with a
stable `code`. Logs and metrics name the route's template, never the path that was asked for.
"""

import time
from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from typing import Annotated, Any, NamedTuple, TypeVar

import structlog
from fastapi import APIRouter, Depends, FastAPI, Header, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, Counter, Histogram, generate_latest
from pydantic import Field, ValidationError
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from frikort_contracts.imports import (
    ImportState,
    OpenImport,
    OutcomePage,
    ProgressRequest,
    ProgressResponse,
    StageRows,
)
from frikort_contracts.types import Identifier
from frikort_contracts.types import Request as Body
from services.chassis.database import PASSING, may_pass
from services.chassis.errors import ConflictError, Rejection, TransientError, describe
from services.chassis.identifiers import Identifiers, traceparent
from services.chassis.imports import Importer
from services.chassis.progress import Ask, answer_progress
from services.chassis.workspace import Answer, Command

RETRY_AFTER_S = "1"
PROBLEM = "application/problem+json"
REQUESTS = Counter("frikort_http_requests_total", "Requests answered", ["route", "status"])
SECONDS = Histogram("frikort_http_request_seconds", "Time to answer", ["route"])

_PLACES = {"body", "query", "path", "header"}

log = structlog.get_logger()

IdempotencyKey = Annotated[
    str | None, Header(alias="Idempotency-Key", description="the same key gives the first answer")
]
TraceParent = Annotated[str | None, Header(alias="traceparent", include_in_schema=False)]
RowNo = Annotated[int, Field(ge=0, le=2**31 - 1)]
Run = Callable[[Command], Awaitable[Answer]]
Probe = Callable[[], Awaitable[str | None]]
"""Says what is wrong, or None."""
B = TypeVar("B", bound=Body)


class Call(NamedTuple):
    """What comes with a command beside its address and body."""

    key: str | None
    trace: str | None


async def _call(key: IdempotencyKey = None, trace: TraceParent = None) -> Call:
    return Call(key, trace)


Called = Annotated[Call, Depends(_call)]


def create_app(*, title: str, version: str, summary: str) -> FastAPI:
    """Make a service's HTTP application, without routes of its own yet."""
    app = FastAPI(title=title, version=version, summary=summary)
    app.add_exception_handler(Rejection, _refused)
    app.add_exception_handler(RequestValidationError, _malformed)
    app.add_exception_handler(ValidationError, _malformed)
    app.add_exception_handler(ConflictError, _conflict)
    app.add_exception_handler(TransientError, _unavailable)
    for passing in PASSING:  # who only reads lets the driver's own errors through
        app.add_exception_handler(passing, _database_failed)
    app.add_exception_handler(HTTPException, _unroutable)
    app.add_exception_handler(Exception, _failed)
    app.add_middleware(_Observed)
    return app


async def respond(run: Run, operation: str, request: Body, call: Call) -> JSONResponse:
    """Have a command carried out, and render what was recorded."""
    return answered(await run(to_command(operation, request, call)))


def addressed(whole: type[B], body: Body, **address: str | int) -> B:
    """Make the whole request of a body and of what its address names."""
    return whole.model_validate({**address, **body.model_dump(exclude_none=True)})


def to_command(operation: str, request: Body, call: Call) -> Command:
    """Make the command that a whole request stands for."""
    return Command(
        operation=operation,
        request=request,
        key=call.key,
        traceparent=traceparent(call.trace),
    )


def answered(answer: Answer, *, created: int = 201) -> JSONResponse:
    """Render the recorded fact with its position; 200 where it was recorded before."""
    body = {
        **answer.body,
        "position": answer.position.model_dump(),
        "warnings": list(answer.warnings),
    }
    return JSONResponse(body, status_code=200 if answer.repeated else created)


def problem(*, status: int, code: str, detail: str, **more: Any) -> JSONResponse:
    """Render RFC 9457 problem details."""
    body = {"type": f"urn:frikort:problem:{code}", "title": code, "status": status}
    headers = {"Retry-After": RETRY_AFTER_S} if more.pop("retry", False) else None
    return JSONResponse(
        {**body, "code": code, "detail": detail, **more},
        status_code=status,
        headers=headers,
        media_type=PROBLEM,
    )


def health_routes(probes: Sequence[Probe]) -> APIRouter:
    """Serve `/healthz` (alive), `/readyz` (every probe content) and `/metrics`."""
    router = APIRouter(tags=["operation"])

    @router.get("/healthz")
    async def alive() -> dict[str, str]:
        """Tell that the process answers."""
        return {"status": "alive"}

    @router.get("/readyz")
    async def ready() -> JSONResponse:
        """Tell whether database, topics and consumer's progress are as they should be."""
        wrong = [found for probe in probes if (found := await probe()) is not None]
        if wrong:
            return problem(status=503, code="not-ready", detail="; ".join(wrong), retry=True)
        return JSONResponse({"status": "ready"})

    @router.get("/metrics", include_in_schema=False)
    async def metrics() -> Response:
        """Serve the figures for Prometheus."""
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return router


def progress_routes(ask: Ask) -> APIRouter:
    """Serve `POST /v1/progress`."""
    router = APIRouter(prefix="/v1", tags=["progress"])

    @router.post("/progress")
    async def how_far(request: ProgressRequest) -> ProgressResponse:
        """Tell of each position whether it is applied, pending, waiting or parked here."""
        return await answer_progress(request, ask)

    return router


def import_routes(importer: Importer, ids: Identifiers) -> APIRouter:
    """Serve the four calls by which a file is taken in (frikort_contracts.imports)."""
    router = APIRouter(prefix="/v1/imports", tags=["imports"])

    @router.post("", status_code=201)
    async def announce(announced: OpenImport) -> ImportState:
        """Announce a file."""
        return await importer.open(ids.new(), announced)

    @router.put("/{import_id}/rows/{first}", status_code=204)
    async def stage(import_id: Identifier, first: RowNo, staged: StageRows) -> None:
        """Stage a run of rows; the same run again changes nothing."""
        await importer.stage(import_id, first, staged.rows)

    @router.post("/{import_id}/start", status_code=202)
    async def start(import_id: Identifier) -> ImportState:
        """Have the staged rows checked and taken."""
        return await importer.start(import_id)

    @router.get("/{import_id}")
    async def state(import_id: Identifier) -> ImportState:
        """Tell how far an import is."""
        return await importer.state(import_id)

    @router.get("/{import_id}/outcomes")
    async def outcomes(import_id: Identifier, after: RowNo = 0) -> OutcomePage:
        """Tell where the rows were recorded."""
        return await importer.outcomes(import_id, after)

    return router


class _Observed:
    """Counts and times every request, by its route and its answer's status."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and note what became of it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), HTTPStatus.INTERNAL_SERVER_ERROR.value

        async def noting(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        try:
            await self._app(scope, receive, noting)
        finally:
            route = getattr(scope.get("route"), "path", "unknown")
            REQUESTS.labels(route, status).inc()
            SECONDS.labels(route).observe(time.perf_counter() - began)
            log.debug("request_answered", route=route, status=status)


async def _refused(_: Request, error: Exception) -> JSONResponse:
    rejection = error if isinstance(error, Rejection) else Rejection("refused")
    return problem(
        status=rejection.status,
        code=rejection.code,
        detail=str(rejection),
        field=rejection.field,
        retry=rejection.status == HTTPStatus.CONFLICT,  # it rests on what was seen so far
    )


async def _malformed(_: Request, error: Exception) -> JSONResponse:
    faults = error.errors() if isinstance(error, RequestValidationError | ValidationError) else []
    errors = [
        {
            "field": ".".join(str(part) for part in fault["loc"] if part not in _PLACES),
            "code": fault["type"].replace("_", "-"),
            "detail": fault["msg"],
        }
        for fault in faults
    ]
    own = [fault["type"] for fault in faults if "-" in fault["type"]]  # ours, not pydantic's
    return problem(
        status=422,
        code=own[0] if own else "request-malformed",
        detail="; ".join(f"{error['field']}: {error['detail']}" for error in errors),
        errors=errors,
    )


async def _conflict(_: Request, error: Exception) -> JSONResponse:
    del error
    detail = "others changed the same citizen at the same time; send it again with the same key"
    return problem(status=409, code="conflict", detail=detail, retry=True)


async def _unavailable(_: Request, error: Exception) -> JSONResponse:
    log.warning("request_failed", error=describe(error))
    detail = "a part we need does not answer; send it again with the same key"
    return problem(status=503, code="unavailable", detail=detail, retry=True)


async def _database_failed(request: Request, error: Exception) -> JSONResponse:
    """Answer as for a part that is away, unless it is a value that no column takes."""
    if not may_pass(error):
        raise error
    return await _unavailable(request, error)


async def _unroutable(_: Request, error: Exception) -> JSONResponse:
    """Refuse an address or a method that is not served; the code is HTTP's own phrase."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    code = HTTPStatus(status).phrase.lower().replace(" ", "-")
    return problem(status=status, code=code, detail="see /openapi.json for what is served")


async def _failed(_: Request, __: Exception) -> JSONResponse:
    """Answer for a fault of ours; the server logs it."""
    detail = "a fault of ours; send it again with the same key"
    return problem(status=500, code="internal-error", detail=detail)
