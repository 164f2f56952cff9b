"""Closings, dispensations, appeals and refusals: what their fields say about each other."""

from typing import Any

import pytest
from pydantic import ValidationError

from frikort_contracts import grant_requests
from frikort_contracts.grants import AppealDecided, ApplicationRefused, GrantClosed
from frikort_contracts.schemas import event_schema
from frikort_contracts.types import Request

REQUESTS: dict[str, tuple[type[Request], dict[str, Any]]] = {
    "closing": (
        grant_requests.CloseGrantRequest,
        {
            "card_no": "04817",
            "cause": "moved-abroad",
            "effective_on": "2023-07-01",
            "decided_on": "2023-06-12",
        },
    ),
    "dispensation": (
        grant_requests.GrantDispensationRequest,
        {"card_no": "04817", "effective_on": "2023-07-01", "decided_on": "2023-06-12"},
    ),
    "appeal": (
        grant_requests.DecideAppealRequest,
        {
            "card_no": "04817",
            "outcome": "overturned",
            "overturns": "grant-deactivated",
            "effective_on": "2023-07-01",
            "decided_on": "2023-06-12",
        },
    ),
    "refusal": (
        grant_requests.RefuseApplicationRequest,
        {"application_ref": "A-1", "reason": "income-too-high", "decided_on": "2023-06-12"},
    ),
}


def parse(kind: str, changes: dict[str, Any]) -> Request:
    model, fields = REQUESTS[kind]
    return model.model_validate(fields | changes)


@pytest.mark.parametrize(
    ("kind", "changes", "code"),
    [
        ("closing", {"effective_on": "2023-06-11"}, "effective-before-decided"),
        (
            "closing",
            {"effective_on": "2023-06-11", "cause": "death"},
            "effective-before-decided",
        ),
        ("closing", {"decided_on": None}, "decided-on-missing"),
        ("closing", {"cause": "prison"}, "literal_error"),
        ("dispensation", {"effective_on": "2023-06-11"}, "effective-before-decided"),
        ("appeal", {"overturns": None}, "overturns-missing"),
        ("appeal", {"outcome": "upheld"}, "overturns-not-overturned"),
        ("appeal", {"overturns": "grant-closed"}, "literal_error"),
        ("refusal", {"reason": "aase-has-two-jobs"}, "enum"),
    ],
)
def test_what_contradicts_itself_is_refused_with_a_code(
    kind: str, changes: dict[str, Any], code: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        parse(kind, changes)

    assert [error["type"] for error in refused.value.errors()] == [code]


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("closing", {"effective_on": "2023-06-12"}),
        ("closing", {"cause": "death", "decided_on": None}),
        ("dispensation", {"effective_on": "2023-06-12"}),
        ("appeal", {"effective_on": "2022-01-01"}),
        ("appeal", {"outcome": "upheld", "overturns": None}),
    ],
)
def test_what_is_just_possible_is_taken(kind: str, changes: dict[str, Any]) -> None:
    assert parse(kind, changes).model_fields_set >= changes.keys()


def test_callers_may_say_what_is_published_and_nothing_else() -> None:
    closing = grant_requests.CloseGrantRequest.model_json_schema()["properties"]
    appeal = grant_requests.DecideAppealRequest.model_json_schema()["properties"]

    assert closing["cause"]["enum"] == event_schema(GrantClosed)["properties"]["cause"]["enum"]
    for field in ("outcome", "overturns"):
        published = event_schema(AppealDecided)["properties"][field]
        assert _values(appeal[field]) == _values(published)


@pytest.mark.parametrize("reason", list(grant_requests.RefusalReason))
def test_every_reason_of_a_refusal_is_a_code_that_travels(reason: str) -> None:
    published = ApplicationRefused.model_validate(
        {
            "known_at": "2023-06-12T10:00:00Z",
            "application_id": "ff4377af-fc5c-47be-8f75-393ec85fe393",
            "reason": reason,
            "decided_on": "2023-06-12",
        }
    )

    assert published.reason == reason


def _values(schema: dict[str, Any]) -> list[str]:
    values: list[str] = schema.get("enum") or schema["anyOf"][0]["enum"]
    return values
