"""`frikort ledger rebuild`: the read models folded anew from the journal, and switched to.

The ledger's own program does it, as the owner of its database (`services/allowance/rebuild`);
here it is started, its lines are read, and what it found is shown.
"""

import csv
import os
import subprocess
import sys
from collections.abc import Generator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Annotated, Any, Final

import typer
from pydantic import ValidationError

from cli.errors import ContractError, Rejection, TransientError
from cli.output import JsonFlag, number, print_json, print_table, say, shown
from cli.progress import Phases, show_progress
from cli.settings import OWNER_URL, owner_database_url
from frikort_contracts.rebuilds import (
    RebuildDifference,
    RebuildLine,
    RebuildOutcome,
    RebuildProgress,
)

COMMAND: Final = (sys.executable, "-m", "services.allowance.rebuild")
HEADINGS: Final = ("table", "key", "column", "found", "expected")
SHOWN_MAX: Final = 20
KEPT_MAX: Final = 1000
UNREACHABLE: Final = 3


def rebuild(
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Compare only; exit 1 if anything differs.")
    ] = False,
    differences: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write every difference to a CSV file.", dir_okay=False),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Fold every balance anew from the journal, compare, and let the new ones take over.

    The service goes on meanwhile, nobody reads half of it, and nothing is sent. What differed is
    listed. Whatever interrupts it leaves everything as it was.
    """
    outcome, found = _run(os.environ, dry_run=dry_run, file=differences)
    if as_json:
        print_json(_summary(outcome, found))
    else:
        _tell(outcome, found, file=differences)
    if dry_run and found.differences_total:
        raise typer.Exit(1)


@dataclass(slots=True)
class _Found:
    """What a rebuild found to differ, and how far it was seen to be."""

    differences: list[RebuildDifference] = field(default_factory=list)
    differences_total: int = 0
    _folding: bool = False

    def show(self, progress: RebuildProgress, phases: Phases) -> None:
        """Show how far the folding is; what follows it is short."""
        if progress.phase == "fold":
            if not self._folding:
                phases.start("Folding", progress.total)
                self._folding = True
            phases.reach(progress.done)

    def take(self, difference: RebuildDifference) -> None:
        """Count a difference, and keep it while there are few."""
        self.differences_total += 1
        if len(self.differences) < KEPT_MAX:
            self.differences.append(difference)


def _run(
    environment: Mapping[str, str], *, dry_run: bool, file: Path | None
) -> tuple[RebuildOutcome, _Found]:
    """Run the program to its end; give what came of it, and what differed.

    Raises:
        Rejection: it was refused; nothing was touched.
        TransientError: the database is not known or does not answer.
        ContractError: it ended without saying what came of it.
    """
    found, outcome = _Found(), None
    with ExitStack() as stack:
        writer = None if file is None else csv.writer(stack.enter_context(_open(file)))
        if writer is not None:
            writer.writerow(HEADINGS)
        phases = stack.enter_context(show_progress())
        said = _lines(environment, ["--dry-run"] if dry_run else [])
        for line in stack.enter_context(closing(said)):
            if line.progress is not None:
                found.show(line.progress, phases)
            elif line.difference is not None:
                found.take(line.difference)
                if writer is not None:
                    writer.writerow(_cells(line.difference))
            elif line.refusal is not None:
                raise Rejection(line.refusal.message, code=line.refusal.code)
            else:
                outcome = line.outcome
    if outcome is None:
        raise ContractError("the rebuild ended without saying what came of it")
    return outcome, found


def _lines(
    environment: Mapping[str, str], options: list[str]
) -> Generator[RebuildLine, None, None]:
    url = owner_database_url(environment)
    if url is None:
        raise TransientError(
            "a rebuild writes the read models as the database's owner, and where that is, is not "
            f"known: start the stack with `frikort up`, or set {OWNER_URL}"
        )
    with subprocess.Popen(  # noqa: S603 - our own module
        [*COMMAND, *options],
        env={**environment, OWNER_URL: url},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            for text in process.stdout or ():
                yield _read(text)
        except BaseException:
            process.terminate()  # it ends before it changes anything, or not at all
            raise
    if process.returncode == UNREACHABLE:
        raise TransientError("the ledger's database does not answer; nothing was changed")
    if process.returncode:
        raise ContractError(f"the rebuild ended with status {process.returncode}; see above")


def _read(text: str) -> RebuildLine:
    try:
        return RebuildLine.model_validate_json(text)
    except ValidationError as error:
        raise ContractError("the rebuild said what this version does not understand") from error


def _open(file: Path) -> IO[str]:
    try:
        return file.open("w", encoding="utf-8", newline="")
    except OSError as error:
        raise Rejection(f"{file} cannot be written: {error.strerror}", code="no-file") from error


def _cells(difference: RebuildDifference) -> list[str]:
    found, expected = difference.found, difference.expected
    return [
        difference.table,
        difference.key,
        difference.column,
        "none" if found is None else found,
        "none" if expected is None else expected,
    ]


def _summary(outcome: RebuildOutcome, found: _Found) -> dict[str, Any]:
    return {
        **outcome.model_dump(mode="json"),
        "differences_total": found.differences_total,
        "differences": [difference.model_dump(mode="json") for difference in found.differences],
    }


def _tell(outcome: RebuildOutcome, found: _Found, *, file: Path | None) -> None:
    """Say for people what was compared, what differed, and what was done about it."""
    if found.differences:
        rows = [[shown(cell) for cell in _cells(d)] for d in found.differences[:SHOWN_MAX]]
        print_table("", list(HEADINGS), rows)
        if found.differences_total > SHOWN_MAX:
            where = "--differences FILE writes them all" if file is None else f"all are in {file}"
            say(f"{number(found.differences_total)} differences in all; {where}.")
    rows_total = sum(outcome.rows.values())
    say(
        f"Folded {number(outcome.entries)} entries of {number(outcome.citizens)} citizens into "
        f"{number(rows_total)} rows in {outcome.seconds:.1f} s, and compared each with what is "
        "kept."
    )
    say(_verdict(sum(outcome.differing.values()), outcome))


def _verdict(differing: int, outcome: RebuildOutcome) -> str:
    if not outcome.switched:
        return (
            f"{number(differing)} rows differ; nothing was changed."
            if differing
            else "Every row is as the journal gives it; nothing was changed."
        )
    mended = (
        f"{number(differing)} rows were wrong and are mended." if differing else "None differed."
    )
    waited = f"who writes waited {outcome.writers_waited_s:.2f} s."
    return f"{mended} The new rows have taken over; {waited}"
