"""The storm: faults on every part side by side, in an order that the seed gives."""

import random
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from deploy.local.settings import SERVICES
from deploy.local.stack import Stack
from tests.chaos.caller import Caller
from tests.chaos.faults import (
    CutDatabase,
    CutKafka,
    Fault,
    FullDisk,
    Kill,
    KillBackend,
    MovePartitions,
    Pause,
)
from tests.chaos.municipality import Municipality
from tests.chaos.recovery import Sentinel

CALM_S = 0.4
"""At the most, between two faults of a part."""
CALM_OF_KAFKA_S = 20.0
"""While Kafka is away nothing else recovers, so that little would be learned of it."""
PAUSE_SHORT_S = (0.2, 2.0)
PAUSE_LONG_S = (11.0, 13.0)
"""Longer than Kafka waits for a member of a group (10 s)."""
AWAY_S = (1.0, 4.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How often each fault is to happen; `long_pauses` of the pauses outlast a group's patience."""

    kills: int
    pauses: int
    kafka_kills: int
    others: int
    long_pauses: float = 0.03
    at_once: int = 3
    """Parts that are in trouble at the same time, at the most."""
    calm_of_kafka_s: float = CALM_OF_KAFKA_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Weathered:
    """A fault that is over: recovery in seconds, and whether another part was in trouble too."""

    name: str
    recovery_s: float
    was_alone: bool


@dataclass(slots=True)
class Storm:
    """Carries the faults out; one thread for each part, so that faults of a part never overlap."""

    stack: Stack
    caller: Caller
    municipality: Municipality
    seed: int
    counts: Counts
    disks: dict[str, Path] = field(default_factory=dict)
    cuts_kafka: bool = False
    say: Callable[[str], None] = print
    weathered: list[Weathered] = field(default_factory=list)
    failures: list[BaseException] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _under_way: int = 0
    _begun: int = 0
    """Faults begun so far: tells whether one began while another was lasting."""

    def rage(self, *, is_over: Callable[[], bool]) -> None:
        """Carry out every fault, or those that fit in before it is over.

        Each part has its first one in any case.
        """
        places = threading.Semaphore(self.counts.at_once)
        lanes = self.lanes()
        total = sum(map(len, lanes.values()))
        threads = [
            threading.Thread(target=self._lane, args=(name, faults, places, is_over), name=name)
            for name, faults in lanes.items()
        ]
        for thread in threads:
            thread.start()
        told = time.monotonic()
        for thread in threads:
            while thread.is_alive():
                thread.join(0.5)
                if time.monotonic() - told > 10:
                    told = time.monotonic()
                    answered = len(self.caller.book.answered)
                    self.say(f"  {len(self.weathered)} of {total} faults, {answered} commands")

    def lanes(self) -> dict[str, list[Fault]]:
        """Give each part's faults, shuffled by the seed."""
        lanes: defaultdict[str, list[Fault]] = defaultdict(list)
        for part in (*SERVICES, "postgres"):
            dice = random.Random(f"{self.seed}/{part}")  # noqa: S311 - a seed reproduces it
            lanes[part] += [Kill(self.stack, part) for _ in range(self.counts.kills)]
            lanes[part] += [
                Pause(self.stack, part, hold_s=self._pause_s(dice))
                for _ in range(self.counts.pauses)
            ]
        lanes["kafka"] += [Kill(self.stack, "kafka") for _ in range(self.counts.kafka_kills)]
        lanes["postgres"] += self._of_postgres()
        lanes["partitions"] += self._moves()
        for part, disk in self.disks.items():
            lanes[part] += [
                FullDisk(self.stack, part, hold_s=AWAY_S[0], disk=disk) for _ in self._each_other()
            ]
        dice = random.Random(f"{self.seed}/pauses of kafka")  # noqa: S311 - as above
        lanes["kafka"] += [
            Pause(self.stack, "kafka", hold_s=dice.uniform(*AWAY_S)) for _ in self._each_other()
        ]
        if self.cuts_kafka:
            lanes["kafka"] += [CutKafka(self.stack, "kafka") for _ in self._each_other()]
        for part, faults in lanes.items():
            random.Random(f"{self.seed}/order/{part}").shuffle(faults)  # noqa: S311 - as above
        return dict(lanes)

    def _each_other(self) -> Iterable[int]:
        return range(self.counts.others)

    def _of_postgres(self) -> list[Fault]:
        dice = random.Random(f"{self.seed}/backends")  # noqa: S311 - a seed reproduces it
        backends: list[Fault] = [
            KillBackend(self.stack, "postgres", pick=dice.randrange) for _ in self._each_other()
        ]
        cuts = [
            CutDatabase(self.stack, "postgres", service=dice.choice(SERVICES))
            for _ in self._each_other()
        ]
        return [*backends, *cuts]

    def _moves(self) -> list[Fault]:
        dice = random.Random(f"{self.seed}/moves")  # noqa: S311 - a seed reproduces it
        return [
            MovePartitions(self.stack, "allowance", hold_s=dice.uniform(*AWAY_S), killed=killed)
            for killed in (False, True)
            for _ in self._each_other()
        ]

    def _pause_s(self, dice: random.Random) -> float:
        is_long = dice.random() < self.counts.long_pauses
        return dice.uniform(*(PAUSE_LONG_S if is_long else PAUSE_SHORT_S))

    def _lane(
        self,
        name: str,
        faults: list[Fault],
        places: threading.Semaphore,
        is_over: Callable[[], bool],
    ) -> None:
        dice = random.Random(f"{self.seed}/sentinel/{name}")  # noqa: S311 - a seed reproduces it
        try:
            sentinel = Sentinel(
                self.stack,
                self.caller,
                self.municipality,
                dice,
                self.municipality.grant(dice),
            )
            for number, fault in enumerate(faults):
                if (number and is_over()) or self._is_broken_off():
                    return
                calm_s = self.counts.calm_of_kafka_s if name == "kafka" else CALM_S
                time.sleep(dice.uniform(0, calm_s))
                with places:
                    self._carry_out(fault, sentinel)
        except BaseException as error:  # noqa: BLE001 - told in the main thread
            self.failures.append(error)

    def _is_broken_off(self) -> bool:
        broken = self.failures or self.municipality.failures
        return bool(broken) or self.caller.given_up.is_set()

    def _carry_out(self, fault: Fault, sentinel: Sentinel) -> None:
        with self._lock:
            alone, began_before = self._under_way == 0, self._begun
            self._under_way += 1
            self._begun += 1
        try:
            fault.begin()
            time.sleep(fault.hold_s)
            fault.end()
            ended = time.monotonic()
            sentinel.await_recovery(fault)
            recovery_s = time.monotonic() - ended
        except BaseException as error:
            error.add_note(f"{fault.name} (seed {self.seed})")
            raise
        finally:
            fault.end()
            with self._lock:
                self._under_way -= 1
                alone = alone and self._begun == began_before + 1
        self.weathered.append(Weathered(name=fault.name, recovery_s=recovery_s, was_alone=alone))
