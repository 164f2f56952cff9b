"""A storm follows from its seed, and has what was asked for."""

from collections import Counter
from pathlib import Path
from typing import Any, cast

from tests.chaos.storm import Counts, Storm

COUNTS = Counts(kills=3, pauses=4, kafka_kills=2, others=1)
PARTS = ("grants", "payroll", "allowance", "notifications", "postgres")


def _storm(seed: int) -> dict[str, list[tuple[str, float]]]:
    nobody = cast("Any", None)
    disks = {"kafka": Path("k"), "postgres": Path("p")}
    storm = Storm(nobody, nobody, nobody, seed, COUNTS, disks, cuts_kafka=True)
    return {
        part: [(fault.name, fault.hold_s) for fault in faults]
        for part, faults in storm.lanes().items()
    }


def test_the_same_seed_gives_the_same_storm() -> None:
    assert _storm(1) == _storm(1)
    assert _storm(1) != _storm(2)


def test_a_storm_has_what_was_asked_for() -> None:
    times = Counter(name for faults in _storm(1).values() for name, _ in faults)

    assert times == {
        **{f"kill -9 {part}": 3 for part in PARTS},
        **{f"pause {part}": 4 for part in PARTS},
        "kill -9 kafka": 2,
        "pause kafka": 1,
        "cut everybody from kafka": 1,
        "kill -9 a backend": 1,
        "cut a service from postgres": 1,
        "2nd allowance, stopped": 1,
        "2nd allowance, killed": 1,
        "full disk of kafka": 1,
        "full disk of postgres": 1,
    }
