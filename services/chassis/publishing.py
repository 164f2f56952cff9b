"""A stored event as the record that the relay sends: CloudEvents in Kafka's binary mode."""

from frikort_contracts.envelope import Envelope, to_headers
from frikort_contracts.events import Event
from frikort_contracts.topics import Topic
from services.chassis.event_store import StoredEvent
from services.chassis.relay import Record


def event_record(stored: StoredEvent, event: Event, *, topic: Topic, source: str) -> Record:
    """Give the record of a stored event, whose published form is `event`."""
    envelope = Envelope(
        id=stored.event_id,
        source=source,
        type=event.TYPE,
        subject=stored.stream_id,
        time=stored.recorded_at,
        stream_version=stored.version,
        correlation_id=stored.correlation_id,
        causation_id=stored.causation_id,
        municipality=stored.municipality_code,
        traceparent=stored.traceparent,
    )
    return Record(
        topic=topic.name,
        partition=stored.partition,
        key=stored.stream_id.encode(),
        value=event.to_json(),
        headers=to_headers(envelope),
    )
