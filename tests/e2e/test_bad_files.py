"""Files with bad rows, through the command: each row named, nothing half-taken, exit 1."""

from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from cli.import_report import ImportReport
from deploy.local.stack import Stack
from tests.e2e import flaws, rows
from tests.e2e.command import Frikort
from tests.e2e.sheets import Line, Problem, Sheet

pytestmark = pytest.mark.slow

RECORDED = {
    "grants": "SELECT count(*) FROM events",
    "payroll": "SELECT count(*) FROM events",
    "notifications": "SELECT count(*) FROM contacts",
}
Look = Callable[[], dict[str, int]]


@pytest.fixture(scope="module")
def recorded(stack: Stack) -> Iterator[Look]:
    """Counts what the services that take files have recorded."""
    opened = {name: psycopg.connect(stack.database_url(name, "owner")) for name in RECORDED}

    def look() -> dict[str, int]:
        found = {}
        for name, query in RECORDED.items():
            row = opened[name].execute(query.encode()).fetchone()
            opened[name].rollback()  # so that the next look sees what is then
            assert row is not None
            found[name] = row[0]
        return found

    yield look
    for connection in opened.values():
        connection.close()


@pytest.fixture(scope="module")
def refused(
    registered: None, frikort: Frikort, recorded: Look, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, ImportReport]:
    """What came of the bad files; nothing of them was recorded."""
    del registered
    folder = tmp_path_factory.mktemp("bad")
    before = recorded()
    # The wages last: their unknown card is waited for, and others need not stand behind them.
    sheets = sorted(flaws.EVERY_KIND, key=lambda sheet: sheet.kind == "wages")
    importing = {
        sheet.kind: frikort.start("import", sheet.kind, str(sheet.bad(folder)), "--json")
        for sheet in sheets
    }
    reports = {kind: running.said().report(status=1) for kind, running in importing.items()}
    assert recorded() == before
    return reports


@pytest.fixture(scope="module")
def corrected(
    refused: dict[str, ImportReport], frikort: Frikort, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, ImportReport]:
    """What came of the same files, corrected."""
    del refused
    folder = tmp_path_factory.mktemp("good")
    importing = {
        sheet.kind: frikort.start(
            "import", sheet.kind, str(sheet.corrected(folder)), "--json", "--wait"
        )
        for sheet in flaws.EVERY_KIND
    }
    return {kind: running.said().report() for kind, running in importing.items()}


@pytest.mark.parametrize("sheet", flaws.EVERY_KIND, ids=lambda sheet: sheet.kind)
def test_every_bad_row_is_named_and_nothing_taken(
    refused: dict[str, ImportReport], sheet: Sheet
) -> None:
    report = refused[sheet.kind]

    assert _problems(report) == sheet.problems()
    assert _unsaid(sheet, report) == []
    assert (report.state, report.appended, report.rows) == ("refused", 0, len(sheet.lines))


@pytest.mark.parametrize("sheet", flaws.EVERY_KIND, ids=lambda sheet: sheet.kind)
def test_the_corrected_file_goes_in_whole(corrected: dict[str, ImportReport], sheet: Sheet) -> None:
    report = corrected[sheet.kind]

    assert (report.appended, report.repeated) == (sheet.facts, len(sheet.lines) - sheet.facts)
    assert (report.warnings, report.waiting) == ((), ())


def test_a_dry_run_says_what_is_wrong_and_takes_nothing(
    registered: None, frikort: Frikort, recorded: Look, tmp_path: Path
) -> None:
    del registered
    sheet = flaws.wages("D", rows.UNPAID).without("card-unknown")
    bad, good = sheet.bad(tmp_path), sheet.corrected(tmp_path)
    before = recorded()

    running = frikort.start("import", "wages", str(bad), "--dry-run")
    passed = frikort.import_file("wages", good, "--dry-run")
    refused = running.said()

    refused.require(1)
    said = refused.out.splitlines()
    for line, column, value, code in sheet.problems():
        shown = f"{bad}:{line}: {f'{column}: ' if column else ''}{repr(value) if value else ''}"
        assert [each for each in said if each.startswith(shown) and each.endswith(f"[{code}]")]
    assert "nothing was taken" in said[-1]
    assert (passed.report().appended, passed.report().dry_run) == (sheet.facts, True)
    assert recorded() == before


def test_a_partial_import_takes_the_good_rows_and_still_exits_1(
    registered: None, frikort: Frikort, recorded: Look, tmp_path: Path
) -> None:
    del registered
    sheet = flaws.wages("P", rows.UNPAID).without("card-unknown")
    good = {line.row["wage_ref"] for line in sheet.lines if not line.faults}
    before = recorded()["payroll"]

    partly = frikort.import_file("wages", sheet.bad(tmp_path), "--partial", "--wait")

    report = partly.report(status=1)
    assert (report.state, report.appended, report.waiting) == ("done", len(good), ())
    assert _problems(report) == sheet.problems()
    assert recorded()["payroll"] == before + len(good)
    rest = frikort.import_file("wages", sheet.corrected(tmp_path), "--wait").report()
    assert rest.appended == sheet.facts - len(good)


def test_what_only_looks_odd_is_taken_with_a_warning(
    registered: None, frikort: Frikort, tmp_path: Path
) -> None:
    del registered
    day = {"paid_on": "2023-02-10"}
    odd = (
        (rows.wage("O-10", "00013", **day), None),
        (rows.wage("O-11", "00013", **day, amount_kr="1.210,50"), "likely-duplicate"),
        (rows.wage("O-12", "00013", paid_on="2022-12-30"), "before-grant"),
        (rows.wage("O-13", "00013", registered_at="2023-05-31"), "registered-late"),
        (rows.wage("O-14", "00015", **day), None),
    )
    sheet = Sheet("wages", tuple(Line(row) for row, _ in odd))

    report = frikort.import_file("wages", sheet.corrected(tmp_path), "--wait").report()

    named = {(warning.line, warning.code) for warning in report.warnings}
    assert {(line, code) for line, (_, code) in enumerate(odd, 2) if code} <= named
    assert not {line for line, (_, code) in enumerate(odd, 2) if code is None} & dict(named).keys()
    assert (report.appended, report.problems, report.waiting) == (len(odd), (), ())


def _problems(report: ImportReport) -> list[Problem]:
    found = [(each.line, each.column, each.value, each.code) for each in report.problems]
    assert len(found) == report.problems_total
    return sorted(found, key=str)


def _unsaid(sheet: Sheet, report: ImportReport) -> list[tuple[int, str, str]]:
    """List the advice that no message gives."""
    return [
        (line, code, words)
        for line, code, words in sheet.advice()
        if not any(
            (each.line, each.code) == (line, code) and words in each.message
            for each in report.problems
        )
    ]
