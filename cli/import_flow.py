"""The four calls by which a service takes a file in (contracts, imports).

Decides nothing about rows. Any call may be repeated: a service killed in the middle goes on by
itself, and an import opened twice is opened once in vain.
"""

import time
from dataclasses import dataclass
from typing import Final

from cli.client import Client
from cli.errors import ContractError, TransientError
from cli.progress import Phases
from frikort_contracts.imports import (
    ROWS_PER_CALL,
    ImportState,
    OpenImport,
    OutcomePage,
    RowOutcome,
    StagedRow,
    StageRows,
)

POLL_FIRST_S: Final = 0.05
POLL_MAX_S: Final = 0.5
STALLED_MAX_S: Final = 180.0
"""A check waits a bounded time for unknown cards; an import that stands longer is stuck."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportCalls:
    """The import calls of one service."""

    client: Client
    service: str
    phases: Phases

    def take_in(self, announced: OpenImport, rows: list[StagedRow]) -> ImportState:
        """Stage the rows, start the import, and follow it to its end.

        Raises:
            TransientError: the service is away, or the import stands still.
        """
        opened = self.client.post(self.service, "/v1/imports", ImportState, body=announced)
        path = f"/v1/imports/{opened.import_id}"
        self.phases.start("sending", len(rows))
        for first in range(0, len(rows), ROWS_PER_CALL):
            page = StageRows(rows=tuple(rows[first : first + ROWS_PER_CALL]))
            self.client.put(self.service, f"{path}/rows/{first}", body=page)
            self.phases.reach(first + len(page.rows))
        started = self.client.post(self.service, f"{path}/start", ImportState)
        return self._follow(path, started)

    def outcomes(self, state: ImportState) -> list[RowOutcome]:
        """Fetch where each row taken was recorded, in the order of the rows.

        Raises:
            ContractError: the pages do not add up to what was taken.
        """
        outcomes: list[RowOutcome] = []
        after: int | None = None
        for _ in range(state.rows_total + 1):  # a page holds one row at the least
            page = self.client.get(
                self.service,
                f"/v1/imports/{state.import_id}/outcomes",
                OutcomePage,
                query={} if after is None else {"after": after},
            )
            outcomes.extend(page.outcomes)
            if (after := page.next_after) is None:
                break
        if len(outcomes) != state.appended + state.repeated:
            raise ContractError(
                f"{self.service} took {state.appended + state.repeated} rows, but says of "
                f"{len(outcomes)} where it recorded them"
            )
        return outcomes

    def _follow(self, path: str, state: ImportState) -> ImportState:
        phase, pause_s, moved_at = "", POLL_FIRST_S, time.monotonic()
        while state.state not in {"refused", "done"}:  # bounded: it moves, or is given up
            if phase != state.state:
                phase, pause_s = state.state, POLL_FIRST_S
                self.phases.start(phase, state.rows_total)
            self.phases.reach(_rows_done(state))
            time.sleep(pause_s)
            pause_s = min(pause_s * 1.5, POLL_MAX_S)
            before, state = state, self.client.get(self.service, path, ImportState)
            if state != before:
                moved_at = time.monotonic()
            elif time.monotonic() - moved_at > STALLED_MAX_S:
                raise TransientError(
                    f"{self.service} has made no headway with this import for "
                    f"{STALLED_MAX_S:.0f} s; it goes on by itself when it can: "
                    "import the file again later to see what came of it"
                )
        self.phases.reach(_rows_done(state))
        return state


def _rows_done(state: ImportState) -> int:
    return state.checked if state.state == "checking" else state.appended + state.repeated
