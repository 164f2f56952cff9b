"""As-of questions at any age of a ledger: how long one takes, from the store and over HTTP.

`python -m tests.bench.asof [--entries N] [--citizens N] [--questions N] [--seed N]` generates a
ledger as `audit` does, puts it into a PostgreSQL of its own, starts the allowance service and asks
one question after another, each of another card, year, business date and moment of knowledge. The
same statement that answers from the store is asked with `SELECT 1` beside it, in the same run.
"""

import argparse
import asyncio
import datetime as dt
import http.client
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from aiokafka import AIOKafkaConsumer, TopicPartition

from deploy.local.settings import HOST
from deploy.local.stack import Stack
from frikort_contracts.topics import ALLOWANCE, PARTITIONS
from services.allowance.balances import Question, read_balance
from services.chassis.clock import SystemClock
from services.chassis.database import Pool, open_pool
from tests.bench.audit import describe_machine, prepare
from tests.bench.audit_history import YEARS
from tests.bench.audit_load import load
from tests.bench.posting import all_read, start

SAY = sys.stdout.write
WARMING: Final = 200
SETTLING_S: Final = 20
"""Nothing new on the topic for so long: everything is sent."""
FIRST_DAY: Final = dt.date(YEARS[0], 1, 1)
DAYS: Final = 365 * len(YEARS)


def questions(seed: int, citizens: int, count: int) -> list[tuple[str, Question]]:
    """Draw questions of any age: a card, a year, a business date, a moment of knowledge."""
    draw = random.Random(seed)  # noqa: S311 - a workload, no secret
    found = []
    for _ in range(count):
        as_of = FIRST_DAY + dt.timedelta(days=draw.randrange(DAYS))
        known = FIRST_DAY + dt.timedelta(days=draw.randrange(DAYS))
        known_at = dt.datetime.combine(known, dt.time(12), dt.UTC)
        question = Question(year=draw.choice(YEARS), as_of=as_of, known_at=known_at)
        found.append((f"{draw.randrange(citizens):05d}", question))
    return found


async def timed(
    what: str, ask: Callable[[str, Question], Awaitable[Any]], asked: list[tuple[str, Question]]
) -> None:
    """Ask one after another and print how long they took."""
    for card_no, question in asked[:WARMING]:
        await ask(card_no, question)
    took_ms = []
    for card_no, question in asked:
        began = time.perf_counter()
        await ask(card_no, question)
        took_ms.append((time.perf_counter() - began) * 1000)
    cuts = statistics.quantiles(took_ms, n=100)
    SAY(
        f"{what:<44} p50 {cuts[49]:6.2f} ms, p95 {cuts[94]:6.2f} ms, p99 {cuts[98]:6.2f} ms, "
        f"least {min(took_ms):5.2f} ms\n"
    )


async def measure(stack: Stack, asked: list[tuple[str, Question]]) -> None:
    """Ask the store, then the service."""
    pool = await open_pool(stack.database_url("allowance"), size_max=1, only_reads=True)
    await timed("SELECT 1, nothing asked", lambda *_: pool.fetchval("SELECT 1"), asked)
    await timed("the journal's sums alone", lambda *q: _sums(pool, *q), asked)
    clock = SystemClock()
    await timed("a balance from the store", lambda *q: read_balance(pool, clock, *q), asked)
    service = start(stack, 1)
    try:
        await all_read(stack, [service])
        await everything_sent(stack.kafka)
        port = stack.settings.port("allowance") + 31
        with closing(http.client.HTTPConnection(HOST, port, timeout=60)) as client:
            await timed("nothing over HTTP", lambda *_: _get(client, "/healthz"), asked)
            await timed("a balance over HTTP", lambda *q: _get(client, _path(*q)), asked)
        await _explain(pool, *asked[0])
    finally:
        service.terminate()
        service.wait(10)
        await pool.close()


SUMS: Final = """
    SELECT sum(covered_ore), sum(excess_ore), count(covered_ore)
    FROM journal
    WHERE citizen_id = (SELECT citizen_id FROM cards WHERE card_no = $1)
      AND year = $2
      AND paid_on <= $3
      AND known_at <= $4
"""


async def everything_sent(bootstrap: str) -> None:
    """Wait until the service has sent what the generated journal makes it send."""
    partitions = [TopicPartition(ALLOWANCE.name, partition) for partition in range(PARTITIONS)]
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap)
    await consumer.start()
    try:
        before, since = -1, time.monotonic()
        while time.monotonic() - since < SETTLING_S:
            sent = sum((await consumer.end_offsets(partitions)).values())
            if sent != before:
                before, since = sent, time.monotonic()
            await asyncio.sleep(1)
    finally:
        await consumer.stop()


async def _sums(pool: Pool, card_no: str, asked: Question) -> None:
    await pool.fetchrow(SUMS, card_no, asked.year, asked.as_of, asked.known_at)


def _path(card_no: str, asked: Question) -> str:
    assert asked.as_of is not None
    assert asked.known_at is not None
    query = {"year": str(asked.year), "as_of": asked.as_of.isoformat()}
    query["known_at"] = asked.known_at.isoformat()
    return f"/v1/cards/{card_no}/allowance?{urlencode(query)}"


async def _get(client: http.client.HTTPConnection, path: str) -> None:
    """Ask on one connection, by the client that takes least itself."""
    client.request("GET", path)
    with client.getresponse() as answer:
        assert answer.status == HTTPStatus.OK, answer.read()
        answer.read()


async def _explain(pool: Pool, card_no: str, asked: Question) -> None:
    explained = f"EXPLAIN (ANALYZE, BUFFERS, COSTS OFF) {SUMS}"
    for row in await pool.fetch(explained, card_no, asked.year, asked.as_of, asked.known_at):
        SAY(f"  {row[0]}\n")


def main() -> None:
    """Run the bench."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--citizens", type=int, default=10_000)
    parser.add_argument("--questions", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--folder", type=Path, help="keep the generated files here, or find them")
    arguments = parser.parse_args()
    describe_machine()
    with tempfile.TemporaryDirectory() as home:
        folder = arguments.folder or Path(home) / "files"
        prepare(folder, arguments)
        stack = Stack.temporary(Path(home))
        stack.start_servers()
        try:
            stack.provision()
            load(stack.database_url("allowance", "owner"), folder)
            asked = questions(arguments.seed, arguments.citizens, arguments.questions)
            asyncio.run(measure(stack, asked))
        finally:
            stack.erase()


if __name__ == "__main__":
    main()
