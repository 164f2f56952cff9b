"""`frikort import` against a real HTTP server that goes away and comes back."""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from fastapi import Response
from typer.testing import CliRunner, Result

from cli.main import app
from frikort_contracts.imports import (
    Position,
    PositionProgress,
    RowProblem,
    RowWarning,
    StagedRow,
)
from tests.unit.cli_fake_service import FakeService, Server

HEADER = "wage_ref;employment_ref;card_no;cvr;paid_on;amount_kr\n"
SHAPE = {
    "kind",
    "file",
    "dry_run",
    "partial",
    "state",
    "rows",
    "appended",
    "repeated",
    "problems_total",
    "problems",
    "warnings_total",
    "warnings",
    "waiting",
}

Run = Callable[..., Result]


@pytest.fixture
def fake() -> FakeService:
    return FakeService()


@pytest.fixture
def server(fake: FakeService) -> Iterator[Server]:
    server = Server(fake)
    yield server
    server.close()


@pytest.fixture
def environment(server: Server) -> dict[str, str]:
    services = ("GRANTS", "PAYROLL", "ALLOWANCE", "NOTIFICATIONS")
    return {f"FRIKORT_{service}_URL": server.url for service in services}


@pytest.fixture
def run(tmp_path: Path, environment: dict[str, str]) -> Run:
    def run(
        content: str, *options: str, kind: str = "wages", settings: Mapping[str, str] | None = None
    ) -> Result:
        file = tmp_path / f"{kind}.csv"
        file.write_text(content, newline="")
        arguments = ["import", kind, str(file), *options]
        return CliRunner().invoke(app, arguments, env=environment | dict(settings or {}))

    return run


def wages(count: int, *, amount: str = "100") -> str:
    rows = "".join(f"W{n};E1;00042;13748136;2023-01-31;{amount}\n" for n in range(count))
    return HEADER + rows


def report(result: Result) -> dict[str, Any]:
    value = json.loads(result.stdout)
    assert set(value) == SHAPE
    return dict(value)


def refuse_line(line: int, code: str = "card-unknown") -> Callable[[StagedRow], RowProblem | None]:
    def judge(row: StagedRow) -> RowProblem | None:
        if row.line != line:
            return None
        return RowProblem(line=line, column="amount_ore", value="1", code=code, message="no card")

    return judge


def test_good_file_is_taken(run: Run, fake: FakeService) -> None:
    result = run(wages(3), "--json")

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
    assert fake.taken["wages/W0"]["amount_ore"] == 10_000


def test_same_file_again_changes_nothing_and_says_so(run: Run) -> None:
    run(wages(3))

    again = run(wages(3))

    assert again.exit_code == 0
    assert "3 rows of wages: 0 taken, 3 known before." in again.stdout


def test_rows_go_in_pages_in_the_order_of_the_file(run: Run, fake: FakeService) -> None:
    result = run(wages(2_500))

    assert result.exit_code == 0
    assert "2.500 taken" in result.stdout
    assert [call for call in fake.calls if call.startswith("PUT")] == [
        f"PUT /v1/imports/import-1/rows/{first}" for first in (0, 1_000, 2_000)
    ]
    assert list(fake.taken) == [f"wages/W{n}" for n in range(2_500)]


def test_bad_row_leaves_the_file_untaken_and_all_are_named_in_one_go(
    run: Run, fake: FakeService
) -> None:
    fake.judge = refuse_line(4)

    result = run(wages(3) + "W9;E1;00042;13748137;2023-01-31;-5\n", "--json")

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
    assert fake.taken == {}
    assert all(one.announced.dry_run for one in fake.imports.values())


def test_row_that_only_the_service_refuses_leaves_the_file_untaken(
    run: Run, fake: FakeService
) -> None:
    fake.judge = refuse_line(3)

    result = run(wages(3))

    assert result.exit_code == 1
    assert "wages.csv:3: amount_kr: '100': no card [card-unknown]" in result.stdout
    assert "Refused: 3 rows of wages, 1 problem; nothing was taken." in result.stdout
    assert fake.taken == {}


def test_partial_takes_the_good_rows_and_still_fails(run: Run, fake: FakeService) -> None:
    fake.judge = refuse_line(3)

    result = run(wages(3) + "W9;E1;1;13748136;2023-01-31;5\n", "--partial", "--json")

    told = report(result)
    assert result.exit_code == 1
    assert (told["state"], told["appended"], told["problems_total"]) == ("done", 2, 2)
    assert list(fake.taken) == ["wages/W0", "wages/W2"]


def test_dry_run_takes_nothing(run: Run, fake: FakeService) -> None:
    result = run(wages(3), "--dry-run", "--wait")

    assert result.exit_code == 0
    assert "3 would be taken" in result.stdout
    assert fake.taken == {}


def test_warnings_do_not_change_the_exit_status(run: Run, fake: FakeService) -> None:
    fake.warn = lambda row: RowWarning(line=row.line, code="likely-duplicate", message="again?")

    result = run(wages(2))

    assert result.exit_code == 0
    assert "wages.csv:2: warning: again? [likely-duplicate]" in result.stdout


def test_bad_header_is_refused_without_asking_anybody(run: Run, fake: FakeService) -> None:
    result = run(HEADER.replace("cvr", "cv") + "W1;E1;00042;13748136;2023-01-31;5\n", "--json")

    assert result.exit_code == 1
    assert report(result)["problems"][0]["column"] == "cv"
    assert fake.calls == []


def test_file_without_rows_is_done(run: Run) -> None:
    assert run(HEADER).exit_code == 0


def test_service_that_goes_away_in_the_middle_is_waited_for(
    run: Run, server: Server, fake: FakeService
) -> None:
    def leave(call: str) -> None:
        if fake.calls.count(call) == 1 and call in {
            "PUT /v1/imports/import-1/rows/1000",
            "GET /v1/imports/import-1",
        }:
            server.go_away_for(0.3)

    fake.before_call = leave

    result = run(wages(2_500), "--json")

    told = report(result)
    assert result.exit_code == 0, result.output
    assert told["appended"] + told["repeated"] == 2_500
    assert len(fake.taken) == 2_500
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
def test_lost_answer_is_asked_for_again(run: Run, fake: FakeService, call: str) -> None:
    def lose(done: str) -> Response | None:
        first = done == call and fake.calls.count(call) == 1
        return Response(status_code=503) if first else None

    fake.after_call = lose

    result = run(wages(3), "--json", "--wait")

    assert result.exit_code == 0, result.output
    assert report(result)["appended"] == 3
    assert len(fake.taken) == 3
    assert fake.calls.count(call) >= 2


def test_service_that_stays_away_is_unreachable(run: Run, server: Server) -> None:
    server.stop()

    result = run(wages(3), settings={"FRIKORT_RETRY_S": "0.2"})

    assert result.exit_code == 3
    assert "payroll" in result.stderr
    assert "frikort up" in result.stderr
    assert result.stdout == ""


def test_bad_rows_are_named_even_if_nobody_checks_the_others(run: Run, server: Server) -> None:
    server.stop()

    content = wages(1) + "W9;E1;1;13748136;2023-01-31;5\n"
    result = run(content, "--json", settings={"FRIKORT_RETRY_S": "0.1"})

    assert result.exit_code == 1
    assert report(result)["problems_total"] == 1
    assert "Only what the file shows by itself was checked" in result.stderr


def test_answer_that_is_no_service_of_ours_ends_without_traceback(
    run: Run, fake: FakeService
) -> None:
    fake.answers["POST /v1/imports"] = (418, {"detail": "teapot"})

    result = run(wages(1))

    assert result.exit_code == 1
    assert "is this address really that service" in result.stderr


def test_service_refuses_the_import_as_a_whole(run: Run, fake: FakeService) -> None:
    problem = {"code": "import-kind-unknown", "detail": "this service takes no wages"}
    fake.answers["POST /v1/imports"] = (422, problem)

    result = run(wages(1))

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
def test_setting_that_cannot_be_meant_is_status_2(run: Run, name: str, value: str) -> None:
    result = run(wages(1), settings={name: value})

    assert result.exit_code == 2
    assert name in result.stderr


def test_help_lists_every_kind_with_its_columns() -> None:
    told = CliRunner().invoke(app, ["import", "--help"], env={"COLUMNS": "300"}).stdout

    assert "wage-reversals: wage_ref, reason, reversed_on, [registered_at]" in told
    assert "contacts: card_no, phone, [language], [registered_at]" in told


# Waiting.


def settle(**by_line: PositionProgress) -> Callable[[Position, int], PositionProgress]:
    def progress(position: Position, _times: int) -> PositionProgress:
        known = by_line.get(position.citizen_id.removeprefix("wages/"))
        state = known or PositionProgress(position=position, state="applied")
        return state.model_copy(update={"position": position})

    return progress


def state_of(state: str, code: str | None = None) -> PositionProgress:
    return PositionProgress.model_validate(
        {
            "position": Position(service="fake", citizen_id="", version=1),
            "state": state,
            "code": code,
            "dead_letter_id": "17" if state == "parked" else None,
        }
    )


def test_wait_asks_again_only_about_what_is_pending(run: Run, fake: FakeService) -> None:
    def progress(position: Position, times: int) -> PositionProgress:
        late = position.citizen_id == "wages/W1" and times < 4
        return PositionProgress(position=position, state="pending" if late else "applied")

    fake.progress = progress

    result = run(wages(3), "--wait", "--json")

    assert result.exit_code == 0
    assert report(result)["waiting"] == []
    assert fake.asked == {"wages/W0": 1, "wages/W1": 4, "wages/W2": 1}


def test_wait_asks_every_service_that_needs_the_rows(run: Run, fake: FakeService) -> None:
    header = "cpr;card_no;municipality_code;valid_from;decided_on;benefit;age_group\n"
    row = "6101801234;00042;751;2019-01-01;2019-01-01;kontanthjaelp;30-plus\n"

    result = run(header + row, "--wait", kind="grants")

    assert result.exit_code == 0
    assert fake.asked == {"grants/00042": 3}
    assert "all applied" in result.stdout


def test_wait_names_what_is_parked_and_fails(run: Run, fake: FakeService) -> None:
    fake.progress = settle(W1=state_of("parked", "payload-unreadable"))

    result = run(wages(3), "--wait", "--json")

    assert result.exit_code == 1
    assert report(result)["waiting"] == [
        {
            "line": 3,
            "service": "allowance",
            "state": "parked",
            "code": "payload-unreadable",
            "dead_letter_id": "17",
        }
    ]


def test_wage_that_waits_for_its_cap_is_named_but_is_no_failure(
    run: Run, fake: FakeService
) -> None:
    fake.progress = settle(W1=state_of("waiting", "cap-unknown"))

    result = run(wages(3), "--wait")

    assert result.exit_code == 0
    assert "wages.csv:3: waits at allowance [cap-unknown]" in result.stdout
    assert "1 not applied" in result.stdout


@pytest.mark.parametrize("late", [state_of("pending"), state_of("waiting", "grants-behind")])
def test_wait_ends_and_names_what_is_not_applied_in_time(
    run: Run, fake: FakeService, late: PositionProgress
) -> None:
    fake.progress = settle(W1=late)

    result = run(wages(3), "--wait", "--json", settings={"FRIKORT_WAIT_S": "0.2"})

    assert result.exit_code == 1
    assert [each["line"] for each in report(result)["waiting"]] == [3]


def test_reader_that_is_away_does_not_hide_what_was_taken(
    run: Run, fake: FakeService, server: Server
) -> None:
    gone = {"FRIKORT_ALLOWANCE_URL": "http://127.0.0.1:9", "FRIKORT_RETRY_S": "0.2"}

    result = run(wages(3), "--wait", "--json", settings=gone)

    assert server.url
    assert result.exit_code == 3
    assert report(result)["appended"] == 3
    assert len(fake.taken) == 3
