"""What the chassis' tests share: databases of their own on the real server, events, waiting."""

import asyncio
import datetime as dt
import inspect
import json
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import psycopg
from psycopg import sql

from deploy.local import provision
from frikort_contracts.topics import partition_of
from services.chassis.database import Pool, open_pool
from services.chassis.event_store import NewEvent
from tests.integration.servers import Servers

MOMENT = dt.datetime(2023, 5, 31, 12, tzinfo=dt.UTC)
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
WAIT_S = 120.0
_EMPTY = "template1"


def make_database(servers: Servers, service: str = "grants") -> str:
    """Make an empty database with a service's tables; give where its running role connects.

    The service's own stays untouched: its relay would send what these tests append.
    """
    app_url, owner_url = servers.database_url(service), servers.database_url(service, "owner")
    superuser = servers.stack.superuser_url
    assert superuser is not None, "these tests make databases"
    template, name = f"chassis_{service}", f"chassis_{uuid.uuid4().hex[:12]}"
    owner = sql.Identifier(f"{service}_owner")
    make = sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {}")
    with psycopg.connect(superuser, autocommit=True) as connection:
        known = connection.execute("SELECT FROM pg_database WHERE datname = %s", [template])
        if known.fetchone() is None:
            connection.execute(make.format(sql.Identifier(template), owner, sql.Identifier(_EMPTY)))
            provision.migrate({service: _at(owner_url, template)})
        connection.execute(make.format(sql.Identifier(name), owner, sql.Identifier(template)))
    return _at(app_url, name)


@asynccontextmanager
async def pool_of(database_url: str, *, size_max: int = 10) -> AsyncIterator[Pool]:
    """Open a pool, and let nothing that hangs keep the tests from ending."""
    pool = await open_pool(database_url, size_max=size_max)
    try:
        yield pool
    finally:
        pool.terminate()


def stream_in(partition: int) -> str:
    """Make a stream that lies in a partition."""
    while partition_of(stream := str(uuid.uuid4())) != partition:
        pass
    return stream


def event(stream_id: str, version: int = 1, **data: object) -> NewEvent:
    """Make an event to append."""
    event_id = str(uuid.uuid4())
    return NewEvent(
        stream_id=stream_id,
        version=version,
        event_id=event_id,
        type="thing-happened",
        data=json.dumps(data),
        private=None,
        recorded_at=MOMENT,
        known_at=MOMENT,
        municipality_code="751",
        correlation_id=event_id,
        causation_id=None,
        traceparent=TRACE,
    )


async def eventually(
    condition: Callable[[], bool | Awaitable[bool]], *, what: str, timeout_s: float = WAIT_S
) -> None:
    """Wait until a condition holds, or fail saying what did not come about."""
    deadline = time.monotonic() + timeout_s
    while True:
        held = condition()
        if await held if inspect.isawaitable(held) else held:
            return
        assert time.monotonic() < deadline, f"{what}: not within {timeout_s} s"
        await asyncio.sleep(0.01)


def _at(url: str, database: str) -> str:
    return f"{url.rpartition('/')[0]}/{database}"
