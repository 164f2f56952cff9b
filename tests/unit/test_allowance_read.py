"""What the ledger takes in: everything that could not be written is refused before it is tried."""

import json
from typing import Any

import pytest

from services.allowance.translate import PayrollBody, read
from services.chassis.errors import ContractError
from tests.unit.ledger_cases import KNOWN_AT, Story


def test_a_wage_as_payroll_sends_it_is_read() -> None:
    received = read(Story().wage("a", "2023-02-01", 5))

    assert (received.source.type, received.known_text) == ("wage-paid", KNOWN_AT)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ce_id", b"no-uuid"),
        ("ce_subject", b"\xff\xfe"),
        ("ce_streamversion", b"3000000000"),
        ("ce_streamversion", b"0"),
        ("ce_streamversion", b" 1_0 "),
        ("ce_municipality", b"7\x0051"),
        ("ce_type", b"wage-paid\x00"),
        ("ce_correlationid", b"\xff"),
        ("traceparent", b"\xc3\x28"),
        ("ce_time", b"yesterday"),
        ("ce_time", b"2023-02-30T00:00:00.000000Z"),
    ],
)
def test_headers_that_no_column_takes_are_refused(name: str, value: bytes) -> None:
    message = Story().wage("a", "2023-02-01", 5)
    message.headers[name] = value

    with pytest.raises(ContractError) as refused:
        read(message)

    assert refused.value.reason == "headers-unreadable"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("known_at", "0001-01-01T00:00:00.000000Z"),
        ("known_at", "9999-12-31T23:30:00.000000Z"),
        ("known_at", 1675242000),
        ("known_at", "2023-05-31T12:00:00"),
        ("paid_on", "0001-01-01"),
        ("amount_ore", 2**62),
        ("amount_ore", -1),
        ("amount_ore", 1.5),
        ("grants_version", 2**40),
        ("card_no", "1٢345"),
        ("wage_id", "7"),
        ("unknown", 1.5),
        ("unknown", 2**60),
    ],
)
def test_payloads_that_no_column_takes_are_refused(name: str, value: Any) -> None:
    message = Story().wage("a", "2023-02-01", 5)
    message.value = json.dumps(json.loads(message.value) | {name: value}).encode()

    with pytest.raises(ContractError) as refused:
        read(message)

    assert refused.value.reason in {"payload-unreadable", "payload-not-canonical"}


@pytest.mark.parametrize("sector", ["a\u0000b", "", "x" * 200])
def test_a_sector_that_no_column_takes_is_refused(sector: str) -> None:
    message = Story().wage("a", "2023-02-01", 5)
    message.headers["ce_type"] = b"employment-registered"
    fields = {"sector": sector, "starts_on": "2023-01-01"}
    message.value = json.dumps(json.loads(message.value) | fields).encode()

    with pytest.raises(ContractError):
        read(message)


@pytest.mark.parametrize(
    "written",
    [
        "2026-01-05 10:00:00.000000Z",
        "2026-01-05t10:00:00.000000Z",
        "2026-01-05_10:00:00.000000Z",
        "2026-01-05T11:00:00+01:00",
        "2026-01-05T10:00:00Z",
    ],
)
def test_known_at_stands_in_the_entry_in_one_form(written: str) -> None:
    message = Story().wage("a", "2023-02-01", 5)
    message.value = json.dumps(json.loads(message.value) | {"known_at": written}).encode()

    assert read(message).known_text == KNOWN_AT


def test_an_event_of_the_other_topics_kind_is_one_without_effect() -> None:
    story = Story()
    issued, wage = story.issued(), story.wage("a", "2023-02-01", 5)
    wage.headers["ce_type"] = issued.headers["ce_type"]

    received = read(wage)

    assert (received.source.type, received.grants_version) == ("grant-issued", 1)
    assert type(received.body) is PayrollBody
    wage.value = issued.value
    with pytest.raises(ContractError, match="ValidationError"):
        read(wage)
