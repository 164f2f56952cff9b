"""`frikort up` and `frikort down`: the data survive, no process does, and exit status 3 says so."""

from pathlib import Path
from typing import Any

import psutil
import pytest

from deploy.local.settings import SERVICES
from deploy.local.stack import Stack
from tests.e2e import flaws
from tests.e2e.command import Frikort

pytestmark = pytest.mark.slow

CARD = "00011"
CAP = (
    *("cap", "set", "2024", "21.000,50", "--in-force-from", "2024-01-01"),
    *("--basis", "for the tests", "--known-at", "2023-12-01"),
)
PROCESSES_MIN = 8
"""The supervisor, PostgreSQL, Kafka, the gateway simulator and four services."""


def test_down_leaves_no_process_and_up_finds_the_data_again(
    stack: Stack, frikort: Frikort, registered: None, tmp_path: Path
) -> None:
    del registered
    frikort(*CAP).require()
    before = _balances(frikort)
    while_up = _processes(stack)

    frikort("down").require()

    assert len(while_up) >= PROCESSES_MIN
    assert _processes(stack) == []
    file = flaws.CONTACTS.corrected(tmp_path)
    _require_unreachable(Frikort.of(stack, FRIKORT_RETRY_S="0"), file)
    summary = frikort("up", "--detach", "--json").json()
    assert summary["services"] == {name: stack.service_url(name) for name in SERVICES}
    assert _balances(frikort) == before
    assert [each["limit_ore"] for each in before] == [20_000_00, 21_000_50]
    assert [each["covered_ore"] > 0 for each in before] == [True, False]


def _balances(frikort: Frikort) -> list[dict[str, Any]]:
    asked = [frikort.start("balance", CARD, "--year", year, "--json") for year in ("2023", "2024")]
    return [running.said().json() for running in asked]


def _require_unreachable(frikort: Frikort, file: Path) -> None:
    """Check that each command ends with exit status 3 and one line that names the remedy."""
    asked = (
        frikort.start("balance", CARD, "--year", "2023", "--json"),
        frikort.start("import", "contacts", str(file)),
        frikort.start("ledger", "verify"),
    )
    for running in asked:
        said = running.said()
        said.require(3)
        last = said.err.splitlines()[-1]
        assert last.startswith("Error: ")
        assert "`frikort up`" in last
        assert said.out == ""


def _processes(stack: Stack) -> list[str]:
    """Name the processes whose command line or environment names the stack's home."""
    home = str(stack.settings.home)
    found = []
    for process in psutil.process_iter():
        try:
            words = [*process.cmdline(), *process.environ().values()]
            if any(home in word for word in words):
                found.append(process.name())
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found
