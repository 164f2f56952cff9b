"""The journal's entries: their bytes, postings and hash chain. Pure.

An entry's bytes are RFC 8785 JSON: keys sorted, no white space, integers only. They never
change once written, so neither may this form. `hash = SHA-256("frikort-entry-1" ‖ previous
hash ‖ bytes)`; the first previous is 32 zero bytes.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import orjson

from services.allowance.domain import Apportionment

CHAIN_TAG = b"frikort-entry-1"
GENESIS = bytes(32)
INTEGER_MAX = 2**53 - 1
"""The largest that every reader of JSON reads as the same number (RFC 8785, appendix D)."""
DEPTH_MAX = 16


class NotCanonicalError(ValueError):
    """A payload's bytes would depend on who writes them."""


@dataclass(slots=True, kw_only=True)
class Source:
    """The event an entry rests on; `payload` is its JSON, `sha256` of its bytes on the wire."""

    type: str
    id: str
    version: int
    payload: dict[str, Any]
    sha256: str


About: TypeAlias = Mapping[str, str | int]
"""What of an event's content its entry says nowhere else."""


class SentEvent(NamedTuple):
    """An event that an entry sends."""

    type: str
    id: str
    about: About | None = None


def entry_bytes(
    *,
    citizen_id: str,
    entry_no: int,
    municipality_code: str,
    source: Source,
    recorded_at: str,
    known_at: str,
    grants_version: int,
    rules_version: int,
    code_version: str,
    apportionment: Apportionment | None,
    sends: Sequence[SentEvent],
) -> bytes:
    """Write an entry's bytes. Times are RFC 3339 in UTC with microseconds; absent is left out.

    Written in the order of the keys, for building and sorting objects takes twice as long and
    this runs for every wage. The source's payload has passed `require_canonical`; every other
    text is a code, an identifier or a time, in which JSON escapes nothing.
    """
    decision = postings = ""
    if apportionment is not None:
        year, _, covered_ore, excess_ore, reason = apportionment
        decision = (
            f'"decision":{{"covered_ore":{covered_ore},"excess_ore":{excess_ore},'
            f'"reason":"{reason.value}","year":{year}}},'
        )
        postings = _postings(year, covered_ore, excess_ore)
    events = ",".join(
        [
            f'{{"id":"{event_id}","type":"{kind}"}}'
            if about is None
            else _event_with(about, kind, event_id)
            for kind, event_id, about in sends
        ]
    )
    payload = orjson.dumps(source.payload, option=orjson.OPT_SORT_KEYS).decode()
    return (
        f'{{"citizen_id":"{citizen_id}","code_version":"{code_version}",{decision}'
        f'"entry_no":{entry_no},"events":[{events}],"grants_version":{grants_version},'
        f'"known_at":"{known_at}","municipality_code":"{municipality_code}",'
        f'"postings":[{postings}],"recorded_at":"{recorded_at}","rules_version":{rules_version},'
        f'"source":{{"id":"{source.id}","payload":{payload},"sha256":"{source.sha256}",'
        f'"type":"{source.type}","version":{source.version}}}}}'
    ).encode()


def events_of(source_type: str, turned: Sequence[str]) -> list[str]:
    """Name an entry's events in order: the year opens, the wage is decided, then what it turned."""
    own = "wage-apportioned" if source_type == "wage-paid" else "apportionment-reversed"
    if not turned:
        return [own]
    opened = [kind for kind in turned if kind == "allowance-opened"]
    return [*opened, own, *(kind for kind in turned if kind != "allowance-opened")]


def require_canonical(payload: Mapping[str, Any], depth_left: int = DEPTH_MAX) -> None:
    """Refuse a payload that RFC 8785 and we might write in different bytes.

    Keys are ASCII, for we sort them by code point and others by UTF-16 unit.

    Raises:
        NotCanonicalError: a key is not ASCII, a number no integer or too large, or the payload
            nested too deep.
    """
    for key, value in payload.items():
        if not key.isascii():
            raise NotCanonicalError("a key is not ASCII")
        if type(value) is not str:
            _require_canonical_value(value, depth_left)


def _postings(year: int, covered_ore: int, excess_ore: int) -> str:
    """Derive an entry's postings, which sum to zero; parts that are zero are left out.

    A wage: available -covered, covered +covered, employer -excess, excess +excess; a reversal
    the opposite, for its parts are negative.
    """
    parts = []
    if covered_ore:
        parts.append(_posting("available", -covered_ore, year))
        parts.append(_posting("covered", covered_ore, year))
    if excess_ore:
        parts.append(_posting("employer", -excess_ore, year))
        parts.append(_posting("excess", excess_ore, year))
    return ",".join(parts)


def _event_with(about: About, kind: str, event_id: str) -> str:
    """Write an event that the entry alone does not tell: attention, and what a sweep turned."""
    return orjson.dumps(
        {**about, "id": event_id, "type": kind}, option=orjson.OPT_SORT_KEYS
    ).decode()


def _posting(account: str, amount_ore: int, year: int) -> str:
    return f'{{"account":"{account}","amount_ore":{amount_ore},"year":{year}}}'


def chain_hash(previous: bytes, content: bytes) -> bytes:
    """Give the hash of an entry that follows another."""
    return hashlib.sha256(CHAIN_TAG + previous + content).digest()


def sent_event_id(source_id: str, citizen_id: str, index: int) -> str:
    """Give the UUIDv5 of an entry's event: the same whenever the entry is made again.

    Written out because `uuid.uuid5` takes four times as long, and this runs for every wage.
    """
    name = f"{source_id}/{citizen_id}/{index}".encode()
    text = hashlib.sha1(NAMESPACE + name, usedforsecurity=False).hexdigest()
    variant = _VARIANT[text[16]]
    return f"{text[:8]}-{text[8:12]}-5{text[13:16]}-{variant}{text[17:20]}-{text[20:32]}"


_VARIANT = {digit: "89ab"[int(digit, 16) % 4] for digit in "0123456789abcdef"}
"""RFC 9562: the variant's two bits are 10, the other two stay."""
NAMESPACE = bytes.fromhex("5d0cbd9c0d4f5a519b1c6f6b1b7f6a11")
"""Of the names that events' identifiers are made from."""


def _require_canonical_value(value: Any, depth_left: int) -> None:
    if isinstance(value, int):
        if not -INTEGER_MAX <= value <= INTEGER_MAX:
            raise NotCanonicalError("an integer is too large")
    elif isinstance(value, float):
        raise NotCanonicalError("a number is no integer")
    elif isinstance(value, Mapping | list):
        if depth_left == 0:
            raise NotCanonicalError("the payload is nested too deep")
        if isinstance(value, Mapping):
            require_canonical(value, depth_left - 1)
        else:
            for inner in value:
                _require_canonical_value(inner, depth_left - 1)
