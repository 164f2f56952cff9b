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
DIGITS_MAX = 18
"""What fits a signed 64-bit integer."""
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
        EnvelopeError: a header that an event must have is missing, or one is unreadable.
    """
    found = dict(headers)
    if found.get("ce_specversion") != SPEC_VERSION:
        raise EnvelopeError("ce_specversion")
    return Envelope(
        id=_required(found, "ce_id"),
        source=_required(found, "ce_source"),
        type=_required(found, "ce_type"),
        subject=_required(found, "ce_subject"),
        time=_time(found, "ce_time"),
        stream_version=_number("ce_streamversion", _required(found, "ce_streamversion")),
        correlation_id=_required(found, "ce_correlationid"),
        causation_id=_text(found, "ce_causationid"),
        municipality=_text(found, "ce_municipality"),
        traceparent=_text(found, "traceparent"),
        partition_seq=None
        if (seq := _text(found, "ce_partitionseq")) is None
        else _number("ce_partitionseq", seq),
    )


def _text(found: dict[str, bytes], name: str) -> str | None:
    value = found.get(name)
    try:
        return None if value is None else value.decode()
    except UnicodeDecodeError as error:
        raise EnvelopeError(name) from error


def _required(found: dict[str, bytes], name: str) -> str:
    text = _text(found, name)
    if not text:
        raise EnvelopeError(name)
    return text


def _number(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= DIGITS_MAX):
        raise EnvelopeError(name)
    return int(text)


def _time(found: dict[str, bytes], name: str) -> dt.datetime:
    try:
        time = dt.datetime.fromisoformat(_required(found, name))
    except ValueError as error:
        raise EnvelopeError(name) from error
    if time.tzinfo is None:
        raise EnvelopeError(name)
    return time
