"""Posting: how fast waiting wages are committed and their events become visible.

`python -m tests.bench.posting [--wages N] [--citizens N] [--instances N]` starts its own
Kafka and PostgreSQL, lets the wages wait on the topic, starts the allowance service and
measures until every wage is committed, and until every outgoing event can be read by a
`read_committed` consumer. Beside it, in the same run, two yardsticks: a bare aiokafka drain
with one bulk insert per batch, doing nothing with the data, and a naive posting (`naive.py`) in
as many processes. It prints machine, versions, seed and figures.
"""

import argparse
import asyncio
import contextlib
import importlib.metadata
import itertools
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
import timeit
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import psutil
from aiokafka import AIOKafkaConsumer, TopicPartition

from deploy.local.settings import HOST
from deploy.local.stack import Stack
from frikort_contracts.topics import ALLOWANCE, PARTITIONS, PAYROLL
from services.allowance.rules import RulesWorkspace, SetCap
from services.chassis.clock import SystemClock
from services.chassis.identifiers import RandomIdentifiers, traceparent
from services.chassis.vault import Vault
from services.chassis.workspace import Command, Tools, run_command
from tests.bench import naive
from tests.bench.history import YEARS, History, send

POLL_S = 0.02
WATCH_S = 0.1
"""Between looks while it is measured: each costs both servers some milliseconds."""
CALM_S = 15.0
"""Nothing new for so long after the last commit: everything is visible."""
READY_S = 30.0
TIMEOUT_S = 300
DRAIN_RECORDS_MAX = 5000
CAP_ORE = 41_280_00
SAY = sys.stdout.write


@dataclass(slots=True)
class Measured:
    """Seconds from when every instance reads to the last entry; memory after each quarter.

    `wages`: those to be posted from then on, and `told` those to be told; what one instance did
    while another was starting is left out. `cpu_s`: processor seconds by part.
    """

    wages: int
    told: int
    committed_s: float
    visible_s: float
    memory_mb: list[float]
    cpu_s: dict[str, float]


async def drain_and_insert(bootstrap: str, url: str, wages: int) -> float:
    """Give the seconds of a bare drain with one bulk insert per batch."""
    connection = await asyncpg.connect(url)
    await connection.execute("DROP TABLE IF EXISTS bare; CREATE TABLE bare (k BYTEA, v BYTEA)")
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=4 * 1024 * 1024,
    )
    await consumer.start()
    try:
        consumer.assign([TopicPartition(PAYROLL.name, p) for p in range(PARTITIONS)])
        began, seen = time.perf_counter(), 0
        while seen < wages:
            found = await consumer.getmany(timeout_ms=1000, max_records=DRAIN_RECORDS_MAX)
            rows = [(r.key, r.value) for records in found.values() for r in records]
            await connection.copy_records_to_table("bare", records=rows)
            seen += len(rows)
        return time.perf_counter() - began
    finally:
        await consumer.stop()
        await connection.close()


async def post_naively(bootstrap: str, url: str, processes: int) -> float:
    """Give the seconds of a naive posting, the partitions shared among some processes."""
    connection = await asyncpg.connect(url)
    await connection.execute(naive.TABLES)
    await connection.close()
    running = [
        await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            naive.__name__,
            json.dumps([bootstrap, url, list(range(number, PARTITIONS, processes)), CAP_ORE]),
            stdout=subprocess.PIPE,
        )
        for number in range(processes)
    ]
    said = [(await process.communicate())[0] for process in running]
    return max(float(seconds) for seconds in said)


async def measure(stack: Stack, url: str, wages: int, citizens: int, instances: int) -> Measured:
    """Start the service and watch it until everything is committed and visible."""
    connection = await asyncpg.connect(url)
    watcher = AIOKafkaConsumer(
        bootstrap_servers=stack.kafka, isolation_level="read_committed", enable_auto_commit=False
    )
    await watcher.start()
    partitions = [TopicPartition(ALLOWANCE.name, p) for p in range(PARTITIONS)]
    busy = {name: _cpu_s(stack, name) for name in ("kafka", "postgres")}
    before = sum((await watcher.end_offsets(partitions)).values())
    services = [start(stack, number) for number in range(1, instances + 1)]
    try:
        await all_read(stack, services)
        began, committed_s = time.perf_counter(), 0.0
        sent = sum((await watcher.end_offsets(partitions)).values())
        memory_mb: list[float] = []
        posted = await connection.fetchval("SELECT sum(journal_seq)::BIGINT FROM ledger_partitions")
        ends = (0, -1.0)
        deadline = time.monotonic() + TIMEOUT_S
        while time.monotonic() < deadline:
            entries = await connection.fetchval(
                "SELECT sum(journal_seq)::BIGINT FROM ledger_partitions"
            )
            now = time.perf_counter()
            if entries > wages / 4 * (len(memory_mb) + 1):
                memory_mb.append(_memory_mb(services))
            if not committed_s and entries == wages + citizens:
                committed_s = now - began
            end = sum((await watcher.end_offsets(partitions)).values())
            if end != ends[0]:
                ends = (end, now - began)
            elif committed_s and now - began - ends[1] > CALM_S:
                break
            await asyncio.sleep(WATCH_S)
        cpu_s = {name: _cpu_s(stack, name) - began_s for name, began_s in busy.items()}
        cpu_s["services"] = sum(sum(s.cpu_times()[:2]) for s in services)
        left = wages + citizens - posted
        told = round(wages * (ends[0] - sent) / (ends[0] - before))
        return Measured(
            left, told, committed_s, ends[1], [*memory_mb[:3], _memory_mb(services)], cpu_s
        )
    finally:
        for service in services:
            service.terminate()
        psutil.wait_procs(services, timeout=10)
        await watcher.stop()
        await connection.close()


async def all_read(stack: Stack, services: list[psutil.Popen]) -> None:
    """Wait until every instance has its partitions."""
    async with httpx.AsyncClient() as client:
        for number in range(1, len(services) + 1):
            url = f"http://{HOST}:{_port(stack, number)}/readyz"
            for _ in range(int(READY_S / POLL_S)):
                said = "it does not answer"
                with contextlib.suppress(httpx.TransportError):
                    answer = await client.get(url)
                    if answer.is_success:
                        break
                    said = answer.text
                await asyncio.sleep(POLL_S)
            else:
                raise TimeoutError(f"instance {number} is not ready: {said}")


async def count_visible(bootstrap: str) -> int:
    """Count the wage-apportioned events that a `read_committed` consumer sees."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    await consumer.start()
    try:
        partitions = [TopicPartition(ALLOWANCE.name, p) for p in range(PARTITIONS)]
        consumer.assign(partitions)
        seen, ids = 0, set()
        while found := await consumer.getmany(timeout_ms=1000, max_records=DRAIN_RECORDS_MAX):
            for records in found.values():
                for record in records:
                    headers = dict(record.headers)
                    ids.add(headers["ce_id"])
                    seen += headers["ce_type"] == b"wage-apportioned"
        return seen if len(ids) >= seen else -1
    finally:
        await consumer.stop()


async def set_caps(url: str) -> None:
    """Set the caps of the years that are paid in."""
    pool = await asyncpg.create_pool(url, min_size=1, max_size=1)
    vault = Vault(bytes(32))
    tools = Tools(clock=SystemClock(), ids=RandomIdentifiers(), vault=vault, production=False)
    for year in YEARS:
        first_day = f"{year}-01-01"
        fields = {"amount_ore": CAP_ORE, "in_force_from": first_day, "known_at": first_day}
        cap = SetCap.model_validate({"year": year, "legal_basis": "bench", **fields})
        command = Command(operation="caps", request=cap, key=None, traceparent=traceparent(None))
        await run_command(pool, lambda: RulesWorkspace(tools), command)
    await pool.close()


async def apply_grants(stack: Stack, url: str, citizens: int) -> None:
    """Let the ledger know the cards before the wages come, as it would."""
    connection = await asyncpg.connect(url)
    service = start(stack, 1)
    try:
        applied, deadline = 0, time.monotonic() + TIMEOUT_S
        while applied < citizens and time.monotonic() < deadline:
            applied = await connection.fetchval(
                "SELECT sum(journal_seq)::BIGINT FROM ledger_partitions"
            )
            await asyncio.sleep(POLL_S)
    finally:
        service.terminate()
        service.wait(10)
        await connection.close()


def start(stack: Stack, number: int) -> psutil.Popen:
    environment = {
        **os.environ,
        **stack.env("allowance"),
        "FRIKORT_ALLOWANCE_INSTANCE": str(number),
        "FRIKORT_ALLOWANCE_PORT": str(_port(stack, number)),
        "FRIKORT_LOG_LEVEL": "WARNING",
    }
    command = [sys.executable, "-m", "services.allowance.app"]
    return psutil.Popen(command, env=environment, stdout=subprocess.DEVNULL)


def _port(stack: Stack, number: int) -> int:
    return stack.settings.port("allowance") + 30 + number


def _cpu_s(stack: Stack, program: str) -> float:
    """Add up a program's processor seconds, its children's and those of children that ended."""
    process = psutil.Process(stack.pid(program))
    family = [process, *process.children(recursive=True)]
    return float(sum(sum(member.cpu_times()[:4]) for member in family))


def _memory_mb(services: list[psutil.Popen]) -> float:
    return float(sum(service.memory_info().rss for service in services)) / 2**20


def describe_machine() -> None:
    """Print the machine, how fast it is right now, and the versions."""
    versions = ", ".join(
        f"{name} {importlib.metadata.version(name)}"
        for name in ("faststream", "aiokafka", "asyncpg", "pydantic", "orjson")
    )
    loop_us = min(timeit.repeat("sum(range(1000))", number=1000, repeat=20)) * 1000
    SAY(f"machine: {os.cpu_count()} cores, {platform.platform()}, load {os.getloadavg()[0]:.1f}, ")
    SAY(f"sum(range(1000)) in {loop_us:.0f} µs\n")
    SAY(f"versions: Python {platform.python_version()}, {versions}, Kafka 4.3.1, PostgreSQL 18\n")


def _report(wages: int, bare_s: float, naive_s: float, measured: Measured, visible: int) -> None:
    def row(what: str, posted: int, seconds: float) -> None:
        rate = posted / seconds
        SAY(
            f"{what:<42}{posted:8} in {seconds:6.2f} s{rate:10,.0f} /s"
            f"{rate * bare_s / wages:8.2f} of bare{rate * naive_s / wages:8.2f} of naive\n"
        )

    row("bare drain and one bulk insert a batch", wages, bare_s)
    row("naive posting, nothing going out", wages, naive_s)
    row("committed", measured.wages, measured.committed_s)
    row("visible to read_committed", measured.told, measured.visible_s)
    SAY(f"wage-apportioned events read back: {visible} of {wages}\n")
    shares = ", ".join(f"{n} {s / wages * 1e6:.0f} µs" for n, s in measured.cpu_s.items())
    SAY(f"processor time a wage: {shares}\n")
    quarters = ", ".join(f"{megabytes:.0f}" for megabytes in measured.memory_mb)
    SAY(f"memory of the services after each quarter of the wages: {quarters} MB\n")


async def _run(stack: Stack, arguments: argparse.Namespace) -> Any:
    url = stack.database_url("allowance")
    await set_caps(url)
    records = History(arguments.seed, arguments.citizens).records(arguments.wages)
    await send(stack.kafka, itertools.islice(records, arguments.citizens))
    await apply_grants(stack, url, arguments.citizens)
    await send(stack.kafka, records)
    owner = stack.database_url("allowance", "owner")
    bare_s = await drain_and_insert(stack.kafka, owner, arguments.wages)
    naive_s = await post_naively(stack.kafka, owner, arguments.instances)
    measured = await measure(stack, url, arguments.wages, arguments.citizens, arguments.instances)
    visible = await count_visible(stack.kafka)
    _report(arguments.wages, bare_s, naive_s, measured, visible)


def on_a_stack(measure: Callable[[Stack], Coroutine[Any, Any, None]]) -> None:
    """Measure on servers of its own, with all databases and topics made; then remove them."""
    with tempfile.TemporaryDirectory() as home:
        stack = Stack.temporary(Path(home))
        stack.start_servers()
        try:
            stack.provision()
            asyncio.run(measure(stack))
        finally:
            stack.erase()


def main() -> None:
    """Run the bench."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--wages", type=int, default=200_000)
    parser.add_argument("--citizens", type=int, default=4_000)
    parser.add_argument("--instances", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    describe_machine()
    SAY(
        f"workload: {arguments.wages} wages of {arguments.citizens} citizens, seed "
        f"{arguments.seed}, {arguments.instances} instances\n"
    )
    on_a_stack(lambda stack: _run(stack, arguments))


if __name__ == "__main__":
    main()
