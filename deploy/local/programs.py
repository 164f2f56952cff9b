"""Programs of the local stack: what each is started with, and which process each became.

``python -m deploy.local.programs NAME`` is what the supervisor runs: it reads the program's
description, records its own process id and becomes the program. So the record is right after
every restart, also when the supervisor itself is gone. It ends no process.
"""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from deploy.local.files import private_folder, write_private_json
from deploy.local.settings import Settings

# Clock corrections shift a creation time that is counted from the boot; ids are not reused so fast.
CREATE_TIME_TOLERANCE_S: Final = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A command with the ``FRIKORT_`` environment it gets beside the caller's other variables."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]


def describe(settings: Settings, program: Program) -> None:
    """Write down how ``program`` is started from now on."""
    private_folder(settings.programs)
    write_private_json(
        settings.programs / f"{program.name}.json",
        {"command": list(program.command), "environment": dict(program.environment)},
    )


def become(settings: Settings, name: str) -> None:
    """Record this process under ``name`` and replace it by the described program.

    The environment is the caller's without its ``FRIKORT_`` variables, and the described one.
    """
    path = settings.programs / f"{name}.json"
    description = json.loads(path.read_text(encoding="utf-8"))
    command: list[str] = description["command"]
    environment: dict[str, str] = description["environment"]
    private_folder(settings.run)
    write_private_json(
        record_path(settings, name),
        {
            "pid": os.getpid(),
            "create_time": psutil.Process().create_time(),
            "command": command,
        },
    )
    os.execvpe(command[0], command, without_settings(os.environ) | environment)  # noqa: S606 -- to become it is the point


def without_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that are none of ours."""
    return {name: value for name, value in environment.items() if not name.startswith("FRIKORT_")}


def record_path(settings: Settings, name: str) -> Path:
    """Return the file that says which process the program became."""
    return settings.run / f"{name}.json"


def recorded_process(settings: Settings, name: str) -> psutil.Process | None:
    """Return the running process that the program became, or None.

    A process counts only with the recorded id, creation time and command line, so that an id
    given to somebody else's process meanwhile is never taken for ours.
    """
    try:
        record = json.loads(record_path(settings, name).read_text(encoding="utf-8"))
        process = psutil.Process(record["pid"])
        same_birth = abs(process.create_time() - record["create_time"]) <= CREATE_TIME_TOLERANCE_S
        if same_birth and _is_ours(process.cmdline(), record["command"], name):
            return process
    except (FileNotFoundError, psutil.NoSuchProcess):
        pass
    return None


def _is_ours(running: Sequence[str], command: Sequence[str], name: str) -> bool:
    """Compare command lines: as started, after a wrapper's exec, or not yet exec'd."""
    if not running:  # ended, and waiting to be reaped
        return False
    launching = list(running[-3:]) == launch_command(name)[-3:]
    return launching or list(running) == list(command[-len(running) :])


def launch_command(name: str) -> list[str]:
    """Return the command with which the supervisor starts a program."""
    return [sys.executable, "-m", "deploy.local.programs", name]


if __name__ == "__main__":
    become(Settings.from_environment(os.environ), sys.argv[1])
