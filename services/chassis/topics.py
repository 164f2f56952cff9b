"""Create the topics that are declared and missing: `python -m services.chassis.topics`.

It changes nothing about topics that exist, and refuses one whose partitions differ: more of
them would move citizens to other partitions.
"""

import asyncio
import os
import sys
import time
from collections.abc import Sequence
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import TopicAlreadyExistsError, for_code

from frikort_contracts.topics import ALL_TOPICS, Topic

REPLICATION_DEFAULT = 1
KNOWN_WITHIN_S = 10.0
POLL_S = 0.05


class TopicMismatchError(Exception):
    """A topic exists with another number of partitions than is declared."""


class TopicNotCreatedError(Exception):
    """A topic that was missing did not come to be."""


async def ensure_topics(bootstrap: str, topics: tuple[Topic, ...], *, replication: int) -> int:
    """Create what is missing, wait until it is there, and give how many that were.

    May be called by several at once.

    Raises:
        TopicMismatchError: a topic exists with another number of partitions.
        TopicNotCreatedError: Kafka refused to create one.
    """
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        await admin.start()
        existing = set(await admin.list_topics())
        missing = [topic for topic in topics if topic.name not in existing]
        if missing:
            answer = await admin.create_topics(
                [_new_topic(topic, replication) for topic in missing]
            )
            _refuse_errors(answer.topic_errors)
        partitions = await _await_partitions(admin, [topic.name for topic in topics])
    finally:
        await admin.close()
    for topic in topics:
        if partitions[topic.name] != topic.partitions:
            raise TopicMismatchError(
                f"{topic.name} has {partitions[topic.name]} partitions, {topic.partitions} are "
                "declared; move its records to a topic made anew"
            )
    return len(missing)


def _refuse_errors(answers: Sequence[Sequence[Any]]) -> None:
    for name, error_code, *_ in answers:
        if error_code not in {0, TopicAlreadyExistsError.errno}:
            error = for_code(error_code).__name__
            raise TopicNotCreatedError(f"{name} was not created: {error}; try again in a moment")


async def _await_partitions(admin: AIOKafkaAdminClient, names: Sequence[str]) -> dict[str, int]:
    """Give how many partitions each topic has; one made just now is not known at once.

    Raises:
        TopicNotCreatedError: a topic is not known in time.
    """
    deadline = time.monotonic() + KNOWN_WITHIN_S
    while True:
        described = await admin.describe_topics(list(names))
        found = {entry["topic"]: len(entry["partitions"]) for entry in described}
        unknown = [name for name in names if not found.get(name)]
        if not unknown:
            return found
        if time.monotonic() > deadline:
            raise TopicNotCreatedError(f"{', '.join(unknown)}: not there {KNOWN_WITHIN_S} s after")
        await asyncio.sleep(POLL_S)


def _new_topic(topic: Topic, replication: int) -> NewTopic:
    return NewTopic(
        name=topic.name,
        num_partitions=topic.partitions,
        replication_factor=replication,
        topic_configs=topic.config,
    )


def main() -> None:
    """Create the topics at `FRIKORT_KAFKA`, with `FRIKORT_KAFKA_REPLICATION` replicas."""
    replication = int(os.environ.get("FRIKORT_KAFKA_REPLICATION", REPLICATION_DEFAULT))
    made = asyncio.run(
        ensure_topics(os.environ["FRIKORT_KAFKA"], ALL_TOPICS, replication=replication)
    )
    sys.stderr.write(f"topics: {made} created\n")


if __name__ == "__main__":
    main()
