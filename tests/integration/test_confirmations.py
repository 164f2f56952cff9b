"""After a review a citizen's number is to be confirmed (R40): whose, and until when."""

from typing import Any

import httpx
import pytest

from frikort_contracts.imports import Position
from tests.integration import notifications_cases as cases
from tests.integration.notifications_cases import Citizen, GatewayProcess
from tests.integration.servers import Servers, ServiceProcess

pytestmark = pytest.mark.slow


class Reviews:
    """A citizen with a card on the topic of grants, and how far it is read."""

    def __init__(self, servers: Servers, service: ServiceProcess, citizen: Citizen) -> None:
        self.servers, self.service, self.citizen = servers, service, citizen
        self.version = 0

    def issue(self, card_no: str | None = None) -> None:
        self._next()
        cases.issue_card(
            self.servers, self.citizen, card_no=card_no, version=self.version, known_at=cases.OLD
        )
        self._await()

    def review(self, decided_on: str, card_no: str | None = None) -> None:
        self._next()
        cases.review_card(
            self.servers, self.citizen, decided_on, card_no=card_no, version=self.version
        )
        self._await()

    def die(self) -> None:
        self._next()
        cases.register_death(self.servers, self.citizen, version=self.version)
        self._await()

    def _next(self) -> None:
        self.version += 1

    def _await(self) -> None:
        position = Position(service="grants", citizen_id=self.citizen.id, version=self.version)
        assert self.service.progress(position)[0].state == "applied"


@pytest.fixture
def reviews(servers: Servers, notifications: ServiceProcess, citizen: Citizen) -> Reviews:
    return Reviews(servers, notifications, citizen)


def contact(service: ServiceProcess, card_no: str) -> dict[str, Any]:
    answer = service.client.get(f"/v1/contacts/{card_no}").raise_for_status()
    shown: dict[str, Any] = answer.json()
    return shown


def confirm(service: ServiceProcess, card_no: str, **body: str) -> httpx.Response:
    return service.client.post(f"/v1/contacts/{card_no}/confirmation", json=body)


def due(service: ServiceProcess, citizen: Citizen) -> list[str]:
    """Name the citizen's cards on the list of those to confirm."""
    listed = service.client.get("/v1/contacts").raise_for_status().json()["contacts"]
    return [
        each["card_no"]
        for each in listed
        if each["card_no"] in {citizen.card_no, citizen.other_card_no}
    ]


def test_r40_after_a_review_a_number_said_before_it_is_to_be_confirmed(
    notifications: ServiceProcess, citizen: Citizen, reviews: Reviews
) -> None:
    card_no = citizen.card_no
    cases.put_contact(notifications, card_no, citizen.phone, registered_at="2023-02-01")
    reviews.issue()
    before = contact(notifications, card_no)
    reviews.review("2024-03-01")
    reviews.review("2023-09-01")
    after, listed = contact(notifications, card_no), due(notifications, citizen)
    cases.put_contact(notifications, card_no, citizen.phone)
    said_again = contact(notifications, card_no)["confirmation_due"]

    answer = confirm(notifications, card_no, registered_at="2024-03-01T10:00:00Z")

    assert answer.status_code == 201
    assert before == {
        "card_no": card_no,
        "state": "known",
        "known_at": "2023-01-31T23:00:00Z",
        "confirmed_at": None,
        "reviewed_on": None,
        "confirmation_due": False,
        "failures": 0,
    }
    assert after == before | {"reviewed_on": "2024-03-01", "confirmation_due": True}
    assert listed == [card_no]
    assert said_again
    assert contact(notifications, card_no) == after | {
        "confirmed_at": "2024-03-01T10:00:00Z",
        "confirmation_due": False,
    }
    assert due(notifications, citizen) == []


def test_r40_the_next_review_calls_for_it_again_and_a_new_number_answers_it(
    notifications: ServiceProcess, citizen: Citizen, reviews: Reviews
) -> None:
    card_no = citizen.card_no
    cases.put_contact(notifications, card_no, citizen.phone, registered_at="2023-02-01")
    reviews.issue()
    reviews.review("2024-03-01")
    confirm(notifications, card_no, registered_at="2024-03-02").raise_for_status()
    reviews.review("2025-03-03")
    again = due(notifications, citizen)
    cases.put_contact(notifications, card_no, citizen.other_phone, registered_at="2025-03-03")

    assert again == [card_no]
    assert contact(notifications, card_no) == {
        "card_no": card_no,
        "state": "known",
        "known_at": "2025-03-02T23:00:00Z",
        "confirmed_at": None,
        "reviewed_on": "2025-03-03",
        "confirmation_due": False,
        "failures": 0,
    }


@pytest.mark.parametrize(
    ("registered_at", "expected"),
    [("2024-02-29T22:59:59Z", True), ("2024-02-29T23:00:00Z", False)],
    ids=["the evening before", "just past midnight in Denmark"],
)
def test_r40_r44_a_number_said_on_the_danish_day_of_the_review_is_fresh(
    notifications: ServiceProcess,
    citizen: Citizen,
    reviews: Reviews,
    registered_at: str,
    *,
    expected: bool,
) -> None:
    cases.put_contact(notifications, citizen.card_no, citizen.phone, registered_at=registered_at)
    reviews.issue()
    reviews.review("2024-03-01")

    assert contact(notifications, citizen.card_no)["confirmation_due"] is expected


def test_r40_the_contact_that_texts_go_to_is_asked_about_whichever_card_was_reviewed(
    notifications: ServiceProcess, citizen: Citizen, reviews: Reviews
) -> None:
    other = citizen.other_card_no
    cases.put_contact(notifications, citizen.card_no, citizen.phone, registered_at="2023-02-01")
    cases.put_contact(notifications, other, citizen.other_phone, registered_at="2023-02-02")
    reviews.issue()
    reviews.issue(other)
    reviews.review("2024-03-01")
    listed = due(notifications, citizen)
    notifications.client.delete(f"/v1/contacts/{other}").raise_for_status()

    assert listed == [other]
    assert due(notifications, citizen) == [citizen.card_no]
    assert contact(notifications, other)["confirmation_due"] is False


def test_r40_nobody_is_asked_about_somebody_who_has_died(
    notifications: ServiceProcess, citizen: Citizen, reviews: Reviews
) -> None:
    cases.put_contact(notifications, citizen.card_no, citizen.phone, registered_at="2023-02-01")
    reviews.issue()
    reviews.review("2024-03-01")
    reviews.die()

    assert due(notifications, citizen) == []


def test_r40_a_confirmation_is_refused_without_a_number_and_taken_once(
    notifications: ServiceProcess, citizen: Citizen
) -> None:
    unknown = confirm(notifications, citizen.card_no)
    shown = notifications.client.get(f"/v1/contacts/{citizen.card_no}")
    cases.put_contact(notifications, citizen.card_no, citizen.phone, registered_at="2023-02-01")
    older = confirm(notifications, citizen.card_no, registered_at="2023-02-01")
    first = confirm(notifications, citizen.card_no, registered_at="2023-02-02")
    again = confirm(notifications, citizen.card_no, registered_at="2023-02-02")
    notifications.client.delete(f"/v1/contacts/{citizen.card_no}").raise_for_status()
    deleted = confirm(notifications, citizen.card_no)

    assert [each.status_code for each in (unknown, shown, deleted)] == [409, 404, 409]
    assert {each.json()["code"] for each in (unknown, shown, deleted)} == {"contact-unknown"}
    assert [each.status_code for each in (older, first, again)] == [200, 201, 200]
    assert (older.json().get("confirmed_at"), first.json()["confirmed_at"]) == (
        None,
        "2023-02-01T23:00:00.000000Z",
    )


def test_r40_a_number_that_was_given_up_is_texted_again_once_it_is_confirmed(
    servers: Servers, gateway: GatewayProcess, notifications: ServiceProcess, citizen: Citizen
) -> None:
    cases.put_contact(notifications, citizen.card_no, "68310099")
    cases.issue_card(servers, citizen)
    states = ["failed"]
    cases.await_state(notifications, citizen.card_no, *states)
    for state in ("failed", "failed", "suppressed"):
        cases.run_low(servers, citizen)
        states.append(state)
        cases.await_state(notifications, citizen.card_no, *states)
    given_up = contact(notifications, citizen.card_no)["failures"]

    confirm(notifications, citizen.card_no).raise_for_status()
    cases.run_low(servers, citizen)

    cases.await_state(notifications, citizen.card_no, *states, "failed")
    assert given_up == 3
    assert len(gateway.texts_to("68310099")) == 4
