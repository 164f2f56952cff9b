"""A closed year on real servers: it binds what payroll records after it, and nothing before."""

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.allowance_cases import (
    Wire,
    decided,
    ledger_with_caps,
    until_applied,
)
from tests.integration.rules_cases import assert_verified, cases, rules_sent
from tests.integration.servers import Servers, ServiceProcess, payload, wait_for
from tests.unit.attention_cases import Tale
from tests.unit.ledger_cases import identity

pytestmark = pytest.mark.slow

LATER = dt.datetime(2099, 1, 1, tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def servers(servers: Servers) -> Iterator[Servers]:
    """Servers whose topics hold nothing but what these tests put there."""
    yield from servers.alone()


@pytest.fixture(scope="module")
def allowance(servers: Servers) -> Iterator[ServiceProcess]:
    yield from ledger_with_caps(servers, (2021, 2022))


def close(service: ServiceProcess, year: int, key: str | None = None) -> Any:
    headers = {} if key is None else {"Idempotency-Key": key}
    return service.client.post(f"/v1/municipalities/0751/years/{year}/closing", headers=headers)


def test_r38_a_closing_binds_what_payroll_records_after_it_and_nothing_before(
    servers: Servers, allowance: ServiceProcess, wire: Wire
) -> None:
    tale = Tale("closing", card_no="40001")
    wire.send([tale.issued("2021-01-01"), tale.wage("c-a", "2021-05-01", 500)])

    first, again = close(allowance, 2021, "closing-1"), close(allowance, 2021)
    wire.send(
        [
            tale.wage("c-b", "2021-06-01", 600, at=LATER),
            tale.wage("c-c", "2021-06-02", 700),
            tale.reversal("c-a", "2021-05-01", 500, at=LATER),
            tale.wage("c-d", "2022-06-01", 800, at=LATER),
        ]
    )
    until_applied(allowance, [tale])

    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert (first.json()["event"], first.json()["municipality_code"]) == ("year-closed", "751")
    assert decided(allowance, tale) == [
        ("wage-paid", 500, 0, "within-cap"),
        ("wage-paid", 0, 600, "year-closed"),
        ("wage-paid", 700, 0, "within-cap"),
        ("wage-reversed", -500, 0, "wage-reversed"),
        ("wage-paid", 800, 0, "within-cap"),
    ]
    wait_for(lambda: len(cases(servers, tale)) >= 2, what="both cases are sent")
    known_at = "2026-01-05T10:00:00.000000Z"
    told = {"known_at": known_at, "card_no": "40001", "year": 2021}
    assert cases(servers, tale) == [
        {**told, "code": "wage-in-closed-year", "wage_id": identity("c-b")},
        {**told, "code": "reversal-in-closed-year", "wage_id": identity("c-a")},
    ]
    wait_for(lambda: bool(rules_sent(servers, "year-closed")), what="the closing is sent")
    (sent,) = rules_sent(servers, "year-closed")
    assert sent.key == b"closing:751:2021"
    assert payload(sent).keys() == {"known_at", "year", "municipality_code"}
    assert_verified(servers)


def test_r38_a_year_that_has_not_begun_is_not_closed(allowance: ServiceProcess) -> None:
    refused = close(allowance, 2098)

    assert (refused.status_code, refused.json()["code"]) == (422, "year-not-begun")
