"""The life of a grant over HTTP: what is recorded, sent, repeated and refused, and what stays."""

import uuid
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import psycopg
import pytest

from tests.integration import payroll_cases as cases
from tests.integration.servers import Servers, ServiceProcess, header, payload, wait_for

pytestmark = pytest.mark.slow

TOPIC = "frikort-grants"
DATES = {"effective_on": "2023-06-01", "decided_on": "2023-05-20"}
DEACTIVATION = {"effective_on": "2023-03-01", "decided_on": "2023-02-20"}
MOVED = {**DATES, "cause": "moved-abroad"}
UPHELD = {**DATES, "outcome": "upheld"}
OVERTURNED = {
    "outcome": "overturned",
    "overturns": "grant-deactivated",
    "effective_on": "2023-03-01",
    "decided_on": "2023-09-12",
}
REFUSAL = {"reason": "income-too-high", "decided_on": "2022-12-01", "note": "Åse, 12.000 kr"}
OWN_TABLES = (
    "applications",
    "cards",
    "citizens",
    "commands",
    "events",
    "import_remarks",
    "import_rows",
    "imports",
    "person_keys",
)


@pytest.fixture(scope="module")
def grants(servers: Servers) -> Iterator[ServiceProcess]:
    service = servers.service("grants")
    yield service.start()
    service.close()


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


def application(cpr: str, **changed: Any) -> dict[str, Any]:
    return {
        "application_ref": cases.new_reference("application"),
        "cpr": cpr,
        "municipality_code": cases.MUNICIPALITY,
        "received_on": "2022-11-01",
        **changed,
    }


def shown(grants: ServiceProcess, card_no: str) -> dict[str, Any]:
    found: dict[str, Any] = grants.client.get(f"/v1/grants/{card_no}").raise_for_status().json()
    return found


def await_sent(servers: Servers, citizen_id: str, count: int) -> list[Any]:
    wait_for(lambda: len(servers.records(TOPIC, citizen_id)) >= count, what=f"{count} records sent")
    return servers.records(TOPIC, citizen_id)


@pytest.mark.parametrize(
    ("changes", "path", "body", "event", "fact"),
    [
        ([], "closing", MOVED, "grant-closed", MOVED),
        (
            [("deactivation", DEACTIVATION)],
            "closing",
            {"cause": "death", "effective_on": "2023-02-11", "reason": "død i februar"},
            "grant-closed",
            {"cause": "death", "effective_on": "2023-02-11", "decided_on": "2023-02-11"},
        ),
        ([], "dispensation", {**DATES, "reason": "meldt forkert"}, "dispensation-granted", DATES),
        ([], "appeal", UPHELD, "appeal-decided", UPHELD),
        (
            [("deactivation", DEACTIVATION)],
            "appeal",
            {**OVERTURNED, "reason": "Ankestyrelsen gav Åse medhold"},
            "appeal-decided",
            OVERTURNED,
        ),
    ],
    ids=["moved abroad", "death", "dispensation", "appeal upheld", "appeal overturned"],
)
def test_decision_is_sent_as_decided_and_repeated_without_effect(
    servers: Servers,
    grants: ServiceProcess,
    changes: list[tuple[str, dict[str, Any]]],
    path: str,
    body: dict[str, Any],
    event: str,
    fact: dict[str, Any],
) -> None:
    card_no, citizen_id = issue(grants, *changes)
    key = new_key()
    first, again = (send(grants, f"grants/{card_no}/{path}", body, key) for _ in range(2))
    other = send(grants, f"grants/{card_no}/{path}", {**body, "effective_on": "2023-12-24"}, key)
    records = await_sent(servers, citizen_id, len(changes) + 2)

    assert (first.status_code, again.status_code) == (201, 200)
    assert again.content == first.content
    assert refusal(other) == (422, "idempotency-mismatch")
    assert len(records) == len(changes) + 2
    assert header(records[-1], "ce_type") == event
    assert header(records[-1], "ce_municipality") == cases.MUNICIPALITY
    known_at = payload(records[-1])["known_at"]
    assert payload(records[-1]) == {"card_no": card_no, "known_at": known_at, **fact}


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("closing", {**MOVED, "decided_on": "2023-06-02"}, "effective-before-decided"),
        (
            "closing",
            {**MOVED, "cause": "death", "decided_on": "2023-06-02"},
            "effective-before-decided",
        ),
        ("closing", {"cause": "moved-abroad", "effective_on": "2023-06-01"}, "decided-on-missing"),
        ("closing", {**MOVED, "cause": "prison"}, "request-malformed"),
        ("dispensation", {**DATES, "decided_on": "2023-06-02"}, "effective-before-decided"),
        ("appeal", {**DATES, "outcome": "overturned"}, "overturns-missing"),
        ("appeal", {**OVERTURNED, "outcome": "upheld"}, "overturns-not-overturned"),
    ],
)
def test_what_contradicts_itself_is_refused(
    grants: ServiceProcess, path: str, body: dict[str, Any], code: str
) -> None:
    card_no, _ = issue(grants)

    assert refusal(send(grants, f"grants/{card_no}/{path}", body)) == (422, code)
    assert len(shown(grants, card_no)["decisions"]) == 1


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("reviews", DATES),
        ("deactivation", DATES),
        ("reactivation", DATES),
        ("transfer", {**DATES, "municipality_code": "730"}),
        ("closing", MOVED),
        ("dispensation", DATES),
        ("appeal", UPHELD),
        ("appeal", OVERTURNED),
    ],
)
def test_r34_closed_card_takes_no_further_change(
    grants: ServiceProcess, path: str, body: dict[str, Any]
) -> None:
    card_no, _ = issue(grants, ("deactivation", DEACTIVATION), ("closing", MOVED))

    assert refusal(send(grants, f"grants/{card_no}/{path}", body)) == (409, "grant-closed")
    assert shown(grants, card_no)["state"] == "closed"


@pytest.mark.parametrize(
    ("path", "body"), [("closing", MOVED), ("dispensation", DATES), ("appeal", UPHELD)]
)
def test_card_that_nobody_granted_is_unknown(
    grants: ServiceProcess, path: str, body: dict[str, Any]
) -> None:
    card_no, _ = cases.new_card()

    assert refusal(send(grants, f"grants/{card_no}/{path}", body)) == (409, "card-unknown")


def test_citizen_who_comes_back_is_granted_another_card(grants: ServiceProcess) -> None:
    card_no, cpr = cases.new_card()
    other_card_no, _ = cases.new_card()
    citizen_id = citizen_of(send(grants, "grants", cases.grant(card_no, cpr)))
    send(grants, f"grants/{card_no}/closing", MOVED).raise_for_status()
    later = {"valid_from": "2025-02-01", "decided_on": "2025-01-20"}

    answer = send(grants, "grants", cases.grant(other_card_no, cpr, **later))

    assert citizen_of(answer) == citizen_id


def test_r14_overturned_deactivation_makes_the_card_live_again(grants: ServiceProcess) -> None:
    card_no, _ = issue(grants, ("deactivation", DEACTIVATION))
    before = shown(grants, card_no)
    early = send(grants, f"grants/{card_no}/appeal", {**OVERTURNED, "effective_on": "2023-02-28"})
    send(grants, f"grants/{card_no}/appeal", OVERTURNED).raise_for_status()
    twice = send(grants, f"grants/{card_no}/appeal", OVERTURNED)
    after = shown(grants, card_no)

    assert (before["state"], before["review_due_on"]) == ("inactive", None)
    assert refusal(early) == (409, "nothing-to-overturn")
    assert refusal(twice) == (409, "nothing-to-overturn")
    assert (after["state"], after["review_due_on"]) == ("active", "2023-12-31")
    assert refusal(send(grants, f"grants/{card_no}/reactivation", DATES)) == (409, "grant-active")


def test_r33_review_is_due_by_the_end_of_the_year_after_the_last(grants: ServiceProcess) -> None:
    card_no, _ = issue(grants)
    issued = shown(grants, card_no)["review_due_on"]
    reviewed_on = {"effective_on": "2023-11-02", "decided_on": "2023-11-01"}
    send(grants, f"grants/{card_no}/reviews", reviewed_on).raise_for_status()

    assert issued == "2023-12-31"
    assert shown(grants, card_no)["review_due_on"] == "2024-12-31"


def test_application_is_received_refused_and_overturned_on_the_card(
    servers: Servers, grants: ServiceProcess
) -> None:
    card_no, cpr = cases.new_card()
    applied = application(cpr)
    key, refusal_key = new_key(), new_key()
    first, again = (send(grants, "applications", applied, key) for _ in range(2))
    path = f"applications/{applied['application_ref']}/refusal"
    turned_down, repeated = (send(grants, path, REFUSAL, refusal_key) for _ in range(2))
    citizen_id = citizen_of(send(grants, "grants", cases.grant(card_no, cpr)))
    appeal = {**OVERTURNED, "overturns": "application-refused", "effective_on": "2022-12-01"}
    overturned = send(grants, f"grants/{card_no}/appeal", appeal)
    twice = send(grants, f"grants/{card_no}/appeal", appeal)
    records = await_sent(servers, citizen_id, 4)

    assert (first.status_code, again.status_code) == (201, 200)
    assert again.content == first.content
    assert (turned_down.status_code, repeated.status_code) == (201, 200)
    assert citizen_of(first) == citizen_id
    assert overturned.json()["warnings"] == ["effective-before-grant"]
    assert refusal(twice) == (409, "nothing-to-overturn")
    assert [header(record, "ce_type") for record in records] == [
        "application-received",
        "application-refused",
        "grant-issued",
        "appeal-decided",
    ]
    told = [payload(record) for record in records]
    application_id = first.json()["application_id"]
    assert told[0] == {
        "known_at": told[0]["known_at"],
        "application_id": application_id,
        "received_on": "2022-11-01",
    }
    assert told[1] == {
        "known_at": told[1]["known_at"],
        "application_id": application_id,
        "reason": "income-too-high",
        "decided_on": "2022-12-01",
    }


def test_application_that_does_not_fit_is_refused_with_a_code(grants: ServiceProcess) -> None:
    card_no, cpr = cases.new_card()
    applied = application(cpr)
    path = f"applications/{applied['application_ref']}/refusal"
    unknown = send(grants, path, REFUSAL)
    future = send(grants, "applications", {**applied, "received_on": "9998-01-01"})
    malformed = send(grants, "applications", {**applied, "cpr": "999999"})
    send(grants, "applications", applied).raise_for_status()
    taken = send(grants, "applications", application(cpr) | applied)
    early = send(grants, path, {**REFUSAL, "decided_on": "2022-10-31"})
    in_words = send(grants, path, {**REFUSAL, "reason": "aase-has-two-jobs"})
    send(grants, "grants", cases.grant(card_no, cpr)).raise_for_status()
    granted = send(grants, path, REFUSAL)

    assert refusal(unknown) == (409, "application-unknown")
    assert refusal(future) == (422, "received-in-future")
    assert refusal(malformed) == (422, "cpr-format")
    assert refusal(taken) == (409, "application-ref-taken")
    assert refusal(early) == (409, "decided-before-received")
    assert refusal(in_words) == (422, "request-malformed")
    assert refusal(granted) == (409, "application-granted")


def test_application_is_refused_once(grants: ServiceProcess) -> None:
    applied = application(cases.new_card()[1])
    send(grants, "applications", applied).raise_for_status()
    path = f"applications/{applied['application_ref']}/refusal"
    send(grants, path, REFUSAL).raise_for_status()

    assert refusal(send(grants, path, REFUSAL)) == (409, "application-already-refused")


def test_r35_citizen_is_found_by_the_old_and_the_new_number(
    servers: Servers, grants: ServiceProcess
) -> None:
    card_no, old_cpr = cases.new_card()
    second_card_no, new_cpr = cases.new_card()
    citizen_id = citizen_of(send(grants, "grants", cases.grant(card_no, old_cpr)))
    changed = {"old_cpr": old_cpr, "new_cpr": new_cpr}
    key = new_key()
    first, again = (send(grants, "citizens/reidentification", changed, key) for _ in range(2))
    by_new, by_old = (
        send(grants, "grants", cases.grant(second_card_no, cpr)) for cpr in (new_cpr, old_cpr)
    )
    records = await_sent(servers, citizen_id, 2)

    assert (first.status_code, again.status_code) == (201, 200)
    assert again.content == first.content
    assert citizen_of(first) == citizen_id
    assert refusal(by_new) == refusal(by_old) == (409, "grant-exists")
    assert [header(record, "ce_type") for record in records] == [
        "grant-issued",
        "citizen-reidentified",
    ]
    assert header(records[1], "ce_municipality") == cases.MUNICIPALITY
    assert payload(records[1]).keys() == {"known_at"}


def test_r35_number_that_does_not_fit_is_refused_with_a_code(grants: ServiceProcess) -> None:
    (card_no, cpr), (other_card_no, other_cpr) = cases.new_card(), cases.new_card()
    nobodys = cases.new_card()[1]
    send(grants, "grants", cases.grant(card_no, cpr)).raise_for_status()
    send(grants, "grants", cases.grant(other_card_no, other_cpr)).raise_for_status()

    def changed(old_cpr: str, new_cpr: str) -> tuple[int, str]:
        body = {"old_cpr": old_cpr, "new_cpr": new_cpr}
        return refusal(send(grants, "citizens/reidentification", body))

    assert changed(nobodys, cpr) == (409, "citizen-unknown")
    assert changed(cpr, other_cpr) == (409, "cpr-taken")
    assert changed(cpr, cpr) == (409, "cpr-unchanged")
    assert changed(cpr, "999999") == (422, "cpr-format")
    assert changed("999999", cpr) == (422, "cpr-format")


def test_r35_one_new_number_for_many_citizens_at_once_goes_to_one(grants: ServiceProcess) -> None:
    new_cpr = cases.new_card()[1]
    numbers = [cases.new_card() for _ in range(6)]
    for card_no, cpr in numbers:
        send(grants, "grants", cases.grant(card_no, cpr)).raise_for_status()
    bodies = [{"old_cpr": cpr, "new_cpr": new_cpr} for _, cpr in numbers]
    card_no, _ = cases.new_card()
    calls = [("citizens/reidentification", body) for body in bodies]
    calls.append(("grants", cases.grant(card_no, new_cpr)))
    with ThreadPoolExecutor(len(calls)) as pool:
        answers = list(pool.map(lambda call: send(grants, *call), calls))

    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: len(calls) - 1}
    assert {a.json()["code"] for a in answers if a.status_code == 409} <= {
        "cpr-taken",
        "grant-exists",
    }


def test_r34_citizen_below_18_is_granted_no_card(grants: ServiceProcess) -> None:
    card_no, _ = cases.new_card()
    born = "6206054321"  # 2 June 2005
    day_before = {"valid_from": "2023-06-01", "decided_on": "2023-06-01"}
    birthday = {"valid_from": "2023-06-02", "decided_on": "2023-06-01"}
    young = send(grants, "grants", cases.grant(card_no, born, **day_before))
    adult = send(grants, "grants", cases.grant(card_no, born, **birthday))

    assert refusal(young) == (422, "citizen-under-18")
    assert adult.status_code == 201


def test_settings_choose_the_other_reading(servers: Servers, grants: ServiceProcess) -> None:
    card_no, _ = cases.new_card()
    young = cases.grant(card_no, "6306054321", valid_from="2023-01-01")
    grants.stop()
    other = servers.service(
        "grants", FRIKORT_GRANTS_MINORS="taken", FRIKORT_GRANTS_REVIEW_READING="literal"
    )
    try:
        other.start()
        taken = send(other, "grants", young)
        due_on = shown(other, card_no)["review_due_on"]
    finally:
        other.close()
        grants.start()

    assert taken.status_code == 201
    assert due_on == "2024-12-31"


def test_no_personal_data_leaves_or_lies_open(servers: Servers, grants: ServiceProcess) -> None:
    card_no, cpr = cases.new_card()
    new_cpr = cases.new_card()[1]
    applied = application(cpr)
    send(grants, "applications", applied, new_key()).raise_for_status()
    path = f"applications/{applied['application_ref']}/refusal"
    send(grants, path, REFUSAL).raise_for_status()
    changed = {"old_cpr": cpr, "new_cpr": new_cpr}
    send(grants, "citizens/reidentification", changed).raise_for_status()
    citizen_id = citizen_of(send(grants, "grants", cases.grant(card_no, new_cpr)))
    closing = {"cause": "death", "effective_on": "2023-02-11", "reason": "Åse døde"}
    send(grants, f"grants/{card_no}/closing", closing).raise_for_status()
    records = await_sent(servers, citizen_id, 5)
    with psycopg.connect(servers.database_url("grants", "owner")) as connection:
        tables = [
            str(connection.execute(f"SELECT * FROM {table}").fetchall())  # noqa: S608
            for table in OWN_TABLES
        ]

    public = [str((record.key, record.value, record.headers)) for record in records]
    for text in (cpr, new_cpr, applied["application_ref"], "Åse", "12.000"):
        assert not [place for place in (*tables, *public) if text in place], text
