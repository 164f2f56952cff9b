"""One run: a seed, the real ledger in several processes, everything that goes wrong, the judge."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any
from unittest import mock

from aiokafka import TopicPartition

from frikort_contracts.topics import ALLOWANCE, relay_positions
from services.chassis import consumer as consumer_module
from services.chassis import relay as relay_module
from tests.simulation.database import Database
from tests.simulation.groups import Group, Member
from tests.simulation.judge import account_problem, judge
from tests.simulation.kafka import Broker
from tests.simulation.kafka_clients import Producer, Reader
from tests.simulation.service import Surroundings, may_end, serve, set_rules
from tests.simulation.statements import Key, Row
from tests.simulation.upstream import Upstream
from tests.simulation.workload import Workload, write_workload
from tests.simulation.world import Clock, Process, World, this_process
from tests.unit.naive_ledger import NaiveCap, NaiveClosing

SETTLE_MAX_S = 240.0
LOOK_EVERY_S = 0.2
RESTART_S = (0.05, 1.0)
SESSION_S = 3.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run showed: its seed, what is wrong, and its trace with a digest."""

    seed: int
    problems: list[str]
    trace: list[str]
    digest: str
    met: dict[str, int]


def simulate(seed: int) -> Outcome:
    """Run one seed to its end."""
    run = Run(seed)
    with run.in_place():
        try:
            run.world.loop.run(run.go())
        except Exception as error:  # noqa: BLE001 - whatever it is, the seed must be told
            run.problems.append(f"the run broke: {error!r}")
    run.bury()
    world = run.world
    return Outcome(seed, run.problems, world.trace, world.digest(), dict(world.met))


def simulate_lightly(seed: int) -> Outcome:
    """Run one seed; leave out the trace, which can be had again."""
    return replace(simulate(seed), trace=[])


class Run:
    """The parts of a run, and its course."""

    def __init__(self, seed: int) -> None:
        self.world = World(seed)
        self.problems: list[str] = []
        self.workload: Workload = write_workload(self.world.chance)
        self.database = Database(self.world)
        self.database.committed = self._look_at_account
        self.broker = Broker(self.world)
        self.group = Group(self.broker)
        self.upstreams = {t: Upstream(self.world, self.broker, t) for t in self.workload.events}
        self.processes: dict[str, Process] = {}
        self.surroundings = Surroundings(
            self.world,
            self.database,
            self.group,
            relay_shares=self.world.chance.choice((1, 1, 2)),
            releases=bool(self.workload.late_caps),
            redrives=not self.workload.in_order,
        )
        self._tasks: list[asyncio.Task[Any]] = []

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Put clients, clock and log of the run where the real code reaches for them."""
        clock = Clock(self.world.loop, 0.0)
        silent = _Silent(self.world)
        with (
            mock.patch.object(relay_module, "AIOKafkaProducer", self._make_producer),
            mock.patch.object(relay_module, "AIOKafkaConsumer", self._make_reader),
            mock.patch.object(relay_module, "time", clock),
            mock.patch.object(relay_module, "log", silent),
            mock.patch.object(consumer_module, "time", clock),
            mock.patch.object(consumer_module, "log", silent),
        ):
            yield

    async def go(self) -> None:
        world, chance = self.world, self.world.chance
        late = [cap for cap in self.workload.law.caps if cap in self.workload.late_caps]
        share, world.mishap_share = world.mishap_share, 0.0
        await self._set_rules([c for c in self.workload.law.caps if c not in late])
        world.mishap_share = share
        lasts_s = chance.uniform(0.5, 6.0)
        instances = chance.randint(1, 3)
        self._tasks = [
            asyncio.create_task(self._supervise(f"ledger-{n}")) for n in range(instances)
        ]
        sending = [
            asyncio.create_task(upstream.run(self.workload.events[topic], within_s=lasts_s))
            for topic, upstream in self.upstreams.items()
        ]
        self._tasks.append(asyncio.create_task(self._trouble(lasts_s)))
        await world.pass_time(lasts_s)
        if late:
            await self._set_rules(late)
        await asyncio.gather(*sending)
        world.calm()
        await self._settle()
        produced = {k: v for u in self.upstreams.values() for k, v in u.produced().items()}
        self.problems += judge(self.workload, produced, self.database, self.broker)

    def _make_producer(self, **told: Any) -> Producer:
        return Producer(self.broker, this_process(), **told)

    def _make_reader(self, **told: Any) -> Reader:
        return Reader(self.broker, this_process(), **told)

    def bury(self) -> None:
        """End what is left of the processes, so that nothing of a run outlives it."""
        for process in self.world.processes:
            process.kill()
        for task in self._tasks:
            task.cancel()
        self.world.loop.drain()

    async def _settle(self) -> None:
        """Wait until everything is entered and told."""
        deadline = self.world.loop.time() + SETTLE_MAX_S
        while not self._is_settled():
            if self.world.loop.time() > deadline or self.problems:
                self.problems.append("it does not come to rest")
                return
            await self.world.pass_time(LOOK_EVERY_S)

    def _is_settled(self) -> bool:
        produced = {k: v for u in self.upstreams.values() for k, v in u.produced().items()}
        seen = {
            (r["topic"], r["partition"]): r["last_seq"]
            for r in self.database.rows("inbox_positions")
        }
        if any(seen.get(lane) != number for lane, number in produced.items()):
            return False
        if self.database.rows("held_messages"):
            return False
        entered = {
            r["partition"]: r["journal_seq"] for r in self.database.rows("ledger_partitions")
        }
        return all(self._told(p) >= seq for p, seq in entered.items() if seq)

    def _told(self, partition: int) -> int:
        """Give how far a partition of the journal has been told, as the relay's marks say."""
        key = f"{ALLOWANCE.name}:{partition}".encode()
        marks = [
            record.value or b""
            for record in self.broker.committed(
                TopicPartition(relay_positions("allowance").name, 0)
            )
            if record.key == key
        ]
        return int(json.loads(marks[-1])["position"]) if marks else 0

    async def _supervise(self, name: str) -> None:
        """Keep an instance running: start it again whenever it has ended."""
        while True:
            process = self.processes[name] = Process(name)
            await asyncio.create_task(self._serve(process))
            process.kill()
            member = self.group.members.get(name)
            self.world.loop.call_later(
                self.world.chance.uniform(0, SESSION_S), self._expire, member
            )
            await self.world.pass_time(self.world.chance.uniform(*RESTART_S))

    def _expire(self, member: Member | None) -> None:
        if member is not None and self.group.members.get(member.process.name) is member:
            self.group.leave(member.process.name)

    async def _serve(self, process: Process) -> None:
        ended = await serve(process, self.surroundings)
        for error in ended:
            if process.alive and not may_end(error):
                self.problems.append(f"{process.name} ended: {error!r}")
            self.world.note(f"{process.name} ended: {type(error).__name__}")

    async def _set_rules(self, caps: list[NaiveCap]) -> None:
        """Set caps, and before anything else close years; tell the naive law of the closings."""
        closings = [] if self.database.rows("rules") else self.workload.closings
        await set_rules(self.surroundings, caps, closings)
        self.workload.law.closings = [
            NaiveClosing(row["rule_key"].split(":")[1], row["year"], row["recorded_at"])
            for row in self.database.rows("rules")
            if row["type"] == "year-closed"
        ]

    async def _trouble(self, lasts_s: float) -> None:
        """Do what happens to instances and servers whatever they are doing."""
        world, chance = self.world, self.world.chance
        if not world.mishap_share:
            return
        every_s = chance.uniform(0.1, 1.5)
        while world.loop.time() < lasts_s:
            await world.pass_time(chance.expovariate(1 / every_s))
            process = self.processes[chance.choice(sorted(self.processes))]
            what = chance.choice(("evict", "cut", "restart", "kill", "pause"))
            world.note(f"trouble: {what} {process.name}")
            world.met[f"trouble: {what}"] += 1
            match what:
                case "evict":
                    self._evict(process)
                case "cut":
                    process.cut_off()
                case "restart":
                    self.database.restart()
                case "kill":
                    process.kill()
                case _:
                    world.pause(process)
                    self._evict(process)

    def _evict(self, process: Process) -> None:
        """Have the group go on without a member, which learns of it later and comes back."""
        member = self.group.members.get(process.name)
        if member is not None and len(self.group.members) > 1:
            self.group.leave(process.name)
            back_s = self.world.chance.uniform(0.2, SESSION_S)
            self.world.loop.call_later(back_s, self._rejoin, member)

    def _rejoin(self, member: Member) -> None:
        if member.process.name not in self.group.members:
            self.group.join(member)

    def _look_at_account(self, changes: Mapping[str, Mapping[Key, Row | None]]) -> None:
        """Check after every commit that the partitions it touched add up."""
        for row in changes.get("held_messages", {}).values():
            if row is not None:
                self.world.met["parked" if row["parked"] else row["reason"]] += 1
        lanes = changes.get("inbox_positions")
        if lanes:
            held = Counter(
                (r["topic"], r["partition"]) for r in self.database.rows("held_messages")
            )
            for lane, row in lanes.items():
                problem = None if row is None else account_problem(row, held[lane])
                if problem:
                    self.problems.append(problem)


class _Silent:
    """The log, kept in the trace."""

    def __init__(self, world: World) -> None:
        self._world = world

    def info(self, event: str, **about: object) -> None:
        self._world.note(f"{event} {about}")

    warning = error = info
