"""Wages beside eIndkomst and Socialtfrikort.dk, over HTTP: misreports, registrations, lists."""

import json
from pathlib import Path
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner

from cli.main import app
from tests.integration import payroll_cases as cases
from tests.integration.payroll_cases import send
from tests.integration.servers import Servers, ServiceProcess, header, payload, wait_for

pytestmark = pytest.mark.slow

TOPIC = "frikort-payroll"
REFERENCE = "SF-2023-0042/Åse Østergård"


@pytest.fixture
def paid(grants: ServiceProcess, payroll: ServiceProcess) -> tuple[dict[str, Any], str]:
    """Register a wage on a card of its own; give it and the citizen."""
    employed, citizen_id = cases.employ(grants, payroll)
    wage = cases.wage(employed)
    send(payroll, "wages", wage)
    return wage, citizen_id


def shown(payroll: ServiceProcess, wage: dict[str, Any]) -> dict[str, Any]:
    answer = payroll.client.get(f"/v1/wages/{wage['wage_ref']}")
    found: dict[str, Any] = answer.raise_for_status().json()
    return found


def registration(payroll: ServiceProcess, wage: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = shown(payroll, wage)["registration"]
    return found


def states(payroll: ServiceProcess, *wages: dict[str, Any]) -> list[str]:
    return [registration(payroll, wage)["state"] for wage in wages]


def await_sent(servers: Servers, citizen_id: str, count: int) -> list[Any]:
    wait_for(lambda: len(servers.records(TOPIC, citizen_id)) >= count, what=f"{count} records sent")
    return servers.records(TOPIC, citizen_id)


def listed(wage: dict[str, Any], external_ref: str, **changed: Any) -> dict[str, Any]:
    row = {name: wage[name] for name in ("card_no", "cvr", "paid_on", "amount_ore")}
    return {**row, "external_ref": external_ref, **changed}


def lacked(wage: dict[str, Any]) -> dict[str, Any]:
    """Give a wage as it is told of when a list lacks it."""
    row = {name: wage[name] for name in ("wage_ref", "card_no", "cvr", "paid_on", "amount_ore")}
    return {**row, "external_ref": None}


def reconcile(payroll: ServiceProcess, *rows: dict[str, Any], **changed: Any) -> dict[str, Any]:
    body = {"first_on": "2021-06-01", "last_on": "2021-06-30", "rows": rows, **changed}
    status, found = send(payroll, "reconciliations", body)
    assert status == 200, found
    return found


def pay_in_june(payroll: ServiceProcess, employed: dict[str, Any], **changed: Any) -> Any:
    june = {"paid_on": "2021-06-15", "registered_at": "2021-06-30", **changed}
    wage = cases.wage(employed, **june)
    status, found = send(payroll, "wages", wage)
    assert status == 201, found
    return wage


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

    before = registration(payroll, wage)
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

    assert registration(payroll, wage) == {
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

    kept = registration(payroll, wage)
    assert (kept["external_ref"], kept["confirmed_on"]) == ("SF-right", "2023-04-12")


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


def test_list_tells_what_is_missing_on_either_side_and_what_differs(
    servers: Servers, grants: ServiceProcess, payroll: ServiceProcess
) -> None:
    employed, citizen_id = cases.employ(grants, payroll)
    agreeing = pay_in_june(payroll, employed, amount_ore=1)
    referred = pay_in_june(payroll, employed, amount_ore=200, external_ref="SF-2")
    differing = pay_in_june(payroll, employed, amount_ore=3_000)
    lacking = pay_in_june(payroll, employed, amount_ore=40_000, paid_on="2021-06-30")
    pay_in_june(payroll, employed, amount_ore=5, paid_on="2021-07-01", registered_at="2021-07-02")
    taken_back = pay_in_june(payroll, employed, amount_ore=600_000)
    reversal = {"reason": "x", "reversed_on": "2021-06-20"}
    send(payroll, f"wages/{taken_back['wage_ref']}/reversal", reversal)
    rows = [
        listed(agreeing, "SF-1"),
        listed(referred, "SF-2"),
        listed(differing, "SF-3", amount_ore=3_001),
        listed(taken_back, "SF-6"),
    ]

    rehearsed = reconcile(payroll, *rows, dry_run=True)
    before = states(payroll, agreeing, lacking)
    first = reconcile(payroll, *rows)
    again = reconcile(payroll, *rows)
    records = await_sent(servers, citizen_id, 9)

    assert first == {
        "first_on": "2021-06-01",
        "last_on": "2021-06-30",
        "rows": 4,
        "agree": 2,
        "confirmed": 1,
        "differs": [
            {
                "wage_ref": differing["wage_ref"],
                "external_ref": "SF-3",
                "differences": [{"field": "amount_ore", "here": "3000", "there": "3001"}],
            }
        ],
        "only_there": [rows[3]],
        "only_here": [lacked(lacking)],
    }
    assert (rehearsed, again) == (first, {**first, "confirmed": 0})
    assert before == ["unknown", "unknown"]
    after = states(payroll, agreeing, referred, differing, lacking)
    assert after == ["confirmed", "confirmed", "unknown", "missing"]
    assert registration(payroll, agreeing)["external_ref"] == "SF-1"
    assert [header(record, "ce_type") for record in records[8:]] == [
        "external-registration-confirmed"
    ]
    assert payload(records[8])["wage_id"] == shown(payroll, agreeing)["wage_id"]


def test_missing_wage_is_confirmed_by_a_later_list_or_by_hand_and_may_be_missing_again(
    grants: ServiceProcess, payroll: ServiceProcess
) -> None:
    employed, _ = cases.employ(grants, payroll)
    period = {"first_on": "2021-05-01", "last_on": "2021-05-31"}
    by_list = pay_in_june(payroll, employed, paid_on="2021-05-03", amount_ore=7)
    by_hand = pay_in_june(
        payroll, employed, paid_on="2021-05-04", amount_ore=8, external_ref="SF-8"
    )
    path = f"wages/{by_hand['wage_ref']}/external-registration"

    found = [states(payroll, by_list, by_hand)]
    reconcile(payroll, **period)
    found.append(states(payroll, by_list, by_hand))
    kept = registration(payroll, by_hand)["external_ref"]
    reconcile(payroll, listed(by_list, "SF-7", amount_ore=9), **period)
    found.append(states(payroll, by_list, by_hand))
    reconcile(payroll, listed(by_list, "SF-7"), **period)
    send(payroll, path, {"external_ref": "SF-9", "confirmed_on": "2021-05-20"})
    found.append(states(payroll, by_list, by_hand))
    reconcile(payroll, listed(by_list, "SF-7"), **period)
    found.append(states(payroll, by_list, by_hand))
    last = reconcile(payroll, listed(by_list, "SF-7"), listed(by_hand, "SF-9"), **period)
    found.append(states(payroll, by_list, by_hand))

    assert found == [
        ["unknown", "confirmed"],
        ["missing", "missing"],
        ["unknown", "missing"],
        ["confirmed", "confirmed"],
        ["confirmed", "missing"],
        ["confirmed", "confirmed"],
    ]
    assert (kept, last["agree"], last["confirmed"]) == ("SF-8", 2, 1)


def test_list_that_cannot_be_read_is_refused(payroll: ServiceProcess) -> None:
    row = {"card_no": "04817", "cvr": cases.CVR, "paid_on": "2021-06-15", "amount_ore": 1}
    period = {"first_on": "2021-06-30", "last_on": "2021-06-01"}
    whole = {**row, "external_ref": "SF-1"}

    backwards = send(payroll, "reconciliations", {**period, "rows": []})
    nameless = send(payroll, "reconciliations", {**period, "rows": [row]})
    endless = send(payroll, "reconciliations", {**period, "rows": [whole] * 20_001})

    assert (backwards[0], backwards[1]["code"]) == (422, "ends-before-start")
    assert (nameless[0], nameless[1]["code"]) == (422, "request-malformed")
    assert (endless[0], endless[1]["errors"][0]["code"]) == (422, "too-long")


def test_command_reads_a_list_and_compares_it_with_payroll(
    grants: ServiceProcess, payroll: ServiceProcess, tmp_path: Path
) -> None:
    employed, _ = cases.employ(grants, payroll)
    wage = pay_in_june(payroll, employed, paid_on="2021-04-15", amount_ore=125_050)
    file = tmp_path / "april.csv"
    file.write_text(
        "card_no;cvr;paid_on;amount_kr;external_ref\n"
        f"{wage['card_no']};{wage['cvr']};15-04-2021;1.250,50;SF-4\n"
    )
    address = {"FRIKORT_PAYROLL_URL": str(payroll.client.base_url)}

    result = CliRunner().invoke(app, ["reconcile", str(file), "--json"], env=address)

    told = json.loads(result.stdout)
    assert (result.exit_code, told["agree"], told["confirmed"]) == (0, 1, 1)
    assert registration(payroll, wage)["external_ref"] == "SF-4"
