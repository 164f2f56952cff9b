"""Every topic, declared once: key, partitions, retention, owner and readers.

Every citizen topic puts a citizen in partition murmur2(citizen_id) mod 12, whatever its key.
The number of partitions is fixed for the life of a topic: more of them would move citizens.
"""

from dataclasses import dataclass
from typing import Literal

PARTITIONS = 12
_MASK = 0xFFFFFFFF
_SEED = 0x9747B28C
_M = 0x5BD1E995


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """`retention` is for ever (every event kept) or latest (compacted: the latest per key)."""

    name: str
    key: str
    owner: str
    readers: tuple[str, ...]
    partitions: int = PARTITIONS
    retention: Literal["for-ever", "latest"] = "for-ever"

    @property
    def config(self) -> dict[str, str]:
        """The topic's settings as Kafka names them."""
        if self.retention == "latest":
            return {"cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.1"}
        return {"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1"}


GRANTS = Topic(
    name="frikort-grants",
    key="citizen_id",
    owner="grants",
    readers=("payroll", "allowance", "notifications"),
)
PAYROLL = Topic(name="frikort-payroll", key="citizen_id", owner="payroll", readers=("allowance",))
ALLOWANCE = Topic(
    name="frikort-allowance", key="citizen_id", owner="allowance", readers=("notifications",)
)
BALANCES = Topic(
    name="frikort-balances",
    key="citizen_id:year",
    owner="allowance",
    readers=(),
    retention="latest",
)
RULES = Topic(
    name="frikort-rules",
    key="cap:YEAR or closing:MUNICIPALITY:YEAR",
    owner="allowance",
    readers=(),
    partitions=1,
)
NOTIFICATIONS = Topic(
    name="frikort-notifications",
    key="citizen_id or consultant_id",
    owner="notifications",
    readers=(),
)
CHECKPOINTS = Topic(
    name="frikort-checkpoints", key="installation", owner="allowance", readers=(), partitions=1
)
EVENT_TOPICS = (GRANTS, PAYROLL, ALLOWANCE, BALANCES, RULES, NOTIFICATIONS, CHECKPOINTS)


def relay_positions(service: str) -> Topic:
    """Name the topic in which a service's relay keeps how far it has sent."""
    return Topic(
        name=f"frikort-relay-positions-{service}",
        key="target topic:partition",
        owner=service,
        readers=(service,),
        partitions=1,
        retention="latest",
    )


SERVICES = ("grants", "payroll", "allowance", "notifications")
ALL_TOPICS = (*EVENT_TOPICS, *(relay_positions(service) for service in SERVICES))


def partition_of(citizen_id: str, partitions: int = PARTITIONS) -> int:
    """Give the partition of a citizen, as Kafka's own default partitioner would."""
    return (murmur2(citizen_id.encode()) & 0x7FFFFFFF) % partitions


def murmur2(data: bytes) -> int:
    """Hash as Kafka does (org.apache.kafka.common.utils.Utils.murmur2), 32 bits unsigned."""
    length = len(data)
    hashed = (_SEED ^ length) & _MASK
    whole = length - length % 4
    for start in range(0, whole, 4):
        word = int.from_bytes(data[start : start + 4], "little") * _M & _MASK
        word ^= word >> 24
        hashed = (hashed * _M & _MASK) ^ (word * _M & _MASK)
    if whole < length:
        hashed = (hashed ^ int.from_bytes(data[whole:], "little")) * _M & _MASK
    hashed ^= hashed >> 13
    hashed = hashed * _M & _MASK
    return hashed ^ (hashed >> 15)
