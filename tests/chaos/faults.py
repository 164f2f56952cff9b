"""What is done to the processes of a running stack. Each fault knows how it begins and ends.

Processes are found by the stack's own records, and ended or paused by their ids alone.
"""

import contextlib
import os
import signal
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import psycopg

from deploy.local.programs import recorded_process
from deploy.local.settings import HOST, SERVICES
from deploy.local.stack import Stack
from tests.integration.servers import ServiceProcess

POLL_S = 0.1
GONE_S = 10.0
SECOND_PORT_OFFSET = 30
"""Within the stack's block of ports, where none of its parts listens."""
FILL_BYTES = 1024 * 1024


class FaultError(Exception):
    """A fault could not be brought about."""


def process_of(stack: Stack, program: str) -> psutil.Process:
    """Give the process that a program became; it may just be starting again."""
    deadline = time.monotonic() + GONE_S
    while time.monotonic() < deadline:
        found = recorded_process(stack.settings, program)
        if found is not None:
            return found
        time.sleep(POLL_S)
    raise FaultError(f"{program} has no process")


@dataclass(slots=True)
class Fault(ABC):
    """Something that happens to a part of the stack.

    `hold_s` is how long it lasts, from `begin` to `end`. Recovery is counted from `end`, and is
    seen when the part is back (`is_back`) and a fresh command has its effect (recovery.py).
    """

    stack: Stack
    part: str
    hold_s: float = 0.0

    @property
    @abstractmethod
    def name(self) -> str:
        """What the summary calls it."""

    @abstractmethod
    def begin(self) -> None:
        """Bring it about."""

    def end(self) -> None:  # noqa: B027 - what merely happens has no end
        """Take it away again; may be called though it has not begun."""

    def is_back(self) -> bool:
        """Tell whether the part runs again."""
        return recorded_process(self.stack.settings, self.part) is not None


@dataclass(slots=True)
class Kill(Fault):
    """The process ends at whatever instruction it is, and is started again by the supervisor."""

    _killed: psutil.Process | None = None

    @property
    def name(self) -> str:
        return f"kill -9 {self.part}"

    def begin(self) -> None:
        self._killed = process_of(self.stack, self.part)
        with contextlib.suppress(psutil.NoSuchProcess):
            self._killed.kill()

    def is_back(self) -> bool:
        found = recorded_process(self.stack.settings, self.part)
        return found is not None and found != self._killed


@dataclass(slots=True)
class Pause(Fault):
    """The process, with all its children, stands still for a while; nobody tells it that."""

    _paused: list[psutil.Process] = field(default_factory=list)

    @property
    def name(self) -> str:
        return f"pause {self.part}"

    def begin(self) -> None:
        process = process_of(self.stack, self.part)
        with contextlib.suppress(psutil.NoSuchProcess):
            process.suspend()  # first: it forks no more
            self._paused = [process, *process.children(recursive=True)]
        for child in self._paused[1:]:
            with contextlib.suppress(psutil.NoSuchProcess):
                child.suspend()

    def end(self) -> None:
        for process in reversed(self._paused):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.resume()


@dataclass(slots=True)
class KillBackend(Fault):
    """One of PostgreSQL's backends is killed: it ends all the others and recovers from its log."""

    pick: Callable[[int], int] = lambda _: 0

    @property
    def name(self) -> str:
        return "kill -9 a backend"

    def begin(self) -> None:
        backends = []
        for child in process_of(self.stack, "postgres").children():
            with contextlib.suppress(psutil.NoSuchProcess):
                if any(f"{name}_app" in " ".join(child.cmdline()) for name in SERVICES):
                    backends.append(child)
        if backends:
            with contextlib.suppress(psutil.NoSuchProcess):
                backends[self.pick(len(backends))].kill()


@dataclass(slots=True)
class CutDatabase(Fault):
    """Every connection of a service to its database is cut by the server."""

    service: str = ""

    @property
    def name(self) -> str:
        return "cut a service from postgres"

    def begin(self) -> None:
        assert self.stack.superuser_url is not None
        with psycopg.connect(self.stack.superuser_url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s",
                [f"{self.service}_app"],
            )


@dataclass(slots=True)
class CutKafka(Fault):
    """Every connection to Kafka is cut by the kernel, which tells both ends."""

    @property
    def name(self) -> str:
        return "cut everybody from kafka"

    @staticmethod
    def is_possible() -> bool:
        """Tell whether this machine lets us: it takes root, `ss` and a kernel that can."""
        with socket.create_server((HOST, 0)) as server:
            port = server.getsockname()[1]
            with socket.create_connection((HOST, port)) as client, server.accept()[0]:
                client.settimeout(1)
                try:
                    _cut(port)
                    return not client.recv(1)
                except TimeoutError:
                    return False
                except OSError:
                    return True

    def begin(self) -> None:
        _cut(self.stack.settings.port("kafka"))


def _cut(port: int) -> None:
    """Cut what is connected to a port of this machine; what cannot be cut is left as it is."""
    with contextlib.suppress(FileNotFoundError):
        subprocess.run(
            ["ss", "--kill", "--no-header", "dst", HOST, "dport", "=", str(port)],  # noqa: S607
            capture_output=True,
            check=False,
        )


@dataclass(slots=True)
class MovePartitions(Fault):
    """A second instance of allowance joins, and leaves again: orderly, or killed."""

    killed: bool = False
    _second: ServiceProcess | None = None

    @property
    def name(self) -> str:
        return f"2nd allowance, {'killed' if self.killed else 'stopped'}"

    def begin(self) -> None:
        port = self.stack.settings.port_base + SECOND_PORT_OFFSET
        places = {"FRIKORT_ALLOWANCE_INSTANCE": "2", "FRIKORT_ALLOWANCE_PORT": str(port)}
        self._second = ServiceProcess(
            "allowance",
            environment=self.stack.env("allowance") | places,
            url=f"http://127.0.0.1:{port}",
            log=self.stack.settings.logs / "allowance-2.log",
        )
        # It may end by itself while another fault lasts; nobody starts this one again.
        with contextlib.suppress(AssertionError):
            self._second.start()

    def end(self) -> None:
        if self._second is None:
            return
        if not self.killed:
            with contextlib.suppress(Exception):
                self._second.stop()
        self._second.close()

    def is_back(self) -> bool:
        return recorded_process(self.stack.settings, "allowance") is not None


@dataclass(slots=True)
class FullDisk(Fault):
    """The disk that a server writes its log to is full, until somebody makes room."""

    disk: Path = Path()

    @property
    def name(self) -> str:
        return f"full disk of {self.part}"

    def begin(self) -> None:
        with self._filler.open("wb", buffering=0) as filler, contextlib.suppress(OSError):
            while True:
                filler.write(bytes(FILL_BYTES))
        if self.part == "postgres":
            self._ask_for_room()

    def end(self) -> None:
        self._filler.unlink(missing_ok=True)

    @property
    def _filler(self) -> Path:
        return self.disk / "filler"

    def _ask_for_room(self) -> None:
        """Have PostgreSQL need a new segment of its log now rather than in some minutes."""
        assert self.stack.superuser_url is not None
        with (
            contextlib.suppress(psycopg.Error),
            psycopg.connect(self.stack.superuser_url, autocommit=True) as connection,
        ):
            for _ in range(40):
                connection.execute("SELECT pg_logical_emit_message(false, 'chaos', 'full')")
                connection.execute("SELECT pg_switch_wal()")


def resume_all(stack: Stack, programs: list[str]) -> None:
    """Have nothing of the stack stand still any more."""
    for program in programs:
        found = recorded_process(stack.settings, program)
        if found is not None:
            for process in (*found.children(recursive=True), found):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process.pid, signal.SIGCONT)
