"""The golden messages: one per event, read by its model and allowed by its schema."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from frikort_contracts import generate
from frikort_contracts.catalogue import BY_TOPIC, BY_TYPE
from frikort_contracts.envelope import from_headers, to_headers
from frikort_contracts.schemas import event_schema, file_name, headers_schema
from frikort_contracts.topics import partition_of

EXAMPLES = Path(generate.__file__).parents[1] / "examples"
TOPICS = {(event.TYPE, topic.name): topic for topic in BY_TOPIC for event in BY_TOPIC[topic]}
MESSAGES: dict[str, dict[str, Any]] = {
    path.name: json.loads(path.read_text("utf-8")) for path in sorted(EXAMPLES.glob("*.json"))
}


@pytest.mark.parametrize("name", BY_TYPE)
def test_every_event_has_an_example(name: str) -> None:
    assert MESSAGES[file_name(name)]["headers"]["ce_type"] == name


@pytest.mark.parametrize("file", MESSAGES)
def test_an_example_is_the_same_after_being_read_and_written(file: str) -> None:
    message = MESSAGES[file]
    event = BY_TYPE[message["headers"]["ce_type"]]
    wire = json.dumps(message["payload"], separators=(",", ":"), ensure_ascii=False).encode()

    assert event.model_validate_json(wire).to_json() == wire
    assert (EXAMPLES / file).read_text("utf-8") == generate.to_json(message)


@pytest.mark.parametrize("file", MESSAGES)
def test_an_examples_headers_are_the_same_after_being_read_and_written(file: str) -> None:
    message = MESSAGES[file]
    headers = [(key, value.encode()) for key, value in message["headers"].items()]
    envelope = from_headers(headers)

    assert to_headers(envelope) == headers
    assert envelope.source == f"/frikort/{TOPICS[envelope.type, message['topic']].owner}"


@pytest.mark.parametrize("file", MESSAGES)
def test_an_example_obeys_its_schemas(file: str) -> None:
    message = MESSAGES[file]
    event = BY_TYPE[message["headers"]["ce_type"]]

    Draft202012Validator(event_schema(event)).validate(message["payload"])
    Draft202012Validator(headers_schema()).validate(message["headers"])


@pytest.mark.parametrize("file", MESSAGES)
def test_an_example_shows_its_topic_key_and_partition(file: str) -> None:
    message = MESSAGES[file]
    headers, key = message["headers"], message["key"]
    subject, name = headers["ce_subject"], headers["ce_type"]
    topic = TOPICS[name, message["topic"]]
    of_citizen = topic.partitions > 1

    assert key == (f"{subject}:{message['payload']['year']}" if name == "balance" else subject)
    assert message["partition"] == (partition_of(subject) if of_citizen else 0)
    assert ("ce_municipality" in headers) is of_citizen
    assert ("ce_partitionseq" in headers) is (topic.retention == "for-ever")


def test_the_wage_and_its_decision_belong_together() -> None:
    wage, apportioned = MESSAGES["wage-paid.v1.json"], MESSAGES["wage-apportioned.v1.json"]
    decision = apportioned["payload"]

    assert apportioned["headers"]["ce_causationid"] == wage["headers"]["ce_id"]
    for name in ("ce_correlationid", "traceparent", "ce_subject", "ce_municipality"):
        assert apportioned["headers"][name] == wage["headers"][name]
    assert decision["wage_id"] == wage["payload"]["wage_id"]
    assert decision["covered_ore"] + decision["excess_ore"] == wage["payload"]["amount_ore"]


@pytest.mark.parametrize("topic", ["frikort-grants", "frikort-payroll"])
def test_versions_and_times_rise_together(topic: str) -> None:
    streams: dict[str, list[tuple[int, str]]] = {}
    for message in MESSAGES.values():
        if message["topic"] == topic:
            headers = message["headers"]
            place = (int(headers["ce_streamversion"]), headers["ce_time"])
            streams.setdefault(headers["ce_subject"], []).append(place)

    for places in streams.values():
        for (version, time), (next_version, next_time) in pairwise(sorted(places)):
            assert next_version == version + 1
            assert next_time > time
