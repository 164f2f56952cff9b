"""What an import came to: the JSON that programs read, and the lines that people read."""

from typing import Final, Literal

from rich.text import Text

from cli.output import number, print_json, shown, stdout_console
from frikort_contracts.imports import PositionProgress, RowProblem, RowWarning
from frikort_contracts.types import Contract

CODES_THAT_MAY_WAIT: Final = frozenset({"cap-unknown"})
"""A wage of a year without a cap waits for a decision of people; that is no failure."""


class NotApplied(Contract):
    """A row whose fact another service has not applied: which one, and why."""

    line: int
    service: str
    state: Literal["pending", "waiting", "parked"]
    code: str | None
    dead_letter_id: str | None

    @property
    def is_failure(self) -> bool:
        """Tell whether the row stands in the way of exit status 0."""
        return not (self.state == "waiting" and self.code in CODES_THAT_MAY_WAIT)


class ImportReport(Contract):
    """The JSON of `frikort import --json`; its names and types stay as they are.

    `rows` counts the file's rows without the header, `repeated` those that were known before.
    In a dry run `appended` counts the rows that would be taken. `problems` and `warnings` hold
    the first thousand that the service found, all that the file shows by itself, in the order
    of lines. `waiting` is null unless `--wait` was given; then it names every row that is not
    applied everywhere.
    """

    kind: str
    file: str
    dry_run: bool
    partial: bool
    state: Literal["refused", "done"]
    rows: int
    appended: int
    repeated: int
    problems_total: int
    problems: tuple[RowProblem, ...]
    warnings_total: int
    warnings: tuple[RowWarning, ...]
    waiting: tuple[NotApplied, ...] | None = None

    @property
    def exit_status(self) -> int:
        """Give the exit status: 1 if refused, for any bad row, or one parked or pending."""
        failures = [each for each in self.waiting or () if each.is_failure]
        return 1 if self.state == "refused" or self.problems_total or failures else 0


def not_applied(line: int, service: str, progress: PositionProgress) -> NotApplied:
    """Name a row that another service has not applied; `applied` has no place here."""
    state = "pending" if progress.state == "applied" else progress.state
    return NotApplied(
        line=line,
        service=service,
        state=state,
        code=progress.code,
        dead_letter_id=progress.dead_letter_id,
    )


def print_report(report: ImportReport, *, as_json: bool) -> None:
    """Print a report on standard output."""
    if as_json:
        print_json(report.model_dump(mode="json"))
        return
    console = stdout_console()
    console.soft_wrap = True
    for problem in report.problems:
        console.print(say_problem(report.file, problem))
    if report.problems_total > len(report.problems):
        hidden = report.problems_total - len(report.problems)
        console.print(Text(f"… and {number(hidden)} more problems: correct these first"))
    for warning in report.warnings:
        where = Text(f"{report.file}:{warning.line}: ", style="bold")
        said = Text(f"{warning.message} ")
        console.print(where + Text("warning: ", style="yellow") + said + _code(warning.code))
    for each in report.waiting or ():
        console.print(_say_not_applied(report.file, each))
    console.print(_say_conclusion(report))


def say_problem(file: str, problem: RowProblem) -> Text:
    """Name a bad row for people: where, what stands there, what would be right, the code."""
    place = Text(f"{file}:{problem.line}: ", style="bold")
    column = Text(f"{problem.column}: " if problem.column else "", style="cyan")
    value = Text(f"{shown(problem.value)!r}: " if problem.value is not None else "")
    return place + column + value + Text(f"{problem.message} ") + _code(problem.code)


def _say_not_applied(file: str, row: NotApplied) -> Text:
    place = Text(f"{file}:{row.line}: ", style="bold")
    match row.state:
        case "parked":
            what = f"parked at {row.service}; see `frikort dlq show {row.dead_letter_id}` "
        case "waiting":
            what = f"waits at {row.service} "
        case "pending":
            what = f"not applied by {row.service} yet "
    return place + Text(what) + _code(row.code or row.state)


def _code(code: str) -> Text:
    return Text(f"[{code}]", style="dim")


def _say_conclusion(report: ImportReport) -> Text:
    rows = f"{_count(report.rows, 'row')} of {report.kind}"
    if report.state == "refused":
        found = _count(report.problems_total, "problem")
        return Text(f"Refused: {rows}, {found}; nothing was taken.", style="red")
    taken = "would be taken" if report.dry_run else "taken"
    said = f"{rows}: {number(report.appended)} {taken}, {number(report.repeated)} known before"
    if report.problems_total:
        said += f", {_count(report.problems_total, 'problem')}"
    if report.warnings_total:
        said += f", {_count(report.warnings_total, 'warning')}"
    if report.waiting is not None:
        said += (
            f", {number(len(report.waiting))} not applied" if report.waiting else ", all applied"
        )
    return Text(f"{said}.", style="green" if report.exit_status == 0 else "yellow")


def _count(count: int, noun: str) -> str:
    return f"{number(count)} {noun}{'' if count == 1 else 's'}"
