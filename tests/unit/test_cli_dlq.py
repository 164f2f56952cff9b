"""`frikort dlq` against real HTTP servers, one for each service that reads topics."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import Response
from typer.testing import CliRunner, Result

from cli.dlq import READERS
from cli.main import app
from tests.unit.cli_fake_service import FakeService, Server

FIRST = "b24d7004-b196-5d3d-a27b-7355382b645e"
SECOND = "0b1de1f5-3f0e-5d0d-9f5c-0c6a55d8fc0d"
NOWHERE = "00000000-0000-4000-8000-000000000000"
LETTER: dict[str, Any] = {
    "dead_letter_id": FIRST,
    "service": "allowance",
    "topic": "frikort-payroll",
    "partition": 2,
    "offset": 7,
    "subject": "260769f9-85be-42f6-a8e5-fdc14627c573",
    "version": 1,
    "type": "wage-paid",
    "reason": "payload-unreadable",
    "parked_at": "2026-11-22T11:35:18Z",
    "attempts": 0,
    "behind": 1,
}
EARLIER: dict[str, Any] = LETTER | {
    "dead_letter_id": SECOND,
    "service": "payroll",
    "topic": "frikort-grants",
    "version": None,
    "type": None,
    "parked_at": "2026-11-21T11:35:18Z",
}
CONTENT: dict[str, Any] = {
    "key": None,
    "headers": {"ce_type": "wage-paid", "odd": "\x1b[31m"},
    "value_base64": "eyJh/w==",
    "text": None,
}
UNKNOWN = (404, {"code": "dead-letter-unknown", "detail": "nothing here", "status": 404})


def page(*letters: dict[str, Any]) -> tuple[int, Any]:
    return 200, {"dead_letters": letters, "next_after": None}


@pytest.fixture
def fakes() -> dict[str, FakeService]:
    fakes = {name: FakeService(name=name) for name in READERS}
    for fake in fakes.values():
        fake.answers["GET /v1/dead-letters"] = page()
        for known in (FIRST, SECOND, NOWHERE):
            fake.answers[f"GET /v1/dead-letters/{known}"] = UNKNOWN
    for letter in (LETTER, EARLIER):
        fake = fakes[letter["service"]]
        fake.answers["GET /v1/dead-letters"] = page(letter)
        path = f"/v1/dead-letters/{letter['dead_letter_id']}"
        fake.answers[f"GET {path}"] = (200, letter | CONTENT)
    return fakes


@pytest.fixture
def servers(fakes: dict[str, FakeService]) -> Iterator[dict[str, Server]]:
    servers = {name: Server(fake) for name, fake in fakes.items()}
    yield servers
    for server in servers.values():
        server.close()


def run(servers: dict[str, Server], *arguments: str) -> Result:
    environment = {f"FRIKORT_{name.upper()}_URL": s.url for name, s in servers.items()}
    return CliRunner().invoke(app, ["dlq", *arguments], env=environment | {"FRIKORT_RETRY_S": "0"})


def redriven(letter: str, state: str, reason: str | None = None, released: int = 0) -> Any:
    answer = {"dead_letter_id": letter, "state": state, "reason": reason, "released": released}
    return 200, answer


def test_every_service_is_asked_and_the_oldest_comes_first(servers: dict[str, Server]) -> None:
    told = json.loads(run(servers, "list", "--json").stdout)
    table = run(servers, "list").stdout

    assert told == [EARLIER, LETTER]
    assert table.index(SECOND) < table.index(FIRST)
    assert "2:7" in table


def test_a_list_of_several_pages_is_read_to_its_end(
    fakes: dict[str, FakeService], servers: dict[str, Server]
) -> None:
    first = {"dead_letters": [EARLIER], "next_after": SECOND}
    fakes["payroll"].answers["GET /v1/dead-letters"] = (200, first)

    def second_page(call: str) -> Response | None:
        if fakes["payroll"].calls.count(call) > 1:
            fakes["payroll"].answers["GET /v1/dead-letters"] = page()
        return None

    fakes["payroll"].before_call = second_page
    told = json.loads(run(servers, "list", "--json").stdout)
    queries = [query for call, query, *_ in fakes["payroll"].requests if "dead" in call]

    assert [letter["dead_letter_id"] for letter in told] == [SECOND, FIRST]
    assert queries == [{}, {"after": SECOND}]


def test_nothing_set_aside_is_said(
    fakes: dict[str, FakeService], servers: dict[str, Server]
) -> None:
    for fake in fakes.values():
        fake.answers["GET /v1/dead-letters"] = page()
    result = run(servers, "list")

    assert (result.exit_code, result.stdout) == (0, "")
    assert "No message is set aside." in result.stderr


def test_bytes_that_are_no_text_are_shown_in_base64_and_nothing_moves_the_terminal(
    servers: dict[str, Server],
) -> None:
    shown = run(servers, "show", FIRST).stdout

    assert "eyJh/w==" in shown
    assert "partition 2, offset 7" in shown
    assert "\x1b" not in shown


def test_a_redrive_says_what_became_of_each_and_fails_if_one_stays(
    fakes: dict[str, FakeService], servers: dict[str, Server]
) -> None:
    path = f"POST /v1/dead-letters/{FIRST}/redrive"
    fakes["allowance"].answers[path] = redriven(FIRST, "applied", released=3)
    applied = run(servers, "redrive", FIRST)
    fakes["allowance"].answers[path] = redriven(FIRST, "waiting", "grants-behind")
    waiting = run(servers, "redrive", FIRST)
    fakes["payroll"].answers[f"POST /v1/dead-letters/{SECOND}/redrive"] = redriven(
        SECOND, "parked", "payload-unreadable"
    )
    both = run(servers, "redrive", FIRST, SECOND)

    assert (applied.exit_code, applied.stdout) == (0, f"{FIRST}: applied, and 3 behind it\n")
    assert (waiting.exit_code, "grants-behind" in waiting.stdout) == (0, True)
    assert both.exit_code == 1
    assert f"{SECOND}: still set aside (payload-unreadable)" in both.stdout


def test_an_id_that_no_service_knows_is_named_and_the_others_are_tried(
    fakes: dict[str, FakeService], servers: dict[str, Server]
) -> None:
    path = f"POST /v1/dead-letters/{FIRST}/redrive"
    fakes["allowance"].answers[path] = redriven(FIRST, "applied")
    result = run(servers, "redrive", NOWHERE, FIRST)

    assert result.exit_code == 1
    assert NOWHERE in result.stderr
    assert f"{FIRST}: applied" in result.stdout


def test_what_is_no_id_is_wrong_usage(servers: dict[str, Server]) -> None:
    assert run(servers, "show", "42").exit_code == 2
