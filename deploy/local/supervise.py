"""Keeps the programs running: one supervisord per ``FRIKORT_HOME``, asked over its socket.

It starts and stops; when a part counts as ready is the caller's to say.
"""

import contextlib
import http.client
import os
import signal
import subprocess
import sys
import threading
import time
import xmlrpc.client
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psutil
from supervisor.xmlrpc import SupervisorTransport

from deploy.local.errors import PartUnreachableError, StackRefusedError
from deploy.local.files import private_folder, write_private
from deploy.local.programs import (
    Program,
    describe,
    launch_command,
    record_path,
    recorded_process,
    without_settings,
)
from deploy.local.settings import Settings

SUPERVISOR: Final = "supervisord"
POLL_S: Final = 0.05
SUPERVISOR_READY_TIMEOUT_S: Final = 15.0
ORDERLY_STOP_TIMEOUT_S: Final = 60.0
LEFTOVER_STOP_TIMEOUT_S: Final = 20.0
KILLED_TIMEOUT_S: Final = 5.0
# supervisord waits a second longer after each start that fails at once, and gives up after this
# many: a disk may be full for days, and who makes room starts nothing by hand.
RESTARTS_MAX: Final = 100_000
LOG_TAIL_BYTES: Final = 4000

# Groups stop one after the other, the last first, and the programs of a group together.
_GROUPS: Final = (
    ("servers", 1, ("postgres", "kafka")),
    ("gateway", 2, ("gateway-simulator",)),
    ("services", 3, ("grants", "payroll", "allowance", "notifications")),
)
# SIGINT is PostgreSQL's fast shutdown: it ends sessions; SIGTERM would wait for them.
_STOP_SIGNALS: Final = {"postgres": "INT"}
_STOP_TIMEOUTS_S: Final = {"postgres": 30, "kafka": 30}
_STOP_TIMEOUT_DEFAULT_S: Final = 15

_HEADER: Final = Path(__file__).with_name("supervisord.conf")
_DOES_NOT_ANSWER: Final = (OSError, http.client.HTTPException, xmlrpc.client.Error)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramStatus:
    """What the supervisor says of a program: its state, its process (0: none), its last start."""

    state: str
    pid: int
    started_at: int


def render_configuration() -> str:
    """Return supervisord's configuration; it holds no path and no secret."""
    return _HEADER.read_text(encoding="utf-8") + "".join(
        _render_group(name, priority, programs) for name, priority, programs in _GROUPS
    )


def _render_group(group: str, priority: int, programs: Iterable[str]) -> str:
    lines = ["", f"[group:{group}]", f"programs={','.join(programs)}", f"priority={priority}"]
    for name in programs:
        lines += [
            "",
            f"[program:{name}]",
            f'command="%(ENV_FRIKORT_PYTHON)s" -m deploy.local.programs {name}',
            "autostart=false",
            "autorestart=true",
            "startsecs=1",
            f"startretries={RESTARTS_MAX}",
            f"stopsignal={_STOP_SIGNALS.get(name, 'TERM')}",
            f"stopwaitsecs={_STOP_TIMEOUTS_S.get(name, _STOP_TIMEOUT_DEFAULT_S)}",
            "killasgroup=true",
            "redirect_stderr=true",
            f"stdout_logfile=%(ENV_FRIKORT_HOME)s/logs/{name}.log",
            "stdout_logfile_maxbytes=20MB",
            "stdout_logfile_backups=3",
        ]
    return "\n".join(lines) + "\n"


class Supervisor:
    """The supervisor of one home; safe to use from several threads."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._groups = {name: group for group, _, programs in _GROUPS for name in programs}
        self._child: subprocess.Popen[bytes] | None = None

    def is_running(self) -> bool:
        """Tell whether this home's supervisor lives, whoever started it."""
        if self._child is not None:
            self._child.poll()  # reaps it
        return recorded_process(self._settings, SUPERVISOR) is not None

    def start(self) -> None:
        """Start the supervisor, in a session of its own, with no program running yet.

        Raises: PartUnreachableError when it does not answer in time.
        """
        settings = self._settings
        for folder in (settings.home, settings.logs, settings.run, settings.socket.parent):
            private_folder(folder)
        if settings.socket.parent.stat().st_uid != os.geteuid():
            raise StackRefusedError(f"{settings.socket.parent} is somebody else's: remove it.")
        settings.socket.unlink(missing_ok=True)
        configuration = write_private(settings.run / "supervisord.conf", render_configuration())
        environment = {
            "FRIKORT_HOME": str(settings.home),
            "FRIKORT_SOCKET": str(settings.socket),
            "FRIKORT_PYTHON": sys.executable,
        }
        command = [sys.executable, "-m", "supervisor.supervisord", "-c", str(configuration)]
        if os.geteuid() == 0:  # said aloud, so that it does not warn; its programs stay as they are
            command += ["--user", "root"]
        describe(settings, Program(name=SUPERVISOR, command=command, environment=environment))
        self._child = subprocess.Popen(  # noqa: S603 -- our own module
            launch_command(SUPERVISOR),
            env=without_settings(os.environ) | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        wait_until(
            self._answers,
            timeout_s=SUPERVISOR_READY_TIMEOUT_S,
            what=lambda: f"the supervisor (see {settings.logs / 'supervisord.log'})",
        )

    def start_program(self, program: Program) -> None:
        """Start ``program`` as described here, unless it runs; do not wait for it."""
        describe(self._settings, program)
        with contextlib.suppress(xmlrpc.client.Fault):  # it runs, or is being started again
            self._call("startProcess", self._full_name(program.name), False)

    def stop_program(self, name: str) -> None:
        """Stop a program and keep it stopped until it is started again."""
        with contextlib.suppress(xmlrpc.client.Fault):  # it does not run
            self._call("stopProcess", self._full_name(name), False)
        wait_until(
            lambda: self.status(name).pid == 0,
            timeout_s=ORDERLY_STOP_TIMEOUT_S,
            what=lambda: f"the end of {name}",
        )

    def status(self, name: str) -> ProgramStatus:
        """Ask for a program's state and process."""
        answer = self._call("getProcessInfo", self._full_name(name))
        return ProgramStatus(
            state=answer["statename"], pid=answer["pid"], started_at=answer["start"]
        )

    def last_words(self, name: str) -> str:
        """Return the last line of a program's log and where the rest is, for a message."""
        log = self._settings.logs / f"{name}.log"
        if not log.exists():
            return ""
        lines = log.read_bytes()[-LOG_TAIL_BYTES:].decode(errors="replace").strip().splitlines()
        return f": {lines[-1] if lines else 'it said nothing'} (see {log})"

    def stop(self) -> bool:
        """Stop every program in order, then the supervisor, then whatever it left behind.

        May be called in any state, and again; tells whether anything ran. Only recorded
        processes are ended.
        """
        supervisor = recorded_process(self._settings, SUPERVISOR)
        if supervisor is not None:
            try:
                self._call("shutdown")
            except _DOES_NOT_ANSWER:
                supervisor.terminate()
            self._wait_for_end(supervisor)
        if self._child is not None:
            self._child.wait()
        names = (SUPERVISOR, *reversed(self._groups))
        ended = [_end_recorded(self._settings, name) for name in names]
        self._settings.socket.unlink(missing_ok=True)
        if self._settings.socket.parent != self._settings.run:
            with contextlib.suppress(OSError):  # never made
                self._settings.socket.parent.rmdir()
        return supervisor is not None or any(ended)

    def _wait_for_end(self, supervisor: psutil.Process) -> None:
        """Wait; the supervisor looks at its programs once a second, or whenever it is asked."""
        deadline = time.monotonic() + ORDERLY_STOP_TIMEOUT_S
        while _runs(supervisor) and time.monotonic() < deadline:
            self._answers()
            time.sleep(POLL_S)
        if _runs(supervisor):
            supervisor.kill()
            _wait_gone([supervisor], timeout_s=KILLED_TIMEOUT_S)

    def _answers(self) -> bool:
        try:
            return bool(self._call("getState")["statename"] == "RUNNING")
        except _DOES_NOT_ANSWER:
            return False

    def _full_name(self, name: str) -> str:
        return f"{self._groups[name]}:{name}"

    def _call(self, method: str, *arguments: str | bool) -> Any:
        with self._lock:
            transport = SupervisorTransport(serverurl=f"unix://{self._settings.socket}")
            proxy = xmlrpc.client.ServerProxy("http://supervisor", transport=transport)
            try:
                return getattr(proxy.supervisor, method)(*arguments)
            finally:
                transport.close()


def wait_until(condition: Callable[[], bool], *, timeout_s: float, what: Callable[[], str]) -> None:
    """Wait for ``condition``.

    Raises: PartUnreachableError, naming ``what``, when it does not hold within ``timeout_s``.
    """
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise PartUnreachableError(f"Waited {timeout_s:.0f} s in vain for {what()}")
        time.sleep(POLL_S)


def _end_recorded(settings: Settings, name: str) -> bool:
    """End what a program left, and forget it; tell whether there was anything to end."""
    process = recorded_process(settings, name)
    if process is not None:
        family = [process]
        with contextlib.suppress(psutil.NoSuchProcess):
            family += process.children(recursive=True)
            process.send_signal(_stop_signal(name))
        survivors = _wait_gone(family, timeout_s=LEFTOVER_STOP_TIMEOUT_S)
        for survivor in survivors:
            with contextlib.suppress(psutil.NoSuchProcess):
                survivor.kill()
        _wait_gone(survivors, timeout_s=KILLED_TIMEOUT_S)
    record_path(settings, name).unlink(missing_ok=True)
    return process is not None


def _stop_signal(name: str) -> signal.Signals:
    return signal.Signals[f"SIG{_STOP_SIGNALS.get(name, 'TERM')}"]


def _wait_gone(processes: list[psutil.Process], *, timeout_s: float) -> list[psutil.Process]:
    """Wait for processes that need not be our children; return those still running.

    A zombie has ended: its parent, or an init that reaps nothing, is not ours to wait for.
    """
    deadline = time.monotonic() + timeout_s
    while (alive := [process for process in processes if _runs(process)]) and (
        time.monotonic() < deadline
    ):
        time.sleep(POLL_S)
    return alive


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
