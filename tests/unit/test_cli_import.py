"""`frikort import` against a real HTTP server that goes away and comes back."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi import Response
from typer.testing import CliRunner

from cli.main import app
from frikort_contracts.imports import (
    RowProblem,
    RowWarning,
    StagedRow,
)
from tests.unit.cli_fake_service import HEADER, Bench, open_bench, report, wages


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    yield from open_bench(tmp_path)


def refuse_line(line: int, code: str = "card-unknown") -> Callable[[StagedRow], RowProblem | None]:
    def judge(row: StagedRow) -> RowProblem | None:
        if row.line != line:
            return None
        return RowProblem(line=line, column="amount_ore", value="1", code=code, message="no card")

    return judge


def test_good_file_is_taken(bench: Bench) -> None:
    result = bench.import_text(wages(3), "--json")

    assert result.exit_code == 0
    assert report(result) | {"file": ""} == {
        "kind": "wages",
        "file": "",
        "dry_run": False,
        "partial": False,
        "state": "done",
        "rows": 3,
        "appended": 3,
        "repeated": 0,
        "problems_total": 0,
        "problems": [],
        "warnings_total": 0,
        "warnings": [],
        "waiting": None,
    }
    assert bench.fake.taken["wages/W0"]["amount_ore"] == 10_000


def test_same_file_again_changes_nothing_and_says_so(bench: Bench) -> None:
    bench.import_text(wages(3))

    again = bench.import_text(wages(3))

    assert again.exit_code == 0
    assert "3 rows of wages: 0 taken, 3 known before." in again.stdout


def test_rows_go_in_pages_in_the_order_of_the_file(bench: Bench) -> None:
    result = bench.import_text(wages(2_500))

    assert result.exit_code == 0
    assert "2.500 taken" in result.stdout
    assert [call for call in bench.fake.calls if call.startswith("PUT")] == [
        f"PUT /v1/imports/import-1/rows/{first}" for first in (0, 1_000, 2_000)
    ]
    assert list(bench.fake.taken) == [f"wages/W{n}" for n in range(2_500)]


def test_bad_row_leaves_the_file_untaken_and_all_are_named_in_one_go(bench: Bench) -> None:
    bench.fake.judge = refuse_line(4)

    result = bench.import_text(wages(3) + "W9;E1;00042;13748137;2023-01-31;-5\n", "--json")

    told = report(result)
    assert result.exit_code == 1
    assert (told["state"], told["rows"], told["appended"]) == ("refused", 4, 0)
    assert [(each["line"], each["column"], each["code"]) for each in told["problems"]] == [
        (4, "amount_kr", "card-unknown"),
        (5, "cvr", "cvr-check-digit"),
        (5, "amount_kr", "amount-not-positive"),
    ]
    assert told["problems"][0]["value"] == "100"
    assert told["problems_total"] == 3
    assert bench.fake.taken == {}
    assert all(one.announced.dry_run for one in bench.fake.imports.values())


def test_row_that_only_the_service_refuses_leaves_the_file_untaken(bench: Bench) -> None:
    bench.fake.judge = refuse_line(3)

    result = bench.import_text(wages(3))

    assert result.exit_code == 1
    assert "wages.csv:3: amount_kr: '100': no card [card-unknown]" in result.stdout
    assert "Refused: 3 rows of wages, 1 problem; nothing was taken." in result.stdout
    assert bench.fake.taken == {}


def test_partial_takes_the_good_rows_and_still_fails(bench: Bench) -> None:
    bench.fake.judge = refuse_line(3)

    result = bench.import_text(wages(3) + "W9;E1;1;13748136;2023-01-31;5\n", "--partial", "--json")

    told = report(result)
    assert result.exit_code == 1
    assert (told["state"], told["appended"], told["problems_total"]) == ("done", 2, 2)
    assert list(bench.fake.taken) == ["wages/W0", "wages/W2"]


def test_dry_run_takes_nothing(bench: Bench) -> None:
    result = bench.import_text(wages(3), "--dry-run", "--wait")

    assert result.exit_code == 0
    assert "3 would be taken" in result.stdout
    assert bench.fake.taken == {}


def test_warnings_do_not_change_the_exit_status(bench: Bench) -> None:
    bench.fake.warn = lambda row: RowWarning(
        line=row.line, code="likely-duplicate", message="again?"
    )

    result = bench.import_text(wages(2))

    assert result.exit_code == 0
    assert "wages.csv:2: warning: again? [likely-duplicate]" in result.stdout


def test_bad_header_is_refused_without_asking_anybody(bench: Bench) -> None:
    result = bench.import_text(
        HEADER.replace("cvr", "cv") + "W1;E1;00042;13748136;2023-01-31;5\n", "--json"
    )

    assert result.exit_code == 1
    assert report(result)["problems"][0]["column"] == "cv"
    assert bench.fake.calls == []


def test_file_without_rows_is_done(bench: Bench) -> None:
    assert bench.import_text(HEADER).exit_code == 0


@pytest.mark.parametrize(
    "at",
    [
        "POST /v1/imports",
        "PUT /v1/imports/import-1/rows/1000",
        "POST /v1/imports/import-1/start",
        "GET /v1/imports/import-1",
    ],
)
def test_service_that_goes_away_in_the_middle_is_waited_for(bench: Bench, at: str) -> None:
    def leave(call: str) -> Response | None:
        if call != at or bench.fake.calls.count(call) > 1:
            return None
        bench.server.go_away_for(0.3)
        return Response(status_code=502)

    bench.fake.before_call = leave

    result = bench.import_text(wages(2_500), "--json")

    told = report(result)
    assert result.exit_code == 0, result.output
    assert told["appended"] + told["repeated"] == 2_500
    assert len(bench.fake.taken) == 2_500
    assert "trying for" in result.stderr


@pytest.mark.parametrize(
    "call",
    [
        "POST /v1/imports",
        "PUT /v1/imports/import-1/rows/0",
        "POST /v1/imports/import-1/start",
        "GET /v1/imports/import-1",
        "GET /v1/imports/import-1/outcomes",
        "POST /v1/progress",
    ],
)
def test_lost_answer_is_asked_for_again(bench: Bench, call: str) -> None:
    def lose(done: str) -> Response | None:
        first = done == call and bench.fake.calls.count(call) == 1
        return Response(status_code=503) if first else None

    bench.fake.after_call = lose

    result = bench.import_text(wages(3), "--json", "--wait")

    assert result.exit_code == 0, result.output
    assert report(result)["appended"] == 3
    assert len(bench.fake.taken) == 3
    assert bench.fake.calls.count(call) >= 2


def test_service_that_stays_away_is_unreachable(bench: Bench) -> None:
    bench.server.stop()

    result = bench.import_text(wages(3), settings={"FRIKORT_RETRY_S": "0.2"})

    assert result.exit_code == 3
    assert "payroll" in result.stderr
    assert "frikort up" in result.stderr
    assert result.stdout == ""


def test_bad_rows_are_named_even_if_nobody_checks_the_others(bench: Bench) -> None:
    bench.server.stop()

    content = wages(1) + "W9;E1;1;13748136;2023-01-31;5\n"
    result = bench.import_text(content, "--json", settings={"FRIKORT_RETRY_S": "0.1"})

    assert result.exit_code == 1
    assert report(result)["problems_total"] == 1
    assert "Only what the file shows by itself was checked" in result.stderr


def test_answer_that_is_no_service_of_ours_ends_without_traceback(bench: Bench) -> None:
    bench.fake.answers["POST /v1/imports"] = (418, {"detail": "teapot"})

    result = bench.import_text(wages(1))

    assert result.exit_code == 1
    assert "is this address really that service" in result.stderr


def test_service_refuses_the_import_as_a_whole(bench: Bench) -> None:
    problem = {"code": "import-kind-unknown", "detail": "this service takes no wages"}
    bench.fake.answers["POST /v1/imports"] = (422, problem)

    result = bench.import_text(wages(1))

    assert result.exit_code == 1
    assert "this service takes no wages (import-kind-unknown)" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["import"], "Missing"),
        (["import", "wage", "FILE"], "wage"),
        (["import", "wages", "no-such-file.csv"], "does not exist"),
        (["import", "wages", "FILE", "--wat"], "--wat"),
        (["imports"], "import"),
    ],
)
def test_wrong_usage_is_status_2(arguments: list[str], told: str, tmp_path: Path) -> None:
    file = tmp_path / "wages.csv"
    file.write_text(HEADER)

    result = CliRunner().invoke(app, [str(file) if each == "FILE" else each for each in arguments])

    assert result.exit_code == 2
    assert told in result.stderr


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("FRIKORT_PORT_BASE", "x"),
        ("FRIKORT_PORT_BASE", "99999"),
        ("FRIKORT_RETRY_S", "-1"),
        ("FRIKORT_PAYROLL_URL", "127.0.0.1:8102"),
        ("FRIKORT_PAYROLL_URL", "http://127.0.0.1:port"),
    ],
)
def test_setting_that_cannot_be_meant_is_status_2(bench: Bench, name: str, value: str) -> None:
    result = bench.import_text(wages(1), settings={name: value})

    assert result.exit_code == 2
    assert name in result.stderr


def test_help_lists_every_kind_with_its_columns() -> None:
    told = CliRunner().invoke(app, ["import", "--help"], env={"COLUMNS": "300"}).stdout

    assert "wage-reversals: wage_ref, reason, reversed_on, [registered_at]" in told
    assert "contacts: card_no, phone, [language], [registered_at]" in told
