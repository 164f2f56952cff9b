"""A relay of one outbox to one topic, small enough to be killed by the dozen.

Its processes are forked from a server that has imported everything, so that one starts in
hundredths of a second.
"""

import asyncio
import multiprocessing
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerProcess
from multiprocessing.synchronize import Event
from typing import Self

from frikort_contracts.topics import Topic, relay_positions
from services.chassis.database import Pool, open_pool
from services.chassis.event_store import StoredEvent
from services.chassis.relay import Relay, Source, store_source
from services.chassis.sending import Record
from services.chassis.topics import ensure_topics

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload([__name__])


@dataclass(frozen=True, slots=True)
class Outlet:
    """A topic of a test's own with the positions of its relay, and the outbox it serves."""

    database_url: str
    bootstrap: str
    service: str = field(default_factory=lambda: f"chassis-{uuid.uuid4().hex[:12]}")

    @property
    def topic(self) -> Topic:
        return Topic(name=f"{self.service}-things", key="thing", owner=self.service, readers=())

    async def create(self) -> Self:
        topics = (self.topic, relay_positions(self.service))
        await ensure_topics(self.bootstrap, topics, replication=1)
        return self

    def to_record(self, stored: StoredEvent) -> Record:
        headers = [("ce_id", stored.event_id.encode())]
        key, value = stored.stream_id.encode(), stored.data.encode()
        return Record(self.topic.name, stored.partition, key, value, headers)

    def relay(
        self,
        pool: Pool,
        source: Source | None = None,
        *,
        slot: str = "events",
        partitions: Sequence[int] | None = None,
    ) -> Relay:
        return Relay(
            service=self.service,
            slot=slot,
            topic=self.topic,
            source=source or store_source(pool, self.to_record),
            pool=pool,
            bootstrap=self.bootstrap,
            partitions=partitions,
            read_ahead_from=1,
        )

    def process(self) -> "RelayProcess":
        return RelayProcess(self)


class RelayProcess:
    """The relay in a process of its own, started at once."""

    def __init__(self, outlet: Outlet) -> None:
        self._ready: Event = _context.Event()
        self._process: ForkServerProcess = _context.Process(
            target=_run, args=(outlet, self._ready), daemon=True
        )
        self._process.start()

    async def await_ready(self) -> None:
        """Wait until it leads or stands by."""
        assert await asyncio.to_thread(self._ready.wait, 20), "the relay process is not ready"

    async def kill_within(self, seconds: float) -> None:
        """End it at whatever instruction it is after some time (SIGKILL)."""
        await asyncio.to_thread(self._process.join, seconds)
        assert self._process.exitcode is None, "the relay ended by itself"
        self.kill()

    def kill(self) -> None:
        """End it, if it has not been ended (SIGKILL)."""
        self._process.kill()
        self._process.join()


def _run(outlet: Outlet, ready: Event) -> None:
    asyncio.run(_relay(outlet, ready))


async def _relay(outlet: Outlet, ready: Event) -> None:
    pool = await open_pool(outlet.database_url)
    relay = outlet.relay(pool)
    running = asyncio.create_task(relay.run())
    await relay.ready.wait()
    ready.set()
    await running
