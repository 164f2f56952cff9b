"""Contacts on real servers: where a card's holder can be reached, and who gets to know."""

import psycopg
import pytest

from frikort_contracts.imports import Position
from tests.integration import notifications_cases as cases
from tests.integration.notifications_cases import Citizen, GatewayProcess
from tests.integration.servers import Servers, ServiceProcess

pytestmark = pytest.mark.slow

OWN_TABLES = ("commands", "contact_keys", "contacts", "events", "import_rows", "texts")


def test_r40_a_number_that_is_never_reached_is_given_up_until_it_is_replaced(
    servers: Servers, gateway: GatewayProcess, notifications: ServiceProcess, citizen: Citizen
) -> None:
    cases.put_contact(notifications, citizen.card_no, "68300099")
    cases.issue_card(servers, citizen)
    failed = ["failed"]
    cases.await_state(notifications, citizen.card_no, *failed)
    for _ in range(2):
        cases.run_low(servers, citizen)
        failed.append("failed")
        cases.await_state(notifications, citizen.card_no, *failed)

    cases.exhaust(servers, citizen)
    *_, given_up = cases.await_state(notifications, citizen.card_no, *failed, "suppressed")
    cases.put_contact(notifications, citizen.card_no, citizen.phone)
    cases.run_low(servers, citizen)

    cases.await_state(notifications, citizen.card_no, *failed, "suppressed", "delivered")
    assert given_up["reason"] == "contact-failing"
    assert len(gateway.texts_to(citizen.phone)) == 1


def test_r34_nobody_is_texted_at_the_number_of_somebody_who_has_died(
    servers: Servers, gateway: GatewayProcess, notifications: ServiceProcess, citizen: Citizen
) -> None:
    cases.put_contact(notifications, citizen.card_no, citizen.phone)
    cases.issue_card(servers, citizen)
    cases.await_state(notifications, citizen.card_no, "delivered")

    cases.register_death(servers, citizen, version=2)
    notifications.progress(Position(service="grants", citizen_id=citizen.id, version=2))
    cases.run_low(servers, citizen)
    *_, last = cases.await_state(notifications, citizen.card_no, "delivered", "suppressed")
    cases.issue_card(servers, citizen, card_no=citizen.other_card_no, version=3)

    cases.await_state(notifications, citizen.other_card_no, "delivered")
    assert last["reason"] == "citizen-deceased"
    assert len(gateway.texts_to(citizen.phone)) == 2


def test_the_newest_contact_of_a_citizens_cards_is_texted(
    servers: Servers, gateway: GatewayProcess, notifications: ServiceProcess, citizen: Citizen
) -> None:
    newer, older = citizen.other_phone, citizen.phone
    cases.put_contact(notifications, citizen.other_card_no, newer, registered_at="2023-02-02")
    cases.put_contact(notifications, citizen.card_no, older, registered_at="2023-02-01")
    cases.issue_card(servers, citizen, card_no=citizen.other_card_no)
    cases.issue_card(servers, citizen, version=2)
    cases.await_state(notifications, citizen.card_no, "delivered")
    assert len(gateway.texts_to(newer)) == 2

    notifications.client.delete(f"/v1/contacts/{citizen.other_card_no}").raise_for_status()
    cases.run_low(servers, citizen)

    cases.await_state(notifications, citizen.card_no, "delivered", "delivered")
    assert len(gateway.texts_to(older)) == 1


def test_contacts_imported_twice_change_nothing(
    notifications: ServiceProcess, citizen: Citizen
) -> None:
    rows = [
        {"card_no": citizen.card_no, "phone": citizen.phone, "registered_at": "2023-02-01"},
        {"card_no": citizen.card_no, "phone": citizen.other_phone, "registered_at": "2023-02-01"},
        {"card_no": citizen.other_card_no, "phone": citizen.phone},
        {"card_no": citizen.other_card_no, "phone": citizen.phone, "registered_at": "2022-01-01"},
    ]

    first = notifications.import_rows("contacts", rows)
    second = notifications.import_rows("contacts", rows)

    assert (first.state, first.appended, first.repeated) == ("done", 3, 1)
    assert (second.state, second.appended, second.repeated) == ("done", 0, 4)
    position = Position(service="notifications", citizen_id=citizen.card_no, version=2)
    assert notifications.progress(position)[0].state == "applied"


def test_a_file_with_a_bad_number_names_the_row_and_takes_nothing(
    notifications: ServiceProcess, citizen: Citizen
) -> None:
    rows = [
        {"card_no": citizen.card_no, "phone": citizen.phone},
        {"card_no": citizen.other_card_no, "phone": "12"},
    ]

    state = notifications.import_rows("contacts", rows)

    assert (state.state, state.appended) == ("refused", 0)
    (problem,) = state.problems
    assert (problem.line, problem.column, problem.code) == (3, "phone", "phone-invalid")
    assert problem.value == "12"
    answer = cases.put_contact(notifications, citizen.card_no, citizen.phone)
    assert (answer.status_code, answer.json()["position"]["version"]) == (201, 1)


def test_a_put_is_repeatable_and_an_older_one_changes_nothing(
    notifications: ServiceProcess, citizen: Citizen
) -> None:
    path = f"/v1/contacts/{citizen.card_no}"
    body = {"phone": f"+45 {citizen.phone}", "registered_at": "2023-05-01"}
    key = {"Idempotency-Key": f"contact/{citizen.id}"}

    first = notifications.client.put(path, json=body, headers=key)
    again = notifications.client.put(path, json=body, headers=key)
    other = notifications.client.put(path, json={**body, "phone": "68000001"}, headers=key)
    older = notifications.client.put(path, json={**body, "registered_at": "2023-04-01"})
    refused = notifications.client.put(path, json={"phone": "8"})
    deleted = notifications.client.delete(path)
    revived = notifications.client.put(path, json={**body, "registered_at": "2023-06-01"})

    assert (first.status_code, again.status_code, again.json()["position"]["version"]) == (
        201,
        200,
        1,
    )
    assert (other.status_code, other.json()["code"]) == (422, "idempotency-mismatch")
    assert (older.status_code, older.json()["position"]["version"]) == (200, 1)
    assert (refused.status_code, refused.json()["code"]) == (422, "phone-invalid")
    assert (deleted.status_code, deleted.json()["state"]) == (200, "deleted")
    assert revived.json()["state"] == "deleted"  # said before it was deleted


def test_a_number_is_nowhere_in_clear_and_gone_when_deleted(
    servers: Servers, notifications: ServiceProcess, citizen: Citizen
) -> None:
    cases.put_contact(notifications, citizen.card_no, citizen.phone)
    cases.issue_card(servers, citizen)
    cases.await_state(notifications, citizen.card_no, "delivered")
    cases.await_sent(servers, citizen, "requested", "submitted", "delivered")
    url = servers.database_url("notifications", "owner")

    with psycopg.connect(url) as connection:
        stored = [str(row) for table in OWN_TABLES for row in connection.execute(f"TABLE {table}")]
        notifications.client.delete(f"/v1/contacts/{citizen.card_no}").raise_for_status()
        key = connection.execute(
            "SELECT 1 FROM contact_keys WHERE card_no = %s", [citizen.card_no]
        ).fetchone()

    log = (servers.stack.settings.logs / "notifications-process.log").read_text()
    bus = [str(r.value) + str(r.headers) for r in servers.records(cases.TOPIC, citizen.id)]
    for place in (*stored, log, *bus, notifications.client.get("/metrics").text):
        assert citizen.phone not in place
        assert "Hej" not in place
    assert key is None
