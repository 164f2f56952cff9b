"""The page of known faults names tests and planted faults that exist."""

import re
from pathlib import Path

import pytest

from tests.simulation.faults import FAULTS

REPOSITORY = Path(__file__).parents[2]
PAGE = REPOSITORY / "docs" / "known-faults.md"
TESTS = {
    name
    for file in (REPOSITORY / "tests").rglob("test_*.py")
    for name in re.findall(r"^(?:async )?def (test_\w+)", file.read_text("utf-8"), re.MULTILINE)
}
ROWS = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| ")]
FAULT_ROWS = [row for row in ROWS if not row.startswith("| fault |")]


def named(row: str) -> list[str]:
    """Give what a row's last column names in code."""
    return re.findall(r"`([^`]+)`", row.rstrip(" |").rpartition("|")[2])


@pytest.mark.parametrize("row", FAULT_ROWS, ids=lambda row: row[2:50])
def test_each_known_fault_is_held_off_by_something_that_exists(row: str) -> None:
    assert named(row)
    assert [name for name in named(row) if name not in TESTS | FAULTS.keys()] == []


def test_every_planted_fault_is_on_the_page() -> None:
    assert {name for row in FAULT_ROWS for name in named(row)} >= FAULTS.keys()
