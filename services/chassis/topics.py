"""Create the topics that are declared and missing: `python -m services.chassis.topics`.

It changes nothing about topics that exist, and refuses one whose partitions differ: more of
them would move citizens to other partitions.
"""

import asyncio
import os
import sys

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import TopicAlreadyExistsError

from frikort_contracts.topics import ALL_TOPICS, Topic

REPLICATION_DEFAULT = 1


class TopicMismatchError(Exception):
    """A topic exists with another number of partitions than is declared."""


async def ensure_topics(bootstrap: str, topics: tuple[Topic, ...], *, replication: int) -> int:
    """Create what is missing and give how many that were.

    Raises:
        TopicMismatchError: a topic exists with another number of partitions.
    """
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        existing = set(await admin.list_topics())
        missing = [topic for topic in topics if topic.name not in existing]
        if missing:
            await admin.create_topics([_new_topic(topic, replication) for topic in missing])
        described = await admin.describe_topics([topic.name for topic in topics])
    except TopicAlreadyExistsError:
        return 0
    finally:
        await admin.close()
    partitions = {entry["topic"]: len(entry["partitions"]) for entry in described}
    for topic in topics:
        if partitions.get(topic.name, topic.partitions) != topic.partitions:
            raise TopicMismatchError(
                f"{topic.name} has {partitions[topic.name]} partitions, {topic.partitions} are "
                "declared; move its records to a topic made anew"
            )
    return len(missing)


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
