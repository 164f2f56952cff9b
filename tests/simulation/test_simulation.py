"""The ledger in simulated time: whatever goes wrong, every seed ends as the judge has it."""

import os
import subprocess
import sys
from collections import Counter

import pytest

from tests.simulation.faults import FAULTS, RUNS_MAX
from tests.simulation.run import Outcome, simulate

pytestmark = pytest.mark.slow

RUNS = 150
TO_BE_MET = {
    "behind-parked",
    "cap-unknown",
    "fenced",
    "grants-behind",
    "kill",
    "lose-answer",
    "lose-request",
    "lock wait",
    "parked",
    "pause",
    "rebalance",
    "restart-server",
    "trouble: cut",
    "trouble: evict",
    "trouble: kill",
    "trouble: pause",
    "trouble: restart",
}


@pytest.fixture(scope="module")
def outcomes() -> dict[int, Outcome]:
    return {seed: simulate(seed) for seed in range(1, RUNS + 1)}


def test_the_ledger_stands_whatever_goes_wrong(outcomes: dict[int, Outcome]) -> None:
    failed = {seed: outcome.problems for seed, outcome in outcomes.items() if outcome.problems}

    assert not failed, "make simulate RUNS=1 SEED=<that> runs one of them again"


def test_everything_that_can_go_wrong_does(outcomes: dict[int, Outcome]) -> None:
    met: Counter[str] = Counter()
    for outcome in outcomes.values():
        met.update(outcome.met)

    assert {what for what in TO_BE_MET if not met[what]} == set()


def test_a_seed_gives_the_same_run_again(outcomes: dict[int, Outcome]) -> None:
    again = {seed: simulate(seed) for seed in range(1, 21)}

    assert again == {seed: outcomes[seed] for seed in again}


@pytest.mark.parametrize("hash_seed", ["1", "2"])
def test_a_seed_gives_the_same_run_in_another_process(
    outcomes: dict[int, Outcome], hash_seed: str
) -> None:
    """Where the order of a set would be seen, it would be another one there."""
    command = [sys.executable, "-m", "tests.simulation", "--runs", "1", "--seed"]
    environment = os.environ | {"PYTHONHASHSEED": hash_seed}
    busiest = max(outcomes.values(), key=lambda outcome: len(outcome.trace))
    shown = subprocess.run(
        [*command, str(busiest.seed)], env=environment, check=True, capture_output=True, text=True
    )

    assert shown.stdout.splitlines()[-1] == f"trace: {busiest.digest}"


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_found(outcomes: dict[int, Outcome], name: str) -> None:
    with FAULTS[name]():
        found = next((seed for seed in range(1, RUNS_MAX + 1) if simulate(seed).problems), None)

    assert found is not None, f"not within {RUNS_MAX} runs"
    assert outcomes[found].problems == []
