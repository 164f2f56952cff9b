"""Compiled posting and telling are loaded when they are first of use, beside the work.

That takes a second, several beside other work; on a machine that has not compiled them yet,
half a minute.
"""

import asyncio
import threading
from types import ModuleType
from typing import Final

import structlog

from services.chassis.logging import configure_logging

BULK_FROM: Final = 1000
"""Messages or entries that are worth it: fewer are sooner gone through one by one."""
BACKLOG_FROM: Final = 20_000
"""Messages that wait when a service begins to read, and are worth loading it first."""
WAIT_S: Final = 15.0
"""Less than half a minute: it may have to be compiled first, and wages need not wait for that."""

log = structlog.get_logger()


class BulkLoader:
    """Gives `bulk_posting` and `bulk_telling` once they can be used."""

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None
        self._posting: ModuleType | None = None
        self._telling: ModuleType | None = None

    def posting(self, messages: int) -> ModuleType | None:
        """Give what posts a batch of so many messages, None if they go one by one."""
        return self._posting if self._is_worth_it(messages) else None

    def telling(self, entries: int) -> ModuleType | None:
        """Give what tells so many entries, None if they go one by one."""
        return self._telling if self._is_worth_it(entries) else None

    async def prepare(self, backlog: int) -> None:
        """Load before the first of a large backlog is read, unless it must be compiled yet."""
        if backlog >= BACKLOG_FROM:
            await asyncio.to_thread(self._begin().join, WAIT_S)

    def _is_worth_it(self, count: int) -> bool:
        if count >= BULK_FROM:
            self._begin()
        return count >= BULK_FROM

    def _begin(self) -> threading.Thread:
        """Load in a thread of its own, once: the process may end while it compiles."""
        if self._thread is None:
            self._thread = threading.Thread(target=self.load, name="bulk", daemon=True)
            self._thread.start()
        return self._thread

    def load(self) -> None:
        """Load both, in the thread of whoever calls; what cannot be loaded is done without."""
        try:
            from services.allowance import bulk_posting, bulk_telling  # noqa: PLC0415 - slow

            bulk_posting.compile_now()
            bulk_telling.compile_now()
        except Exception as error:  # noqa: BLE001 - it is the faster way, never the only one
            log.warning("bulk_off", error=f"{type(error).__name__}: {error}")
            return
        self._posting, self._telling = bulk_posting, bulk_telling
        log.info("bulk_ready")


if __name__ == "__main__":
    configure_logging(service="allowance", level="WARNING")
    BulkLoader().load()
