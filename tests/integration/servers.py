"""Real servers and real service processes for tests: start, kill, ask, read what was sent."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import httpx
import psycopg
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from psycopg import sql

from deploy.local import provision
from deploy.local.programs import without_settings
from deploy.local.stack import Stack
from frikort_contracts.imports import (
    ROWS_PER_CALL,
    ImportState,
    Position,
    PositionProgress,
    ProgressResponse,
)
from frikort_contracts.topics import ALL_TOPICS, PARTITIONS, partition_of
from services.chassis.topics import ensure_topics

READY_S = 90.0
STOP_S = 15.0
IMPORT_S = 120.0
PROGRESS_S = 60.0
REPOSITORY = Path(__file__).parents[2]
RENEWAL = (
    "DROP DATABASE {database} WITH (FORCE)",
    "CREATE DATABASE {database} TEMPLATE {template} OWNER {owner}",
)


def wait_for(condition: Callable[[], bool], *, what: str, timeout_s: float = READY_S) -> None:
    """Wait until a condition holds, or fail saying what did not come about."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {timeout_s} s"
        time.sleep(0.02)


class ServiceProcess:
    """A service as its own process, which a test may kill and start again."""

    def __init__(self, name: str, *, environment: Mapping[str, str], url: str, log: Path) -> None:
        self.name = name
        self._environment = without_settings(os.environ) | dict(environment)
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self.client = httpx.Client(base_url=url, timeout=90)

    def start(self) -> Self:
        """Start the process and wait until it is ready."""
        self.launch()
        try:
            wait_for(self._is_ready, what=f"{self.name} ready, see {self._log}")
        except BaseException:
            self.kill()
            raise
        return self

    def launch(self) -> None:
        """Start the process, and do not wait for it."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", f"services.{self.name}.app"],
                env=self._environment,
                cwd=REPOSITORY,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def kill(self) -> None:
        """End the process at whatever instruction it is (SIGKILL)."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(STOP_S)

    def stop(self) -> int:
        """Tell the process to end, and give its exit status."""
        assert self._process is not None
        self._process.terminate()
        return self._process.wait(STOP_S)

    def ended(self, timeout_s: float = READY_S) -> int:
        """Wait until the process ends by itself, and give its exit status."""
        assert self._process is not None
        return self._process.wait(timeout_s)

    def close(self) -> None:
        """End the process if it still runs, in any state."""
        self.client.close()
        self.kill()

    def import_rows(
        self, kind: str, rows: Sequence[Mapping[str, Any]], **options: bool
    ) -> ImportState:
        """Take a file's rows in, and wait until that has ended."""
        import_id = self.start_import(kind, rows, **options)
        return self.await_import(import_id)

    def start_import(self, kind: str, rows: Sequence[Mapping[str, Any]], **options: bool) -> str:
        """Stage a file's rows and start the import; lines count from 2, below the header."""
        announced = {"kind": kind, "rows_total": len(rows), **options}
        answer = self.client.post("/v1/imports", json=announced)
        answer.raise_for_status()
        import_id: str = answer.json()["import_id"]
        for first in range(0, len(rows), ROWS_PER_CALL):
            staged = [
                {"line": first + index + 2, "values": values}
                for index, values in enumerate(rows[first : first + ROWS_PER_CALL])
            ]
            path = f"/v1/imports/{import_id}/rows/{first}"
            self.client.put(path, json={"rows": staged}).raise_for_status()
        self.client.post(f"/v1/imports/{import_id}/start").raise_for_status()
        return import_id

    def import_state(self, import_id: str) -> ImportState:
        """Ask how far an import is."""
        answer = self.client.get(f"/v1/imports/{import_id}")
        return ImportState.model_validate_json(answer.raise_for_status().content)

    def await_import(self, import_id: str) -> ImportState:
        """Wait until an import has ended, and give how."""
        wait_for(
            lambda: self.import_state(import_id).state in {"refused", "done"},
            what="the import's end",
            timeout_s=IMPORT_S,
        )
        return self.import_state(import_id)

    def progress(self, *positions: Position, wait_s: float = PROGRESS_S) -> list[PositionProgress]:
        """Ask how far the service has read."""
        body = {"positions": [p.model_dump() for p in positions], "wait_s": wait_s}
        answer = self.client.post("/v1/progress", json=body).raise_for_status()
        return list(ProgressResponse.model_validate_json(answer.content).progress)

    def _is_ready(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"{self.name} ended by itself, see {self._log}"
        try:
            return self.client.get("/readyz").is_success
        except httpx.TransportError:
            return False


class Servers:
    """PostgreSQL and Kafka, with the databases of those services that a test asks for."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self._provided: set[str] = set()
        self._used = False
        provision.create_topics(stack.kafka)

    def database_url(self, service: str, role: str = "app") -> str:
        """Give where a role connects to a service's database, made and migrated by now."""
        self._used = True
        if service not in self._provided:
            provision.create_database(self.stack.settings, service)
            provision.migrate({service: self.stack.database_url(service, "owner")})
            self._keep_template(service)
            self._provided.add(service)
        return self.stack.database_url(service, role)

    def emptied(self) -> Self:
        """Take everything out of the databases and topics; no service may be running."""
        if not self._used:
            return self  # nobody has worked here since
        assert self.stack.superuser_url is not None
        with psycopg.connect(self.stack.superuser_url, autocommit=True) as connection:
            for service in self._provided:
                for step in RENEWAL:
                    names = {"database": sql.Identifier(f"frikort_{service}")}
                    names |= {"template": sql.Identifier(f"template_{service}")}
                    names |= {"owner": sql.Identifier(f"{service}_owner")}
                    connection.execute(sql.SQL(step).format(**names))
                provision.create_database(self.stack.settings, service)
        asyncio.run(_remake_topics(self.stack.kafka))
        self._used = False
        return self

    def alone(self) -> Iterator[Self]:
        """Give the servers to a module that puts there what no service sends; then empty them."""
        yield self.emptied()
        self.emptied()

    def service(self, name: str, **settings: str) -> ServiceProcess:
        """Give a service that is not started yet; `settings` go over its environment."""
        self.database_url(name)
        return ServiceProcess(
            name,
            environment=self.stack.env(name) | settings,
            url=self.stack.service_url(name),
            log=self.stack.settings.logs / f"{name}-process.log",
        )

    def records(self, topic: str, citizen_id: str) -> list[ConsumerRecord]:
        """Read a citizen's partition as a `read_committed` reader; give their records only."""
        found = asyncio.run(_read(self.stack.kafka, topic, [partition_of(citizen_id)]))
        return [record for record in found if record.key == citizen_id.encode()]

    def all_records(self, topic: str, partitions: int = PARTITIONS) -> list[ConsumerRecord]:
        """Read a whole topic as a `read_committed` reader, each partition in order."""
        return asyncio.run(_read(self.stack.kafka, topic, range(partitions)))

    def put(
        self, topic: str, citizen_id: str, value: bytes, headers: Sequence[tuple[str, bytes]]
    ) -> None:
        """Put a record on a citizen's partition that no relay has sent."""
        asyncio.run(_put(self.stack.kafka, topic, citizen_id, value, headers))

    def _keep_template(self, service: str) -> None:
        """Keep a copy of a database as its migrations left it: copying is faster than migrating."""
        assert self.stack.superuser_url is not None
        with psycopg.connect(self.stack.superuser_url, autocommit=True) as connection:
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                    sql.Identifier(f"template_{service}"), sql.Identifier(f"frikort_{service}")
                )
            )


def header(record: ConsumerRecord, name: str) -> str:
    """Give a record's header as text."""
    found: bytes = dict(record.headers)[name]
    return found.decode()


def payload(record: ConsumerRecord) -> dict[str, Any]:
    """Give a record's value as JSON."""
    found: dict[str, Any] = json.loads(record.value)
    return found


async def _remake_topics(bootstrap: str) -> None:
    names = {topic.name for topic in ALL_TOPICS}
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        await admin.start()
        await admin.delete_topics(list(names))
        while names & set(await admin.list_topics()):  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.02)
    finally:
        await admin.close()
    await ensure_topics(bootstrap, ALL_TOPICS, replication=1)


async def _read(bootstrap: str, topic: str, partitions: Iterable[int]) -> list[ConsumerRecord]:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    try:
        await consumer.start()
        lanes = [TopicPartition(topic, partition) for partition in partitions]
        consumer.assign(lanes)
        await consumer.seek_to_beginning(*lanes)
        ends = await consumer.end_offsets(lanes)
        found: list[ConsumerRecord] = []
        for lane in lanes:
            while await consumer.position(lane) < ends[lane]:
                found += (await consumer.getmany(lane, timeout_ms=100)).get(lane, [])
        return found
    finally:
        await consumer.stop()


async def _put(
    bootstrap: str,
    topic: str,
    citizen_id: str,
    value: bytes,
    headers: Sequence[tuple[str, bytes]],
) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True)
    await producer.start()
    try:
        await producer.send_and_wait(
            topic,
            value,
            key=citizen_id.encode(),
            partition=partition_of(citizen_id),
            headers=list(headers),
        )
    finally:
        await producer.stop()
