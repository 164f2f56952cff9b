"""`frikort reconcile`: a list exported from Socialtfrikort.dk beside the wages registered here."""

import datetime as dt
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from cli import options
from cli.client import Client
from cli.columns import REGISTRATIONS
from cli.errors import Rejection
from cli.files import FileRow, ParsedFile, read_file
from cli.import_report import say_problem
from cli.output import JsonFlag, kroner, number, print_json, print_table, say, shown, stdout_console
from cli.settings import Settings
from frikort_contracts.answers import Differing, OnlyHere
from frikort_contracts.imports import RowProblem
from frikort_contracts.requests import LISTED_MAX, ListedRegistration, ReconcileRequest
from frikort_contracts.types import Contract

THEIRS = ["Reference", "Card", "CVR", "Paid on", "Amount", "Line"]
OURS = ["Wage", "Card", "CVR", "Paid on", "Amount", "Reference"]
DIFFERING = ["Wage", "Reference", "What", "Here", "There", "Line"]


class ListedDiffering(Differing):
    """A wage that is on both sides and differs; `line` is where the list has it."""

    line: int | None = None


class OnlyThere(Contract):
    """A wage of the list that is not registered here."""

    card_no: str
    cvr: str
    paid_on: dt.date
    amount_ore: int
    external_ref: str
    line: int | None = None


class Reconciliation(Contract):
    """What payroll answers, and with `file` and `problems` what `--json` prints.

    `agree` counts rows that are the same here, `confirmed` the wages whose registration became
    known by this list (in a dry run: would become). Of a list with a bad row nothing is compared.
    """

    file: str = ""
    dry_run: bool = False
    first_on: dt.date | None = None
    last_on: dt.date | None = None
    rows: int = 0
    agree: int = 0
    confirmed: int = 0
    differs: tuple[ListedDiffering, ...] = ()
    only_there: tuple[OnlyThere, ...] = ()
    only_here: tuple[OnlyHere, ...] = ()
    problems: tuple[RowProblem, ...] = ()

    @property
    def exit_status(self) -> int:
        """Give the exit status: 1 if a row is bad or anything differs."""
        return 1 if self.problems or self.differs or self.only_there or self.only_here else 0


def reconcile(
    file: Annotated[
        Path,
        options.file_argument(
            "The list, with the columns card_no, cvr, paid_on, amount_kr, external_ref."
        ),
    ],
    *,
    first_on: Annotated[
        str | None,
        options.date_option(
            "The list holds everything paid from this day; its first one if left out.", "--from"
        ),
    ] = None,
    last_on: Annotated[
        str | None,
        options.date_option(
            "The list holds everything paid to this day; its last one if left out.", "--to"
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Compare, and record nothing.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Compare a list exported from Socialtfrikort.dk with the wages registered here.

    Names what is on their list and not here, what is here and not on their list, and what
    differs. A wage that agrees is confirmed under the list's reference; one of the period that
    the list does not hold becomes missing. The list must hold all employers' wages of the
    period. The same list again changes nothing. Files are read as `frikort import` reads them.

    Exit status: 0 everything agrees, 1 a row is bad or anything differs, 3 payroll is
    unreachable.
    """
    parsed = read_file(REGISTRATIONS, file)
    report = Reconciliation(problems=tuple(parsed.problems), rows=parsed.rows_total)
    if not parsed.problems:
        report = _ask(_request(parsed, first_on, last_on, dry_run=dry_run))
        report = _with_lines(report, parsed.rows)
    report = report.model_copy(update={"file": str(file), "dry_run": dry_run})
    if as_json:
        print_json(report.model_dump(mode="json"))
    else:
        _print(report)
    raise typer.Exit(report.exit_status)


def _request(
    parsed: ParsedFile, first_on: str | None, last_on: str | None, *, dry_run: bool
) -> ReconcileRequest:
    """Make the request; the period is the list's own where it is not said.

    Raises:
        Rejection: the list is longer than payroll takes.
        typer.BadParameter: no period, or one that ends before it begins.
    """
    rows = [row.request for row in parsed.rows if isinstance(row.request, ListedRegistration)]
    if len(rows) > LISTED_MAX:
        raise Rejection(
            f"the list has {number(len(rows))} rows, at most {number(LISTED_MAX)} are taken: "
            "export shorter periods (list-too-long)",
            code="list-too-long",
        )
    days = sorted(row.paid_on for row in rows)
    if not days and (first_on is None or last_on is None):
        raise typer.BadParameter("the list is empty: say its period with --from and --to")
    first = dt.date.fromisoformat(first_on) if first_on else days[0]
    last = dt.date.fromisoformat(last_on) if last_on else days[-1]
    if last < first:
        raise typer.BadParameter(f"the period would end on {last}, before it begins on {first}")
    return ReconcileRequest(first_on=first, last_on=last, rows=tuple(rows), dry_run=dry_run)


def _ask(request: ReconcileRequest) -> Reconciliation:
    settings = Settings.from_environment(os.environ)
    with Client(settings=settings, retry_s=settings.brief_retry_s, on_absence=say) as client:
        return client.post("payroll", "/v1/reconciliations", Reconciliation, body=request)


def _with_lines(report: Reconciliation, rows: Sequence[FileRow]) -> Reconciliation:
    """Name the line of each row; a reference stands in a list once."""
    lines = {
        row.request.external_ref: row.line
        for row in reversed(rows)
        if isinstance(row.request, ListedRegistration)
    }
    return report.model_copy(
        update={
            "differs": tuple(
                each.model_copy(update={"line": lines.get(each.external_ref)})
                for each in report.differs
            ),
            "only_there": tuple(
                each.model_copy(update={"line": lines.get(each.external_ref)})
                for each in report.only_there
            ),
        }
    )


def _print(report: Reconciliation) -> None:
    console = stdout_console()
    console.soft_wrap = True
    for problem in report.problems:
        console.print(say_problem(report.file, problem))
    if report.problems:
        console.print(Text("Refused: the list has bad rows; nothing was compared.", style="red"))
        return
    if report.only_there:
        print_table("On their list, not here", THEIRS, [_their_row(e) for e in report.only_there])
    if report.only_here:
        print_table("Here, not on their list", OURS, [_our_row(e) for e in report.only_here])
    if report.differs:
        rows = [row for each in report.differs for row in _differing_rows(each)]
        print_table("Different", DIFFERING, rows)
    console.print(_say_conclusion(report))


def _their_row(each: OnlyThere) -> list[str]:
    return [
        shown(each.external_ref),
        each.card_no,
        each.cvr,
        each.paid_on.isoformat(),
        kroner(each.amount_ore),
        str(each.line),
    ]


def _our_row(each: OnlyHere) -> list[str]:
    return [
        shown(each.wage_ref or ""),
        each.card_no,
        each.cvr,
        each.paid_on.isoformat(),
        kroner(each.amount_ore),
        shown(each.external_ref or ""),
    ]


def _differing_rows(each: ListedDiffering) -> list[list[str]]:
    return [
        [
            shown(each.wage_ref or ""),
            shown(each.external_ref),
            difference.field.removesuffix("_ore"),
            _say_value(difference.field, difference.here),
            _say_value(difference.field, difference.there),
            str(each.line),
        ]
        for difference in each.differences
    ]


def _say_value(field: str, value: str) -> str:
    return kroner(int(value)) if field == "amount_ore" else shown(value)


def _say_conclusion(report: Reconciliation) -> Text:
    verb = "would be confirmed" if report.dry_run else "newly confirmed"
    missing = "would be missing" if report.dry_run else "missing"
    return Text(
        f"{report.first_on} to {report.last_on}: {number(report.rows)} on their list, "
        f"{number(report.agree)} agree ({number(report.confirmed)} {verb}), "
        f"{number(len(report.differs))} differ, {number(len(report.only_there))} not here, "
        f"{number(len(report.only_here))} {missing} there.",
        style="yellow" if report.exit_status else "green",
    )
