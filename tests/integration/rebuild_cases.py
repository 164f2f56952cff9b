"""Rebuilds as people run them, and ledgers with something in every read model to damage."""

import json
import os
import subprocess
import sys
from typing import Any, Final

import psycopg

from deploy.local.programs import without_settings
from services.chassis.inbox import Message
from tests.integration.allowance_cases import Wire, until_applied
from tests.integration.servers import REPOSITORY, Servers, ServiceProcess, wait_for
from tests.unit.attention_cases import Tale
from tests.unit.ledger_cases import identity

COMMAND: Final = (sys.executable, "-m", "cli.main", "ledger", "rebuild", "--json")
PROGRAM: Final = (sys.executable, "-m", "services.allowance.rebuild")
REBUILD_S: Final = 120.0
MODELS: Final = ("balances", "card_changes", "cards", "citizens", "employments")
COVERED_ORE: Final = 19_000_00
"""What is covered of 2023 once a worker's tale is told."""


NOBODY: Final = identity("nobody at all")
WRONG_BALANCE: Final = (
    "UPDATE balances SET covered_ore = 1 WHERE citizen_id = '{me}' AND year = 2023"
)


class Worker(Tale):
    """A tale of somebody whose employment nobody else has."""

    @property
    def work(self) -> str:
        return identity(f"{self.card_no} work")

    def hired(self) -> Message:
        return self._payroll(
            "employment-registered",
            1,
            employment_id=self.work,
            cvr="25313763",
            sector="shop",
            consultant="k-7",
            starts_on="2022-01-15",
        )

    def left(self, ends_on: str) -> Message:
        return self._payroll("employment-ended", 1, employment_id=self.work, ends_on=ends_on)

    def told(self) -> list[Message]:
        """Give messages of which every read model has rows."""
        name = self.card_no
        return [
            self.issued("2022-02-01"),
            self.hired(),
            self.wage(f"{name} a", "2022-03-01", 15_000_00),
            self.wage(f"{name} b", "2023-03-01", 19_000_00),
            self.wage(f"{name} c", "2023-04-01", 1_500_00),
            self.reversal(f"{name} b", "2023-03-01", 19_000_00),
            self.wage(f"{name} d", "2023-05-01", 18_000_00),
            self.deactivated("2023-08-01"),
            self.appeal("2023-08-01"),
            self.left("2023-12-31"),
        ]


def tell(wire: Wire, allowance: ServiceProcess, *workers: Worker) -> None:
    """Have the ledger decide everything of some workers."""
    for worker in workers:
        wire.send(worker.told())
    until_applied(allowance, workers)


def as_owner(servers: Servers) -> "psycopg.Connection[Any]":
    return psycopg.connect(servers.database_url("allowance", "owner"), autocommit=True)


def environment_of(servers: Servers, role: str = "owner") -> dict[str, str]:
    url = servers.database_url("allowance", role)
    return without_settings(os.environ) | {"FRIKORT_ALLOWANCE_OWNER_DATABASE_URL": url}


def rebuild(servers: Servers, *options: str, status: int = 0, role: str = "owner") -> Any:
    """Run the command to its end, and give what it says; a refusal's words as they are."""
    done = subprocess.run(
        [*COMMAND, *options],
        env=environment_of(servers, role),
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
        timeout=REBUILD_S,
    )
    assert done.returncode == status, f"{done.returncode}: {done.stdout}\n{done.stderr}"
    return json.loads(done.stdout) if done.stdout else done.stderr.replace("\n", " ")


def begin(servers: Servers, command: tuple[str, ...]) -> "subprocess.Popen[bytes]":
    """Start a rebuild that the test will end."""
    return subprocess.Popen(
        command,
        env=environment_of(servers),
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )


def until_blocked(servers: Servers) -> None:
    """Wait until the rebuild under way waits for a lock."""
    wait_for(lambda: "Lock" in _waits_of_rebuild(servers), what="the rebuild waits for a lock")


def until_gone(servers: Servers) -> None:
    """Wait until the server has no rebuild any more."""
    wait_for(lambda: not _waits_of_rebuild(servers), what="the rebuild is gone")


def contents(servers: Servers) -> dict[str, list[Any]]:
    """Give every row of the read models."""
    with as_owner(servers) as connection:
        return {
            model: connection.execute(f"SELECT * FROM {model} ORDER BY 1, 2").fetchall()  # noqa: S608
            for model in MODELS
        }


def damage(servers: Servers, worker: Worker, *statements: str) -> None:
    """Change a worker's rows behind the ledger's back; the statements name them by places."""
    with as_owner(servers) as connection:
        for statement in statements:
            changed = connection.execute(placed(statement, worker).encode())
            assert changed.rowcount == 1, statement


def placed(text: str, worker: Worker) -> str:
    """Put a worker's identities into a text."""
    return text.format(me=worker.citizen_id, card_no=worker.card_no, work=worker.work, no=NOBODY)


def _waits_of_rebuild(servers: Servers) -> list[str | None]:
    with as_owner(servers) as connection:
        rows = connection.execute(
            "SELECT wait_event_type FROM pg_stat_activity WHERE application_name = %s",
            ["frikort-rebuild"],
        )
        return [waits for (waits,) in rows]
