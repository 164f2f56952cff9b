"""One PostgreSQL and one Kafka for all integration tests; each makes citizens of its own."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator

import pytest

from deploy.local.stack import Stack
from services.chassis.database import Pool
from tests.integration.allowance_cases import Wire
from tests.integration.chassis_cases import make_database, pool_of
from tests.integration.notifications_cases import Citizen, GatewayProcess
from tests.integration.relay_process import Outlet
from tests.integration.servers import Servers, ServiceProcess

TAKEN_OVER = ("FRIKORT_CACHE", "FRIKORT_STACK")
"""Never a given server's address: tests write."""


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """Servers of the tests' own, stopped and erased at the end."""
    environment = {name: os.environ[name] for name in TAKEN_OVER if name in os.environ}
    stack = Stack.temporary(tmp_path_factory.mktemp("servers"), environment=environment)
    stack.start_servers()
    try:
        yield Servers(stack)
    finally:
        stack.stop()


@pytest.fixture(scope="module")
def grants(servers: Servers) -> Iterator[ServiceProcess]:
    """The service, started anew for each module."""
    service = servers.service("grants")
    yield service.start()
    service.close()


@pytest.fixture(scope="module")
def payroll(servers: Servers) -> Iterator[ServiceProcess]:
    """The service, started anew for each module."""
    service = servers.service("payroll")
    yield service.start()
    service.close()


@pytest.fixture(scope="module")
def wire(servers: Servers) -> Wire:
    """What grants and payroll send to a module's servers."""
    return Wire(servers)


@pytest.fixture(scope="module")
def gateway(servers: Servers) -> Iterator[GatewayProcess]:
    """A gateway simulator as a process of its own."""
    simulator = GatewayProcess(servers, servers.stack.settings.logs / "gateway-process.log")
    yield simulator.start()
    simulator.close()


@pytest.fixture(scope="module")
def notifications(servers: Servers, gateway: GatewayProcess) -> Iterator[ServiceProcess]:
    """The service, texting through that gateway."""
    assert gateway.texts("none") == []
    service = servers.service("notifications")
    yield service.start()
    service.close()


@pytest.fixture
def citizen(gateway: GatewayProcess) -> Iterator[Citizen]:
    """A citizen of the test's own, and a gateway that behaves again after it."""
    yield Citizen()
    gateway.behave()


@pytest.fixture
async def outlet(servers: Servers) -> Outlet:
    database_url = await asyncio.to_thread(make_database, servers)
    return await Outlet(database_url, servers.stack.kafka).create()


@pytest.fixture
async def pool(outlet: Outlet) -> AsyncIterator[Pool]:
    async with pool_of(outlet.database_url) as opened:
        yield opened
