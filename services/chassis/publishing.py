"""Stored events in the published language, and as the records that the relay sends."""

import datetime as dt
from collections.abc import Sequence
from typing import Generic, TypeVar

from pydantic import JsonValue

from frikort_contracts.envelope import Envelope, to_headers
from frikort_contracts.events import Event
from frikort_contracts.topics import Topic
from services.chassis.codec import Codec
from services.chassis.event_store import StoredEvent
from services.chassis.sending import Record
from services.chassis.workspace import Recorded

E = TypeVar("E")
KNOWN_AT = "known_at"
"""Stored beside the event, published within it."""


class Publisher(Generic[E]):
    """Publishes a service's events: CloudEvents in Kafka's binary mode.

    A published model bears the name of the stored event and takes from it the fields that it
    names itself; nothing else leaves the service.
    """

    def __init__(
        self, codec: Codec[E], models: Sequence[type[Event]], *, topic: Topic, source: str
    ) -> None:
        self._codec = codec
        self._models = {model.TYPE: model for model in models}
        if missing := codec.kinds() - self._models.keys():
            raise TypeError(f"stored, and without a published form: {sorted(missing)}")
        self.topic = topic
        self._source = source

    def published(self, event: E, known_at: dt.datetime) -> Event:
        """Give the published form of an event."""
        model = self._models[self._codec.kind(event)]
        names = model.model_fields.keys() - {KNOWN_AT}
        return model(known_at=known_at, **{name: getattr(event, name) for name in names})

    def fact(self, recorded: Recorded[E]) -> dict[str, JsonValue]:
        """Give a recorded event as who caused it is answered: its kind, its id, what is sent."""
        recording = recorded.recording
        sent = self.published(recording.event, recording.known_at)
        fact = sent.model_dump(mode="json", exclude_none=True)
        return {"event": recorded.type, "id": recorded.event_id, **fact}

    def published_of(self, stored: StoredEvent) -> Event:
        """Give the published form of a stored event."""
        return self.published(self._codec.decode(stored.type, stored.data), stored.known_at)

    def record(self, stored: StoredEvent) -> Record:
        """Give the record that the relay sends for a stored event."""
        event = self.published_of(stored)
        envelope = Envelope(
            id=stored.event_id,
            source=self._source,
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
            topic=self.topic.name,
            partition=stored.partition,
            key=stored.stream_id.encode(),
            value=event.to_json(),
            headers=to_headers(envelope),
        )
