"""Topics, and where a citizen's records go."""

from aiokafka.partitioner import DefaultPartitioner, murmur2
from hypothesis import given
from hypothesis import strategies as st

from frikort_contracts import topics

PARTITIONER = DefaultPartitioner()


@given(st.binary(max_size=80))
def test_the_hash_is_kafkas(data: bytes) -> None:
    assert topics.murmur2(data) == murmur2(data) & 0xFFFFFFFF


@given(st.uuids().map(str) | st.text(min_size=1), st.integers(1, 100))
def test_a_citizen_goes_where_kafkas_own_partitioner_would_send_them(
    citizen_id: str, partitions: int
) -> None:
    everywhere = list(range(partitions))
    expected = PARTITIONER(citizen_id.encode(), everywhere, everywhere)

    assert topics.partition_of(citizen_id, partitions) == expected


def test_citizen_topics_have_the_same_number_of_partitions() -> None:
    citizen_topics = [t for t in topics.EVENT_TOPICS if t not in (topics.RULES, topics.CHECKPOINTS)]

    assert {topic.partitions for topic in citizen_topics} == {12}
    assert topics.RULES.partitions == topics.CHECKPOINTS.partitions == 1


def test_every_event_is_kept_for_ever_and_only_the_latest_balance() -> None:
    compacted = [topic.name for topic in topics.EVENT_TOPICS if topic.retention == "latest"]

    assert compacted == ["frikort-balances"]
    assert topics.GRANTS.config["retention.ms"] == "-1"
    assert topics.BALANCES.config["cleanup.policy"] == "compact"


def test_names_are_unique_and_every_owner_and_reader_is_a_service() -> None:
    names = [topic.name for topic in topics.ALL_TOPICS]

    assert len(names) == len(set(names))
    for topic in topics.ALL_TOPICS:
        assert {topic.owner, *topic.readers} <= set(topics.SERVICES)
