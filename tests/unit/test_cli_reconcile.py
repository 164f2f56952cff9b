"""`frikort reconcile`: what it reads, asks, prints, and how it ends."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from tests.unit.cli_fake_service import Bench, open_bench

HEADER = "card_no;cvr;paid_on;amount_kr;external_ref\n"
LINES = "04817;13748136;31-01-2024;1.250,50;SF-1\n00042;13748136;2024-01-15;100;Åse/2\n"
ADDRESS = "POST /v1/reconciliations"
AGREED: dict[str, Any] = {
    "first_on": "2024-01-15",
    "last_on": "2024-01-31",
    "rows": 2,
    "agree": 2,
    "confirmed": 1,
    "differs": [],
    "only_there": [],
    "only_here": [],
}
DIFFERS = {
    "differs": [
        {
            "wage_ref": "W-1",
            "external_ref": "SF-1",
            "differences": [{"field": "amount_ore", "here": "125000", "there": "125050"}],
        }
    ]
}
ONLY_THERE = {
    "only_there": [
        {
            "card_no": "00042",
            "cvr": "13748136",
            "paid_on": "2024-01-15",
            "amount_ore": 10_000,
            "external_ref": "Åse/2",
        }
    ]
}
ONLY_HERE = {
    "only_here": [
        {
            "wage_ref": "W-3",
            "card_no": "04817",
            "cvr": "13748136",
            "paid_on": "2024-01-20",
            "amount_ore": 5_000,
            "external_ref": None,
        }
    ]
}


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    yield from open_bench(tmp_path)


def run(bench: Bench, content: str, *options: str, **answer: Any) -> Result:
    bench.fake.answers[ADDRESS] = (200, AGREED | answer)
    file = bench.folder / "list.csv"
    file.write_bytes(content.encode("cp1252"))
    return bench.run("reconcile", str(file), *options)


def asked(bench: Bench) -> Any:
    ((_, _, _, body),) = bench.fake.requests
    return json.loads(body)


def test_list_is_read_as_files_are_and_its_period_is_its_own(bench: Bench) -> None:
    result = run(bench, HEADER + LINES)

    assert result.exit_code == 0, result.output
    assert asked(bench) == {
        "first_on": "2024-01-15",
        "last_on": "2024-01-31",
        "rows": [
            {
                "card_no": "04817",
                "cvr": "13748136",
                "paid_on": "2024-01-31",
                "amount_ore": 125_050,
                "external_ref": "SF-1",
            },
            {
                "card_no": "00042",
                "cvr": "13748136",
                "paid_on": "2024-01-15",
                "amount_ore": 10_000,
                "external_ref": "Åse/2",
            },
        ],
        "dry_run": False,
    }
    assert result.stdout == (
        "2024-01-15 to 2024-01-31: 2 on their list, 2 agree (1 newly confirmed), 0 differ, "
        "0 not here, 0 missing there.\n"
    )


def test_period_may_be_wider_than_the_list_and_nothing_recorded(bench: Bench) -> None:
    run(bench, HEADER + LINES, "--from", "01-01-2024", "--to", "2024-12-31", "--dry-run")

    body = asked(bench)
    assert (body["first_on"], body["last_on"], body["dry_run"]) == (
        "2024-01-01",
        "2024-12-31",
        True,
    )


@pytest.mark.parametrize(
    ("answer", "title", "cells"),
    [
        (DIFFERS, "Different", ["W-1", "SF-1", "amount", "1.250,00 kr", "1.250,50 kr", "2"]),
        (
            ONLY_THERE,
            "On their list, not here",
            ["Åse/2", "00042", "13748136", "2024-01-15", "100,00 kr", "3"],
        ),
        (
            ONLY_HERE,
            "Here, not on their list",
            ["W-3", "04817", "13748136", "2024-01-20", "50,00 kr"],
        ),
    ],
)
def test_each_thing_that_is_not_the_same_is_shown_and_exits_1(
    bench: Bench, answer: dict[str, Any], title: str, cells: list[str]
) -> None:
    result = run(bench, HEADER + LINES, **answer)

    assert result.exit_code == 1
    assert title in result.stdout
    assert any(all(cell in line for cell in cells) for line in result.stdout.splitlines())


def test_json_tells_everything_with_the_lists_lines(bench: Bench) -> None:
    result = run(bench, HEADER + LINES, "--json", **DIFFERS, **ONLY_THERE, **ONLY_HERE)

    assert result.exit_code == 1
    assert json.loads(result.stdout) == {
        **AGREED,
        "file": str(bench.folder / "list.csv"),
        "dry_run": False,
        "differs": [{**DIFFERS["differs"][0], "line": 2}],
        "only_there": [{**ONLY_THERE["only_there"][0], "line": 3}],
        "only_here": ONLY_HERE["only_here"],
        "problems": [],
    }


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (HEADER + "04817;13748136;2024-01-31;1,250;SF-1\n", (2, "amount_kr", "amount-ambiguous")),
        (HEADER + "04817;13748137;2024-01-31;1;SF-1\n", (2, "cvr", "cvr-check-digit")),
        (HEADER + "04817;13748136;2024-01-31;1;\n", (2, "external_ref", "value-missing")),
        (
            HEADER + LINES + "04817;13748136;2024-01-31;7;SF-1\n",
            (4, "amount_kr", "idempotency-mismatch"),
        ),
        ("card_no;cvr;paid_on;amount_kr\n", (1, "external_ref", "column-missing")),
    ],
)
def test_bad_row_is_named_and_nothing_compared(
    bench: Bench, content: str, problem: tuple[int, str, str]
) -> None:
    result = run(bench, content, "--json")
    told = json.loads(result.stdout)

    assert result.exit_code == 1
    assert [(p["line"], p["column"], p["code"]) for p in told["problems"]] == [problem]
    assert (told["first_on"], bench.fake.calls) == (None, [])
    plain = run(bench, content)
    assert f"list.csv:{problem[0]}: {problem[1]}: " in plain.stdout
    assert plain.stdout.endswith("Refused: the list has bad rows; nothing was compared.\n")


@pytest.mark.parametrize(
    ("content", "options"),
    [
        (HEADER, ()),
        (HEADER, ("--from", "2024-01-01")),
        (HEADER + LINES, ("--from", "2024-02-01")),
        (HEADER + LINES, ("--to", "tomorrow")),
    ],
)
def test_list_without_a_period_is_wrong_usage(
    bench: Bench, content: str, options: tuple[str, ...]
) -> None:
    assert run(bench, content, *options).exit_code == 2
    assert bench.fake.calls == []


def test_empty_list_of_a_period_is_asked_about(bench: Bench) -> None:
    run(bench, HEADER, "--from", "2024-01-01", "--to", "2024-01-31")

    assert asked(bench)["rows"] == []


def test_list_that_is_too_long_is_refused_before_it_is_sent(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cli.reconcile.LISTED_MAX", 1)

    result = run(bench, HEADER + LINES)

    assert (result.exit_code, bench.fake.calls) == (1, [])
    assert "list-too-long" in result.stderr
