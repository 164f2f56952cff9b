"""The yardstick: the least that posts wages at all, with nothing going out.

Batches of 5,000 records; balances fetched and locked, covered up to the cap, a SHA-256 chain per
citizen, journal and balances by `unnest`, the position in the same transaction. It checks
nothing, knows no grants, and sends nothing.
"""

import hashlib
import json
import sys
import time

import asyncpg
import orjson
import uvloop
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from frikort_contracts.topics import PAYROLL
from services.chassis.database import Connection

RECORDS_MAX = 5000
TABLES = """
DROP TABLE IF EXISTS naive_journal, naive_balances, naive_positions;
CREATE TABLE naive_journal (
  citizen_id UUID, year SMALLINT, entry_no INTEGER, hash BYTEA, bytes BYTEA, amount BIGINT,
  covered BIGINT, excess BIGINT, CHECK (covered + excess = amount),
  PRIMARY KEY (citizen_id, year, entry_no)
);
CREATE TABLE naive_balances (
  citizen_id UUID, year SMALLINT, covered BIGINT, entry_no INTEGER, head BYTEA,
  PRIMARY KEY (citizen_id, year)
);
CREATE TABLE naive_positions (partition SMALLINT PRIMARY KEY, next_offset BIGINT);
"""
LOCK = """
SELECT citizen_id::TEXT AS citizen_id, year, covered, entry_no, head
FROM naive_balances
WHERE citizen_id = ANY($1::UUID[])
FOR UPDATE
"""
JOURNAL = """
INSERT INTO naive_journal
SELECT * FROM unnest(
  $1::UUID[], $2::SMALLINT[], $3::INT[], $4::BYTEA[], $5::BYTEA[], $6::BIGINT[], $7::BIGINT[],
  $8::BIGINT[]
)
"""
BALANCES = """
INSERT INTO naive_balances
SELECT * FROM unnest($1::UUID[], $2::SMALLINT[], $3::BIGINT[], $4::INT[], $5::BYTEA[])
ON CONFLICT (citizen_id, year) DO UPDATE
SET covered = excluded.covered, entry_no = excluded.entry_no, head = excluded.head
"""
POSITIONS = """
INSERT INTO naive_positions
SELECT * FROM unnest($1::SMALLINT[], $2::BIGINT[])
ON CONFLICT (partition) DO UPDATE SET next_offset = excluded.next_offset
"""


async def post_naively(bootstrap: str, url: str, partitions: list[int], cap_ore: int) -> float:
    """Post all wages of some partitions; give the seconds it took."""
    connection = await asyncpg.connect(url)
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=4 * 1024 * 1024,
    )
    await consumer.start()
    try:
        lanes = [TopicPartition(PAYROLL.name, partition) for partition in partitions]
        consumer.assign(lanes)
        waiting = sum((await consumer.end_offsets(lanes)).values())
        began = time.perf_counter()
        while waiting > 0:
            found = await consumer.getmany(timeout_ms=1000, max_records=RECORDS_MAX)
            records = [record for members in found.values() for record in members]
            await _post(connection, records, cap_ore)
            waiting -= len(records)
        return time.perf_counter() - began
    finally:
        await consumer.stop()
        await connection.close()


async def _post(connection: Connection, records: list[ConsumerRecord], cap_ore: int) -> None:
    citizens = list({record.key.decode() for record in records})
    async with connection.transaction():
        balances = {(r["citizen_id"], r["year"]): r for r in await connection.fetch(LOCK, citizens)}
        states = {
            key: [row["covered"], row["entry_no"], row["head"]] for key, row in balances.items()
        }
        journal: list[tuple[object, ...]] = []
        for record in records:
            citizen_id, wage = record.key.decode(), orjson.loads(record.value)
            year = int(wage["paid_on"][:4])
            state = states.setdefault((citizen_id, year), [0, 0, bytes(32)])
            amount = wage["amount_ore"]
            covered = min(amount, cap_ore - state[0])
            content = record.value + b"%d/%d" % (covered, amount - covered)
            state[0] += covered
            state[1] += 1
            state[2] = hashlib.sha256(state[2] + content).digest()
            excess = amount - covered
            journal.append((citizen_id, year, state[1], state[2], content, amount, covered, excess))
        await connection.execute(JOURNAL, *map(list, zip(*journal, strict=True)))
        rows = [(*key, *state) for key, state in states.items()]
        await connection.execute(BALANCES, *map(list, zip(*rows, strict=True)))
        ends = {record.partition: record.offset + 1 for record in records}
        await connection.execute(POSITIONS, list(ends), list(ends.values()))


def main() -> None:
    """Post in a process of its own, given as JSON `[bootstrap, url, partitions, cap_ore]`."""
    sys.stdout.write(json.dumps(uvloop.run(post_naively(*json.loads(sys.argv[1])))))


if __name__ == "__main__":
    main()
