"""Whatever comes, in whatever order: in bulk a batch gives what it does message by message."""

import dataclasses
import datetime as dt
import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from frikort_contracts.topics import GRANTS
from services.allowance.compiled.messages import HEADERS
from services.allowance.pages import Page
from services.allowance.posting import Rules
from services.chassis.inbox import Message
from tests.unit.bulk_posting_cases import as_other, headed, page_of, post_both, rows_of, wage
from tests.unit.bulk_posting_doubts import (
    CARD_DAYS,
    HEADERS_LEFT,
    LEFT,
    NOT_PLAIN_PAGES,
    PLAIN_PAGES,
    RULES_NOT_PLAIN,
    RULES_PLAIN,
)
from tests.unit.ledger_cases import CAP_ORE, caps, identity

MANY = settings(max_examples=300, suppress_health_check=list(HealthCheck))
NAMES = ["citizen", "else", "third"]
PIECES = [
    *(b" ", b"0", b"1", b"-", b"-0", b"1.0", b"null", b"true", b"false", b"\\u0041", b"\\", b"\n"),
    *(b'"', b",", b":", b"{", b"}", b"{}", b"[]", b'"a":1,', b"\xc3\xa6", b"\xc3", b"\xff", b"a"),
    *(b"2022", b"2023-03-01", b"00124", b"03", b"2", b'"":', b"E5", b"\x7f", b"\x00", b"\xed\xa0"),
]
"""What a payload or a header is spoilt with."""
AMOUNTS = st.one_of(
    st.sampled_from([1, 2, 100, CAP_ORE // 5, CAP_ORE * 4 // 5, CAP_ORE, 10**12]),
    st.integers(1, CAP_ORE),
)
DAYS = st.dates(dt.date(2021, 12, 1), dt.date(2024, 12, 31))
MEMBERS = st.dictionaries(
    st.text("abcdefghijklmnopqrstuvwxyz0123456789_", min_size=1, max_size=20),
    st.one_of(st.booleans(), st.integers(1 - 10**15, 10**15 - 1), st.text()),
    max_size=8,
)
GRANT_EVENTS = [
    as_other("grant-deactivated", GRANTS.name, **CARD_DAYS),
    as_other("grant-reactivated", GRANTS.name, **CARD_DAYS),
    as_other("appeal-decided", GRANTS.name, outcome="overturned", **CARD_DAYS),
    as_other("grant-reviewed", GRANTS.name, **CARD_DAYS),
]


@st.composite
def wages(draw: st.DrawFn, name: str, version: int) -> Message:
    """Give a wage that is nearly always plain, its members in any order."""
    said = {
        "paid_on": f"{draw(DAYS)}",
        "amount_ore": draw(AMOUNTS),
        "employment_id": identity(draw(st.sampled_from(["employment", "x", "y"]))),
    }
    more = draw(MEMBERS) if draw(st.booleans()) else {}
    message = wage(name, version, **more | said)
    members = draw(st.permutations(list(json.loads(message.value).items())))
    text = json.dumps(dict(members), separators=(",", ":"), ensure_ascii=False)
    return dataclasses.replace(message, value=text.encode())


@st.composite
def spoilt(draw: st.DrawFn, message: Message) -> Message:
    """Give a message as somebody sends it who wishes the ledger no good."""
    match draw(st.sampled_from(["listed", "header", "bytes", "headed", "key", "grant"])):
        case "listed":
            return draw(st.sampled_from(LEFT))(message)
        case "header":
            return headed(*draw(st.sampled_from(HEADERS_LEFT)))(message)
        case "bytes":
            value = message.value
            for _ in range(draw(st.integers(1, 3))):
                value = _with_other_bytes(draw, value)
            return dataclasses.replace(message, value=value)
        case "headed":
            name = draw(st.sampled_from(HEADERS))
            return headed(name, _with_other_bytes(draw, message.headers[name]))(message)
        case "key":
            key = draw(st.sampled_from([None, *(identity(name).encode() for name in NAMES)]))
            subject = draw(st.sampled_from([b"x", *(identity(name).encode() for name in NAMES)]))
            changed = headed("ce_subject", subject)(message)
            return dataclasses.replace(changed, key=key)
        case _:
            version = b"%d" % draw(st.integers(1, 3))
            changed = draw(st.sampled_from(GRANT_EVENTS))(message)
            return headed("ce_streamversion", version)(changed)


def _with_other_bytes(draw: st.DrawFn, text: bytes) -> bytes:
    start = draw(st.integers(0, len(text)))
    end = draw(st.integers(start, min(len(text), start + 6)))
    return text[:start] + draw(st.sampled_from(PIECES) | st.binary(max_size=3)) + text[end:]


@st.composite
def batches(draw: st.DrawFn) -> list[Message]:
    """Give messages of some citizens, numbered as they should be or not quite, some spoilt."""
    versions = dict.fromkeys(NAMES, 0)
    found = []
    for _ in range(draw(st.integers(1, 14))):
        name = draw(st.sampled_from(NAMES))
        versions[name] += draw(st.sampled_from([1] * 20 + [0, 2, -1]))
        message = draw(wages(name, versions[name]))
        if draw(st.integers(0, 7)) == 7:
            message = draw(spoilt(message))
        found.append(message)
    return found


@st.composite
def pages(draw: st.DrawFn) -> list[Page]:
    """Give a page of each citizen, mostly a plain one."""
    found = []
    for name in NAMES:
        pages_ = NOT_PLAIN_PAGES if draw(st.integers(0, 9)) == 9 else PLAIN_PAGES
        chosen, page = draw(st.sampled_from(pages_)), page_of(name)
        found.append(
            dataclasses.replace(chosen, citizen_id=page.citizen_id, partition=page.partition)
        )
    return found


@st.composite
def any_rules(draw: st.DrawFn) -> Rules:
    if draw(st.booleans()):
        return caps(2022, 2023, 2024, amount_ore=draw(AMOUNTS))
    return draw(st.sampled_from(RULES_PLAIN + RULES_NOT_PLAIN))


@MANY
@given(batch=batches(), started=pages(), rules=any_rules())
def test_any_batch_in_bulk_comes_out_the_same(
    batch: list[Message], started: list[Page], rules: Rules
) -> None:
    posted = post_both(batch, started, rules)

    assert len(rows_of(posted.rows)) == len(batch) - len(posted.rest)


@MANY
@given(data=st.data())
def test_any_bytes_of_a_payload_or_header_are_read_the_same(data: st.DataObject) -> None:
    message = data.draw(wages("citizen", 1))
    if data.draw(st.integers(0, 4)):
        message = data.draw(spoilt(message))

    post_both([message, wage("citizen", 2)], [page_of("citizen")], caps(2022, 2023, 2024))
