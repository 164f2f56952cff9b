"""The journal's bytes and chain: as RFC 8785 and the formula say, judged by others' code."""

import datetime as dt
import hashlib
import json
import uuid
from typing import Any

import orjson
import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from frikort_contracts.types import ApportionReason
from services.allowance.domain import Apportionment
from services.allowance.entry import (
    GENESIS,
    NotCanonicalError,
    SentEvent,
    Source,
    chain_hash,
    entry_bytes,
    require_canonical,
    sent_event_id,
)

INTEGER_MAX = 2**53 - 1
CITIZEN = "7437da5d-a18c-4a68-a448-461d4e2ffa62"

ascii_keys = st.text(st.characters(max_codepoint=127), max_size=12)
texts = st.text() | st.text(st.characters(max_codepoint=0x9F))  # the control characters too
integers = st.integers(-INTEGER_MAX, INTEGER_MAX) | st.sampled_from([-INTEGER_MAX, INTEGER_MAX])
json_values = st.recursive(
    texts | integers | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ascii_keys, inner, max_size=4),
    max_leaves=10,
)
payloads = st.dictionaries(ascii_keys, json_values, max_size=8)
ore = st.integers(-(10**12), 10**12)
apportionments = st.builds(
    Apportionment,
    year=st.integers(2019, 9999),
    paid_on=st.dates(),
    covered_ore=ore,
    excess_ore=ore,
    reason=st.sampled_from(ApportionReason),
)


@given(payloads, st.none() | apportionments, st.from_regex("[ -!#-Z^-~]*", fullmatch=True))
def test_the_bytes_are_canonical(
    payload: dict[str, Any], apportionment: Apportionment | None, text: str
) -> None:
    content = write(payload=payload, apportionment=apportionment, municipality_code=text)

    assert content == rfc8785.dumps(json.loads(content))
    assert json.loads(content)["source"]["payload"] == payload


@given(payloads)
def test_what_comes_off_the_wire_is_canonical_whatever_its_spelling(
    payload: dict[str, Any],
) -> None:
    spelled = json.dumps(payload, indent=1, ensure_ascii=True).encode()

    assert write(payload=orjson.loads(spelled)) == write(payload=payload)


def test_an_entry_is_written_as_it_always_was() -> None:
    content = write(
        payload={"wage_id": "w", "amount_ore": 150, "sector": 'værksted\n\x01"\\/\x7f€'},
        apportionment=Apportionment(2023, dt.date(2023, 5, 31), 100, 50, ApportionReason.OVER_CAP),
    )

    assert content.decode() == (
        '{"citizen_id":"7437da5d-a18c-4a68-a448-461d4e2ffa62","code_version":"1",'
        '"decision":{"covered_ore":100,"excess_ore":50,"reason":"over-cap","year":2023},'
        '"entry_no":7,"events":[{"id":"e","type":"wage-apportioned"}],"grants_version":3,'
        '"known_at":"2023-05-31T10:00:00.000000Z","municipality_code":"751","postings":['
        '{"account":"available","amount_ore":-100,"year":2023},'
        '{"account":"covered","amount_ore":100,"year":2023},'
        '{"account":"employer","amount_ore":-50,"year":2023},'
        '{"account":"excess","amount_ore":50,"year":2023}],'
        '"recorded_at":"2023-05-31T10:00:00.000001Z","rules_version":2,'
        '"source":{"id":"s","payload":{"amount_ore":150,"sector":"værksted\\n\\u0001\\"\\\\/\x7f€",'
        '"wage_id":"w"},"sha256":"00","type":"wage-paid","version":5}}'
    )


def test_an_entry_without_a_decision_leaves_it_out() -> None:
    entry = json.loads(write(payload={}))

    assert "decision" not in entry
    assert entry["postings"] == []


@pytest.mark.parametrize(
    ("spelled", "why"),
    [
        (b'{"later": 1.5}', "a number is no integer"),
        (b'{"later": 1.0}', "a number is no integer"),
        (b'{"later": 1e2}', "a number is no integer"),
        (b'{"later": [{"deep": [0.1]}]}', "a number is no integer"),
        (b'{"later": 9007199254740992}', "an integer is too large"),
        (b'{"later": -9007199254740992}', "an integer is too large"),
        (b'{"later": 18446744073709551616}', "a number is no integer"),  # orjson reads a float
        (b'{"later": {"deep": [9007199254740993]}}', "an integer is too large"),
        ('{"beløb": 1}'.encode(), "a key is not ASCII"),
        (b'{"later": [{"\\ud83d\\ude00": 1, "\\uffff": 2}]}', "a key is not ASCII"),
        (b'{"later": ' + b"[" * 300 + b"]" * 300 + b"}", "the payload is nested too deep"),
    ],
)
def test_what_others_would_write_in_another_way_is_refused(spelled: bytes, why: str) -> None:
    with pytest.raises(NotCanonicalError) as refused:
        require_canonical(orjson.loads(spelled))

    assert str(refused.value) == why


@given(payloads)
def test_what_is_canonical_is_let_through(payload: dict[str, Any]) -> None:
    require_canonical(payload)


@given(apportionments)
def test_postings_sum_to_zero_and_hold_the_whole_wage(apportionment: Apportionment) -> None:
    made = json.loads(write(payload={}, apportionment=apportionment))["postings"]
    amounts = {posting["account"]: posting["amount_ore"] for posting in made}

    assert sum(amounts.values()) == 0
    assert amounts.get("covered", 0) + amounts.get("excess", 0) == apportionment.amount_ore
    assert {posting["year"] for posting in made} <= {apportionment.year}
    assert 0 not in amounts.values()


def test_a_chain_begins_with_32_zero_bytes() -> None:
    assert GENESIS.hex() == "00" * 32


@given(st.lists(st.binary(), min_size=1, max_size=5))
def test_the_chain_is_the_formula(contents: list[bytes]) -> None:
    ours = by_hand = GENESIS
    for content in contents:
        ours = chain_hash(ours, content)
        by_hand = hashlib.sha256(b"frikort-entry-1" + by_hand + content).digest()

    assert ours == by_hand


def test_a_known_entry_has_its_known_hash() -> None:
    head = chain_hash(bytes(32), b'{"entry_no":1}')

    assert head.hex() == "8dd6738c8a7f93e6e0c0d6993d88e47044e3fff0ba41e24c2af0c6931a4ca348"


@given(st.uuids().map(str), st.uuids().map(str), st.integers(0, 99))
def test_a_sent_events_id_is_its_uuid5(source_id: str, citizen_id: str, index: int) -> None:
    namespace = uuid.UUID("5d0cbd9c-0d4f-5a51-9b1c-6f6b1b7f6a11")

    sent = sent_event_id(source_id, citizen_id, index)

    assert sent == str(uuid.uuid5(namespace, f"{source_id}/{citizen_id}/{index}"))
    assert uuid.UUID(sent).version == 5


def write(
    *,
    payload: dict[str, Any],
    apportionment: Apportionment | None = None,
    municipality_code: str = "751",
) -> bytes:
    return entry_bytes(
        citizen_id=CITIZEN,
        entry_no=7,
        municipality_code=municipality_code,
        source=Source(type="wage-paid", id="s", version=5, payload=payload, sha256="00"),
        recorded_at="2023-05-31T10:00:00.000001Z",
        known_at="2023-05-31T10:00:00.000000Z",
        grants_version=3,
        rules_version=2,
        code_version="1",
        apportionment=apportionment,
        sends=[SentEvent("wage-apportioned", "e")],
    )
