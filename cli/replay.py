"""`frikort ledger replay`: decide every wage again, and compare with what was decided."""

import csv
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from cli import options
from cli.journal import ENTRIES_WORTH_COMPILING, work_through
from cli.output import JsonFlag, kroner, number, print_json, print_table, say
from cli.progress import Phases, compile_with, show_progress
from cli.replay_decide import Difference
from cli.replay_fold import Replayed, Selection
from cli.replay_rules import last_instant
from cli.replay_sources import (
    Source,
    journal_source,
    pack_source,
    replay_piece,
    replay_piece_in_bulk,
)
from cli.replay_topics import moment_text, replay_partition, topic_pieces

DIFFERENCES_KEPT_MAX: Final = 1000
DIFFERENCES_SHOWN: Final = 20
CELL_MAX: Final = 60


class From(StrEnum):
    """Where the sources and the decisions are read."""

    JOURNAL = "journal"
    TOPICS = "topics"


@dataclass(slots=True)
class Outcome:
    """What came out in all; of the differences the first are kept, all are counted."""

    total: Replayed = field(default_factory=Replayed)
    differences: list[Difference] = field(default_factory=list)
    differences_total: int = 0

    def add(self, replayed: Replayed) -> None:
        """Add a piece."""
        self.total.add(replayed)
        self.differences_total += len(replayed.differences)
        room = DIFFERENCES_KEPT_MAX - len(self.differences)
        self.differences += replayed.differences[:room]


def replay(
    *,
    source: Annotated[From, typer.Option("--from", help="Where to read.")] = From.JOURNAL,
    pack: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", exists=True, file_okay=False, help="Read an audit pack instead."
        ),
    ] = None,
    card: Annotated[
        str | None,
        typer.Option(metavar="CARD_NO", parser=options.card_no, help="One card's holder alone."),
    ] = None,
    municipality: Annotated[
        str | None, options.text_option("One municipality's entries alone.", "CODE")
    ] = None,
    as_of: Annotated[str | None, options.date_option("Count payments up to this day.")] = None,
    known_at: Annotated[str | None, options.moment_option("Count what was known by then.")] = None,
    differences: Annotated[
        Path | None,
        typer.Option(metavar="FILE", dir_okay=False, help="Write the differences as CSV."),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Decide every wage again with the rules as known then; exit 1 if anything differs.

    Decisions are made again from the sources that the entries carry, or from those on the topics.
    """
    selection = Selection(
        card_no=card,
        municipality_code=municipality,
        as_of=as_of,
        known_at=_last_instant(known_at),
    )
    if pack is not None and source is not From.JOURNAL:
        raise typer.BadParameter("--pack has its own entries: leave out --from")
    outcome = Outcome()
    with show_progress() as phases, _csv(differences) as write:
        for replayed in _replayed(os.environ, source, pack, selection, phases):
            outcome.add(replayed)
            write(replayed.differences)
    if as_json:
        print_json(_summary(outcome))
    else:
        tell(outcome)
    if outcome.differences_total:
        raise typer.Exit(1)


def replay_journal(
    environment: Mapping[str, str],
    selection: Selection,
    *,
    bulk_from: int = ENTRIES_WORTH_COMPILING,
) -> Outcome:
    """Replay the journal; in bulk from so many entries on.

    Raises:
        TransientError: the database is not known or does not answer.
        Rejection: the ledger has no such card.
    """
    outcome = Outcome()
    with show_progress() as phases, journal_source(environment, selection) as found:
        for replayed in _entries(found, selection, phases, bulk_from):
            outcome.add(replayed)
    return outcome


def _replayed(
    environment: Mapping[str, str],
    source: From,
    pack: Path | None,
    selection: Selection,
    phases: Phases,
) -> Iterator[Replayed]:
    """Give piece after piece, and say how far it is."""
    if source is From.TOPICS:
        work = topic_pieces(environment, selection)
        phases.start("Replaying partitions", len(work))
        for done, replayed in enumerate(work_through(replay_partition, work), start=1):
            phases.reach(done)
            yield replayed
        return
    opened = (
        journal_source(environment, selection)
        if pack is None
        else nullcontext(pack_source(pack, selection))
    )
    with opened as found:
        yield from _entries(found, selection, phases, ENTRIES_WORTH_COMPILING)


def _entries(
    source: Source, selection: Selection, phases: Phases, bulk_from: int
) -> Iterator[Replayed]:
    in_bulk = source.entries >= bulk_from and _prepare_bulk(selection, phases)
    phases.start("Replaying", source.entries)
    read = 0
    task = replay_piece_in_bulk if in_bulk else replay_piece
    for replayed in work_through(task, source.work):
        read += replayed.read
        phases.reach(read)
        yield replayed


def _prepare_bulk(selection: Selection, phases: Phases) -> bool:
    """Compile the replay in bulk if that was not done before; tell whether it is of use."""
    from cli import replay_bulk as bulk  # noqa: PLC0415 - the compiler is slow to load

    if not (bulk.IS_POSSIBLE and bulk.is_bulk(selection)):
        return False
    compile_with(phases, bulk.compile_now)
    return True


def tell(outcome: Outcome) -> None:
    """Say for people what was decided again, and what differs."""
    total = outcome.total
    rows = [
        [str(year), kroner(total.covered_ore[year]), kroner(total.excess_ore[year])]
        for year in sorted({*total.covered_ore, *total.excess_ore})
    ]
    rows.append(["all", kroner(total.covered_ore.total()), kroner(total.excess_ore.total())])
    print_table("", ["year", "covered", "excess"], rows)
    if outcome.differences:
        cells = [[_short(str(c)) for c in d] for d in outcome.differences[:DIFFERENCES_SHOWN]]
        print_table("Differences", [name.replace("_", " ") for name in Difference._fields], cells)
    waiting = f", not decided yet {number(total.waiting)}" if total.waiting else ""
    say(
        f"Replayed: entries {number(total.entries)} of citizens {number(total.citizens)}, "
        f"decided again {number(total.decisions)}{waiting}. "
        f"Differences: {number(outcome.differences_total)}."
    )


def _summary(outcome: Outcome) -> dict[str, Any]:
    total = outcome.total
    return {
        "same": outcome.differences_total == 0,
        "entries": total.entries,
        "citizens": total.citizens,
        "decided": total.decisions,
        "waiting": total.waiting,
        "covered_ore": total.covered_ore.total(),
        "excess_ore": total.excess_ore.total(),
        "years": {
            str(year): {
                "covered_ore": total.covered_ore[year],
                "excess_ore": total.excess_ore[year],
            }
            for year in sorted({*total.covered_ore, *total.excess_ore})
        },
        "differences_total": outcome.differences_total,
        "differences": [difference._asdict() for difference in outcome.differences],
    }


@contextmanager
def _csv(path: Path | None) -> Iterator[Callable[[list[Difference]], object]]:
    """Open the file of differences, its heading written; without a path nothing is written."""
    if path is None:
        yield len
        return
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(Difference._fields)
        yield writer.writerows


def _short(text: str) -> str:
    return text if len(text) <= CELL_MAX else f"{text[: CELL_MAX - 1]}…"


def _last_instant(text: str | None) -> str | None:
    """Read a date as its last instant in Denmark, a time with its offset as it is."""
    if text is None:
        return None
    return moment_text(text) if "T" in text else last_instant(text)
