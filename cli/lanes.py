"""Reads what completeness compares: how the ledger has read its topics, and the topics."""

import asyncio
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from cli.completeness import Completeness, Entered, Lane, Said, Sent, name_of, sha256
from cli.partitions import open_topics, read_partition
from frikort_contracts.topics import GRANTS, PAYROLL

if TYPE_CHECKING:
    import psycopg
    from aiokafka import ConsumerRecord

TOPICS: Final = (GRANTS.name, PAYROLL.name)
TAIL_BYTES: Final = 200
"""The end of an entry's bytes, in which its source's SHA-256 stands: `source` is the last key."""
SHA256: Final = b'"sha256":"'
SHA256_DIGITS: Final = 64
NUMBER_DIGITS_MAX: Final = 18


def compare_topics(connection: "psycopg.Connection[dict[str, Any]]", servers: str) -> Completeness:
    """Compare every partition of the sources' topics with the connection's snapshot.

    Raises:
        TransientError: Kafka does not answer.
    """
    return asyncio.run(_compare(connection, servers))


def read_lanes(connection: "psycopg.Connection[dict[str, Any]]") -> list[Lane]:
    """Read how far the ledger has read each partition, without its entries."""
    rows = connection.execute("SELECT * FROM inbox_positions ORDER BY topic, partition")
    return [
        Lane(
            topic=row["topic"],
            partition=row["partition"],
            last_number=row["last_seq"],
            next_offset=row["next_offset"],
            passed_over=row["duplicate"] + row["ignored"],
            entries={},
            held={},
        )
        for row in rows
        if row["topic"] in TOPICS
    ]


def with_entries(connection: "psycopg.Connection[dict[str, Any]]", lane: Lane) -> Lane:
    """Read a partition's entries, and what it holds back."""
    place = [lane.topic, lane.partition]
    rows = connection.execute(
        """
        SELECT
          citizen_id::TEXT AS citizen_id, entry_no, source_id::TEXT AS source_id, source_type,
          source_version, municipality_code,
          substring(bytes FROM greatest(1, octet_length(bytes) - %s)) AS tail
        FROM journal
        WHERE source_topic = %s
          AND partition = %s
        """,
        [TAIL_BYTES, *place],
    )
    held = connection.execute(
        """
        SELECT message_offset, value, headers
        FROM held_messages
        WHERE topic = %s
          AND partition = %s
        """,
        place,
    )
    return Lane(
        topic=lane.topic,
        partition=lane.partition,
        last_number=lane.last_number,
        next_offset=lane.next_offset,
        passed_over=lane.passed_over,
        entries={
            row["source_id"]: Entered(
                row["entry_no"],
                Said(
                    citizen_id=row["citizen_id"],
                    type=row["source_type"],
                    version=row["source_version"],
                    municipality_code=row["municipality_code"],
                    bytes=_digest(row["tail"]),
                ),
            )
            for row in rows
        },
        held={
            name_of(json.loads(bytes(row["headers"])).get("ce_id"), row["message_offset"]): sha256(
                row["value"]
            )
            for row in held
        },
    )


async def _compare(connection: "psycopg.Connection[dict[str, Any]]", servers: str) -> Completeness:
    compared = Completeness()
    async with open_topics(servers) as consumer:
        for lane in read_lanes(connection):
            records = read_partition(consumer, lane.topic, lane.partition)
            sent = [sent_of(record) async for record in records]
            compared.compare(with_entries(connection, lane), sent)
    return compared


def sent_of(record: "ConsumerRecord") -> Sent:
    """Read of a record what is compared; headers that cannot be read count as missing."""
    headers: Mapping[str, bytes | None] = dict(record.headers)

    def text(name: str) -> str:
        return (headers.get(name) or b"").decode("latin-1")  # as what is held is kept

    return Sent(
        offset=record.offset,
        number=_number(headers.get("ce_partitionseq")),
        event_id=name_of(text("ce_id"), record.offset),
        said=Said(
            citizen_id=text("ce_subject"),
            type=text("ce_type"),
            version=_number(headers.get("ce_streamversion")) or 0,
            municipality_code=text("ce_municipality"),
            bytes=sha256(record.value),
        ),
    )


def _number(text: bytes | None) -> int | None:
    usable = text is not None and text.isdigit() and len(text) <= NUMBER_DIGITS_MAX
    return int(text) if usable and text is not None else None


def _digest(tail: bytes) -> str:
    """Find the source's SHA-256 in the end of an entry's bytes; empty where it is not there."""
    at = bytes(tail).rfind(SHA256)
    start = at + len(SHA256)
    return "" if at < 0 else bytes(tail)[start : start + SHA256_DIGITS].decode(errors="replace")
