"""The life of a grant over HTTP: what is recorded, sent, repeated and refused, and what stays."""

from typing import Any

import pytest

from tests.integration import payroll_cases as cases
from tests.integration.grants_cases import (
    await_sent,
    citizen_of,
    issue,
    new_key,
    refusal,
    send,
    shown,
)
from tests.integration.servers import Servers, ServiceProcess, header, payload

pytestmark = pytest.mark.slow

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


def test_r33_cards_to_review_by_a_day_are_listed_the_earliest_first(
    grants: ServiceProcess,
) -> None:
    first, reviewed, stopped, elsewhere = (cases.new_card() for _ in range(4))
    for card_no, cpr in (first, reviewed, stopped):
        send(grants, "grants", cases.grant(card_no, cpr, municipality_code="101"))
    send(grants, "grants", cases.grant(*elsewhere, municipality_code="147"))
    send(grants, f"grants/{reviewed[0]}/reviews", {**DATES, "effective_on": "2024-02-01"})
    send(grants, f"grants/{stopped[0]}/deactivation", DEACTIVATION)

    def due(by: str, **of: str) -> list[tuple[str, str, str]]:
        answer = grants.client.get("/v1/grants", params={"review_due_by": by, **of})
        cards = answer.raise_for_status().json()["cards"]
        known = {first[0], reviewed[0], stopped[0], elsewhere[0]}
        return [tuple(each.values()) for each in cards if each["card_no"] in known]

    here = ("2023-12-31", first[0], "101")
    assert due("2023-12-30") == []
    assert due("2023-12-31", municipality="101") == [here]
    assert due("2024-12-31") == sorted(
        [here, ("2023-12-31", elsewhere[0], "147"), ("2024-12-31", reviewed[0], "101")]
    )
    assert grants.client.get("/v1/grants").status_code == 422


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
