"""The local stack as one object: start its servers, its services, ask where they are, stop it.

A stack is named by its ``FRIKORT_HOME``; any process may ask for its status or stop it. Which
servers are ours to start, modes.py decides.
"""

import contextlib
import fcntl
import functools
import json
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import httpx

from deploy.local import provision
from deploy.local.environments import (
    auditor_url_file,
    gateway_environment,
    service_environment,
    uses_gateway_simulator,
)
from deploy.local.errors import PartUnreachableError, StackRefusedError
from deploy.local.files import private_folder, write_private_json
from deploy.local.modes import Choice, Mode
from deploy.local.ports import free_port_base, require_free
from deploy.local.programs import Program
from deploy.local.reporting import Reporter, SilentReporter
from deploy.local.servers import SERVERS, Servers
from deploy.local.settings import HOST, OWN_FILES, OWN_FOLDERS, SERVICES, Settings
from deploy.local.supervise import Supervisor, wait_until

READY_TIMEOUT_S: Final = 120.0
# As many starts of a part, while it is waited for, may fail for want of another part.
STARTS_MAX: Final = 4
PROBE_TIMEOUT_S: Final = 2.0
WATCH_S: Final = 0.5
GATEWAY: Final = "gateway-simulator"


class Stack:
    """One local stack. As a context manager it starts everything and stops it again.

    ``environment`` is the caller's (default: this process's), from which given servers are read
    and which is passed on to the services. ``commands`` replaces the command of a service.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        environment: Mapping[str, str] | None = None,
        commands: Mapping[str, Sequence[str]] | None = None,
        reporter: Reporter | None = None,
    ) -> None:
        self._environment = dict(os.environ if environment is None else environment)
        self.settings = settings or Settings.from_environment(self._environment)
        self._commands = dict(commands or {})
        self._reporter = reporter or SilentReporter()
        self._supervisor = Supervisor(self.settings)
        self._servers = Servers(self.settings, self._environment, self._supervisor)
        self._giving_up = threading.Event()

    @classmethod
    def temporary(
        cls,
        home: Path,
        *,
        environment: Mapping[str, str] | None = None,
        commands: Mapping[str, Sequence[str]] | None = None,
        reporter: Reporter | None = None,
    ) -> Self:
        """Return a stack of its own in ``home``, on a free block of ports."""
        read = Settings.from_environment(os.environ if environment is None else environment)
        settings = Settings(home=home.resolve(), port_base=free_port_base(), cache=read.cache)
        return cls(settings, environment=environment, commands=commands, reporter=reporter)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def choice(self) -> Choice:
        """Which servers are given and which are ours to start, and how.

        Raises: StackError when the settings can't be meant, or Docker is asked for and away.
        """
        return self._servers.choice

    @property
    def kafka(self) -> str:
        """The bootstrap servers."""
        return self._servers.kafka

    @property
    def superuser_url(self) -> str | None:
        """Where our own PostgreSQL's superuser connects; None when every database is given."""
        return self._servers.superuser_url

    def database_url(self, service: str, role: str = "app") -> str:
        """Return where a role of a service connects: ``owner``, ``app``, or ``auditor``.

        Raises: StackRefusedError when the service's database is given, but none for that role.
        """
        return self._servers.database_url(service, role)

    def service_url(self, service: str) -> str:
        """Return a service's HTTP address, also of the gateway simulator."""
        return f"http://{HOST}:{self.settings.port(service)}"

    def env(self, service: str) -> dict[str, str]:
        """Return the ``FRIKORT_`` variables of a service's process; passwords are among them."""
        if service == GATEWAY:
            return gateway_environment(self.settings, self._environment)
        return service_environment(
            self.settings,
            service,
            self._environment,
            kafka=self.kafka,
            database_url=self.database_url(service),
        )

    def is_running(self) -> bool:
        """Tell whether this home's supervisor lives, whoever started it."""
        return self._supervisor.is_running()

    def start(self) -> None:
        """Start everything and return when every service is ready.

        Raises: StackError, one line with the remedy; then nothing is left running.
        """
        self.require_startable()
        try:
            self.start_servers()
            self.provision()
            self.start_services()
        except BaseException:
            self.stop()
            raise

    def require_startable(self) -> None:
        """Check, before anything starts, that no stack runs here and the ports are free.

        Raises: StackRefusedError naming what stands in the way.
        """
        with self._exclusive():
            self._clear_the_way()
            self._require_ports([*self._servers.ports(), *self._service_programs()])

    def start_servers(self) -> None:
        """Start PostgreSQL and Kafka, those that are ours to run, and wait until they answer.

        Raises: StackError, one line with the remedy; then nothing is left running.
        """
        self._reporter.note(self.choice.describe())
        if warning := self._servers.warning():
            self._reporter.note(warning)
        with self._exclusive():
            self._clear_the_way()
            self._require_ports(self._servers.ports())
            try:
                self._supervisor.start()
                self._together(*(functools.partial(self._start_server, name) for name in SERVERS))
            except BaseException:
                self._stop()
                raise

    def provision(self) -> None:
        """Make databases, roles, tables and topics. May be called again.

        Raises: PartUnreachableError with the last line of what failed.
        """
        began = time.monotonic()
        self._reporter.starting("migrations and topics")
        self._together(self._servers.create_databases, lambda: provision.create_topics(self.kafka))
        provision.migrate({name: self.database_url(name, "owner") for name in SERVICES})
        self._reporter.ready("migrations and topics", time.monotonic() - began)

    def start_services(self, names: Iterable[str] = SERVICES) -> None:
        """Start services (with notifications the gateway simulator too) until all are ready.

        Raises: StackError, one line with the remedy; what has been started goes on.
        """
        programs = self._service_programs(names)
        stopped = [name for name in programs if self._supervisor.status(name).pid == 0]
        self._require_ports(stopped)
        self._together(*(functools.partial(self._start_service, name) for name in programs))
        if set(SERVICES) <= set(programs):
            self._write_summary()

    def pid(self, program: str) -> int:
        """Return the process of ``postgres``, ``kafka`` or a service; 0 while it has none."""
        return self._supervisor.status(program).pid

    def stop_program(self, program: str) -> None:
        """Stop one program and keep it stopped; ``start_services`` starts a service again."""
        self._supervisor.stop_program(program)

    def stop(self) -> bool:
        """Stop whatever runs of this home, and tell whether anything did; data stay.

        May be called in any state, from any process, and again.
        """
        with self._exclusive():
            return self._stop()

    def wait(self) -> bool:
        """Wait until the supervisor ends; tell whether it was told to, by ``stop`` elsewhere."""
        while self._supervisor.is_running():
            time.sleep(WATCH_S)
        with self._exclusive():
            return not self.settings.summary.exists()

    def summary(self) -> dict[str, Any] | None:
        """Return where a stack that is up has its parts; None unless it was started whole."""
        try:
            text = self.settings.summary.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        found: dict[str, Any] = json.loads(text)
        return found

    def erase(self) -> None:
        """Stop the stack and remove all it ever made: data, logs, secrets and state.

        What others keep in the same folder stays, and with it the folder.
        """
        home = self.settings.home
        if not home.exists():
            return
        self.stop()
        self._servers.erase_containers()
        for folder in OWN_FOLDERS:
            shutil.rmtree(home / folder, ignore_errors=True)
        for file in OWN_FILES:
            (home / file).unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # not empty
            home.rmdir()

    def _start_server(self, server: str) -> None:
        if self._servers.mode(server) is not Mode.GIVEN:
            with self._timed(server):
                self._servers.start(server)
                self._await(server, lambda: self._servers.answers(server))
        elif not self._servers.answers(server):
            raise PartUnreachableError(
                f"No Kafka answers at {self.kafka}: start it, or unset FRIKORT_KAFKA."
            )

    def _start_service(self, name: str) -> None:
        module = (
            f"deploy.local.{name.replace('-', '_')}" if name == GATEWAY else f"services.{name}.app"
        )
        command = self._commands.get(name) or [sys.executable, "-m", module]
        with self._timed(name):
            environment = self.env(name)
            self._supervisor.start_program(
                Program(name=name, command=command, environment=environment)
            )
            probe = f"{self.service_url(name)}{'' if name == GATEWAY else '/readyz'}"
            self._await(name, lambda: _is_ready(probe, any_answer=name == GATEWAY))

    def _await(self, program: str, condition: Callable[[], bool]) -> None:
        """Wait for a program; one that ends again and again is not waited for."""
        starts: set[int] = set()

        def ready() -> bool:
            starts.add(self._supervisor.status(program).started_at)
            if len(starts) > STARTS_MAX:
                words = self._supervisor.last_words(program)
                raise PartUnreachableError(f"{program} does not stay up{words}")
            if self._giving_up.is_set():
                raise PartUnreachableError(f"{program} is no longer waited for.")
            return condition()

        wait_until(
            ready,
            timeout_s=READY_TIMEOUT_S,
            what=lambda: f"{program}{self._supervisor.last_words(program)}",
        )

    def _service_programs(self, names: Iterable[str] = SERVICES) -> list[str]:
        programs = list(names)
        if "notifications" in programs and uses_gateway_simulator(self._environment):
            programs.insert(0, GATEWAY)
        return programs

    def _require_ports(self, parts: Iterable[str]) -> None:
        require_free({part: self.settings.port(part) for part in parts})

    def _clear_the_way(self) -> None:
        """End what a killed supervisor left behind.

        Raises: StackRefusedError when a supervisor lives.
        """
        if self.is_running():
            raise StackRefusedError(
                f"A stack already runs in {self.settings.home}: use it, or stop it with"
                " `frikort down`."
            )
        if self._stop():
            self._reporter.note("Ended what a killed supervisor had left running.")

    def _stop(self) -> bool:
        ran = self._supervisor.stop()
        ran = self._servers.stop_containers() or ran
        self.settings.summary.unlink(missing_ok=True)
        return ran

    def _write_summary(self) -> None:
        write_private_json(
            self.settings.summary,
            {
                "kafka": self.kafka,
                "modes": {"kafka": self.choice.kafka, "databases": self.choice.databases},
                "port_base": self.settings.port_base,
                "services": {name: self.service_url(name) for name in SERVICES},
                "allowance_auditor_database_url_file": str(auditor_url_file(self.settings)),
                "logs": str(self.settings.logs),
            },
        )

    def _together(self, *steps: Callable[[], None]) -> None:
        """Run steps side by side; the first to fail, or an interrupt, ends the others' waiting."""
        self._giving_up.clear()
        with ThreadPoolExecutor(max_workers=len(steps)) as pool:
            futures = [pool.submit(step) for step in steps]
            try:
                done, pending = wait(futures, return_when=FIRST_EXCEPTION)
            except BaseException:
                self._giving_up.set()
                raise
            if pending:
                self._giving_up.set()
        for future in (*done, *pending):
            future.result()

    @contextlib.contextmanager
    def _timed(self, part: str) -> Iterator[None]:
        began = time.monotonic()
        self._reporter.starting(part)
        yield
        self._reporter.ready(part, time.monotonic() - began)

    @contextlib.contextmanager
    def _exclusive(self) -> Iterator[None]:
        """Keep two commands from starting and stopping the same home at once."""
        with (private_folder(self.settings.home) / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _is_ready(url: str, *, any_answer: bool) -> bool:
    try:
        response = httpx.get(url, timeout=PROBE_TIMEOUT_S, trust_env=False)
    except httpx.HTTPError:
        return False
    return any_answer or response.status_code == httpx.codes.OK
