"""The envelope: what is written can be read, and what is missing is named."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frikort_contracts.envelope import Envelope, EnvelopeError, from_headers, to_headers

NOW = dt.datetime(2023, 5, 31, 12, 0, 0, 5, tzinfo=dt.UTC)
ENVELOPE = Envelope(
    id="0a6f3b8e-7a53-4f3e-9d26-8d7d8c9f8b1a",
    source="/frikort/payroll",
    type="wage-paid",
    subject="7437da5d-a18c-4a68-a448-461d4e2ffa62",
    time=NOW,
    stream_version=3,
    correlation_id="c5a4e1de-5e62-4a0f-8a2b-2c8b0a1a1b11",
    causation_id="1f2e3d4c-5b6a-4798-8899-aabbccddeeff",
    municipality="751",
    traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    partition_seq=77,
)
REQUIRED = [
    "ce_specversion",
    "ce_id",
    "ce_source",
    "ce_type",
    "ce_subject",
    "ce_time",
    "ce_streamversion",
    "ce_correlationid",
]
OPTIONAL = ["ce_causationid", "ce_municipality", "traceparent", "ce_partitionseq"]

texts = st.text(min_size=1)
numbers = st.integers(0, 10**18 - 1)
envelopes = st.builds(
    Envelope,
    id=texts,
    source=texts,
    type=texts,
    subject=texts,
    time=st.datetimes(min_value=dt.datetime(1900, 1, 2), timezones=st.just(dt.UTC)),  # noqa: DTZ001
    stream_version=numbers,
    correlation_id=texts,
    causation_id=st.none() | st.text(),
    municipality=st.none() | st.text(),
    traceparent=st.none() | st.text(),
    partition_seq=st.none() | numbers,
)


@given(envelopes)
def test_what_is_written_is_read(envelope: Envelope) -> None:
    assert from_headers(to_headers(envelope)) == envelope


def test_the_headers_are_cloudevents_in_binary_mode() -> None:
    assert to_headers(ENVELOPE) == [
        ("ce_specversion", b"1.0"),
        ("ce_id", b"0a6f3b8e-7a53-4f3e-9d26-8d7d8c9f8b1a"),
        ("ce_source", b"/frikort/payroll"),
        ("ce_type", b"wage-paid"),
        ("ce_subject", b"7437da5d-a18c-4a68-a448-461d4e2ffa62"),
        ("ce_time", b"2023-05-31T12:00:00.000005Z"),
        ("content-type", b"application/json"),
        ("ce_streamversion", b"3"),
        ("ce_correlationid", b"c5a4e1de-5e62-4a0f-8a2b-2c8b0a1a1b11"),
        ("ce_causationid", b"1f2e3d4c-5b6a-4798-8899-aabbccddeeff"),
        ("ce_municipality", b"751"),
        ("traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        ("ce_partitionseq", b"77"),
    ]


@pytest.mark.parametrize("name", REQUIRED)
def test_a_missing_header_is_named(name: str) -> None:
    headers = [header for header in to_headers(ENVELOPE) if header[0] != name]

    with pytest.raises(EnvelopeError) as refused:
        from_headers(headers)

    assert refused.value.header == name


@pytest.mark.parametrize("name", OPTIONAL)
def test_an_optional_header_may_be_missing(name: str) -> None:
    headers = [header for header in to_headers(ENVELOPE) if header[0] != name]

    assert from_headers(headers).id == ENVELOPE.id


def test_unknown_headers_are_ignored() -> None:
    assert from_headers([*to_headers(ENVELOPE), ("ce_later", b"\xff")]) == ENVELOPE


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ce_specversion", b"2.0"),
        ("ce_id", b""),
        ("ce_id", b"\xff"),
        ("ce_time", b"yesterday"),
        ("ce_time", b"2023-05-31T12:00:00"),
        ("ce_streamversion", b"-1"),
        ("ce_streamversion", b"1_0"),
        ("ce_streamversion", b" 1"),
        ("ce_streamversion", "٣".encode()),
        ("ce_streamversion", b"1" * 19),
        ("ce_municipality", b"\xff"),
        ("ce_partitionseq", b"many"),
    ],
)
def test_an_unreadable_header_is_named(name: str, value: bytes) -> None:
    headers = [header if header[0] != name else (name, value) for header in to_headers(ENVELOPE)]

    with pytest.raises(EnvelopeError, match=name) as refused:
        from_headers(headers)

    assert refused.value.header == name
