"""Records of a pack: bounded JSON of texts and integers, no name twice, each field of its kind."""

from __future__ import annotations

import json
import re
from typing import Any

DIGITS_MAX, SHOWN_MAX, PARTITIONS = 17, 160, 12
Record = dict[str, Any]


class FaultError(Exception):
    """The first thing wrong: where, what of it, what was found and what it should have been."""

    def __init__(self, where: str, field: str, found: object, expected: object) -> None:
        said = [ascii(value)[:SHOWN_MAX] for value in (found, expected)]
        super().__init__(f"{where}: {field}: found {said[0]}, should be {said[1]}")


def expect(where: str, field: str, found: object, expected: object) -> None:
    """Name what is not as it should be; True is not 1."""
    if found != expected or type(found) is not type(expected):
        raise FaultError(where, field, found, expected)


def _once(pairs: list[tuple[str, Any]]) -> Record:
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a name stands twice")
    return dict(pairs)


def _as_text(digits: str) -> str:
    return digits


# A number that is no integer, or too long a one, becomes a text: no field may be that, and no
# canonical JSON would write it so. Nor would it a name twice, so that what has to be canonical
# and has no long run of digits is read by the quick one.
_QUICK = json.JSONDecoder(parse_float=_as_text, parse_constant=_as_text)
_CAREFUL = json.JSONDecoder(
    object_pairs_hook=_once,
    parse_int=lambda digits: int(digits) if len(digits) <= DIGITS_MAX else digits,
    parse_float=_as_text,
    parse_constant=_as_text,
)
_LONG = re.compile(b"[:,[-][0-9]{%d}" % (DIGITS_MAX + 1))


def canonical(value: object) -> str:
    """Write RFC 8785 JSON: names sorted, no spaces."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def parse(where: str, content: bytes, shape: dict[str, str], *, strictly: bool = True) -> Record:
    """Read one JSON object with at least these fields; `strictly`: its bytes are canonical."""
    try:
        quick = strictly and _LONG.search(content) is None
        value = (_QUICK if quick else _CAREFUL).decode(content.decode())
        again = canonical(value).encode()
    except (ValueError, RecursionError, MemoryError) as error:
        raise FaultError(where, "JSON", str(error), "one object of texts and integers") from None
    if type(value) is not dict or (strictly and again != content):
        raise FaultError(where, "JSON", content[:SHOWN_MAX], "one object, canonical (RFC 8785)")
    demand(where, value, shape)
    return value


def demand(where: str, value: Record, shape: dict[str, str]) -> None:
    """Name the first field that is missing or of another kind."""
    for name, kind in shape.items():
        if not is_a(kind, value.get(name)):
            raise FaultError(where, name, value.get(name), kind)


def is_a(kind: str, value: Any) -> bool:
    """Tell whether a value has a form, is `natural` or `positions`, or of a type by its name."""
    if kind in FORMS:
        return isinstance(value, str) and FORMS[kind].fullmatch(value) is not None
    if kind == "natural":
        return type(value) is int and value >= 0
    if kind == "positions":
        numbers = isinstance(value, list) and all(is_a("natural", each) for each in value)
        return numbers and len(value) == PARTITIONS
    return type(value).__name__ == kind


def shape(**kinds: str) -> dict[str, str]:
    """Say which fields a record has, by their kinds."""
    return {name: kind for kind, names in kinds.items() for name in names.split()}


FORMS = {
    "digest": re.compile("[0-9a-f]{64}"),
    "uuid": re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
    "moment": re.compile("[0-9]{4}(-[0-9]{2}){2}T([0-9]{2}:){2}[0-9]{2}[.][0-9]{6}Z"),
    "code": re.compile("[0-9a-z-]{1,64}"),
    "plain": re.compile("[0-9A-Za-z-]{1,64}"),
    "ascii": re.compile("[ -~]{0,200}"),
    "base64": re.compile("([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)"),
}
MANIFEST = shape(
    ascii="format installation key_id public_key",
    moment="made_at",
    natural="entries citizens rules",
    dict="filter files trial_balance_ore",
    positions="positions",
    digest="merkle_root rules_hash",
)
FILE = shape(natural="bytes rows", digest="sha256")
ROW = shape(uuid="citizen_id", natural="entry_no partition journal_seq", digest="hash", str="bytes")
ENTRY = shape(
    uuid="citizen_id",
    natural="entry_no grants_version rules_version",
    dict="source",
    list="events postings",
    moment="known_at recorded_at",
    code="municipality_code",
)
SOURCE = shape(uuid="id", natural="version", dict="payload", digest="sha256", code="type")
DECISION = shape(int="covered_ore excess_ore", natural="year", code="reason")
RULE_ROW = shape(natural="version", digest="hash", str="bytes")
RULE = shape(uuid="id", dict="payload", code="type", natural="version", moment="recorded_at")
CHECKPOINT = shape(
    natural="checkpoint_no citizens entries rules_version",
    moment="taken_at",
    digest="merkle_root",
    positions="positions",
    ascii="key_id signature",
)
KEY = shape(ascii="key_id public_key")
PROOF = shape(code="citizen_id", natural="entry_no index", list="path")
