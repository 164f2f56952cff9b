"""What tests of grants over HTTP share: sending, and reading what came of it."""

import uuid
from typing import Any

import httpx

from tests.integration import payroll_cases as cases
from tests.integration.servers import Servers, ServiceProcess, wait_for

TOPIC = "frikort-grants"


def send(
    grants: ServiceProcess, path: str, body: dict[str, Any], key: str | None = None
) -> httpx.Response:
    headers = {} if key is None else {"Idempotency-Key": key}
    return grants.client.post(f"/v1/{path}", json=body, headers=headers)


def new_key() -> str:
    return f"key {uuid.uuid4()}"


def refusal(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def citizen_of(answer: httpx.Response) -> str:
    found: str = answer.raise_for_status().json()["position"]["citizen_id"]
    return found


def issue(grants: ServiceProcess, *changes: tuple[str, dict[str, Any]]) -> tuple[str, str]:
    """Grant a new citizen a card and change it; give the card and the citizen."""
    card_no, cpr = cases.new_card()
    citizen_id = citizen_of(send(grants, "grants", cases.grant(card_no, cpr)))
    for path, body in changes:
        send(grants, f"grants/{card_no}/{path}", body).raise_for_status()
    return card_no, citizen_id


def shown(grants: ServiceProcess, card_no: str) -> dict[str, Any]:
    found: dict[str, Any] = grants.client.get(f"/v1/grants/{card_no}").raise_for_status().json()
    return found


def await_sent(servers: Servers, citizen_id: str, count: int) -> list[Any]:
    wait_for(lambda: len(servers.records(TOPIC, citizen_id)) >= count, what=f"{count} records sent")
    return servers.records(TOPIC, citizen_id)
