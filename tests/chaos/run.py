"""`make chaos`: a municipality at work on a real stack, while everything is killed.

Ends with a table of what was done and how fast it was over, and with 1 if anything is lost,
double or wrong.
"""

import argparse
import datetime as dt
import random
import signal
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table

from deploy.local.settings import SERVICES
from deploy.local.stack import Stack
from tests.chaos.caller import Caller
from tests.chaos.commands import Answered, Book, Command, Service
from tests.chaos.disks import small_disks
from tests.chaos.evidence import Witness
from tests.chaos.faults import CutKafka, resume_all
from tests.chaos.judge import judge
from tests.chaos.municipality import Municipality
from tests.chaos.oracle import CAPS, expect
from tests.chaos.recovery import READERS
from tests.chaos.storm import Counts, Storm, Weathered
from tests.e2e.command import Frikort

QUIET_S = 120.0
REPEATED_MAX = 100
PROGRAMS = ["kafka", "postgres", *SERVICES]


@dataclass(slots=True)
class Outcome:
    """What came of a run."""

    weathered: list[Weathered]
    wrong: list[str]
    commands: Counter[str] = field(default_factory=Counter)
    sent_again: Counter[str] = field(default_factory=Counter)


def run(
    home: Path,
    *,
    seed: int,
    counts: Counts,
    lasting_s: float,
    say: Callable[[str], None],
    enough: threading.Event | None = None,
) -> Outcome:
    """Run a storm on a stack of its own, then judge it.

    Nothing is begun after `lasting_s`, in which the stack's start counts too, nor once it is
    `enough`; but each part has its first fault.
    """
    until = time.monotonic() + lasting_s
    enough = enough or threading.Event()
    environment = {"FRIKORT_NOTIFICATIONS_STALE_AFTER_DAYS": "0"}
    with small_disks(home, environment, say) as (stack, disks), _calls(stack) as caller:
        say(f"up on port {stack.settings.port_base}; seed {seed}")
        _set_caps(caller)
        municipality = Municipality(caller, seed)
        cuts_kafka = CutKafka.is_possible()
        if not cuts_kafka:
            say("connections to Kafka are not cut: that takes root, ss and a kernel that can")
        storm = Storm(stack, caller, municipality, seed, counts, disks, cuts_kafka, say)
        municipality.start()
        try:
            storm.rage(is_over=lambda: enough.is_set() or time.monotonic() > until)
        except BaseException:
            caller.given_up.set()
            raise
        finally:
            resume_all(stack, PROGRAMS)
            municipality.stop()
        wrong = [_told(error) for error in (*storm.failures, *municipality.failures)]
        if not wrong:
            wrong += _judged(stack, caller, say)
        return Outcome(
            weathered=storm.weathered,
            wrong=wrong,
            commands=Counter(one.command.kind for one in caller.book.answered),
            sent_again=caller.unanswered,
        )


def _told(error: BaseException) -> str:
    return f"{type(error).__name__}: {error} {' '.join(getattr(error, '__notes__', ()))}"


def _judged(stack: Stack, caller: Caller, say: Callable[[str], None]) -> list[str]:
    """Wait until all is applied, then compare with what must be."""
    say("the storm is over; waiting until all is applied")
    for answered in caller.book.answered[:: max(1, len(caller.book.answered) // REPEATED_MAX)]:
        caller.repeat(answered)
    witness = Witness(stack)
    deadline = time.monotonic() + QUIET_S
    while not (_all_applied(caller) and witness.is_quiet()):
        if time.monotonic() > deadline:
            return [f"not applied within {QUIET_S:.0f} s: {_unapplied(caller)}"]
        time.sleep(0.2)
    say("comparing with the naive ledger")
    expected = expect(caller.book, dt.datetime.now(dt.UTC))
    wrong = judge(caller.book, expected, witness.gather())
    verified = Frikort.of(stack)("ledger", "verify")
    if verified.status:
        wrong.append(f"ledger verify: {verified.status} {verified.out} {verified.err}")
    return wrong


def _all_applied(caller: Caller) -> bool:
    return not _unapplied(caller)


def _unapplied(caller: Caller) -> list[str]:
    """Name the last facts of citizens that a reader has not applied yet."""
    return [
        f"{one.command.kind} {one.command.key} at {reader}"
        for service in READERS
        for reader in READERS[service]
        for one in caller.unapplied(reader, _last(caller.book, service), wait_s=3)
    ]


def _last(book: Book, service: Service) -> list[Answered]:
    newest: dict[str, Answered] = {}
    for one in book.accepted(service):
        if one.version > (newest[one.citizen_id].version if one.citizen_id in newest else 0):
            newest[one.citizen_id] = one
    return list(newest.values())


@contextmanager
def _calls(stack: Stack) -> Iterator[Caller]:
    caller = Caller({name: stack.service_url(name) for name in SERVICES}, Book())
    try:
        yield caller
    finally:
        caller.close()


def _set_caps(caller: Caller) -> None:
    for number, (year, amount_ore, in_force_from, known_at) in enumerate(CAPS):
        body = {
            "amount_ore": amount_ore,
            "in_force_from": in_force_from,
            "known_at": known_at,
            "legal_basis": "for the tests",
        }
        caller.call(
            Command(
                service="allowance",
                kind="cap",
                path=f"/v1/caps/{year}",
                body=body,
                key=f"cap-{number}",
                method="PUT",
            ),
            random.Random(number),  # noqa: S311 - a seed reproduces it
        )


def summary(weathered: Sequence[Weathered]) -> Table:
    """Give the table: per fault how often, and how long until a fresh command had its effect."""
    table = Table("fault", *("times", "p50 s", "max s", "alone", "p50 alone s"))
    by_name: defaultdict[str, list[Weathered]] = defaultdict(list)
    for one in weathered:
        by_name[one.name].append(one)
    for name, found in sorted(by_name.items()):
        seconds = [one.recovery_s for one in found]
        alone = [one.recovery_s for one in found if one.was_alone]
        table.add_row(
            name,
            str(len(found)),
            f"{statistics.median(seconds):.1f}",
            f"{max(seconds):.1f}",
            str(len(alone)),
            f"{statistics.median(alone):.1f}" if alone else "",
        )
    return table


def main() -> int:
    """Run until the counts are reached or time is up; give 1 if anything is wrong."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--kills", type=int, default=100)
    asked.add_argument("--pauses", type=int, default=100)
    asked.add_argument("--kafka-kills", type=int, default=30)
    asked.add_argument("--others", type=int, default=10)
    asked.add_argument("--seed", type=int, default=1)
    asked.add_argument("--minutes", type=float, default=180)
    asked.add_argument("--at-once", type=int, default=3)
    given = asked.parse_args()
    counts = Counts(
        kills=given.kills,
        pauses=given.pauses,
        kafka_kills=given.kafka_kills,
        others=given.others,
        at_once=given.at_once,
    )
    enough = threading.Event()

    def end(*_: object) -> None:
        """Judge what was done by now; when told again, end at once."""
        if enough.is_set():
            sys.exit("told to end")
        enough.set()

    for told in (signal.SIGINT, signal.SIGTERM):
        signal.signal(told, end)
    console = Console()
    began = time.monotonic()

    def say(words: str) -> None:
        console.print(f"[{time.monotonic() - began:6.0f} s] {words}", markup=False)

    with tempfile.TemporaryDirectory(prefix="frikort-chaos-") as folder:
        outcome = run(
            Path(folder) / "home",
            seed=given.seed,
            counts=counts,
            lasting_s=given.minutes * 60,
            say=say,
            enough=enough,
        )
    console.print(summary(outcome.weathered))
    say(f"commands answered: {sum(outcome.commands.values())} {dict(outcome.commands)}")
    say(f"sent again because: {dict(outcome.sent_again)}")
    for words in outcome.wrong:
        say(f"WRONG: {words}")
    say("zero lost, zero double" if not outcome.wrong else f"{len(outcome.wrong)} findings")
    return 1 if outcome.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
