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

CARD = "00071"
SHEETS = (
    flaws.good("grants", flaws.grant(CARD)),
    flaws.good("employments", flaws.employment(f"E-{CARD}", CARD)),
    flaws.good("wages", flaws.wage(f"W-{CARD}", CARD)),
)
CAP = (
    *("cap", "set", "2024", "21.000,50", "--in-force-from", "2024-01-01"),
    *("--basis", "for the tests", "--known-at", "2023-12-01"),
)
PROCESSES_MIN = 8
"""The supervisor, PostgreSQL, Kafka, the gateway simulator and four services."""


def test_down_leaves_no_process_and_up_finds_the_data_again(
    stack: Stack, frikort: Frikort, tmp_path: Path
) -> None:
    for sheet in SHEETS:
        frikort.import_file(sheet.kind, sheet.corrected(tmp_path), "--wait").require()
    frikort(*CAP).require()
    before = _balances(frikort)
    while_up = _processes(stack)

    frikort("down").require()

    assert len(while_up) >= PROCESSES_MIN
    assert _processes(stack) == []
    _require_unreachable(Frikort.of(stack, FRIKORT_RETRY_S="0"), SHEETS[0].corrected(tmp_path))
    assert frikort("down", "--json").json()["stopped"] is False
    summary = frikort("up", "--detach", "--json").json()
    assert summary["services"] == {name: stack.service_url(name) for name in SERVICES}
    assert _balances(frikort) == before
    assert [each["limit_ore"] for each in before] == [20_000_00, 21_000_50]
    assert [each["covered_ore"] for each in before] == [1_271_50, 0]


def _balances(frikort: Frikort) -> list[dict[str, Any]]:
    asked = [frikort.start("balance", CARD, "--year", year, "--json") for year in ("2023", "2024")]
    return [running.said().json() for running in asked]


def _require_unreachable(frikort: Frikort, file: Path) -> None:
    """Check that each command ends with exit status 3 and one line that names the remedy."""
    asked = (
        frikort.start("balance", CARD, "--year", "2023", "--json"),
        frikort.start("import", "grants", str(file)),
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
