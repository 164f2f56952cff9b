"""The AsyncAPI 3.0 document: every topic as a channel, its messages by reference to the schemas.

It names no server: where Kafka is, is the installation's to say.
"""

from typing import Any

from frikort_contracts.catalogue import BY_TOPIC
from frikort_contracts.envelope import CONTENT_TYPE
from frikort_contracts.events import Event
from frikort_contracts.schemas import HEADERS, event_schema, file_name
from frikort_contracts.topics import Topic

ABOUT = (
    "The events of the municipality's ledger of social free cards. Metadata travel in headers "
    "(CloudEvents 1.0, binary mode), payloads are JSON. Read with isolation level "
    "read_committed. Unknown fields, headers and event types are to be ignored: schemas grow."
)
BINDING_VERSION = "0.5.0"


def document(version: str) -> dict[str, Any]:
    """Give the document of the given version of the contracts."""
    return {
        "asyncapi": "3.0.0",
        "id": "urn:frikort",
        "info": {
            "title": "Frikort",
            "version": version,
            "description": ABOUT,
            "license": {"name": "MPL-2.0"},
        },
        "defaultContentType": CONTENT_TYPE.decode(),
        "channels": {topic.name: _channel(topic, events) for topic, events in BY_TOPIC.items()},
        "operations": {f"send-to-{topic.name}": _operation(topic) for topic in BY_TOPIC},
        "components": {
            "messages": {
                event.TYPE: _message(event) for events in BY_TOPIC.values() for event in events
            }
        },
    }


def _channel(topic: Topic, events: tuple[type[Event], ...]) -> dict[str, Any]:
    return {
        "address": topic.name,
        "messages": {
            event.TYPE: {"$ref": f"#/components/messages/{event.TYPE}"} for event in events
        },
        "bindings": {
            "kafka": {
                "topic": topic.name,
                "partitions": topic.partitions,
                "topicConfiguration": _configuration(topic),
                "bindingVersion": BINDING_VERSION,
            }
        },
        "x-key": topic.key,
        "x-retention": topic.retention,
        "x-owner": topic.owner,
        "x-readers": list(topic.readers),
    }


def _configuration(topic: Topic) -> dict[str, Any]:
    """Give what the binding knows of a topic's settings, in its types."""
    known = {"cleanup.policy": [topic.config["cleanup.policy"]]}
    numbers = ("retention.ms", "retention.bytes")
    return known | {name: int(topic.config[name]) for name in numbers if name in topic.config}


def _operation(topic: Topic) -> dict[str, Any]:
    return {
        "action": "send",
        "channel": {"$ref": f"#/channels/{topic.name}"},
        "summary": f"The service {topic.owner} sends; nobody else does.",
    }


def _message(event: type[Event]) -> dict[str, Any]:
    keys = [topic.key for topic, events in BY_TOPIC.items() if event in events]
    return {
        "name": event.TYPE,
        "summary": event_schema(event)["description"].partition("\n")[0],
        "contentType": CONTENT_TYPE.decode(),
        "headers": {"$ref": f"./schemas/{file_name(HEADERS)}"},
        "payload": {"$ref": f"./schemas/{file_name(event.TYPE)}"},
        "bindings": {
            "kafka": {
                "key": {"type": "string", "description": " or ".join(keys)},
                "bindingVersion": BINDING_VERSION,
            }
        },
        "x-example": f"./examples/{file_name(event.TYPE)}",
    }
