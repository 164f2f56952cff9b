"""One PostgreSQL and one Kafka for all integration tests; each makes citizens of its own."""

import os
from collections.abc import Iterator

import pytest

from deploy.local.stack import Stack
from tests.integration.servers import Servers

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
