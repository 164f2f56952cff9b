"""What the services send is what the contracts say, byte for byte where a golden message exists."""

import contextlib
import datetime as dt
import json
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, cast

import pytest
from jsonschema import Draft202012Validator

from frikort_contracts import generate
from frikort_contracts.catalogue import BY_TYPE
from frikort_contracts.envelope import from_headers
from frikort_contracts.schemas import event_schema, file_name, headers_schema
from frikort_contracts.topics import EVENT_TOPICS
from frikort_contracts.types import ApportionReason
from services.allowance.domain import Apportionment
from services.allowance.entry import SentEvent, Source, entry_bytes, sent_event_id
from services.allowance.outbox import checkpoints_source, journal_source, rules_source
from services.chassis.event_store import StoredEvent
from services.chassis.sending import Record
from services.grants import translate as grants
from services.notifications import translate as notifications
from services.payroll import translate as payroll

REQUESTED = {"template_version": 1, "card_no": "04817"}
EXAMPLES = Path(generate.__file__).parents[1] / "examples"
STORED: list[tuple[str, Callable[[StoredEvent], Record], dict[str, Any]]] = [
    ("grant-issued", grants.PUBLISHER.record, {}),
    ("grant-reviewed", grants.PUBLISHER.record, {}),
    ("grant-deactivated", grants.PUBLISHER.record, {}),
    ("grant-reactivated", grants.PUBLISHER.record, {}),
    ("grant-transferred", grants.PUBLISHER.record, {}),
    ("grant-closed", grants.PUBLISHER.record, {}),
    ("dispensation-granted", grants.PUBLISHER.record, {}),
    ("appeal-decided", grants.PUBLISHER.record, {}),
    ("citizen-reidentified", grants.PUBLISHER.record, {}),
    ("application-received", grants.PUBLISHER.record, {"municipality_code": "751"}),
    ("application-refused", grants.PUBLISHER.record, {}),
    ("employment-registered", payroll.PUBLISHER.record, {"unsubsidised_attested": True}),
    ("employment-ended", payroll.PUBLISHER.record, {}),
    ("wage-paid", payroll.PUBLISHER.record, {}),
    ("wage-reversed", payroll.PUBLISHER.record, {}),
    ("wage-misreported", payroll.PUBLISHER.record, {}),
    ("external-registration-confirmed", payroll.PUBLISHER.record, {}),
    (
        "notification-requested",
        notifications.PUBLISHER.record,
        {"template_version": 1, "card_no": "04817"},
    ),
    ("notification-suppressed", notifications.PUBLISHER.record, {}),
    ("notification-submitted", notifications.PUBLISHER.record, {}),
    ("notification-delivered", notifications.PUBLISHER.record, {}),
    ("notification-failed", notifications.PUBLISHER.record, {}),
]
"""Each event a service keeps in its store, and what it keeps there beside what it publishes."""
FROM_THE_JOURNAL = {
    "allowance-opened",
    "wage-apportioned",
    "apportionment-reversed",
    "allowance-low",
    "allowance-exhausted",
    "allowance-restored",
    "attention-raised",
    "balance",
    "annual-cap-set",
    "year-closed",
    "checkpoint-signed",
}
PAGE = Path(generate.__file__).parents[2] / "docs" / "integrator.md"


@pytest.mark.parametrize(("name", "to_record", "kept"), STORED, ids=[name for name, *_ in STORED])
def test_a_stored_event_is_sent_as_the_golden_message(
    name: str, to_record: Callable[[StoredEvent], Record], kept: dict[str, Any]
) -> None:
    golden = example(name)

    record = to_record(stored(golden, kept))

    assert shown(record) == golden


def test_every_event_of_the_stores_is_tried() -> None:
    kinds = [translate.CODEC._kinds.values() for translate in (grants, payroll, notifications)]  # noqa: SLF001

    assert {name for name, *_ in STORED} == {kind for of_one in kinds for kind in of_one}


def test_the_integrators_page_names_what_is_not_sent_yet() -> None:
    line = re.search(r"^Specified, and not yet sent.*$", PAGE.read_text("utf-8"), re.MULTILINE)
    named = set(re.findall(r"`([a-z-]+)`", line[0] if line else ""))

    assert named == BY_TYPE.keys() - FROM_THE_JOURNAL - {name for name, *_ in STORED}


def test_the_integrators_page_shows_a_golden_message() -> None:
    shown_there = re.findall(r"```json\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    golden = example("wage-apportioned")

    assert [json.loads(text) for text in shown_there] == [
        {"headers": golden["headers"], "payload": golden["payload"]}
    ]


def test_the_integrators_page_lists_every_topic() -> None:
    rows = re.findall(
        r"^\| `([a-z-]+)` \|.*\| ([a-z, ]*)\|$", PAGE.read_text("utf-8"), re.MULTILINE
    )

    assert {(name, readers.strip()) for name, readers in rows} >= {
        (topic.name, ", ".join(topic.readers)) for topic in EVENT_TOPICS
    }


async def test_an_exhausted_allowance_is_told_in_the_golden_messages_words() -> None:
    golden = example("allowance-exhausted")
    decided = Apportionment(2023, dt.date(2023, 2, 28), 1, 0, ApportionReason.WITHIN_CAP)
    row = journal_row("wage-paid", ("allowance-exhausted",), decided, covered_ore=2000000)

    records = await read_journal(row)

    assert shown(records[0])["payload"] == golden["payload"] | {
        "known_at": example("wage-paid")["payload"]["known_at"]
    }
    assert json.loads(records[1].value)["exhausted"] is True


async def test_a_wage_is_decided_in_the_golden_messages_words() -> None:
    names = ("allowance-opened", "wage-apportioned", "allowance-low")
    decided = Apportionment(2023, dt.date(2023, 2, 28), 1612550, 0, ApportionReason.WITHIN_CAP)
    row = journal_row("wage-paid", names, decided, covered_ore=1612550)

    records = await read_journal(row)

    assert [of(record) for record in records] == [*names, "balance"]
    for record in records[:3]:
        assert_same_but_for_the_id(record, example(of(record)))
    assert_obeys_schemas(records[3])
    assert records[3].numbered is False


async def test_a_reversal_is_told_in_the_golden_messages_words() -> None:
    names = ("apportionment-reversed", "allowance-restored")
    given_back = Apportionment(
        2023, dt.date(2023, 3, 21), -387450, -112550, ApportionReason.WAGE_REVERSED
    )
    row = journal_row("wage-reversed", names, given_back, covered_ore=1612550)

    records = await read_journal(row)

    assert [of(record) for record in records] == [*names, "balance"]
    for record in records:
        assert_same_but_for_the_id(record, example(of(record)))


async def test_a_case_for_a_person_is_told_in_the_golden_messages_words() -> None:
    about = {
        name: value
        for name, value in example("attention-raised")["payload"].items()
        if name != "known_at"
    }
    row = journal_row("appeal-decided", ("attention-raised",), None, covered_ore=0, about=about)

    records = await read_journal(row | {"year": None})

    assert [of(record) for record in records] == ["attention-raised"]
    assert_same_but_for_the_id(records[0], example("attention-raised"))


async def test_an_entry_without_a_year_sends_nothing() -> None:
    row = journal_row("grant-reviewed", (), None, covered_ore=0) | {"year": None}

    assert await read_journal(row) == []


@pytest.mark.parametrize("name", ["annual-cap-set", "year-closed"])
async def test_a_rule_is_told_in_the_golden_messages_words(name: str) -> None:
    golden = example(name)
    rule = {
        "id": golden["headers"]["ce_id"],
        "type": name,
        "recorded_at": golden["headers"]["ce_time"],
        "payload": golden["payload"],
    }
    row = {
        "rule_key": golden["key"],
        "version": int(golden["headers"]["ce_streamversion"]),
        "bytes": json.dumps(rule).encode(),
    }

    batch = await rules_source(FakePool(row))({0: 0})

    assert_same_but_for_the_id(batch.records[0], golden)
    assert shown(batch.records[0])["headers"]["ce_id"] == golden["headers"]["ce_id"]


async def test_a_checkpoint_is_told_in_the_golden_messages_words() -> None:
    golden = example("checkpoint-signed")
    headers = golden["headers"]
    row = {
        "checkpoint_no": golden["payload"]["checkpoint_no"],
        "event_id": headers["ce_id"],
        "taken_at": dt.datetime.fromisoformat(headers["ce_time"]),
        "bytes": json.dumps(golden["payload"], separators=(",", ":")).encode(),
    }

    batch = await checkpoints_source(FakePool(row))({0: 364})

    assert batch.positions == {0: 365}
    assert_obeys_schemas(batch.records[0])
    assert shown(batch.records[0]) == golden


class FakePool:
    """Answers every query with the same row."""

    def __init__(self, row: dict[str, Any]) -> None:
        self._row = row

    @contextlib.asynccontextmanager
    async def acquire(self) -> AsyncIterator["FakePool"]:
        yield self

    async def fetch(self, *_: object) -> list[dict[str, Any]]:
        return [self._row]


async def read_journal(row: dict[str, Any]) -> list[Record]:
    batch = await journal_source(FakePool(row))({row["partition"]: 0})
    return list(batch.records)


def journal_row(
    source_name: str,
    names: tuple[str, ...],
    decided: Apportionment | None,
    *,
    covered_ore: int,
    about: dict[str, str | int] | None = None,
) -> dict[str, Any]:
    """Make the row that the source's golden message becomes."""
    source, told = example(source_name), example(names[0] if names else "balance")
    headers, payload = told["headers"], source["payload"]
    source_id, citizen_id = source["headers"]["ce_id"], source["key"]
    entry_no = int(headers["ce_streamversion"])
    content = entry_bytes(
        citizen_id=citizen_id,
        entry_no=entry_no,
        municipality_code=source["headers"]["ce_municipality"],
        source=Source(type=source_name, id=source_id, version=1, payload=payload, sha256="00"),
        recorded_at=headers["ce_time"],
        known_at=payload["known_at"],
        grants_version=1,
        rules_version=1,
        code_version="1",
        apportionment=decided,
        sends=[
            SentEvent(name, sent_event_id(source_id, citizen_id, index), about)
            for index, name in enumerate(names)
        ],
    )
    hashes = [example(n)["payload"]["entry_hash"] for n in names if "entry_hash" in schema_of(n)]
    return {
        "citizen_id": citizen_id,
        "partition": source["partition"],
        "journal_seq": 1,
        "bytes": content,
        "hash": bytes.fromhex(hashes[0] if hashes else "00"),
        "year": 2023,
        "paid_on": payload.get("paid_on"),
        "wage_id": payload.get("wage_id"),
        "limit_ore": 2000000,
        "year_covered_ore": covered_ore,
        "year_excess_ore": 0,
        "correlation_id": headers["ce_correlationid"],
        "traceparent": headers["traceparent"],
    }


def stored(golden: dict[str, Any], kept: dict[str, Any]) -> StoredEvent:
    """Make the stored event that a golden message is the published form of."""
    envelope = from_headers((k, v.encode()) for k, v in golden["headers"].items())
    fields = {k: v for k, v in golden["payload"].items() if k != "known_at"}
    return StoredEvent(
        stream_id=envelope.subject,
        version=envelope.stream_version,
        event_id=envelope.id,
        type=envelope.type,
        data=json.dumps(fields | kept),
        private=None,
        recorded_at=envelope.time,
        known_at=dt.datetime.fromisoformat(golden["payload"]["known_at"]),
        municipality_code=cast("str", envelope.municipality),
        correlation_id=envelope.correlation_id,
        causation_id=envelope.causation_id,
        traceparent=cast("str", envelope.traceparent),
        partition=golden["partition"],
        partition_seq=cast("int", envelope.partition_seq),
    )


def shown(record: Record) -> dict[str, Any]:
    """Show a record as a golden message does; the relay's number is taken as given."""
    headers = {key: value.decode() for key, value in record.headers}
    payload = json.loads(record.value)
    wire = json.dumps(payload, separators=(",", ":"), ensure_ascii=False).encode()
    assert record.value == wire, "the same bytes after being read and written"
    golden = example(headers["ce_type"])["headers"]
    if record.numbered:
        headers["ce_partitionseq"] = golden["ce_partitionseq"]
    return {
        "topic": record.topic,
        "key": record.key.decode(),
        "partition": record.partition,
        "headers": headers,
        "payload": payload,
    }


def assert_same_but_for_the_id(record: Record, golden: dict[str, Any]) -> None:
    """Compare all but the id, which follows from the source's."""
    assert_obeys_schemas(record)
    found = shown(record)
    found["headers"]["ce_id"] = golden["headers"]["ce_id"]
    assert found == golden


def assert_obeys_schemas(record: Record) -> None:
    event = BY_TYPE[of(record)]
    Draft202012Validator(headers_schema()).validate(shown(record)["headers"])
    Draft202012Validator(event_schema(event)).validate(json.loads(record.value))
    assert event.model_validate_json(record.value)


def of(record: Record) -> str:
    return dict(record.headers)["ce_type"].decode()


def schema_of(name: str) -> dict[str, Any]:
    properties: dict[str, Any] = event_schema(BY_TYPE[name])["properties"]
    return properties


def example(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((EXAMPLES / file_name(name)).read_text("utf-8"))
    return found
