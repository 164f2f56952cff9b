"""Who a citizen is, and what they apply for: recorded, refused, found again, and never shown."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from tests.integration import payroll_cases as cases
from tests.integration.grants_cases import await_sent, citizen_of, new_key, refusal, send
from tests.integration.servers import Servers, ServiceProcess, header, payload

pytestmark = pytest.mark.slow

REFUSAL = {"reason": "income-too-high", "decided_on": "2022-12-01", "note": "Åse, 12.000 kr"}
OVERTURNED = {
    "outcome": "overturned",
    "overturns": "application-refused",
    "effective_on": "2022-12-01",
    "decided_on": "2023-09-12",
}
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


def application(cpr: str, **changed: Any) -> dict[str, Any]:
    return {
        "application_ref": cases.new_reference("application"),
        "cpr": cpr,
        "municipality_code": cases.MUNICIPALITY,
        "received_on": "2022-11-01",
        **changed,
    }


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
    overturned = send(grants, f"grants/{card_no}/appeal", OVERTURNED)
    twice = send(grants, f"grants/{card_no}/appeal", OVERTURNED)
    records = await_sent(servers, citizen_id, 4)

    assert (first.status_code, again.status_code) == (201, 200)
    assert again.content == first.content
    assert (turned_down.status_code, repeated.status_code) == (201, 200)
    assert citizen_of(first) == citizen_id
    assert overturned.status_code == 201
    assert overturned.json()["warnings"] == []
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
            str(connection.execute(f"SELECT t::TEXT FROM {name} AS t").fetchall())  # noqa: S608
            for name in OWN_TABLES
        ]

    public = [str((r.key, r.value.decode(), r.headers)) for r in records]
    assert citizen_id in tables[OWN_TABLES.index("events")]
    for text in (cpr, new_cpr, applied["application_ref"], "sterg", "Åse", "12.000 kr"):
        for written in (text, text.encode().hex()):
            assert not [place for place in (*tables, *public) if written in place], text
