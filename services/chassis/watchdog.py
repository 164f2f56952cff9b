"""The watchdog: a consumer that does nothing while Kafka answers is ended and started afresh.

A client can hang for good after its broker was away, with its process alive and well. What
counts is progress: a fetch that was answered, or a batch that was applied.
"""

import asyncio
from typing import Protocol

import structlog
from aiokafka.admin import AIOKafkaAdminClient

from services.chassis.errors import describe

LOOK_EVERY_S = 5.0
STUCK_S = 30.0
"""Without progress for so long is stuck; the broker answers a fetch of nothing twice a second."""
ANSWER_TIMEOUT_MS = 3000
ASK_AGAIN_S = 0.5

log = structlog.get_logger()


class ConsumerStuckError(Exception):
    """The consumer makes no progress, and it is not Kafka that is away."""


class Watched(Protocol):
    """What the watchdog needs of a consumer."""

    def idle_s(self) -> float:
        """Tell how long nothing was fetched or applied, in seconds."""


async def watch(
    consumer: Watched,
    bootstrap: str,
    *,
    stuck_s: float = STUCK_S,
    look_every_s: float = LOOK_EVERY_S,
) -> None:
    """Watch until cancelled.

    Kafka must answer for `stuck_s` as well: a client that has just got it back needs a moment.

    Raises:
        ConsumerStuckError: the process is to end, for its supervisor to start it afresh.
    """
    answered_s = 0.0
    while answered_s < stuck_s:
        await asyncio.sleep(look_every_s)
        idle_s = consumer.idle_s()
        if idle_s > stuck_s and await answers(bootstrap):
            answered_s += look_every_s
            log.warning("consumer_idle", idle_s=round(idle_s))
        else:
            answered_s = 0.0
    raise ConsumerStuckError(f"nothing was fetched or applied for {consumer.idle_s():.0f} s")


async def await_kafka(bootstrap: str) -> None:
    """Wait until Kafka answers: a client that is started before it does ends in an error."""
    while not await answers(bootstrap):  # noqa: ASYNC110 - nobody tells when it does
        await asyncio.sleep(ASK_AGAIN_S)


async def answers(bootstrap: str) -> bool:
    """Ask Kafka over a connection of our own: the consumer's may be what hangs."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=ANSWER_TIMEOUT_MS)
    try:
        await admin.start()
        await admin.list_topics()
    except Exception as error:  # noqa: BLE001 - whatever it is, Kafka does not answer
        log.info("kafka_not_answering", error=describe(error))
        return False
    finally:
        await admin.close()
    return True
