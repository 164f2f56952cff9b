"""Whether the language has only grown since a release. Pure, and names every break it finds.

Growth is: a new event type, a new optional field, a new value of an enumeration. Everything
else breaks somebody: what narrows refuses events that are kept for ever, what widens sends
today's readers what they have no room for. A changed meaning is a new event type.
"""

from collections.abc import Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]
_WORDS = frozenset({"$schema", "title", "description", "examples"})
"""What may be said in other words."""


def breaks(released: Mapping[str, Any], current: Mapping[str, Any]) -> list[str]:
    """Name each break between two records of the language (`generate.record`), none if none."""
    return [
        *_missing("schema", released["schemas"], current["schemas"]),
        *(
            f"{name}: {found}"
            for name, schema in released["schemas"].items()
            if name in current["schemas"]
            for found in schema_breaks(schema, current["schemas"][name])
        ),
        *_missing("topic", released["topics"], current["topics"]),
        *(
            f"{name}: {found}"
            for name, topic in released["topics"].items()
            if name in current["topics"]
            for found in _topic_breaks(topic, current["topics"][name])
        ),
        *_missing("example", released["examples"], current["examples"]),
        *(
            f"{name}: example edited; show what is new in another file"
            for name, digest in released["examples"].items()
            if current["examples"].get(name, digest) != digest
        ),
    ]


def schema_breaks(released: Schema, current: Schema, at: str = "payload") -> Iterator[str]:
    """Name each break between a released schema and the current one."""
    for keyword in sorted((released.keys() | current.keys()) - _WORDS):
        before, after = released.get(keyword), current.get(keyword)
        if before == after:
            continue
        match keyword:
            case "properties":
                yield from _property_breaks(before or {}, after or {}, at)
            case "required":
                yield from _required_breaks(released, current, at)
            case "enum" if before is not None and after is not None:
                yield from (
                    f"{at}: value {value!r} removed" for value in before if value not in after
                )
            case _:
                yield f"{at}: {keyword} changed from {before!r} to {after!r}"


def _property_breaks(released: Schema, current: Schema, at: str) -> Iterator[str]:
    for name, schema in released.items():
        if name in current:
            yield from schema_breaks(schema, current[name], f"{at}.{name}")
        else:
            yield f"{at}.{name}: removed"


def _required_breaks(released: Schema, current: Schema, at: str) -> Iterator[str]:
    before, after = set(released.get("required", ())), set(current.get("required", ()))
    yield from (f"{at}.{name}: became required" for name in sorted(after - before))
    still_there = before & set(current.get("properties", ()))
    yield from (f"{at}.{name}: became optional" for name in sorted(still_there - after))


def _topic_breaks(released: Mapping[str, Any], current: Mapping[str, Any]) -> Iterator[str]:
    for setting in ("key", "partitions", "retention", "owner"):
        if released[setting] != current[setting]:
            yield f"{setting} changed from {released[setting]!r} to {current[setting]!r}"
    yield from (
        f"{name} left the topic" for name in released["events"] if name not in current["events"]
    )


def _missing(kind: str, released: Mapping[str, Any], current: Mapping[str, Any]) -> Iterator[str]:
    yield from (f"{name}: {kind} removed" for name in released if name not in current)
