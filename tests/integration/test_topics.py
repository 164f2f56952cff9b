"""Topics are made by those who operate the stack, never by a service that misses one."""

import asyncio
import contextlib

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from services.chassis.runtime import make_broker
from tests.integration.servers import Servers

pytestmark = pytest.mark.slow

ABSENT = "frikort-absent"
START_S = 5.0


async def test_a_service_makes_no_topic(servers: Servers) -> None:
    broker = make_broker(servers.stack.kafka, client_id="newcomer")
    broker.subscriber(ABSENT, group_id="newcomer")(print)
    try:
        with contextlib.suppress(KafkaError, TimeoutError):  # it waits for the topic, in vain
            async with asyncio.timeout(START_S):
                await broker.start()
    finally:
        await broker.stop()

    admin = AIOKafkaAdminClient(bootstrap_servers=servers.stack.kafka)
    try:
        await admin.start()
        assert ABSENT not in await admin.list_topics()
    finally:
        await admin.close()
