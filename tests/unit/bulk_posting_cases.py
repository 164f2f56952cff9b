"""A batch posted twice, in bulk and message by message, and what must come out the same."""

import dataclasses
import datetime as dt
import functools
import json
import struct
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from frikort_contracts.topics import GRANTS, PAYROLL, partition_of
from frikort_contracts.types import ApportionReason
from services.allowance import bulk_posting, store
from services.allowance.attention import DecidedWage
from services.allowance.bulk_posting import Posted
from services.allowance.domain import Apportionment, CardChange, Citizen
from services.allowance.pages import Page
from services.allowance.posting import Posting, Rules
from services.allowance.translate import Received, is_citizen_id, read
from services.chassis.errors import ContractError
from services.chassis.inbox import Message
from tests.unit.ledger_cases import KNOWN_AT, NOW, identity

CARD = CardChange(version=1, card_no="00123", kind="issued", effective_on=dt.date(2023, 1, 1))
COLUMNS = store.JOURNAL_COLUMNS
UUIDS = {"citizen_id", "source_id", "wage_id"}
FORMATS = {"entry_no": ">i", "partition": ">h", "source_version": ">i", "year": ">h"}
FORMATS["source_partition"] = ">h"
EPOCH = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)

Row = dict[str, bytes | None]
"""A row of the journal by column, each as COPY takes it."""


class Counts:
    """An inbox that counts, and keeps nothing."""

    reads_on = True

    def __init__(self) -> None:
        self.of = Counter[tuple[int, str]]()

    def count(self, _topic: str, partition: int, outcome: str) -> None:
        self.of[partition, outcome] += 1


@dataclass
class Outcome:
    """What came of a batch: each citizen's rows and page, the partitions' numbers, the counts."""

    rows: dict[str, list[Row]] = field(default_factory=dict)
    pages: dict[str, Page] = field(default_factory=dict)
    journal_seq: dict[int, int] = field(default_factory=dict)
    counts: Counter[tuple[int, str]] = field(default_factory=Counter)


def page_of(name: str, **more: Any) -> Page:
    """Give a page that knows one card from 2023 on, and nothing else."""
    citizen_id = identity(name)
    page = Page(citizen_id, partition_of(citizen_id), entry_no=1, head=bytes(range(32)))
    page.state = Citizen(1, (CARD,), {})
    return dataclasses.replace(page, **more)


def wage(name: str = "citizen", version: int = 1, /, **more: Any) -> Message:
    """Give a plain wage; `more` are other members of its payload, `...` leaves one out."""
    citizen_id = identity(name)
    source_id = identity(f"{name}/{version}")
    payload = {
        "wage_id": identity(f"{name}/wage/{version}"),
        "employment_id": identity("employment"),
        "paid_on": "2023-03-31",
        "amount_ore": 2_500_00,
        "known_at": KNOWN_AT,
        "card_no": "00123",
        "grants_version": 1,
    } | more
    written = {key: value for key, value in payload.items() if value is not ...}
    return Message(
        PAYROLL.name,
        partition_of(citizen_id),
        2**41 + version,
        citizen_id.encode(),
        json.dumps(written, separators=(",", ":"), ensure_ascii=False).encode(),
        {
            "ce_type": b"wage-paid",
            "ce_id": source_id.encode(),
            "ce_subject": citizen_id.encode(),
            "ce_streamversion": b"%d" % version,
            "ce_municipality": b"751",
            "ce_correlationid": source_id.encode(),
            "ce_time": b"2026-01-05T10:00:00.000000Z",
            "traceparent": b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        },
    )


def other(message: Message, kind: str, topic: str = PAYROLL.name) -> Message:
    """Give the message as of another type or topic."""
    headers = message.headers | {"ce_type": kind.encode()}
    return dataclasses.replace(message, topic=topic, headers=headers)


def with_headers(message: Message, **headers: bytes | None) -> Message:
    """Give the message with other headers, without those that are None."""
    found = {
        name: value for name, value in (message.headers | headers).items() if value is not None
    }
    return dataclasses.replace(message, headers=found)


Change = Callable[[Message], Message]


def saying(**more: Any) -> Change:
    """Change members of the payload; `...` leaves one out."""

    def change(message: Message) -> Message:
        payload = {**json.loads(message.value), **more}
        written = {name: value for name, value in payload.items() if value is not ...}
        value = json.dumps(written, separators=(",", ":"), ensure_ascii=False)
        return dataclasses.replace(message, value=value.encode())

    return change


def having(old: bytes, new: bytes) -> Change:
    """Change the payload's bytes."""
    return lambda message: dataclasses.replace(message, value=message.value.replace(old, new))


def headed(name: str, value: bytes | None) -> Change:
    """Change a header; None leaves it out."""
    return lambda message: with_headers(message, **{name: value})


def as_other(kind: str, topic: str = PAYROLL.name, **more: Any) -> Change:
    """Make it another event."""
    return lambda message: other(saying(**more)(message), kind, topic)


def post_both(
    messages: Sequence[Message], pages: Iterable[Page], rules: Rules, *, now: dt.datetime = NOW
) -> Posted:
    """Post a batch in bulk and message by message; give what was posted in bulk."""
    compile_once()
    started = {page.citizen_id: page for page in pages}
    for message in messages:
        if is_citizen_id(message.stream_id):
            fresh = Page(message.stream_id, message.partition)
            started.setdefault(message.stream_id, fresh)
    numbers = {partition: 2**40 + partition for partition in range(12)}
    plain, bulk = Outcome(), Outcome()
    for outcome in (plain, bulk):
        outcome.pages = {citizen_id: _copied(page) for citizen_id, page in started.items()}
    plain.journal_seq, bulk.journal_seq = dict(numbers), dict(numbers)
    _go_on(plain, messages, rules, now)
    posted = bulk_posting.post_plain(
        messages, bulk.pages, rules, now=now, journal_seq=bulk.journal_seq
    )
    for row in rows_of(posted.rows):
        bulk.rows.setdefault(str(uuid.UUID(bytes=row["citizen_id"])), []).append(row)
    bulk.counts.update({(number, "applied"): count for number, count in posted.applied.items()})
    _go_on(bulk, posted.rest, rules, now)

    _compare(plain, bulk, numbers)
    return posted


@functools.cache
def compile_once() -> None:
    """Have the compiled code ready, however many tests ask for it."""
    bulk_posting.compile_now()


def rows_of(text: bytes) -> list[Row]:
    """Read rows as COPY takes them."""
    at, found = 0, []
    while at < len(text):
        (columns,) = struct.unpack_from(">h", text, at)
        assert columns == len(COLUMNS)
        at, row = at + 2, {}
        for column in COLUMNS:
            (size,) = struct.unpack_from(">i", text, at)
            at += 4
            row[column] = None if size == -1 else text[at : at + size]
            at += max(size, 0)
        found.append(row)
    assert at == len(text)
    return found


def _go_on(outcome: Outcome, messages: Iterable[Message], rules: Rules, now: dt.datetime) -> None:
    """Post what is left one by one, as `handlers.py` does, on what was posted before."""
    read_, inbox = [(message, _read(message)) for message in messages], Counts()
    asked = {r.citizen_id for _, r in read_ if isinstance(r, Received) and _looks_back(r)}
    wages = {citizen_id: _wages(outcome, citizen_id) for citizen_id in asked}
    posting = Posting(
        pages=outcome.pages,
        rules=rules,
        inbox=inbox,  # type: ignore[arg-type]  # it only counts
        now=now,
        journal_seq=outcome.journal_seq,
        originals={(c, i): w.apportionment for c, of in wages.items() for i, w in of.items()},
        wages=wages,
    )
    for message, received in read_:
        if isinstance(received, Received):
            posting.receive(received)
        elif message.stream_id in outcome.pages:
            posting.park(outcome.pages[message.stream_id], message, received)
    for entry in posting.entries:
        row = dict(zip(COLUMNS, map(_column, COLUMNS, store._journal_row(entry)), strict=True))  # noqa: SLF001 - the row itself is what is compared
        outcome.rows.setdefault(entry.page.citizen_id, []).append(row)
    outcome.counts.update(inbox.of)


def _copied(page: Page) -> Page:
    return dataclasses.replace(
        page,
        employments={**page.employments},
        waiting=[*page.waiting],
        touched_years={*page.touched_years},
    )


def _read(message: Message) -> Received | str:
    try:
        return read(message)
    except ContractError as error:
        return error.reason


def _looks_back(received: Received) -> bool:
    return received.message.topic == GRANTS.name or received.source.type == "wage-reversed"


def _wages(outcome: Outcome, citizen_id: str) -> dict[str, DecidedWage]:
    """Give a citizen's wages that were posted before, as `store.load_wages` does."""
    found = {}
    for row in outcome.rows.get(citizen_id, ()):
        entry = json.loads(row["bytes"] or b"")
        decision, paid_on = entry["decision"], entry["source"]["payload"]["paid_on"]
        found[entry["source"]["payload"]["wage_id"]] = DecidedWage(
            entry["source"]["payload"]["card_no"],
            Apportionment(
                decision["year"],
                dt.date.fromisoformat(paid_on),
                decision["covered_ore"],
                decision["excess_ore"],
                ApportionReason(decision["reason"]),
            ),
        )
    return found


def _column(name: str, value: object) -> bytes | None:
    """Write a value as PostgreSQL takes it in binary."""
    match value:
        case None | bytes():
            return value
        case str() if name in UUIDS:
            return uuid.UUID(value).bytes
        case str():
            return value.encode()
        case int():
            return struct.pack(FORMATS.get(name, ">q"), value)
        case dt.datetime():
            return struct.pack(">q", (value - EPOCH) // dt.timedelta(microseconds=1))
        case dt.date():
            return struct.pack(">i", (value - EPOCH.date()).days)
    raise TypeError(name)


def _compare(plain: Outcome, bulk: Outcome, numbers: Mapping[int, int]) -> None:
    """Compare all but which citizen of a partition has which of its numbers."""
    assert bulk.pages == plain.pages
    assert bulk.journal_seq == plain.journal_seq
    assert +bulk.counts == +plain.counts
    dealt: dict[int, list[int]] = {partition: [] for partition in numbers}
    assert bulk.rows.keys() == plain.rows.keys()
    for citizen_id, rows in bulk.rows.items():
        given = [int.from_bytes(row.pop("journal_seq") or b"") for row in rows]
        assert given == sorted(given)
        dealt[plain.pages[citizen_id].partition] += given
        for row in plain.rows[citizen_id]:
            del row["journal_seq"]
        assert rows == plain.rows[citizen_id]
    for partition, given in dealt.items():
        assert sorted(given) == [*range(numbers[partition] + 1, bulk.journal_seq[partition] + 1)]
