"""Runs a service's parts together: HTTP, consumer, relays, importer. One fails, all end.

A process that cannot go on ends with status 1 and is started afresh by its supervisor; SIGTERM
and SIGINT end it with status 0 after what is under way has finished.
"""

import asyncio
import contextlib
import gc
import signal
import time
from collections.abc import Coroutine, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
import uvicorn
from fastapi import FastAPI
from faststream.kafka import KafkaBroker

from services.chassis.consumer import Consumer
from services.chassis.database import Pool
from services.chassis.errors import describe
from services.chassis.http import Probe
from services.chassis.relay import Relay
from services.chassis.settings import ServiceSettings
from services.chassis.watchdog import await_kafka, watch

FETCH_AGE_MAX_S = 30.0
STOP_TIMEOUT_S = 5
CANCEL_AGAIN_S = 3.0
GC_ALLOCATIONS = 200_000
GC_GENERATION = 20

log = structlog.get_logger()


class _Server(uvicorn.Server):
    """Leaves signals to us: uvicorn would raise them again when it has ended."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    def stop(self) -> None:
        self.should_exit = True


@dataclass(frozen=True)
class Reading:
    """What a service that reads topics needs for it."""

    broker: KafkaBroker
    consumer: Consumer
    bootstrap: str
    """Kafka's servers, as the broker knows them."""


def make_broker(bootstrap: str, *, client_id: str) -> KafkaBroker:
    """Make a broker that creates no topics by itself and says little."""
    return KafkaBroker(bootstrap, client_id=client_id, allow_auto_create_topics=False, logger=None)


def spare_the_garbage_collector() -> None:
    """Have Python look for cycles seldom; called once a process has put itself together.

    A batch makes tens of thousands of objects, all freed by their reference counts. With
    Python's defaults half of the posting time goes into looking for cycles among them.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_ALLOCATIONS, GC_GENERATION, GC_GENERATION)


async def run(
    app: FastAPI,
    settings: ServiceSettings,
    *,
    background: Sequence[Coroutine[Any, Any, None]],
    reading: Reading | None = None,
) -> int:
    """Run until told to end or until a part fails; give the exit status.

    What reads begins once Kafka answers, and is watched; until then HTTP is served.
    """
    server = _Server(
        uvicorn.Config(
            app,
            host=settings.host,
            port=settings.port,
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=STOP_TIMEOUT_S,
        )
    )
    serving = asyncio.create_task(server.serve(), name="http")
    tasks = {serving, *(asyncio.create_task(part, name=_name(part)) for part in background)}
    if reading is not None:
        tasks.add(asyncio.create_task(_consume(reading), name="consumer"))
        watching = watch(reading.consumer, reading.bootstrap)
        tasks.add(asyncio.create_task(watching, name="watchdog"))
    spare_the_garbage_collector()
    for stop_signal in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(stop_signal, server.stop)
    log.info("service_started", port=settings.port)
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    failed = [task for task in done if task is not serving or not server.should_exit]
    for task in failed:
        log.error("part_failed", part=task.get_name(), exc_info=task.exception())
    server.should_exit = True
    await asyncio.wait({serving}, timeout=STOP_TIMEOUT_S)
    await end(tasks)
    if reading is not None:
        await reading.broker.stop()
    log.info("service_stopped", failed=len(failed))
    return 1 if failed else 0


async def end(tasks: Iterable[asyncio.Task[None]]) -> None:
    """Cancel tasks until every one has ended, however it ends.

    Once may not do: what goes wrong as a task is cancelled (a connection that cannot be given
    back) takes the cancellation's place, and a part that begins anew after a fault would go on;
    and `asyncio.wait_for` of Python 3.11 loses one that comes together with an answer.
    """
    left = set(tasks)
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=CANCEL_AGAIN_S)
        for task in left:
            log.warning("part_goes_on", part=task.get_name())


def _name(part: Coroutine[Any, Any, None]) -> str | None:
    return getattr(part, "__qualname__", None)


def probes(pool: Pool, relays: Sequence[Relay], consumer: Consumer | None = None) -> list[Probe]:
    """Probe a service's parts: its database, its relays and, if it reads, its consumer."""
    reading = [] if consumer is None else [probe_consumer(consumer)]
    return [probe_database(pool), *map(probe_relay, relays), *reading]


def probe_database(pool: Pool) -> Probe:
    """Probe that the database answers."""

    async def probe() -> str | None:
        try:
            async with asyncio.timeout(1), pool.acquire() as connection:
                await connection.fetchval("SELECT 1")
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the answer
            return f"the database does not answer: {describe(error)}"
        return None

    return probe


def probe_relay(relay: Relay) -> Probe:
    """Probe that the relay sends, or stands by behind one that does."""

    async def probe() -> str | None:
        return None if relay.ready.is_set() else f"the relay to {relay.topic.name} is not up"

    return probe


def probe_consumer(consumer: Consumer) -> Probe:
    """Probe that the consumer has joined its group and keeps fetching."""

    async def probe() -> str | None:
        if not consumer.joined:
            return "the consumer has not joined its group"
        missing = consumer.topics_missing()
        if missing:
            return f"there is no topic {', '.join(missing)}"
        fetched_at = consumer.fetched_at()
        if fetched_at is not None and time.time() - fetched_at > FETCH_AGE_MAX_S:
            return f"the consumer's last fetch was {time.time() - fetched_at:.0f} s ago"
        return None

    return probe


async def _consume(reading: Reading) -> None:
    await await_kafka(reading.bootstrap)
    await reading.broker.start()
    await reading.consumer.failure
