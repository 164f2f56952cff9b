"""A citizen with a card and an employment, as payroll's tests need them by the dozen."""

import itertools
import os
from typing import Any

from frikort_contracts.imports import Position
from tests.integration.servers import ServiceProcess

CVR = "10150817"
OTHER_CVR = "31119103"
MUNICIPALITY = "751"
_numbers = itertools.count(1)


def new_reference(kind: str) -> str:
    """Make a reference that nobody has used; it looks like what must not leave payroll."""
    return f"{kind}/Åse Østergård/{os.urandom(6).hex()}"


def new_card() -> tuple[str, str]:
    """Make a card number and a fictitious CPR number that nobody has used."""
    number = next(_numbers)
    return f"{70_000 + number:05d}", f"61{1 + number % 12:02d}80{number:04d}"


def grant(card_no: str, cpr: str, **changed: Any) -> dict[str, Any]:
    """Make the request that grants a card."""
    return {
        "cpr": cpr,
        "card_no": card_no,
        "municipality_code": MUNICIPALITY,
        "valid_from": "2023-01-01",
        "decided_on": "2022-12-20",
        "benefit": "kontanthjaelp",
        "age_group": "30-plus",
        **changed,
    }


def employment(card_no: str, **changed: Any) -> dict[str, Any]:
    """Make the request that registers an employment."""
    return {
        "employment_ref": new_reference("employment"),
        "card_no": card_no,
        "cvr": CVR,
        "employer": "Åse Østergård Rengøring",
        "sector": "cleaning",
        "starts_on": "2022-11-01",
        "contact": "Åse Østergård, 20 00 00 00",
        "registered_at": "2023-01-02",
        **changed,
    }


def wage(employed: dict[str, Any], **changed: Any) -> dict[str, Any]:
    """Make the request that registers a wage of an employment."""
    return {
        "wage_ref": new_reference("wage"),
        "employment_ref": employed["employment_ref"],
        "card_no": employed["card_no"],
        "cvr": employed["cvr"],
        "paid_on": "2023-03-31",
        "amount_ore": 150_000,
        "payment_method": "cash",
        "voucher_ref": "Åse Østergård kvittering",
        "registered_at": "2023-04-01T09:30:00+02:00",
        **changed,
    }


def send(
    payroll: ServiceProcess, path: str, body: dict[str, Any], key: str | None = None
) -> tuple[int, dict[str, Any]]:
    """Send payroll a command; give the status and the body of its answer."""
    headers = {} if key is None else {"Idempotency-Key": key}
    answer = payroll.client.post(f"/v1/{path}", json=body, headers=headers)
    found: dict[str, Any] = answer.json()
    return answer.status_code, found


def issue(grants: ServiceProcess, payroll: ServiceProcess, **changed: Any) -> tuple[str, Position]:
    """Grant a card and wait until payroll knows it; give its number and position."""
    card_no, cpr = new_card()
    answer = grants.client.post("/v1/grants", json=grant(card_no, cpr, **changed))
    position = Position.model_validate(answer.raise_for_status().json()["position"])
    assert payroll.progress(position)[0].state == "applied"
    return card_no, position


def employ(grants: ServiceProcess, payroll: ServiceProcess) -> tuple[dict[str, Any], str]:
    """Grant a card and register an employment on it; give the employment and the citizen."""
    card_no, position = issue(grants, payroll)
    employed = employment(card_no)
    payroll.client.post("/v1/employments", json=employed).raise_for_status()
    return employed, position.citizen_id
