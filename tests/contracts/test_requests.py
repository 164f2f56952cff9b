"""What callers send in: what a request's fields say about each other, and the key of a row."""

from typing import Any

import pytest
from pydantic import ValidationError

from frikort_contracts import requests
from frikort_contracts.types import Request

ROWS: dict[str, dict[str, Any]] = {
    "grants": {
        "cpr": "6101901234",
        "card_no": "04817",
        "municipality_code": "0751",
        "valid_from": "2023-01-15",
        "decided_on": "2023-01-09",
        "benefit": "kontanthjaelp",
        "age_group": "under-30",
    },
    "grant-changes": {
        "card_no": "04817",
        "change": "deactivated",
        "effective_on": "2023-07-01",
        "decided_on": "2023-06-12",
    },
    "employments": {
        "employment_ref": "E-1",
        "card_no": "04817",
        "cvr": "13748136",
        "employer": "Autoværkstedet",
        "sector": "car repair",
        "starts_on": "2023-02-01",
    },
    "wages": {
        "wage_ref": "W-1",
        "employment_ref": "E-1",
        "card_no": "04817",
        "cvr": "13748136",
        "paid_on": "2023-02-28",
        "amount_ore": 100000,
    },
    "wage-reversals": {"wage_ref": "W-1", "reason": "paid twice", "reversed_on": "2023-03-01"},
    "contacts": {"card_no": "04817", "phone": "+4520000000"},
}


@pytest.mark.parametrize(
    ("kind", "key"),
    [
        ("grants", "grants/04817"),
        ("grant-changes", "grant-changes/04817/deactivated/2023-07-01"),
        ("employments", "employments/E-1"),
        ("wages", "wages/W-1"),
        ("wage-reversals", "wage-reversals/W-1"),
        ("contacts", None),
    ],
)
def test_a_row_has_the_key_that_was_promised(kind: str, key: str | None) -> None:
    assert requests.row_key(kind, parse(kind)) == key


def test_every_kind_of_file_has_a_request_and_a_service() -> None:
    assert requests.FILE_KINDS.keys() == requests.KIND_SERVICE.keys() == ROWS.keys()


@pytest.mark.parametrize(
    ("kind", "changes", "code"),
    [
        ("grant-changes", {"change": "cancelled"}, "change-unknown"),
        ("grant-changes", {"effective_on": "2023-06-11"}, "effective-before-decided"),
        ("grant-changes", {"change": "transferred"}, "municipality-code-missing"),
        ("employments", {"ends_on": "2023-01-31"}, "ends-before-start"),
        ("employments", {"unsubsidised_attested": False}, "work-subsidised"),
        ("employments", {"unsubsidised_attested": "false"}, "work-subsidised"),
        ("employments", {"unsubsidised_attested": "1"}, "attestation-format"),
        ("wages", {"holiday_pay_ore": 100000, "pension_ore": 1}, "parts-exceed-amount"),
        ("wages", {"payment_method": "cash"}, "voucher-missing"),
        ("wages", {"payment_method": "barter"}, "enum"),
        ("wages", {"amount_ore": 0}, "amount-not-positive"),
        ("wages", {"cvr": "13748137"}, "cvr-check-digit"),
        ("grants", {"benefit": "sygedagpenge"}, "enum"),
        ("grants", {"registered_at": "2023-01-09T12:00:00"}, "time-without-offset"),
    ],
)
def test_what_contradicts_itself_is_refused_with_a_code(
    kind: str, changes: dict[str, Any], code: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        parse(kind, **changes)

    assert [error["type"] for error in refused.value.errors()] == [code]


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("grant-changes", {"effective_on": "2023-06-12"}),
        ("grant-changes", {"change": "transferred", "municipality_code": "730"}),
        ("employments", {"ends_on": "2023-02-01"}),
        ("employments", {"unsubsidised_attested": "true"}),
        ("wages", {"holiday_pay_ore": 99999, "pension_ore": 1}),
        ("wages", {"payment_method": "cash", "voucher_ref": "K-12"}),
        ("wages", {"payment_method": "mobilepay"}),
        ("grants", {"registered_at": "2023-01-09"}),
    ],
)
def test_what_is_just_possible_is_taken(kind: str, changes: dict[str, Any]) -> None:
    assert parse(kind, **changes).model_fields_set >= changes.keys()


def parse(kind: str, **changes: Any) -> Request:
    return requests.FILE_KINDS[kind].model_validate(ROWS[kind] | changes)
