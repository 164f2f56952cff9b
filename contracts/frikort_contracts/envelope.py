"""CloudEvents 1.0 in Kafka's binary mode: metadata in headers, the payload is the JSON value.

Header names are `ce_` and the attribute's name; extensions are ours and lower case without
separators, as CloudEvents asks. It refuses headers that a reader could not trust.
"""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from frikort_contracts.types import format_moment

SPEC_VERSION = b"1.0"
CONTENT_TYPE = b"application/json"
Headers = list[tuple[str, bytes]]


class EnvelopeError(ValueError):
    """The headers are not those of an event: `header` names the first that is wrong."""

    def __init__(self, header: str) -> None:
        super().__init__(f"header {header} is missing or unreadable")
        self.header = header


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """The metadata of one event.

    `subject` is the citizen (of frikort-rules, the rule); `time` is when it was recorded;
    `stream_version` the citizen's version at the service that sends; `partition_seq` the
    record's number in its partition, from 1 without gaps, given by the relay.
    """

    id: str
    source: str
    type: str
    subject: str
    time: dt.datetime
    stream_version: int
    correlation_id: str
    causation_id: str | None = None
    municipality: str | None = None
    traceparent: str | None = None
    partition_seq: int | None = None


def to_headers(envelope: Envelope) -> Headers:
    """Write the envelope as Kafka headers, in a fixed order."""
    headers = [
        ("ce_specversion", SPEC_VERSION),
        ("ce_id", envelope.id.encode()),
        ("ce_source", envelope.source.encode()),
        ("ce_type", envelope.type.encode()),
        ("ce_subject", envelope.subject.encode()),
        ("ce_time", format_moment(envelope.time).encode()),
        ("content-type", CONTENT_TYPE),
        ("ce_streamversion", b"%d" % envelope.stream_version),
        ("ce_correlationid", envelope.correlation_id.encode()),
    ]
    optional = (
        ("ce_causationid", envelope.causation_id),
        ("ce_municipality", envelope.municipality),
        ("traceparent", envelope.traceparent),
        ("ce_partitionseq", envelope.partition_seq),
    )
    headers.extend((name, str(value).encode()) for name, value in optional if value is not None)
    return headers


def from_headers(headers: Iterable[tuple[str, bytes]]) -> Envelope:
    """Read an envelope; unknown headers are ignored.

    Raises:
        EnvelopeError: a header that an event must have is missing or unreadable.
    """
    found = dict(headers)
    if found.get("ce_specversion") != SPEC_VERSION:
        raise EnvelopeError("ce_specversion")
    current = "ce_id"
    try:
        identity = found[current].decode()
        source = found[current := "ce_source"].decode()
        kind = found[current := "ce_type"].decode()
        subject = found[current := "ce_subject"].decode()
        time = dt.datetime.fromisoformat(found[current := "ce_time"].decode())
        stream_version = int(found[current := "ce_streamversion"])
        correlation_id = found[current := "ce_correlationid"].decode()
        current = "ce_partitionseq"
        partition_seq = found.get(current)
        return Envelope(
            id=identity,
            source=source,
            type=kind,
            subject=subject,
            time=time,
            stream_version=stream_version,
            correlation_id=correlation_id,
            causation_id=_text(found, "ce_causationid"),
            municipality=_text(found, "ce_municipality"),
            traceparent=_text(found, "traceparent"),
            partition_seq=None if partition_seq is None else int(partition_seq),
        )
    except (KeyError, ValueError) as error:
        raise EnvelopeError(current) from error


def _text(found: dict[str, bytes], name: str) -> str | None:
    value = found.get(name)
    return None if value is None else value.decode()
