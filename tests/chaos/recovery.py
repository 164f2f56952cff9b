"""How recovery is seen: a fresh command goes all the way that leads through the part."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import httpx

from deploy.local.stack import Stack
from tests.chaos.caller import Caller
from tests.chaos.commands import Answered, Service
from tests.chaos.faults import POLL_S, Fault
from tests.chaos.municipality import Citizen, Municipality

RECOVERY_S: Final = 240.0
"""Beyond what a busy machine needs, and a watchdog that ends a service's hung consumer."""
READERS: Final[dict[Service, tuple[Service, ...]]] = {
    "grants": ("payroll", "allowance", "notifications"),
    "payroll": ("allowance",),
}
WAYS: Final[dict[str, tuple[tuple[Service, Service], ...]]] = {
    # part: from whom to whom a fresh fact must come
    "grants": (("grants", "allowance"),),
    "payroll": (("payroll", "allowance"), ("grants", "payroll")),
    "allowance": (("payroll", "allowance"),),
    "notifications": (("grants", "notifications"),),
    "kafka": (("grants", "payroll"), ("payroll", "allowance"), ("grants", "notifications")),
    "postgres": (("grants", "payroll"), ("payroll", "allowance"), ("grants", "notifications")),
}
ASKED: Final[dict[str, tuple[Service, ...]]] = {
    "kafka": ("grants", "payroll", "allowance", "notifications"),
    "postgres": ("grants", "payroll", "allowance", "notifications"),
}
"""Whose /readyz must be 200; of a service its own."""


class NotRecoveredError(Exception):
    """A part did not come back, or commands no longer have their effect."""


@dataclass(slots=True)
class Sentinel:
    """A citizen of its own whose commands show that the way is open again."""

    stack: Stack
    caller: Caller
    municipality: Municipality
    dice: random.Random
    citizen: Citizen

    def await_recovery(self, fault: Fault) -> None:
        """Wait until the part is back, ready, and a fresh command has its effect.

        Raises: NotRecoveredError.
        """
        deadline = time.monotonic() + RECOVERY_S
        self._await(fault.is_back, f"{fault.part} to be back", deadline)
        asked: tuple[Service, ...] = ASKED.get(fault.part, (fault.part,))  # type: ignore[arg-type]
        for service in asked:
            self._await(lambda: self._is_ready(service), f"{service} ready", deadline)  # noqa: B023
        for writer, reader in WAYS[fault.part]:
            fresh = self._fresh(writer)
            what = f"a fresh fact of {writer} to be applied by {reader}"
            self._await(lambda: self.caller.is_applied(reader, fresh), what, deadline)  # noqa: B023

    def _fresh(self, writer: Service) -> Answered:
        if writer == "grants":
            return self.municipality.review(self.dice, self.citizen)
        return self.municipality.pay(self.dice, self.citizen, amount_ore=self.dice.randint(1, 99))

    def _is_ready(self, service: Service) -> bool:
        answer = self.caller.get(service, "/readyz")
        return answer is not None and answer.status_code == httpx.codes.OK

    def _await(self, condition: Callable[[], bool], what: str, deadline: float) -> None:
        while not condition():
            if time.monotonic() > deadline or self.caller.given_up.is_set():
                raise NotRecoveredError(f"{what}: not within {RECOVERY_S:.0f} s")
            time.sleep(POLL_S)
