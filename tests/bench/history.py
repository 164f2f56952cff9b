"""Source events as grants and payroll would send them, in bulk, from a seed."""

import datetime as dt
import json
import random
import uuid
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from aiokafka import AIOKafkaProducer
from aiokafka.producer.message_accumulator import BatchBuilder

from frikort_contracts.envelope import Envelope, Headers, to_headers
from frikort_contracts.topics import GRANTS, PAYROLL, partition_of

RECORDED_AT = dt.datetime(2026, 1, 5, 10, tzinfo=dt.UTC)
KNOWN_AT = "2026-01-05T10:00:00.000000Z"
YEARS = (2024, 2025)
BATCH_BYTES = 512 * 1024


@dataclass(frozen=True, slots=True)
class Sent:
    """One record to send."""

    topic: str
    partition: int
    key: bytes
    value: bytes
    headers: Headers


@dataclass(slots=True)
class History:
    """Citizens with a card each, and wages at random among them."""

    seed: int
    citizens: int
    _random: random.Random = field(init=False)
    _seqs: dict[tuple[str, int], int] = field(default_factory=lambda: defaultdict(int))

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)  # noqa: S311 - a workload, no secret

    def records(self, wages: int) -> Iterator[Sent]:
        """Give a grant for every citizen, then the wages, numbered as the relays would."""
        ids = [self._uuid() for _ in range(self.citizens)]
        versions: dict[str, int] = defaultdict(int)
        for place, citizen_id in enumerate(ids):
            yield self._sent(GRANTS.name, citizen_id, "grant-issued", 1, _grant(place))
        for _ in range(wages):
            place = self._random.randrange(self.citizens)
            citizen_id = ids[place]
            versions[citizen_id] += 1
            yield self._sent(
                PAYROLL.name, citizen_id, "wage-paid", versions[citizen_id], self._wage(place)
            )

    def _wage(self, place: int) -> dict[str, object]:
        year, month = self._random.choice(YEARS), self._random.randint(1, 12)
        return {
            "known_at": KNOWN_AT,
            "card_no": f"{place:05d}",
            "grants_version": 1,
            "wage_id": self._uuid(),
            "employment_id": self._uuid(),
            "paid_on": f"{year}-{month:02d}-15",
            "amount_ore": self._random.randint(100_00, 3000_00),
            "payment_method": "bank",
        }

    def _sent(
        self, topic: str, citizen_id: str, kind: str, version: int, payload: dict[str, object]
    ) -> Sent:
        partition = partition_of(citizen_id)
        self._seqs[topic, partition] += 1
        event_id = self._uuid()
        envelope = Envelope(
            id=event_id,
            source="/frikort/bench",
            type=kind,
            subject=citizen_id,
            time=RECORDED_AT,
            stream_version=version,
            correlation_id=event_id,
            municipality="751",
            traceparent=f"00-{self._random.getrandbits(128):032x}-00f067aa0ba902b7-01",
            partition_seq=self._seqs[topic, partition],
        )
        value = json.dumps(payload, separators=(",", ":")).encode()
        return Sent(topic, partition, citizen_id.encode(), value, to_headers(envelope))

    def _uuid(self) -> str:
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))


async def send(bootstrap: str, records: Iterator[Sent]) -> None:
    """Send records in producer batches, each partition in order."""
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap, acks="all", max_batch_size=BATCH_BYTES, linger_ms=0
    )
    await producer.start()
    try:
        builders: dict[tuple[str, int], BatchBuilder] = {}
        for record in records:
            lane = (record.topic, record.partition)
            builder = builders.get(lane) or producer.create_batch()
            builders[lane] = builder
            fields = {"key": record.key, "value": record.value, "headers": record.headers}
            if builder.append(timestamp=None, **fields) is None:
                await producer.send_batch(builder, record.topic, partition=record.partition)
                builders[lane] = producer.create_batch()
                builders[lane].append(timestamp=None, **fields)
        for (topic, partition), builder in builders.items():
            await producer.send_batch(builder, topic, partition=partition)
        await producer.flush()
    finally:
        await producer.stop()


def _grant(place: int) -> dict[str, object]:
    return {
        "known_at": KNOWN_AT,
        "card_no": f"{place:05d}",
        "municipality_code": "751",
        "valid_from": "2024-01-01",
        "decided_on": "2023-12-01",
        "benefit": "none",
        "age_group": "30-plus",
    }
