"""A short storm over a whole stack, in which a few of every fault happen."""

from pathlib import Path

import pytest

from tests.chaos.run import run
from tests.chaos.storm import Counts

pytestmark = pytest.mark.slow

SEED = 1
FEW = Counts(
    kills=1,
    pauses=1,
    kafka_kills=1,
    others=1,
    long_pauses=0,
    at_once=6,
    calm_of_kafka_s=1,
)
LASTING_S = 50.0
"""A machine that is too slow for all of it begins no second fault of a part after that."""
PARTS = 7
"""Four services, their servers, and the partitions."""


def test_nothing_is_lost_and_nothing_is_double_whatever_is_killed(tmp_path: Path) -> None:
    outcome = run(tmp_path / "home", seed=SEED, counts=FEW, lasting_s=LASTING_S, say=print)

    assert outcome.wrong == []
    assert len(outcome.weathered) >= PARTS
    assert outcome.commands["wage"] > 0
