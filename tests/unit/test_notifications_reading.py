"""Which facts notifications reads: the others call for no text, whatever they say."""

import json
from pathlib import Path

from frikort_contracts import generate
from frikort_contracts.topics import ALLOWANCE, GRANTS
from services.chassis.inbox import Message
from services.notifications.consumers import parse

EXAMPLES = Path(generate.__file__).parents[1] / "examples"


def read() -> set[str]:
    """Name the events that are read, of every golden message on the topics it hears."""
    found = set()
    for path in EXAMPLES.glob("*.json"):
        example = json.loads(path.read_text("utf-8"))
        if example["topic"] not in {GRANTS.name, ALLOWANCE.name}:
            continue
        message = Message(
            topic=example["topic"],
            partition=example["partition"],
            offset=0,
            key=example["key"].encode(),
            value=json.dumps(example["payload"]).encode(),
            headers={name: value.encode() for name, value in example["headers"].items()},
        )
        envelope, event = parse(message)
        if event is not None:
            found.add(envelope.type)
    return found


def test_r42_a_wage_taken_back_calls_for_no_text_and_no_correction() -> None:
    assert read() == {
        "allowance-exhausted",
        "allowance-low",
        "grant-closed",
        "grant-issued",
        "grant-reviewed",
        "grant-transferred",
    }
