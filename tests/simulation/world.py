"""What surrounds the real code in a run: chance, the clock, processes, and what goes wrong.

All chance comes from one seed, and every wait for a server is a place where something may go
wrong: the process dies, the connection breaks before the server acted or after.
"""

import asyncio
import datetime as dt
import hashlib
import random
from collections import Counter
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Literal

from tests.simulation.loop import VirtualLoop

START = dt.datetime(2024, 3, 1, 8, tzinfo=dt.UTC)
Mishap = Literal["kill", "lose-request", "lose-answer", "pause", "restart-server"]
MISHAPS: tuple[Mishap, ...] = ("kill", "lose-request", "lose-answer", "pause", "restart-server")
TELLING = ("init", "send", "commit", "abort")
TELLING_SHARE = 4
"""What relays do with Kafka is a small part of all that is done; more goes wrong there."""
RTT_S = (0.0002, 0.004)
SLOW_S = 0.6
PAUSE_S = (0.5, 6.0)
LONG_PAUSE_S = 35.0
"""Longer than a transaction may last."""


class Killed(BaseException):
    """Ends what a killed process still has under way; no server hears of it."""


@dataclass(eq=False)
class Process:
    """One instance of the service; when it dies its connections do, and no `finally` acts."""

    name: str
    alive: bool = True
    paused_until: float = 0.0
    tasks: dict[asyncio.Task[Any], None] = field(default_factory=dict)
    at_end_of_line: list[Callable[[], None]] = field(default_factory=list)

    def require_alive(self) -> None:
        if not self.alive:
            raise Killed

    def kill(self) -> None:
        """End it as SIGKILL does: what the servers have not got by now they never get."""
        if not self.alive:
            return
        self.alive = False
        for task in self.tasks:
            task.cancel()
        self.cut_off()

    def cut_off(self) -> None:
        """Have the database hang up; what it talks about with Kafka goes on."""
        dropping, self.at_end_of_line = self.at_end_of_line, []
        for drop in dropping:
            drop()


_process: ContextVar[Process | None] = ContextVar("process", default=None)


def this_process() -> Process:
    """Give the process that what runs now is part of."""
    process = _process.get()
    assert process is not None
    return process


class World:
    """Chance, time and trace of one run."""

    def __init__(self, seed: int) -> None:
        self.loop = VirtualLoop()  # type: ignore[abstract]  # it opens no files
        self.chance = random.Random(seed)  # noqa: S311 - repeatable is what it is for
        self.loop.started = self._adopt
        self.trace: list[str] = []
        self.met: Counter[str] = Counter()
        self.processes: list[Process] = []
        self.mishap_share = self.chance.choice((0.0, 0.01, 0.03, 0.08))
        self.mishaps_left = self.chance.randint(1, 12)
        self.slow_share = self.chance.choice((0.0, 0.05, 0.2))

    def note(self, what: str) -> None:
        self.trace.append(what)

    def digest(self) -> str:
        return hashlib.sha256("\n".join(self.trace).encode()).hexdigest()

    def calm(self) -> None:
        """Let nothing go wrong from now on."""
        self.mishap_share = self.slow_share = 0.0

    def within(self, process: Process) -> None:
        """Make what runs from here on part of a process."""
        self.processes.append(process)
        _process.set(process)

    async def travel(self, process: Process, what: str) -> Mishap | None:
        """Take a request to a server, unless something goes wrong; say what will have to.

        Raises:
            Killed: the process is dead.
        """
        process.require_alive()
        mishap = self._draw_mishap(TELLING_SHARE if what.startswith(TELLING) else 1)
        delay = self.chance.uniform(*RTT_S)
        if self.slow_share and self.chance.random() < self.slow_share:
            delay = self.chance.uniform(0, SLOW_S)
        if mishap == "pause":
            self.pause(process)
        await self.pass_time(max(delay, process.paused_until - self.loop.time()))
        process.require_alive()
        if mishap is not None:
            self.met[mishap] += 1
        if mishap == "kill":
            self.note(f"{process.name} {what}: killed")
            process.kill()
            raise Killed
        self.note(f"{process.name} {what} {mishap or ''}")
        return mishap

    async def answer(self, process: Process) -> None:
        """Bring a server's answer to a process, which may be stopped when it comes."""
        process.require_alive()
        if process.paused_until > self.loop.time():
            await self.pass_time(process.paused_until - self.loop.time())
            process.require_alive()

    async def pass_time(self, seconds: float) -> None:
        future = self.loop.create_future()
        call = self.loop.call_later(seconds, _settle, future)
        try:
            await future
        finally:
            call.cancel()

    def _draw_mishap(self, times: int) -> Mishap | None:
        if not self.mishap_share or self.mishaps_left == 0:
            return None
        if self.chance.random() >= self.mishap_share * times:
            return None
        self.mishaps_left -= 1
        return self.chance.choice(MISHAPS)

    def pause(self, process: Process) -> None:
        """Stop a process for a while; the database may find that it has gone."""
        long = self.chance.random() < 0.1
        lasts_s = LONG_PAUSE_S if long else self.chance.uniform(*PAUSE_S)
        process.paused_until = self.loop.time() + lasts_s
        if self.chance.random() < 0.6:
            process.cut_off()

    def _adopt(self, task: asyncio.Task[Any]) -> None:
        process = _process.get()
        if process is not None:
            process.tasks[task] = None
            task.add_done_callback(lambda done: process.tasks.pop(done, None))


class Clock:
    """A process's clock: the virtual time, wrong by as much as clocks are."""

    def __init__(self, loop: VirtualLoop, skew_s: float) -> None:
        self._loop = loop
        self._skew_s = skew_s

    def now(self) -> dt.datetime:
        return START + dt.timedelta(microseconds=round((self._loop.time() + self._skew_s) * 1e6))

    def monotonic(self) -> float:
        return self._loop.time()

    time = monotonic


def _settle(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
