"""Writes YAML 1.2: mappings and lists in blocks, texts quoted as JSON does where needed.

It reads nothing, and writes only mappings, lists, printable texts, integers and truth values.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_PLAIN = re.compile(r"[A-Za-z$][\w./$-]*( [\w./$-]+)*")
_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})
"""What some readers take for a truth value or nothing."""


def to_yaml(value: Mapping[str, Any]) -> str:
    """Write a document."""
    return "".join(f"{line}\n" for line in _mapping(value))


def _mapping(value: Mapping[str, Any]) -> Iterator[str]:
    for key, inner in value.items():
        yield from _under(f"{_text(key)}:", inner)


def _sequence(value: Sequence[Any]) -> Iterator[str]:
    for inner in value:
        yield from _under("-", inner)


def _under(head: str, value: Any) -> Iterator[str]:
    if isinstance(value, Mapping) and value:
        yield head
        yield from (f"  {line}" for line in _mapping(value))
    elif isinstance(value, list) and value:
        yield head
        yield from (f"  {line}" for line in _sequence(value))
    else:
        yield f"{head} {_text(value) if isinstance(value, str) else json.dumps(value)}"


def _text(value: str) -> str:
    plain = _PLAIN.fullmatch(value) is not None and value.lower() not in _WORDS
    return value if plain else json.dumps(value, ensure_ascii=False)
