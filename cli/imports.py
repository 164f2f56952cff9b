"""`frikort import`: a file of one of the kinds, through the same handlers as HTTP."""

import os
from pathlib import Path
from typing import Annotated

import typer

from cli import options
from cli.client import Client
from cli.columns import FileKind, column_of, columns_of, optional_columns
from cli.errors import CommandError, TransientError
from cli.files import ParsedFile, read_file
from cli.import_flow import ImportCalls
from cli.import_report import ImportReport, print_report
from cli.output import JsonFlag, say
from cli.progress import Phases, show_progress
from cli.settings import Settings
from cli.waiting import Waiting
from frikort_contracts.imports import ImportState, OpenImport, RowProblem, StagedRow
from frikort_contracts.requests import KIND_SERVICE


def import_file(
    kind: Annotated[
        FileKind, typer.Argument(metavar="KIND", help="What the rows are.", show_default=False)
    ],
    file: Annotated[
        Path,
        options.file_argument("The file, UTF-8 or Windows-1252, separated by ; or a comma."),
    ],
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check every row and take none.")
    ] = False,
    partial: Annotated[
        bool, typer.Option("--partial", help="Take the good rows even if others are bad.")
    ] = False,
    wait: Annotated[
        bool,
        typer.Option("--wait", help="Wait until every service that needs the rows has read them."),
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Import a file of grants, wages or another kind."""
    settings = Settings.from_environment(os.environ)
    parsed = read_file(kind, file)
    job = ImportJob(settings=settings, file=str(file), dry_run=dry_run, partial=partial, wait=wait)
    with show_progress() as phases:
        report, unfinished = job.run(parsed, phases)
    print_report(report, as_json=as_json)
    if unfinished is not None:
        raise unfinished
    raise typer.Exit(report.exit_status)


def import_help() -> str:
    """Write the command's help: what it does, and each kind with its columns."""
    kinds = "\n\n".join(
        f"[bold cyan]{kind.value}[/]: "
        + ", ".join(_say_column(kind, each) for each in columns_of(kind))
        for kind in FileKind
    )
    return (
        "Import a file, through the same checks as HTTP.\n\n"
        "A file is taken whole or not at all, unless --partial is given; every bad row is named "
        "with line, column, value, and what would be right. Importing the same file again changes "
        "nothing, and goes on with an import that was interrupted.\n\n"
        "Exit status: 0 taken (or known before), 1 a row is bad or is not applied, "
        "3 a service is unreachable.\n\n"
        "Kinds and their columns, in any order; those in brackets may be empty or absent:\n\n"
        f"{kinds}\n\n"
        "Dates are YYYY-MM-DD or DD-MM-YYYY; registered_at is a date, or a time with offset; "
        "amounts are in kroner, as 1250,50 or 1.250,50 or 1250.50 (1,250 is refused: it could "
        "mean two things)."
    )


class ImportJob:
    """One run of the command over a file that is read already."""

    def __init__(
        self, *, settings: Settings, file: str, dry_run: bool, partial: bool, wait: bool
    ) -> None:
        self.settings = settings
        self.file = file
        self.dry_run = dry_run
        self.partial = partial
        self.wait = wait

    def run(self, parsed: ParsedFile, phases: Phases) -> tuple[ImportReport, CommandError | None]:
        """Send what may be sent; give what came of it, and why waiting for it was given up."""
        if parsed.problems and not self.partial:
            return self._refuse(parsed, self._check_the_rest(parsed, phases)), None
        if not parsed.rows:
            return self._report(parsed, None), None
        retry_s = self.settings.retry_s
        with Client(settings=self.settings, retry_s=retry_s, on_absence=say) as client:
            calls = ImportCalls(client=client, service=KIND_SERVICE[parsed.kind], phases=phases)
            state = calls.take_in(self._announce(parsed, dry_run=self.dry_run), _staged(parsed))
            report = self._report(parsed, state)
            if not self.wait or self.dry_run or report.state == "refused":
                return report, None
            waiting = Waiting(client=client, phases=phases, wait_s=self.settings.wait_s)
            try:
                found = waiting.wait_for(parsed.kind, calls.outcomes(state))
            except CommandError as error:  # the rows are taken all the same: say so first
                return report, error
            return report.model_copy(update={"waiting": tuple(found)}), None

    def _check_the_rest(self, parsed: ParsedFile, phases: Phases) -> ImportState | None:
        """Have the service check the good rows of a refused file, so that all is told at once."""
        if not parsed.rows:
            return None
        retry_s = self.settings.brief_retry_s
        try:
            with Client(settings=self.settings, retry_s=retry_s) as client:
                calls = ImportCalls(client=client, service=KIND_SERVICE[parsed.kind], phases=phases)
                return calls.take_in(self._announce(parsed, dry_run=True), _staged(parsed))
        except TransientError as error:
            say(f"Only what the file shows by itself was checked: {error}")
            return None

    def _announce(self, parsed: ParsedFile, *, dry_run: bool) -> OpenImport:
        return OpenImport(
            kind=parsed.kind, rows_total=len(parsed.rows), dry_run=dry_run, partial=self.partial
        )

    def _refuse(self, parsed: ParsedFile, checked: ImportState | None) -> ImportReport:
        report = self._report(parsed, checked)
        return report.model_copy(update={"state": "refused", "appended": 0, "repeated": 0})

    def _report(self, parsed: ParsedFile, state: ImportState | None) -> ImportReport:
        theirs = _as_in_file(parsed, state.problems) if state else []
        problems = sorted([*parsed.problems, *theirs], key=lambda problem: problem.line)
        theirs_total = state.problems_total if state else 0
        return ImportReport(
            kind=parsed.kind,
            file=self.file,
            dry_run=self.dry_run,
            partial=self.partial,
            state="refused" if state and state.state == "refused" else "done",
            rows=parsed.rows_total,
            appended=state.appended if state else 0,
            repeated=state.repeated if state else 0,
            problems_total=len(parsed.problems) + theirs_total,
            problems=tuple(problems),
            warnings_total=state.warnings_total if state else 0,
            warnings=state.warnings if state else (),
        )


def _staged(parsed: ParsedFile) -> list[StagedRow]:
    return [row.staged() for row in parsed.rows]


def _as_in_file(parsed: ParsedFile, problems: tuple[RowProblem, ...]) -> list[RowProblem]:
    """Name columns and values as the file does: a service may speak of fields and øre."""
    cells = {row.line: row.cells for row in parsed.rows}
    named = []
    for problem in problems:
        column = None if problem.column is None else column_of(problem.column)
        value = problem.value if column is None else cells.get(problem.line, {}).get(column)
        named.append(problem.model_copy(update={"column": column, "value": value or None}))
    return named


def _say_column(kind: str, column: str) -> str:
    return rf"\[{column}]" if column in optional_columns(kind) else column
