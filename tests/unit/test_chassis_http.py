"""HTTP as every service speaks it: problem details with a stable code, whatever goes wrong."""

from collections.abc import AsyncIterator
from typing import Any, ClassVar

import asyncpg
import httpx
import pytest
from pydantic import BaseModel

from frikort_contracts.requests import ChangeGrantRequest
from frikort_contracts.types import Request
from services.chassis.errors import (
    ConflictError,
    IdempotencyMismatch,
    NotFound,
    Rejection,
    StateRejection,
    TransientError,
)
from services.chassis.http import create_app, health_routes

CPR = "6101800001"


class ThingRequest(Request):
    size: int


class ThingTooLarge(Rejection):
    code = "thing-too-large"
    field = "size"


class ThingUnknown(NotFound):
    code = "thing-unknown"


class ThingOnItsWay(StateRejection):
    code = "thing-on-its-way"
    retry: ClassVar[bool] = True


class Stored(BaseModel):
    size: int


FAULTS: dict[str, Exception] = {
    "kept": ThingTooLarge("a thing is at most 5"),
    "unknown": ThingUnknown("no such thing"),
    "on-its-way": ThingOnItsWay("try again in a moment"),
    "mismatch": IdempotencyMismatch(field="size"),
    "conflict": ConflictError(CPR),
    "transient": TransientError(CPR),
    "own": KeyError(CPR),
    "starting": asyncpg.CannotConnectNowError(CPR),
    "cut": asyncpg.ConnectionDoesNotExistError(CPR),
    "refused": ConnectionRefusedError(111, CPR),
    "no-value": asyncpg.DataError(CPR),
}


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(title="Things", version="1", summary="Things")
    wrong: list[str | None] = [None]

    async def probe() -> str | None:
        return wrong[0]

    app.include_router(health_routes([probe]))

    @app.post("/v1/things/{kind}")
    async def act(kind: str, request: ThingRequest) -> dict[str, int]:
        if kind in FAULTS:
            raise FAULTS[kind]
        wrong[0] = "the database does not answer" if kind == "break" else None
        return {"size": request.size}

    @app.post("/v1/changes")
    async def change() -> None:
        ChangeGrantRequest.model_validate(
            {
                "card_no": "00001",
                "change": "reviewed",
                "effective_on": "2023-01-01",
                "decided_on": "2023-01-02",
            }
        )

    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://things") as opened:
        yield opened


async def act(client: httpx.AsyncClient, kind: str, body: Any = None) -> httpx.Response:
    return await client.post(f"/v1/things/{kind}", json={"size": 1} if body is None else body)


@pytest.mark.parametrize(
    ("kind", "status", "code", "field", "retry"),
    [
        ("kept", 422, "thing-too-large", "size", False),
        ("unknown", 404, "thing-unknown", None, False),
        ("on-its-way", 409, "thing-on-its-way", None, True),
        ("mismatch", 422, "idempotency-mismatch", "size", False),
        ("conflict", 409, "conflict", None, True),
        ("transient", 503, "unavailable", None, True),
        ("own", 500, "internal-error", None, False),
        ("starting", 503, "unavailable", None, True),
        ("cut", 503, "unavailable", None, True),
        ("refused", 503, "unavailable", None, True),
        ("no-value", 500, "internal-error", None, False),
    ],
)
async def test_every_error_is_a_problem_with_a_code(
    client: httpx.AsyncClient, kind: str, status: int, code: str, field: str | None, *, retry: bool
) -> None:
    answer = await act(client, kind)
    problem = answer.json()

    assert answer.status_code == problem["status"] == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert (problem["code"], problem["title"], problem["type"]) == (
        code,
        code,
        f"urn:frikort:problem:{code}",
    )
    assert (problem.get("field"), "Retry-After" in answer.headers) == (field, retry)
    assert problem["detail"]
    assert CPR not in answer.text


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({}, "size", "missing"),
        ({"size": CPR + "x"}, "size", "int-parsing"),
        ({"size": 1, "colour": CPR}, "colour", "extra-forbidden"),
        ([], "", "model-attributes-type"),
    ],
)
async def test_malformed_request_names_each_field_and_quotes_nothing(
    client: httpx.AsyncClient, body: Any, field: str, code: str
) -> None:
    answer = await act(client, "good", body)
    problem = answer.json()

    assert (answer.status_code, problem["code"]) == (422, "request-malformed")
    assert [(e["field"], e["code"]) for e in problem["errors"]] == [(field, code)]
    assert CPR not in answer.text


async def test_body_that_is_no_json_is_malformed(client: httpx.AsyncClient) -> None:
    answer = await client.post(
        "/v1/things/good", content=b"{", headers={"Content-Type": "application/json"}
    )

    assert (answer.status_code, answer.json()["code"]) == (422, "request-malformed")


async def test_rule_of_the_contract_answers_with_its_own_code(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/changes")

    assert (answer.status_code, answer.json()["code"]) == (422, "effective-before-decided")


async def test_what_is_not_served_is_a_problem_too(client: httpx.AsyncClient) -> None:
    nowhere = await client.get("/v1/nothing")
    method = await client.get("/v1/things/good")

    assert (nowhere.status_code, nowhere.json()["code"]) == (404, "not-found")
    assert (method.status_code, method.json()["code"]) == (405, "method-not-allowed")


async def test_readiness_is_what_the_probes_say(client: httpx.AsyncClient) -> None:
    before = await client.get("/readyz")
    await act(client, "break")
    after = await client.get("/readyz")
    alive = await client.get("/healthz")

    assert (before.status_code, before.json()) == (200, {"status": "ready"})
    assert (after.status_code, after.json()["code"]) == (503, "not-ready")
    assert after.json()["detail"] == "the database does not answer"
    assert alive.status_code == 200


async def test_metrics_name_the_route_never_the_address_that_was_asked_for(
    client: httpx.AsyncClient,
) -> None:
    await act(client, CPR)
    await client.get(f"/v1/nothing/{CPR}")
    metrics = (await client.get("/metrics")).text

    assert 'frikort_http_requests_total{route="/v1/things/{kind}",status="200"}' in metrics
    assert 'route="unknown",status="404"' in metrics
    assert CPR not in metrics
