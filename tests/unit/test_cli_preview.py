"""`frikort preview` against a real HTTP server: what is asked, and what is told of the answer."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from cli.main import app
from cli.values import holiday_pay
from tests.unit.cli_fake_service import FakeService, Server

PREVIEW: dict[str, Any] = {
    "card_no": "00042",
    "year": 2023,
    "paid_on": "2023-06-30",
    "amount_ore": 5_000_00,
    "covered_ore": 3_015_50,
    "excess_ore": 1_984_50,
    "reason": "over-cap",
    "danish": "Lønnen går over loftet.",
    "english": "The wage crosses the cap.",
    "rules": ["R17"],
    "basis": [
        {"source": "LOV 616 § 1", "standing": "law", "danish": None},
        {
            "source": "first recorded, first covered",
            "standing": "default",
            "danish": "først registreret, først dækket",
        },
    ],
    "limit_ore": 42_766_00,
    "cap": {
        "rule_version": 1,
        "amount_ore": 42_766_00,
        "in_force_from": "2023-01-01",
        "known_at": "2022-12-01T00:00:00.000000Z",
        "legal_basis": "LOV 616",
    },
    "remaining_before_ore": 3_015_50,
    "remaining_after_ore": 0,
    "waiting": 0,
}

PATH = "POST /v1/cards/00042/preview"


@pytest.fixture
def fake() -> FakeService:
    return FakeService(answers={PATH: (200, PREVIEW)})


@pytest.fixture
def server(fake: FakeService) -> Iterator[Server]:
    server = Server(fake)
    yield server
    server.close()


def ask(server: Server, *arguments: str) -> Result:
    environment = {"FRIKORT_ALLOWANCE_URL": server.url, "FRIKORT_RETRY_S": "0.2"}
    given = ["preview", "00042", "5.000,00", "--paid-on", "30-06-2023", *arguments]
    return CliRunner().invoke(app, given, env=environment)


def test_preview_asks_and_passes_the_answer_on(server: Server, fake: FakeService) -> None:
    result = ask(server, "--json")

    assert result.exit_code == 0
    assert json.loads(result.stdout) == PREVIEW
    assert json.loads(fake.requests[-1][3]) == {"amount_ore": 5_000_00, "paid_on": "2023-06-30"}


def test_preview_is_told_in_words_and_says_that_nothing_was_recorded(server: Server) -> None:
    english, danish = ask(server), ask(server, "--lang", "da")

    assert english.stdout.splitlines() == [
        "The wage crosses the cap.",
        (
            "Covered 3.015,50 kr, excess 1.984,50 kr. Left of 42.766,00 kr: 3.015,50 kr before, "
            "0,00 kr after."
        ),
        "R17: LOV 616 § 1; first recorded, first covered (our default)",
    ]
    assert danish.stdout.splitlines()[0] == "Lønnen går over loftet."
    assert danish.stdout.splitlines()[2] == (
        "R17: LOV 616 § 1; først registreret, først dækket (vores standard)"
    )
    assert "must be registered in Socialtfrikort.dk" in english.stderr
    assert "skal, når den er udbetalt, registreres i Socialtfrikort.dk" in danish.stderr


def test_r25_preview_adds_holiday_pay_when_asked_and_shows_it(
    server: Server, fake: FakeService
) -> None:
    english = ask(server, "--with-holiday-pay")
    asked = json.loads(fake.requests[-1][3])
    danish = ask(server, "--with-holiday-pay", "--lang", "da")

    assert asked == {"amount_ore": 5_625_00, "paid_on": "2023-06-30"}
    assert "Holiday pay is 625,00 kr, the whole wage 5.625,00 kr." in english.stderr
    assert "Feriepengene er 625,00 kr, hele lønnen 5.625,00 kr." in danish.stderr
    assert "Holiday pay" not in ask(server).stderr


@pytest.mark.parametrize(
    ("wage_ore", "expected_ore"),
    [(0, 0), (3, 0), (4, 1), (11, 1), (12, 2), (100, 13), (104, 13), (5_000_00, 625_00)],
)
def test_r25_holiday_pay_that_hits_no_whole_oere_is_rounded_half_up(
    wage_ore: int, expected_ore: int
) -> None:
    assert holiday_pay(wage_ore) == expected_ore


def test_preview_of_a_year_without_a_cap_shows_no_amounts(
    server: Server, fake: FakeService
) -> None:
    nulls = dict.fromkeys(
        ["covered_ore", "excess_ore", "limit_ore", "cap", "remaining_before_ore"]
    ) | {"remaining_after_ore": None, "reason": "cap-unknown", "basis": [], "rules": ["R23"]}
    fake.answers[PATH] = (200, PREVIEW | nulls | {"english": "The cap is not set.", "waiting": 3})

    result = ask(server)

    assert result.stdout.splitlines() == [
        "The cap is not set.",
        "R23",
        "Not decided yet: messages 3. Once they are, the answer may be another.",
    ]


def test_preview_of_an_unknown_card_is_refused(server: Server, fake: FakeService) -> None:
    fake.answers[PATH] = (409, {"code": "card-unknown", "detail": "no such card"})

    result = ask(server)

    assert (result.exit_code, result.stdout) == (1, "")
    assert "no such card (card-unknown)" in result.stderr
