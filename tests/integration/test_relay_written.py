"""What is written in bulk goes out as what is sent one by one: all of it, once, in order."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping

import numpy as np
import pytest

from services.chassis import relay as relay_module
from services.chassis.bulk_sending import Bodies, body_of, spans_of
from services.chassis.database import Pool
from services.chassis.relay import Source, store_source
from services.chassis.sending import RECORD_BYTES_MAX, Batch, Lane, Record, RecordTooLargeError
from tests.integration.chassis_cases import event, stream_in
from tests.integration.relay_cases import (
    append,
    append_some,
    await_relayed,
    kill_kafka_under_way,
    running,
)
from tests.integration.relay_process import Outlet
from tests.integration.servers import Servers

pytestmark = pytest.mark.slow


class _WrittenSource:
    """Reads the store, and gives what it reads written, every third time one by one."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.batches = 0
        self.written = 0

    async def __call__(self, after: Mapping[int, int]) -> Batch:
        batch = await self._source(after)
        self.batches += bool(batch.records)
        if self.batches % 3 == 0:
            return batch
        self.written += len(batch.records)
        return Batch((), batch.positions, _written(batch.records))


def _written(records: object) -> dict[Lane, Bodies]:
    lanes: dict[Lane, list[bytes]] = defaultdict(list)
    for record in records if isinstance(records, list) else ():
        assert isinstance(record, Record)
        lanes[record.topic, record.partition].append(body_of(record))
    return {
        lane: Bodies(np.frombuffer(b"".join(bodies), np.uint8), spans_of(bodies), numbered=True)
        for lane, bodies in lanes.items()
    }


@pytest.mark.parametrize("bytes_max", [1, 3000, relay_module.BATCH_BYTES_MAX])
async def test_written_records_arrive_once_in_order_in_batches_of_any_size(
    servers: Servers, outlet: Outlet, pool: Pool, bytes_max: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay_module, "BATCH_BYTES_MAX", bytes_max)
    source = _WrittenSource(store_source(pool, outlet.to_record))
    for _ in range(2):  # the second goes on where the first was stopped
        async with running(outlet.relay(pool, source)):
            for _ in range(4):
                await append_some(pool, 60)
                await await_relayed(servers, outlet, pool)

    assert source.batches > 3
    assert source.written > 100


async def test_written_records_are_neither_lost_nor_doubled_when_kafka_is_killed(
    servers: Servers, outlet: Outlet, pool: Pool
) -> None:
    source = _WrittenSource(store_source(pool, outlet.to_record))
    async with running(outlet.relay(pool, source)):
        await kill_kafka_under_way(servers, pool)
        await await_relayed(servers, outlet, pool)

    assert source.written > 0


async def test_a_written_record_too_large_is_named(outlet: Outlet, pool: Pool) -> None:
    await append(pool, event(stream_in(5)), event(stream_in(5), text="x" * RECORD_BYTES_MAX))
    source = _WrittenSource(store_source(pool, outlet.to_record))

    with pytest.raises(RecordTooLargeError, match=f"record 2 of {outlet.topic.name}:5"):
        await asyncio.wait_for(outlet.relay(pool, source).run(), 10)
