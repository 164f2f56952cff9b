"""Whether the services that need a fact have applied it (INTERFACES, Waiting)."""

import time
from collections import deque
from dataclasses import dataclass
from typing import Final

from cli.client import Client
from cli.errors import ContractError
from cli.import_report import CODES_THAT_MAY_WAIT, NotApplied, not_applied
from cli.progress import Phases
from frikort_contracts.imports import (
    POSITIONS_PER_CALL,
    PositionProgress,
    ProgressRequest,
    ProgressResponse,
    RowOutcome,
)

READERS: Final = {
    "grants": ("payroll", "allowance", "notifications"),
    "grant-changes": ("payroll", "allowance", "notifications"),
    "employments": ("allowance",),
    "wages": ("allowance",),
    "wage-reversals": ("allowance",),
    "contacts": ("notifications",),
}
"""Which services need to have read what a file of this kind records."""
LONG_POLL_S: Final = 2.0
"""How long a service may hold an answer back until all it is asked about is settled."""
PAUSE_S: Final = 0.05
"""Between two questions, in case a service answers at once that all is pending."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Waiting until rows are applied, parked or wait for a cap, `wait_s` seconds at most."""

    client: Client
    phases: Phases
    wait_s: float

    def wait_for(self, kind: str, outcomes: list[RowOutcome]) -> list[NotApplied]:
        """Ask every service that needs these rows; name what is not applied, by line.

        Raises:
            TransientError: a service is away.
        """
        deadline = time.monotonic() + self.wait_s
        found: list[NotApplied] = []
        for service in READERS[kind]:
            found += self._wait_at(service, outcomes, deadline)
        return sorted(found, key=lambda each: (each.line, each.service))

    def _wait_at(
        self, service: str, outcomes: list[RowOutcome], deadline: float
    ) -> list[NotApplied]:
        """Ask one service in pages, and again only about what was not settled."""
        self.phases.start(f"waiting for {service}", len(outcomes))
        asked, found = deque(outcomes), list[NotApplied]()
        while asked:  # bounded by the deadline
            page = [asked.popleft() for _ in range(min(POSITIONS_PER_CALL, len(asked)))]
            remaining_s = deadline - time.monotonic()
            for outcome, progress in self._ask(service, page, remaining_s):
                if _is_settled(progress):
                    if progress.state != "applied":
                        found.append(not_applied(outcome.line, service, progress))
                elif remaining_s <= 0:
                    found.append(not_applied(outcome.line, service, progress))
                else:
                    asked.append(outcome)
            self.phases.reach(len(outcomes) - len(asked))
            if asked:
                time.sleep(PAUSE_S)
        return found

    def _ask(
        self, service: str, page: list[RowOutcome], remaining_s: float
    ) -> list[tuple[RowOutcome, PositionProgress]]:
        request = ProgressRequest(
            positions=tuple(outcome.position for outcome in page),
            wait_s=max(0.0, min(LONG_POLL_S, remaining_s)),
        )
        answer = self.client.post(service, "/v1/progress", ProgressResponse, body=request)
        if len(answer.progress) != len(page):
            raise ContractError(f"{service} answers about other rows than it was asked about")
        return list(zip(page, answer.progress, strict=True))


def _is_settled(progress: PositionProgress) -> bool:
    """Tell whether waiting longer changes nothing."""
    match progress.state:
        case "applied" | "parked":
            return True
        case "waiting":
            return progress.code in CODES_THAT_MAY_WAIT
        case "pending":
            return False
