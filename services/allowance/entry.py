"""The journal's entries: their bytes, postings and hash chain. Pure.

An entry's bytes are RFC 8785 JSON: keys sorted, no white space, integers only. They never
change once written, so neither may this form. `hash = SHA-256("frikort-entry-1" ‖ previous
hash ‖ bytes)`; the first previous is 32 zero bytes.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from services.allowance.domain import Apportionment

CHAIN_TAG = b"frikort-entry-1"
GENESIS = bytes(32)


class NotCanonicalError(ValueError):
    """A payload holds a number that is no integer: its bytes would depend on who writes them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The event an entry rests on; `payload` is its JSON, `sha256` of its bytes on the wire."""

    type: str
    id: str
    version: int
    payload: dict[str, Any]
    sha256: str


@dataclass(frozen=True, slots=True)
class SentEvent:
    """An event that an entry sends."""

    type: str
    id: str


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

    Raises:
        NotCanonicalError: the payload holds a number that is no integer.
    """
    entry: dict[str, Any] = {
        "citizen_id": citizen_id,
        "code_version": code_version,
        "entry_no": entry_no,
        "events": [{"id": event.id, "type": event.type} for event in sends],
        "grants_version": grants_version,
        "known_at": known_at,
        "municipality_code": municipality_code,
        "postings": [],
        "recorded_at": recorded_at,
        "rules_version": rules_version,
        "source": {
            "id": source.id,
            "payload": source.payload,
            "sha256": source.sha256,
            "type": source.type,
            "version": source.version,
        },
    }
    if apportionment is not None:
        entry["decision"] = {
            "covered_ore": apportionment.covered_ore,
            "excess_ore": apportionment.excess_ore,
            "reason": apportionment.reason.value,
            "year": apportionment.year,
        }
        entry["postings"] = postings(apportionment)
    _refuse_fractions(source.payload)
    return orjson.dumps(entry, option=orjson.OPT_SORT_KEYS)


def postings(apportionment: Apportionment) -> list[dict[str, Any]]:
    """Derive an entry's postings, which sum to zero; parts that are zero are left out.

    A wage: available -covered, covered +covered, employer -excess, excess +excess; a reversal
    the opposite, for its parts are negative.
    """
    year = apportionment.year
    parts = (
        ("available", -apportionment.covered_ore),
        ("covered", apportionment.covered_ore),
        ("employer", -apportionment.excess_ore),
        ("excess", apportionment.excess_ore),
    )
    return [
        {"account": account, "amount_ore": amount_ore, "year": year}
        for account, amount_ore in parts
        if amount_ore
    ]


def chain_hash(previous: bytes, content: bytes) -> bytes:
    """Give the hash of an entry that follows another."""
    return hashlib.sha256(CHAIN_TAG + previous + content).digest()


def sent_event_id(source_id: str, citizen_id: str, index: int) -> str:
    """Give the UUIDv5 of an entry's event: the same whenever the entry is made again.

    Written out because `uuid.uuid5` takes four times as long, and this runs for every wage.
    """
    name = f"{source_id}/{citizen_id}/{index}".encode()
    digest = bytearray(hashlib.sha1(_NAMESPACE + name, usedforsecurity=False).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x50
    digest[8] = digest[8] & 0x3F | 0x80
    text = digest.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


_NAMESPACE = bytes.fromhex("5d0cbd9c0d4f5a519b1c6f6b1b7f6a11")


def _refuse_fractions(value: Any) -> None:
    if isinstance(value, float):
        raise NotCanonicalError(f"{value} is no integer")
    if isinstance(value, Mapping):
        for inner in value.values():
            if not isinstance(inner, str | int):
                _refuse_fractions(inner)
    elif isinstance(value, list):
        for inner in value:
            _refuse_fractions(inner)
