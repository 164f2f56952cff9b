"""`frikort balance`, `status` and `cap set` against a real HTTP server."""

import datetime as dt
import json
from collections.abc import Iterator
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from cli.caps_by_law import CAPS_BY_LAW
from cli.main import app
from frikort_contracts.types import COPENHAGEN
from tests.unit.cli_fake_service import FakeService, Server

BALANCE = {
    "card_no": "00042",
    "year": 2023,
    "limit_ore": 2_000_000,
    "covered_ore": 125_050,
    "excess_ore": 0,
    "remaining_ore": 1_874_950,
    "exhausted": False,
    "waiting": 0,
    "entries": 2,
}
STATUS = {
    "granted": 696,
    "active": 623,
    "deactivated": 73,
    "in_use": 140,
    "used_ever": 160,
    "employments": 79,
    "exhausted": 16,
    "exhausted_ever": 20,
    "by_benefit": {"kontanthjaelp": 29, "foertidspension": 39},
    "by_sector": {"cleaning": 50, "bar": 18},
    "reviews": {"30-plus": {"reviewed": 343, "continued": 343, "deactivated": 0}},
}
CLOSING = {
    "event": "year-closed",
    "id": "c45564dc-8a8d-4fb6-9039-429be856af98",
    "year": 2023,
    "municipality_code": "751",
    "known_at": "2024-02-01T09:00:21.030201Z",
    "position": {"service": "allowance", "citizen_id": "rules", "version": 9},
}
UNKNOWN = {"code": "card-unknown", "detail": "no such card", "status": 404}


@pytest.fixture
def fake() -> FakeService:
    return FakeService(
        answers={
            "GET /v1/cards/00042/allowance": (200, BALANCE),
            "GET /v1/cards/00043/allowance": (200, BALANCE | {"card_no": "00043"}),
            "GET /v1/cards/99999/allowance": (404, UNKNOWN),
            "GET /v1/status": (200, STATUS),
            "PUT /v1/caps/2023": (200, {"year": 2023, "position": {"version": 1}}),
            "POST /v1/municipalities/751/years/2023/closing": (201, CLOSING),
        }
    )


@pytest.fixture
def server(fake: FakeService) -> Iterator[Server]:
    server = Server(fake)
    yield server
    server.close()


def ask(server: Server, *arguments: str) -> Result:
    environment = {"FRIKORT_ALLOWANCE_URL": server.url, "FRIKORT_RETRY_S": "0.2"}
    return CliRunner().invoke(app, arguments, env=environment)


def query_of(fake: FakeService) -> dict[str, str]:
    return fake.requests[-1][1]


def test_balance_of_one_card_is_an_object(server: Server, fake: FakeService) -> None:
    result = ask(server, "balance", "00042", "--year", "2023", "--json")

    assert result.exit_code == 0
    assert json.loads(result.stdout) == BALANCE
    assert result.stderr == ""
    assert query_of(fake) == {"year": "2023"}


def test_balances_of_several_cards_are_a_list(server: Server) -> None:
    result = ask(server, "balance", "00042", "00043", "--year", "2023", "--json")

    assert [each["card_no"] for each in json.loads(result.stdout)] == ["00042", "00043"]


def test_balance_is_printed_in_danish_notation(server: Server) -> None:
    result = ask(server, "balance", "00042", "--year", "2023")

    assert "20.000,00 kr" in result.stdout
    assert "1.250,50 kr" in result.stdout
    assert "18.749,50 kr" in result.stdout


def test_balance_without_year_is_of_the_current_one_and_says_so(
    server: Server, fake: FakeService
) -> None:
    year = dt.datetime.now(COPENHAGEN).year

    result = ask(server, "balance", "00042", "--json")

    assert str(year) in result.stderr
    assert query_of(fake) == {"year": str(year)}


def test_balance_of_a_year_without_a_cap_is_unknown(server: Server, fake: FakeService) -> None:
    unknown = {"limit_ore": None, "remaining_ore": None, "exhausted": False, "waiting": 3}
    fake.answers["GET /v1/cards/00042/allowance"] = (200, BALANCE | unknown)

    table = ask(server, "balance", "00042", "--year", "2023")
    value = json.loads(ask(server, "balance", "00042", "--year", "2023", "--json").stdout)

    assert table.stdout.count("unknown") == 2
    assert (value["limit_ore"], value["waiting"]) == (None, 3)


def test_balance_asks_for_what_counted_and_what_was_known(
    server: Server, fake: FakeService
) -> None:
    options = ["--as-of", "31-05-2023", "--known-at", "2023-06-01T12:00:00+02:00"]

    assert ask(server, "balance", "00042", "--year", "2023", *options).exit_code == 0

    assert query_of(fake) == {
        "year": "2023",
        "as_of": "2023-05-31",
        "known_at": "2023-06-01T12:00:00+02:00",
    }


def test_unknown_card_is_named_and_the_others_are_shown(server: Server) -> None:
    result = ask(server, "balance", "99999", "00042", "--year", "2023", "--json")

    assert result.exit_code == 1
    assert [each["card_no"] for each in json.loads(result.stdout)] == ["00042"]
    assert "card 99999: no such card (card-unknown)" in result.stderr


def test_single_unknown_card_prints_nothing_on_standard_output(server: Server) -> None:
    result = ask(server, "balance", "99999", "--year", "2023", "--json")

    assert (result.exit_code, result.stdout) == (1, "")


@pytest.mark.parametrize(
    "arguments",
    [
        ["balance"],
        ["balance", "42"],
        ["balance", "00042", "--year", "2018"],
        ["balance", "00042", "--as-of", "2023-02-30"],
        ["balance", "00042", "--known-at", "2023-02-03T10:00"],
        ["status", "--on", "yesterday"],
        ["cap"],
        ["cap", "set", "2023"],
        ["cap", "set", "2023", "20,000", "--in-force-from", "2023-01-01", "--basis", "x"],
        ["cap", "set", "2023", "-5", "--in-force-from", "2023-01-01", "--basis", "x"],
        ["cap", "set", "2023", "5", "--in-force-from", "2023-01-01", "--basis", " "],
    ],
)
def test_wrong_usage_is_status_2(server: Server, fake: FakeService, arguments: list[str]) -> None:
    result = ask(server, *arguments)

    assert result.exit_code == 2
    assert fake.calls == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["balance", "00042"],
        ["status"],
        ["cap", "set", "2023", "20000", "--in-force-from", "2023-01-01", "--basis", "LBK 1"],
    ],
)
def test_ledger_that_is_away_is_status_3(server: Server, arguments: list[str]) -> None:
    server.stop()

    result = ask(server, *arguments)

    assert result.exit_code == 3
    assert "allowance at" in result.stderr


def test_status_passes_the_ledgers_figures_on(server: Server, fake: FakeService) -> None:
    options = ["--municipality", "751", "--on", "2023-05-31", "--consultant", "K1"]

    result = ask(server, "status", *options, "--since", "01-06-2021", "--json")

    assert result.exit_code == 0
    assert json.loads(result.stdout) == STATUS
    assert query_of(fake) == {
        "municipality": "751",
        "on": "2023-05-31",
        "consultant": "K1",
        "since": "2021-06-01",
    }


def test_status_is_readable(server: Server) -> None:
    told = ask(server, "status", "--municipality", "751", "--on", "2023-05-31").stdout

    assert "municipality 751 on 2023-05-31" in told
    for figure in ("696", "140", "343", "foertidspension", "cleaning"):
        assert figure in told


def test_answer_that_lacks_a_figure_is_no_answer(server: Server, fake: FakeService) -> None:
    fake.answers["GET /v1/status"] = (200, {"granted": 1})

    result = ask(server, "status")

    assert result.exit_code == 1
    assert "cannot be read" in result.stderr


def set_cap(server: Server, *more: str, amount: str = "20.000,00") -> Result:
    given = ["2023", amount, "--in-force-from", "01-01-2023", "--basis", "LBK 1 § 2", *more]
    return ask(server, "cap", "set", *given)


def sent(fake: FakeService) -> tuple[str, dict[str, Any]]:
    _, _, headers, body = fake.requests[-1]
    return headers["idempotency-key"], json.loads(body)


def test_cap_is_set_with_its_basis(server: Server, fake: FakeService) -> None:
    result = set_cap(server, "--income-limit", "10000", "--known-at", "2022-09-01")

    assert result.exit_code == 0
    assert "The cap of 2023 is 20.000,00 kr from 2023-01-01." in result.stdout
    assert sent(fake)[1] == {
        "amount_ore": 2_000_000,
        "in_force_from": "2023-01-01",
        "legal_basis": "LBK 1 § 2",
        "income_limit_ore": 1_000_000,
        "known_at": "2022-08-31T22:00:00.000000Z",
    }


def test_cap_set_again_bears_the_same_key(server: Server, fake: FakeService) -> None:
    set_cap(server)
    first, _ = sent(fake)
    set_cap(server, amount="20000")
    again, _ = sent(fake)
    set_cap(server, amount="40000")
    other, _ = sent(fake)

    assert first == again
    assert first != other


def test_caps_are_seeded_as_the_law_has_them(server: Server, fake: FakeService) -> None:
    for cap in CAPS_BY_LAW:
        fake.answers[f"PUT /v1/caps/{cap.year}"] = (200, {"year": cap.year})

    result = ask(server, "cap", "seed")

    asked = [(path, json.loads(body)) for path, _, _, body in fake.requests]
    assert result.exit_code == 0
    assert [(path, body["amount_ore"], body["in_force_from"]) for path, body in asked] == [
        ("PUT /v1/caps/2019", 20_000_00, "2019-01-01"),
        ("PUT /v1/caps/2020", 20_000_00, "2020-01-01"),
        ("PUT /v1/caps/2021", 20_000_00, "2021-01-01"),
        ("PUT /v1/caps/2022", 20_000_00, "2022-01-01"),
        ("PUT /v1/caps/2023", 20_000_00, "2023-01-01"),
        ("PUT /v1/caps/2023", 40_000_00, "2023-07-01"),
        ("PUT /v1/caps/2024", 41_280_00, "2024-01-01"),
        ("PUT /v1/caps/2025", 42_766_00, "2025-01-01"),
    ]
    assert all(body["legal_basis"] and body["known_at"] for _, body in asked)
    assert "42.766,00 kr" in result.stdout


def test_cap_set_prints_the_services_answer_as_json(server: Server) -> None:
    result = set_cap(server, "--json")

    assert json.loads(result.stdout) == {"year": 2023, "position": {"version": 1}}


def test_refused_cap_says_why(server: Server, fake: FakeService) -> None:
    problem = {"code": "idempotency-mismatch", "detail": "the amount differs."}
    fake.answers["PUT /v1/caps/2023"] = (422, problem)

    result = set_cap(server)

    assert result.exit_code == 1
    assert "Error: the amount differs (idempotency-mismatch)" in result.stderr


def test_every_command_explains_itself() -> None:
    for command in (
        [],
        ["import"],
        ["balance"],
        ["status"],
        ["cap"],
        ["cap", "set"],
        ["cap", "seed"],
    ):
        result = CliRunner().invoke(app, [*command, "--help"])

        assert result.exit_code == 0
        assert "Usage" in result.stdout


def test_a_year_is_closed_for_a_municipality(server: Server) -> None:
    told = ask(server, "year", "close", "2023", "--municipality", "0751")
    printed = ask(server, "year", "close", "2023", "--municipality", "751", "--json")

    assert (told.exit_code, told.stdout) == (0, "2023 is closed for municipality 751.\n")
    assert json.loads(printed.stdout) == CLOSING


def test_a_year_is_closed_for_no_municipality_that_cannot_be(server: Server) -> None:
    result = ask(server, "year", "close", "2023", "--municipality", "aarhus")

    assert result.exit_code == 2
