"""The `frikort` command as people run it: its own process, its words and its exit status."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cli.import_report import ImportReport
from deploy.local.programs import without_settings
from deploy.local.settings import SERVICES
from deploy.local.stack import Stack

COMMAND = (sys.executable, "-m", "cli.main")
COMMAND_S = 120.0
TAKEN_OVER = ("FRIKORT_STACK",)
"""Never a given server's address: tests write."""
REPOSITORY = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Said:
    """What a command that has ended said, and its exit status."""

    arguments: tuple[str, ...]
    status: int
    out: str
    err: str

    def json(self, *, status: int = 0) -> Any:
        """Give the JSON on standard output of a command that ended with this status."""
        self.require(status)
        return json.loads(self.out)

    def report(self, *, status: int = 0) -> ImportReport:
        """Give what an import came to."""
        self.require(status)
        return ImportReport.model_validate_json(self.out)

    def require(self, status: int = 0) -> None:
        """Fail with the command's own words unless it ended with this status."""
        words = f"{' '.join(self.arguments)}: {self.status}, not {status}\n{self.out}\n{self.err}"
        assert self.status == status, words


class Running:
    """A command under way; whoever leaves it early ends it."""

    def __init__(self, arguments: tuple[str, ...], environment: Mapping[str, str]) -> None:
        self._arguments = arguments
        self._process = subprocess.Popen(
            [*COMMAND, *arguments],
            env=without_settings(os.environ) | dict(environment),
            cwd=REPOSITORY,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def has_ended(self) -> bool:
        """Tell whether the command has ended."""
        return self._process.poll() is not None

    def said(self) -> Said:
        """Wait for the command's end, and give what it said."""
        try:
            out, err = self._process.communicate(timeout=COMMAND_S)
        except BaseException:
            self._process.kill()
            self._process.communicate()
            raise
        return Said(self._arguments, self._process.returncode, out, err)


class Frikort:
    """The command with the settings of one stack."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    @classmethod
    def of(cls, stack: Stack, **settings: str) -> "Frikort":
        """Give the command of a stack, told where each service answers."""
        addresses = {f"FRIKORT_{name.upper()}_URL": stack.service_url(name) for name in SERVICES}
        return cls(
            {
                "FRIKORT_HOME": str(stack.settings.home),
                "FRIKORT_PORT_BASE": str(stack.settings.port_base),
                "FRIKORT_CACHE": str(stack.settings.cache),
                # What happened years ago is to be texted too: nothing is stale.
                "FRIKORT_NOTIFICATIONS_STALE_AFTER_DAYS": "0",
                **{name: os.environ[name] for name in TAKEN_OVER if name in os.environ},
                **addresses,
                **settings,
            }
        )

    def __call__(self, *arguments: str) -> Said:
        """Run the command to its end."""
        return self.start(*arguments).said()

    def start(self, *arguments: str) -> Running:
        """Start the command."""
        return Running(arguments, self._environment)

    def import_file(self, kind: str, file: Path, *options: str) -> Said:
        """Import a file, and have the report as JSON."""
        return self("import", kind, str(file), "--json", *options)
