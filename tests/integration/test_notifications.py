"""Notifications as a process on real servers: each text once, or not at all and visibly so."""

import datetime as dt
from typing import Any

import jwt
import psycopg
import pytest

from frikort_contracts.imports import Position
from tests.integration import notifications_cases as cases
from tests.integration.notifications_cases import Citizen, GatewayProcess
from tests.integration.servers import Servers, ServiceProcess, header, wait_for

pytestmark = pytest.mark.slow

REPORTS = "/v1/gateways/gatewayapi/reports"


def signed(servers: Servers, **report: Any) -> dict[str, str]:
    secret = (servers.stack.settings.secrets / "gateway-webhook-secret").read_text().strip()
    return {"X-Gwapi-Signature": jwt.encode(report, secret, "HS256")}


def test_a_citizen_with_a_contact_is_texted_once(
    servers: Servers, gateway: GatewayProcess, notifications: ServiceProcess, citizen: Citizen
) -> None:
    cases.put_contact(notifications, citizen.card_no, citizen.phone)
    cause_id = cases.issue_card(servers, citizen)

    (message,) = cases.await_state(notifications, citizen.card_no, "delivered")
    cases.await_sent(servers, citizen, "requested", "submitted", "delivered")
    (text,) = gateway.texts(message["notification_id"])
    assert text["msisdn"] == f"45{citizen.phone}"
    assert message["template"] == "card-issued"
    assert message["cause_id"] == cause_id
    record = servers.records(cases.TOPIC, citizen.id)[-1]
    assert header(record, "ce_causationid") == header(record, "ce_correlationid") == cause_id
    assert header(record, "ce_municipality") == cases.MUNICIPALITY


def test_a_text_waits_for_its_citizens_contact(
    servers: Servers, gateway: GatewayProcess, notifications: ServiceProcess, citizen: Citizen
) -> None:
    cases.issue_card(servers, citizen)
    cases.await_state(notifications, citizen.card_no, "requested")

    cases.put_contact(notifications, citizen.card_no, citizen.phone, language="en")

    (message,) = cases.await_state(notifications, citizen.card_no, "delivered")
    (text,) = gateway.texts(message["notification_id"])
    assert text["message"].startswith("Hello.")


def test_low_and_exhausted_are_texted_too(
    servers: Servers, gateway: GatewayProcess, notifications: ServiceProcess, citizen: Citizen
) -> None:
    cases.put_contact(notifications, citizen.card_no, citizen.phone)
    cases.issue_card(servers, citizen)
    cases.await_state(notifications, citizen.card_no, "delivered")
    cases.run_low(servers, citizen)
    cases.await_state(notifications, citizen.card_no, "delivered", "delivered")
    cases.exhaust(servers, citizen, version=2)

    found = cases.await_state(notifications, citizen.card_no, *["delivered"] * 3)
    assert [m["template"] for m in found] == ["card-issued", "allowance-low", "allowance-exhausted"]
    assert len(gateway.texts_to(citizen.phone)) == 3


def test_the_same_event_twice_gives_one_text(
    servers: Servers, gateway: GatewayProcess, notifications: ServiceProcess, citizen: Citizen
) -> None:
    cases.put_contact(notifications, citizen.card_no, citizen.phone)
    fact_id = cases.issue_card(servers, citizen)
    cases.await_state(notifications, citizen.card_no, "delivered")

    cases.issue_card(servers, citizen, event_id=fact_id)
    cases.run_low(servers, citizen)  # on its way behind the repeated one

    cases.await_state(notifications, citizen.card_no, "delivered", "delivered")
    assert len(gateway.texts_to(citizen.phone)) == 2


def test_topics_read_again_from_the_start_send_nothing(
    servers: Servers, gateway: GatewayProcess, notifications: ServiceProcess, citizen: Citizen
) -> None:
    cases.put_contact(notifications, citizen.card_no, citizen.phone)
    cases.issue_card(servers, citizen)
    cases.await_state(notifications, citizen.card_no, "delivered")
    cases.await_sent(servers, citizen, "requested", "submitted", "delivered")
    before = cases.sent(servers, citizen)

    assert notifications.stop() == 0
    with psycopg.connect(servers.database_url("notifications", "owner")) as connection:
        connection.execute("DELETE FROM inbox_positions")
        connection.execute("DELETE FROM inbox_streams")
        connection.execute("DELETE FROM held_messages")  # other tests' messages are read again too
    notifications.start()
    position = Position(service="grants", citizen_id=citizen.id, version=1)
    assert notifications.progress(position)[0].state == "applied"

    assert len(gateway.texts_to(citizen.phone)) == 1
    assert cases.sent(servers, citizen) == before


def test_an_old_fact_is_noted_and_not_texted(
    servers: Servers, gateway: GatewayProcess, notifications: ServiceProcess, citizen: Citizen
) -> None:
    cases.put_contact(notifications, citizen.card_no, citizen.phone)
    long_ago = dt.datetime.now(dt.UTC) - dt.timedelta(days=2, minutes=1)
    cases.issue_card(servers, citizen, known_at=long_ago)

    (message,) = cases.await_state(notifications, citizen.card_no, "suppressed")
    cases.await_sent(servers, citizen, "requested", "suppressed")
    assert message["reason"] == "stale"
    assert gateway.texts_to(citizen.phone) == []


def test_without_a_contact_a_text_is_given_up_after_the_wait(
    servers: Servers, notifications: ServiceProcess, citizen: Citizen
) -> None:
    assert notifications.stop() == 0
    impatient = servers.service(
        "notifications", FRIKORT_NOTIFICATIONS_CONTACT_WAIT_HOURS="0.0001"
    ).start()
    try:
        cases.issue_card(servers, citizen)
        (message,) = cases.await_state(impatient, citizen.card_no, "suppressed")
    finally:
        impatient.close()
        notifications.start()

    assert message["reason"] == "no-contact"
    cases.put_contact(notifications, citizen.card_no, citizen.phone)
    cases.await_sent(servers, citizen, "requested", "suppressed")
    assert cases.sent(servers, citizen)[-1] == ("notification-suppressed", "no-contact")


def test_a_process_killed_between_claim_and_answer_sends_at_most_once(
    servers: Servers, gateway: GatewayProcess, notifications: ServiceProcess, citizen: Citizen
) -> None:
    gateway.behave(delay_answer_s=20, hold_reports=True)
    cases.put_contact(notifications, citizen.card_no, citizen.phone)
    cases.issue_card(servers, citizen)
    wait_for(lambda: len(gateway.texts_to(citizen.phone)) == 1, what="the text at the gateway")
    cases.await_state(notifications, citizen.card_no, "submitting")

    notifications.kill()
    notifications.start()

    (message,) = cases.await_state(notifications, citizen.card_no, "failed")
    assert message["reason"] == "outcome-unknown"
    cases.await_sent(servers, citizen, "requested", "failed")
    gateway.behave()  # lets the reports go: now it can be told
    cases.await_state(notifications, citizen.card_no, "delivered")
    cases.await_sent(servers, citizen, "requested", "failed", "submitted", "delivered")
    assert len(gateway.texts(message["notification_id"])) == 1


def test_a_lost_answer_leaves_a_text_in_doubt_and_unrepeated(
    servers: Servers, gateway: GatewayProcess, notifications: ServiceProcess, citizen: Citizen
) -> None:
    gateway.behave(drop_answer=1, hold_reports=True)
    cases.put_contact(notifications, citizen.card_no, citizen.phone)
    cases.issue_card(servers, citizen)

    (message,) = cases.await_state(notifications, citizen.card_no, "failed")
    assert message["reason"] == "outcome-unknown"
    assert len(gateway.texts(message["notification_id"])) == 1


def test_a_report_that_comes_before_the_answer_settles_the_text(
    servers: Servers, gateway: GatewayProcess, notifications: ServiceProcess, citizen: Citizen
) -> None:
    gateway.behave(delay_answer_s=2)
    cases.put_contact(notifications, citizen.card_no, citizen.phone)
    cases.issue_card(servers, citizen)
    cases.await_state(notifications, citizen.card_no, "delivered")

    assert notifications.stop() == 0  # waits for the answer that is on its way
    notifications.start()

    cases.await_state(notifications, citizen.card_no, "delivered")
    cases.await_sent(servers, citizen, "requested", "submitted", "delivered")


def test_a_busy_gateway_is_tried_again_and_a_refusal_is_final(
    servers: Servers, gateway: GatewayProcess, notifications: ServiceProcess, citizen: Citizen
) -> None:
    other = Citizen()
    for each in (citizen, other):
        cases.put_contact(notifications, each.card_no, each.phone)
    gateway.behave(fail_next=2, status=503)
    cases.issue_card(servers, citizen)
    cases.await_state(notifications, citizen.card_no, "delivered")

    gateway.behave(fail_next=1, status=422)
    cases.issue_card(servers, other)
    (message,) = cases.await_state(notifications, other.card_no, "failed")

    assert message["reason"] == "gateway-refused"
    assert len(gateway.texts_to(citizen.phone)) == 1
    assert gateway.texts_to(other.phone) == []


def test_an_absent_gateway_is_waited_for(
    servers: Servers, gateway: GatewayProcess, notifications: ServiceProcess, citizen: Citizen
) -> None:
    gateway.stop()
    cases.put_contact(notifications, citizen.card_no, citizen.phone)
    cases.issue_card(servers, citizen)
    cases.await_state(notifications, citizen.card_no, "requested")

    gateway.start()

    cases.await_state(notifications, citizen.card_no, "delivered")
    assert len(gateway.texts_to(citizen.phone)) == 1


def test_an_undeliverable_text_fails_with_its_reason(
    servers: Servers, notifications: ServiceProcess, citizen: Citizen
) -> None:
    cases.put_contact(notifications, citizen.card_no, "68300099")
    cases.issue_card(servers, citizen)

    (message,) = cases.await_state(notifications, citizen.card_no, "failed")
    assert message["reason"] == "undeliverable"


def test_r41_a_late_transient_report_is_ignored_and_a_forged_one_refused(
    servers: Servers, notifications: ServiceProcess, citizen: Citizen
) -> None:
    cases.put_contact(notifications, citizen.card_no, citizen.phone)
    cases.issue_card(servers, citizen)
    (message,) = cases.await_state(notifications, citizen.card_no, "delivered")
    late = {"id": 1, "msisdn": 4512345678, "userref": message["notification_id"]}

    answers = [
        notifications.client.post(REPORTS, headers=signed(servers, **late, status="ENROUTE")),
        notifications.client.post(REPORTS, headers=signed(servers, **late, status="EXPIRED")),
        notifications.client.post(REPORTS, headers=signed(servers, **late, status="NEWSPEAK")),
        notifications.client.post(REPORTS, headers=signed(servers, status="DELIVERED")),
        notifications.client.post(REPORTS, json={**late, "status": "EXPIRED"}),
        notifications.client.post(
            REPORTS,
            headers={"X-Gwapi-Signature": jwt.encode({**late, "status": "EXPIRED"}, "x" * 32)},
        ),
        notifications.client.post(
            REPORTS,
            headers={"X-Gwapi-Signature": jwt.encode({**late, "status": "EXPIRED"}, "", "none")},
        ),
    ]

    assert [a.status_code for a in answers] == [204, 204, 204, 204, 401, 401, 401]
    assert answers[-1].json()["code"] == "signature-invalid"
    cases.await_state(notifications, citizen.card_no, "delivered")
    cases.await_sent(servers, citizen, "requested", "submitted", "delivered")


def test_the_running_role_cannot_change_history(
    servers: Servers, notifications: ServiceProcess
) -> None:
    assert notifications.client.get("/readyz").is_success

    with psycopg.connect(servers.database_url("notifications")) as connection:
        for statement in ("UPDATE events SET type = 'x'", "DELETE FROM texts", "TRUNCATE events"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)
            connection.rollback()


def test_what_cannot_be_read_is_parked_and_what_follows_waits(
    servers: Servers, notifications: ServiceProcess, citizen: Citizen
) -> None:
    cases.put_contact(notifications, citizen.card_no, citizen.phone)
    broken = [("ce_specversion", b"1.0"), ("ce_subject", citizen.id.encode())]
    servers.put("frikort-grants", citizen.id, b"{}", [*broken, ("ce_streamversion", b"1")])
    cases.issue_card(servers, citizen, version=2)

    first, second = notifications.progress(
        Position(service="grants", citizen_id=citizen.id, version=1),
        Position(service="grants", citizen_id=citizen.id, version=2),
    )

    assert (first.state, first.code) == ("parked", "envelope-unreadable")
    assert (second.state, second.code) == ("waiting", "behind-parked")
    assert cases.messages(notifications, citizen.card_no) == []
