"""Stored events as JSON: a dataclass per event, its kebab-case name beside it."""

import re
from collections.abc import Sequence
from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter

E = TypeVar("E")


def kebab(name: str) -> str:
    """Write a class name as it stands on the wire: GrantIssued is grant-issued."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower()


class Codec(Generic[E]):
    """Writes and reads the events of one service; history is never refused for a new field."""

    def __init__(self, events: Sequence[type[E]]) -> None:
        self._kinds = {event: kebab(event.__name__) for event in events}
        self._adapters: dict[str, TypeAdapter[Any]] = {
            kind: TypeAdapter(event) for event, kind in self._kinds.items()
        }

    def kinds(self) -> set[str]:
        """Give the types that are stored."""
        return set(self._adapters)

    def kind(self, event: E) -> str:
        """Give an event's type as it is stored."""
        return self._kinds[type(event)]

    def encode(self, event: E) -> tuple[str, str]:
        """Give an event's type and its JSON, absent fields left out."""
        kind = self.kind(event)
        return kind, self._adapters[kind].dump_json(event, exclude_none=True).decode()

    def decode(self, kind: str, data: str) -> E:
        """Read a stored event.

        Raises:
            KeyError: the type is unknown to this version of the service.
        """
        event: E = self._adapters[kind].validate_json(data)
        return event
