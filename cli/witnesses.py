"""What `frikort ledger verify` asks beside the journal itself: checkpoints, keys, and the topics.

A ledger that agrees with itself may have been rewritten as a whole. What others hold says so:
a second party's heads and keys, and the sources' topics.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.checkpoints import Held, Report
from cli.completeness import Completeness
from cli.errors import TransientError
from cli.heads import check_heads
from cli.journal import auditor
from cli.lanes import compare_topics
from cli.output import number, say
from cli.proof import Fault
from cli.settings import kafka_servers

HeadsFile = Annotated[
    Path | None, typer.Option("--heads", help="Checkpoints that a second party keeps.")
]
KeysFile = Annotated[
    Path | None, typer.Option("--keys", help="Public signing keys that are kept elsewhere.")
]
Topics = Annotated[
    bool | None,
    typer.Option(
        "--topics/--no-topics",
        help="Compare with the sources' topics; left out, where Kafka answers.",
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Witnesses:
    """What was compared; `topics` is None where they were not, and `why_not` says why."""

    report: Report
    held: Held
    topics: Completeness | None
    why_not: str

    @property
    def faults(self) -> list[Fault]:
        """What was wrong, as far as it is kept."""
        return [*self.report.faults, *(self.topics.faults if self.topics else [])]

    @property
    def faults_total(self) -> int:
        """How much was wrong."""
        return self.report.faults_total + (len(self.topics.faults) if self.topics else 0)

    def summary(self) -> dict[str, Any]:
        """Give it for programs."""
        report = self.report
        return {
            "checkpoints": report.checkpoints,
            "keys": report.keys,
            "keys_held_elsewhere": self.held.keys is not None,
            "entries_younger": report.younger,
            "heads_held_elsewhere": report.heads,
            "entries_younger_than_held": report.younger_than_held,
            "topic_records": None if self.topics is None else self.topics.records,
        }

    def tell(self) -> None:
        """Say it for people."""
        report = self.report
        trusted = "given" if self.held.keys is not None else "taken from the database itself"
        say(
            f"Checkpoints {number(report.checkpoints)}, every root and signature as it should be; "
            f"the first key was {trusted}. Entries after the last one: {number(report.younger)}."
            if report.checkpoints
            else "There is no checkpoint: take one with `frikort ledger checkpoint`."
        )
        if self.held.heads is None:
            say("No head kept elsewhere was given (--heads): a history rewritten whole would pass.")
        else:
            say(
                f"Heads kept elsewhere {number(report.heads)}, as they are here. Entries younger "
                f"than the last of them: {number(report.younger_than_held)}."
            )
        if self.topics is None:
            say(f"Not compared with the sources' topics: {self.why_not}.")
        else:
            say(
                f"Records of the sources' topics {number(self.topics.records)}, each accounted for."
            )


def ask_witnesses(environment: Mapping[str, str], held: Held, *, topics: bool | None) -> Witnesses:
    """Check the checkpoints, and compare with the topics unless that is not wanted.

    Raises:
        TransientError: the database does not answer; or Kafka, where `topics` is True.
    """
    compared, why_not = None, "as asked"
    with auditor(environment) as connection:
        report = check_heads(connection, held)
        if topics is not False:
            try:
                compared = compare_topics(connection, _kafka(environment))
            except TransientError as error:
                if topics:
                    raise
                why_not = str(error)
    return Witnesses(report=report, held=held, topics=compared, why_not=why_not)


def _kafka(environment: Mapping[str, str]) -> str:
    servers = kafka_servers(environment)
    if servers is None:
        raise TransientError("where Kafka is, is not known: set FRIKORT_KAFKA")
    return servers
