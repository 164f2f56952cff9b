"""Commands over HTTP to a real service: one fact per key, the first answer for ever, durable."""

import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.integration import payroll_cases as cases
from tests.integration.servers import Servers, ServiceProcess, header, wait_for

pytestmark = pytest.mark.slow

TOPIC = "frikort-grants"
CHANGE = {"effective_on": "2023-03-01", "decided_on": "2023-02-20"}


def send(
    grants: ServiceProcess, path: str, body: dict[str, Any], key: str | None = None
) -> httpx.Response:
    headers = {} if key is None else {"Idempotency-Key": key}
    return grants.client.post(f"/v1/{path}", json=body, headers=headers)


def issue(grants: ServiceProcess) -> tuple[dict[str, Any], str]:
    """Grant a new citizen a card; give the request and the citizen."""
    request = cases.grant(*cases.new_card())
    answer = send(grants, "grants", request).raise_for_status().json()
    return request, answer["position"]["citizen_id"]


def new_key() -> str:
    return f"key {uuid.uuid4()}"


def decisions(grants: ServiceProcess, card_no: str) -> list[str]:
    shown = grants.client.get(f"/v1/grants/{card_no}").raise_for_status().json()
    return [decision["event"] for decision in shown["decisions"]]


def test_same_key_gets_the_first_answer_byte_for_byte(grants: ServiceProcess) -> None:
    request, key = cases.grant(*cases.new_card()), new_key()
    first = send(grants, "grants", request, key)
    written_otherwise = {**request, "registered_at": None}
    again = [send(grants, "grants", body, key) for body in (request, written_otherwise)]
    grants.stop()
    grants.start()
    restarted = send(grants, "grants", request, key)

    assert first.status_code == 201
    for repeated in (*again, restarted):
        assert (repeated.status_code, repeated.content) == (200, first.content)
    assert decisions(grants, request["card_no"]) == ["grant-issued"]


@pytest.mark.parametrize(
    ("field", "other"),
    [
        ("benefit", "folkepension"),
        ("valid_from", "2023-01-02"),
        ("decision_ref", "sag 12"),
        ("registered_at", "2023-01-01"),
    ],
)
def test_same_key_with_other_content_names_the_field(
    grants: ServiceProcess, field: str, other: str
) -> None:
    request, key = cases.grant(*cases.new_card()), new_key()
    send(grants, "grants", request, key).raise_for_status()
    answer = send(grants, "grants", {**request, field: other}, key)
    problem = answer.json()

    assert (answer.status_code, problem["code"], problem["field"]) == (
        422,
        "idempotency-mismatch",
        field,
    )
    assert decisions(grants, request["card_no"]) == ["grant-issued"]


def test_key_used_for_another_command_is_a_mismatch_of_the_operation(
    grants: ServiceProcess,
) -> None:
    request, key = cases.grant(*cases.new_card()), new_key()
    send(grants, "grants", request, key).raise_for_status()
    answer = send(grants, f"grants/{request['card_no']}/deactivation", CHANGE, key)

    assert (answer.status_code, answer.json()["field"]) == (422, "operation")


def test_refusal_that_follows_from_the_request_is_the_answer_for_ever(
    grants: ServiceProcess,
) -> None:
    card_no, cpr = cases.new_card()
    key = new_key()
    wrong = cases.grant(card_no, "999999")
    first, again = (send(grants, "grants", wrong, key) for _ in range(2))
    corrected_under_the_key = send(grants, "grants", cases.grant(card_no, cpr), key)
    corrected = send(grants, "grants", cases.grant(card_no, cpr), new_key())

    assert (first.status_code, first.json()["code"]) == (422, "cpr-format")
    assert (again.status_code, again.content) == (422, first.content)
    assert corrected_under_the_key.json()["code"] == "idempotency-mismatch"
    assert corrected_under_the_key.json()["field"] == "cpr"
    assert corrected.status_code == 201


def test_refusal_that_rests_on_what_was_seen_is_not_kept(grants: ServiceProcess) -> None:
    card_no, cpr = cases.new_card()
    key = new_key()
    path = f"grants/{card_no}/deactivation"
    unknown = send(grants, path, CHANGE, key)
    send(grants, "grants", cases.grant(card_no, cpr)).raise_for_status()
    known = send(grants, path, CHANGE, key)
    twice = send(grants, path, CHANGE, new_key())

    assert (unknown.status_code, unknown.json()["code"]) == (409, "card-unknown")
    assert known.status_code == 201
    assert (twice.status_code, twice.json()["code"]) == (409, "grant-inactive")


def test_twenty_repeats_of_a_key_at_once_are_one_event(
    servers: Servers, grants: ServiceProcess
) -> None:
    request, key = cases.grant(*cases.new_card()), new_key()
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: send(grants, "grants", request, key), range(20)))
    citizen_id = answers[0].json()["position"]["citizen_id"]

    assert Counter(answer.status_code for answer in answers) == {201: 1, 200: 19}
    assert len({answer.content for answer in answers}) == 1
    assert decisions(grants, request["card_no"]) == ["grant-issued"]
    await_sent(servers, citizen_id, "grant-issued")


def await_sent(servers: Servers, citizen_id: str, *events: str) -> None:
    def sent() -> list[str]:
        return [header(r, "ce_type") for r in servers.records(TOPIC, citizen_id)]

    wait_for(lambda: len(sent()) >= len(events), what=f"{events} sent")
    assert sent() == list(events)


def test_fact_is_durable_before_it_is_answered(servers: Servers, grants: ServiceProcess) -> None:
    """Killed right after each answer, the service comes back with the fact and sends it once."""
    answered = []
    for _ in range(2):
        request, key = cases.grant(*cases.new_card()), new_key()
        first = send(grants, "grants", request, key)
        grants.kill()
        grants.start()
        answered.append((request, key, first))

    for request, key, first in answered:
        again = send(grants, "grants", request, key)
        assert (first.status_code, again.status_code) == (201, 200)
        assert again.content == first.content
        await_sent(servers, first.json()["position"]["citizen_id"], "grant-issued")


def test_two_cards_for_one_cpr_at_once_are_one_card(grants: ServiceProcess) -> None:
    """Eight try at once, of whom one is first."""
    _, cpr = cases.new_card()
    requests = [cases.grant(cases.new_card()[0], cpr) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda request: send(grants, "grants", request), requests))

    assert Counter(a.status_code for a in answers) == {201: 1, 409: 7}
    assert {a.json()["code"] for a in answers if a.status_code == 409} == {"grant-exists"}


def test_one_card_number_for_two_citizens_at_once_is_one_card(grants: ServiceProcess) -> None:
    card_no, _ = cases.new_card()
    requests = [cases.grant(card_no, cases.new_card()[1]) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda request: send(grants, "grants", request), requests))

    assert Counter(a.status_code for a in answers) == {201: 1, 409: 7}
    assert {a.json()["code"] for a in answers if a.status_code == 409} == {"card-number-taken"}


def test_changes_of_one_card_at_once_are_decided_one_after_the_other(
    servers: Servers, grants: ServiceProcess
) -> None:
    request, citizen_id = issue(grants)
    paths = [f"grants/{request['card_no']}/deactivation"] * 6
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda path: send(grants, path, CHANGE), paths))

    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 5}
    await_sent(servers, citizen_id, "grant-issued", "grant-deactivated")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("grants/\0/deactivation", CHANGE),
        ("imports/no-uuid/start", {}),
        (f"imports/{uuid.UUID(int=0)}/rows/99999999999", {"rows": []}),
        ("grants", cases.grant("00000", "61018\0001")),
    ],
)
def test_what_no_database_takes_is_refused_and_is_no_fault_of_ours(
    grants: ServiceProcess, path: str, body: dict[str, Any]
) -> None:
    method = "PUT" if "/rows/" in path else "POST"
    answer = grants.client.request(method, f"/v1/{path.replace(chr(0), '%00')}", json=body)

    assert (answer.status_code, answer.json()["status"]) == (422, 422)
