"""Wages beside eIndkomst and Socialtfrikort.dk, over HTTP: misreports, registrations, lists."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.integration import payroll_cases as cases
from tests.integration.servers import Servers, ServiceProcess, header, payload, wait_for

pytestmark = pytest.mark.slow

TOPIC = "frikort-payroll"
REFERENCE = "SF-2023-0042/Åse Østergård"


@pytest.fixture(scope="module")
def grants(servers: Servers) -> Iterator[ServiceProcess]:
    service = servers.service("grants")
    yield service.start()
    service.close()


@pytest.fixture(scope="module")
def payroll(servers: Servers) -> Iterator[ServiceProcess]:
    service = servers.service("payroll")
    yield service.start()
    service.close()


@pytest.fixture
def paid(grants: ServiceProcess, payroll: ServiceProcess) -> tuple[dict[str, Any], str]:
    """Register a wage on a card of its own; give it and the citizen."""
    employed, citizen_id = cases.employ(grants, payroll)
    wage = cases.wage(employed)
    send(payroll, "wages", wage)
    return wage, citizen_id


def send(
    payroll: ServiceProcess, path: str, body: dict[str, Any], key: str | None = None
) -> tuple[int, dict[str, Any]]:
    headers = {} if key is None else {"Idempotency-Key": key}
    answer = payroll.client.post(f"/v1/{path}", json=body, headers=headers)
    found: dict[str, Any] = answer.json()
    return answer.status_code, found


def shown(payroll: ServiceProcess, wage: dict[str, Any]) -> dict[str, Any]:
    answer = payroll.client.get(f"/v1/wages/{wage['wage_ref']}")
    found: dict[str, Any] = answer.raise_for_status().json()
    return found


def await_sent(servers: Servers, citizen_id: str, count: int) -> list[Any]:
    wait_for(lambda: len(servers.records(TOPIC, citizen_id)) >= count, what=f"{count} records sent")
    return servers.records(TOPIC, citizen_id)


def listed(wage: dict[str, Any], external_ref: str, **changed: Any) -> dict[str, Any]:
    row = {name: wage[name] for name in ("card_no", "cvr", "paid_on", "amount_ore")}
    return {**row, "external_ref": external_ref, **changed}


def reconcile(payroll: ServiceProcess, *rows: dict[str, Any], **changed: Any) -> dict[str, Any]:
    body = {"first_on": "2031-01-01", "last_on": "2031-01-31", "rows": rows, **changed}
    status, found = send(payroll, "reconciliations", body)
    assert status == 200, found
    return found


def test_misreport_is_recorded_once_and_the_wage_stays(
    servers: Servers, payroll: ServiceProcess, paid: tuple[dict[str, Any], str]
) -> None:
    wage, citizen_id = paid
    path = f"wages/{wage['wage_ref']}/misreport"
    body = {"found_on": "2023-04-11", "registered_at": "2023-04-12"}

    first = send(payroll, path, body, f"{citizen_id}-1")
    repeated = send(payroll, path, body, f"{citizen_id}-1")
    other = send(payroll, path, {"found_on": "2023-04-10"}, f"{citizen_id}-1")
    second = send(payroll, path, body, f"{citizen_id}-2")
    told = shown(payroll, wage)
    record = await_sent(servers, citizen_id, 3)[2]

    assert (first[0], repeated) == (201, (200, first[1]))
    assert (other[0], other[1]["code"], other[1]["field"]) == (
        422,
        "idempotency-mismatch",
        "found_on",
    )
    assert (second[0], second[1]["code"]) == (409, "already-misreported")
    assert (told["state"], told["misreported_on"]) == ("paid", "2023-04-11")
    assert header(record, "ce_type") == "wage-misreported"
    assert header(record, "ce_id") == first[1]["id"]
    assert payload(record) == {
        "known_at": "2023-04-11T22:00:00.000000Z",
        "card_no": wage["card_no"],
        "grants_version": 1,
        "wage_id": told["wage_id"],
        "found_on": "2023-04-11",
    }


def test_confirmed_registration_shows_its_reference_here_and_nowhere_else(
    servers: Servers, payroll: ServiceProcess, paid: tuple[dict[str, Any], str]
) -> None:
    wage, citizen_id = paid
    path = f"wages/{wage['wage_ref']}/external-registration"
    body = {
        "external_ref": REFERENCE,
        "confirmed_on": "2023-04-11",
        "registered_at": "2023-04-12",
    }

    before = shown(payroll, wage)["registration"]
    first = send(payroll, path, body, f"{citizen_id}-1")
    repeated = send(payroll, path, body, f"{citizen_id}-1")
    told = shown(payroll, wage)
    records = await_sent(servers, citizen_id, 3)
    with psycopg.connect(servers.database_url("payroll")) as connection:
        kept = connection.execute(
            "SELECT string_agg(e::TEXT, '') FROM events AS e WHERE stream_id = %s", [citizen_id]
        ).fetchone()

    assert before == {
        "state": "unknown",
        "external_ref": None,
        "confirmed_on": None,
        "missing_on": None,
    }
    assert (first[0], repeated) == (201, (200, first[1]))
    assert told["registration"] == {
        "state": "confirmed",
        "external_ref": REFERENCE,
        "confirmed_on": "2023-04-11",
        "missing_on": None,
    }
    assert [fact["event"] for fact in told["facts"]] == [
        "wage-paid",
        "external-registration-confirmed",
    ]
    assert payload(records[2]) == {
        "known_at": "2023-04-11T22:00:00.000000Z",
        "card_no": wage["card_no"],
        "grants_version": 1,
        "wage_id": told["wage_id"],
        "confirmed_on": "2023-04-11",
    }
    assert kept is not None
    assert "SF-2023-0042" not in str(kept) + str(first)


@pytest.mark.parametrize(
    ("what", "body"),
    [
        ("misreport", {"found_on": "2023-04-11"}),
        ("external-registration", {"external_ref": "SF-1", "confirmed_on": "2023-04-11"}),
    ],
)
def test_unknown_and_reversed_wages_and_days_to_come_are_refused(
    payroll: ServiceProcess, paid: tuple[dict[str, Any], str], what: str, body: dict[str, Any]
) -> None:
    wage, _ = paid
    day = "found_on" if what == "misreport" else "confirmed_on"

    unknown = send(payroll, f"wages/nobody's/{what}", body)
    future = send(payroll, f"wages/{wage['wage_ref']}/{what}", {**body, day: "2099-01-01"})
    missing = send(payroll, f"wages/{wage['wage_ref']}/{what}", {})
    reversal = {"reason": "x", "reversed_on": "2023-04-02"}
    send(payroll, f"wages/{wage['wage_ref']}/reversal", reversal)
    taken_back = send(payroll, f"wages/{wage['wage_ref']}/{what}", body)

    assert (unknown[0], unknown[1]["code"]) == (409, "wage-unknown")
    assert (future[0], future[1]["code"], future[1]["field"]) == (
        422,
        f"{day.removesuffix('_on')}-in-future",
        day,
    )
    assert (missing[0], missing[1]["code"]) == (422, "request-malformed")
    assert (taken_back[0], taken_back[1]["code"]) == (409, "already-reversed")


def test_wage_that_came_with_a_reference_counts_as_confirmed(
    grants: ServiceProcess, payroll: ServiceProcess
) -> None:
    employed, _ = cases.employ(grants, payroll)
    wage = cases.wage(employed, external_ref=REFERENCE)
    send(payroll, "wages", wage)

    assert shown(payroll, wage)["registration"] == {
        "state": "confirmed",
        "external_ref": REFERENCE,
        "confirmed_on": "2023-04-01",
        "missing_on": None,
    }


def test_newest_reference_takes_the_place_of_a_wrong_one(
    payroll: ServiceProcess, paid: tuple[dict[str, Any], str]
) -> None:
    wage, _ = paid
    path = f"wages/{wage['wage_ref']}/external-registration"
    for external_ref, confirmed_on in (("SF-wrong", "2023-04-11"), ("SF-right", "2023-04-12")):
        send(payroll, path, {"external_ref": external_ref, "confirmed_on": confirmed_on})

    registration = shown(payroll, wage)["registration"]
    assert (registration["external_ref"], registration["confirmed_on"]) == (
        "SF-right",
        "2023-04-12",
    )


def test_attested_employment_is_taken_without_a_remark_and_subsidised_work_is_refused(
    grants: ServiceProcess, payroll: ServiceProcess
) -> None:
    card_no, _ = cases.issue(grants, payroll)
    silent = send(payroll, "employments", cases.employment(card_no))
    attested = cases.employment(card_no, unsubsidised_attested=True, registered_at="2022-11-01")
    said = send(payroll, "employments", attested)
    refused = send(payroll, "employments", cases.employment(card_no, unsubsidised_attested=False))

    assert (silent[0], silent[1]["warnings"]) == (201, ["employment-late", "attestation-missing"])
    assert (said[0], said[1]["warnings"]) == (201, [])
    assert "unsubsidised_attested" not in said[1]
    assert (refused[0], refused[1]["code"]) == (422, "work-subsidised")
