"""What a run is about: a few citizens' events as grants and payroll write them, and the law.

Everything is written beforehand; the run decides when it comes, in which order between the
topics, and how often.
"""

import datetime as dt
import random
from dataclasses import dataclass, field
from typing import Any

from frikort_contracts.topics import GRANTS, PAYROLL
from services.chassis.inbox import Message
from tests.simulation.world import START
from tests.unit.ledger_writer import EMPLOYERS, MUNICIPALITIES, Writer
from tests.unit.naive_ledger import NaiveCap, NaiveLaw

YEARS = (2022, 2023)
CAPS_ORE = (20_000_00, 40_000_00)
AMOUNTS_ORE = (1, 4_000_00, 10_000_00, 19_999_99, 25_000_00, 40_000_00)
CHANGES = ("deactivated", "reactivated", "overturned", "transferred", "closed")
DAYS = (1, 15, 28)
CAP_KNOWN_AT = dt.datetime(2018, 6, 8, tzinfo=dt.UTC)
NAMES = 40
LATE_BY_MAX = 12


@dataclass(slots=True)
class Written:
    """One event: as it is sent, and as the naive ledger is told of it."""

    message: Message
    meant: Any
    writer: Writer


@dataclass(slots=True)
class Workload:
    """The citizens, their events by topic in the order of writing, and the law over them."""

    law: NaiveLaw
    late_caps: list[NaiveCap]
    closings: list[tuple[str, int]]
    writers: list[Writer]
    events: dict[str, list[Written]] = field(
        default_factory=lambda: {GRANTS.name: [], PAYROLL.name: []}
    )

    in_order: bool = True
    """Whether each citizen's events come in the order of each topic."""

    def by_source(self) -> dict[str, Written]:
        """Give every event by its identity."""
        every = (written for events in self.events.values() for written in events)
        return {w.message.headers["ce_id"].decode(): w for w in every}


def write_workload(chance: random.Random) -> Workload:
    """Write two to four citizens' events, ten to sixty in all."""
    caps = [
        NaiveCap(year, chance.choice(CAPS_ORE), dt.date(year, 1, 1), CAP_KNOWN_AT) for year in YEARS
    ]
    late = [cap for cap in caps if chance.random() < 0.15]
    closings = [(town, YEARS[0]) for town in MUNICIPALITIES if chance.random() < 0.15]
    names = chance.sample(range(NAMES), chance.randint(2, 4))
    writers = [Writer(f"citizen {name}", f"{name:05d}") for name in names]
    workload = Workload(NaiveLaw(START, caps), late, closings, writers)
    for writer in writers:
        writer.recorded_at = START - dt.timedelta(days=1)
        writer.issue(_day(chance, YEARS[:1]))
        _collect(workload, writer)
    for _ in range(chance.randint(8, 14) * len(writers)):
        writer = chance.choice(writers)
        if chance.random() < 0.6:
            writer.recorded_at += dt.timedelta(hours=chance.randint(1, 20))
        _write(chance, writer)
        _collect(workload, writer)
    if chance.random() < 0.3:
        _delay_one(chance, workload.events[chance.choice([GRANTS.name, PAYROLL.name])])
        workload.in_order = False
    return workload


def _delay_one(chance: random.Random, events: list[Written]) -> None:
    """Let an event come behind later ones, its citizen's too: those are set aside."""
    at = chance.randrange(len(events))
    late = events.pop(at)
    events.insert(at + chance.randint(1, LATE_BY_MAX), late)


def _write(chance: random.Random, writer: Writer) -> None:
    """Write one event more, or none if what was drawn cannot be."""
    kind = chance.choices(("pay", "change", "take back", "employ"), (55, 20, 13, 12))[0]
    day = _day(chance, YEARS)
    if kind == "change":
        change = chance.choice(CHANGES)
        if writer.may_change(change, day):
            writer.change(change, day)
        return
    if chance.random() < 0.6:
        writer.seen_by_payroll = chance.randint(writer.seen_by_payroll, len(writer.grants))
    if kind == "pay":
        employer = chance.choice(["somewhere", *writer.employments])
        writer.pay(day, chance.choice(AMOUNTS_ORE), employer, writer.recorded_at)
    elif kind == "take back":
        left = [wage for name, wage in writer.wages.items() if name not in writer.reversed]
        if left:
            writer.take_back(chance.choice(left))
    else:
        _employ(chance, writer, day)


def _employ(chance: random.Random, writer: Writer, day: dt.date) -> None:
    name = f"{chance.choice(EMPLOYERS)} of {writer.card_no}"
    if name not in writer.employments:
        writer.employ(name, day, None)
    elif day >= (writer.employments[name].starts_on or day):
        writer.end(name, day)


def _collect(workload: Workload, writer: Writer) -> None:
    for topic, queue in writer.queues.items():
        while queue:
            workload.events[topic].append(Written(*queue.popleft(), writer))


def _day(chance: random.Random, years: tuple[int, ...]) -> dt.date:
    return dt.date(chance.choice(years), chance.randint(1, 12), chance.choice(DAYS))
