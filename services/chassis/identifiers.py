"""Identifiers, passed in: random ones for things, derived ones for what must repeat."""

import os
import re
import uuid
from typing import Protocol

NAMESPACE = uuid.UUID("5d0cbd9c-0d4f-5a51-9b1c-6f6b1b7f6a11")
_TRACEPARENT = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


class Identifiers(Protocol):
    """Makes identifiers that nobody has seen before."""

    def new(self) -> str:
        """Make a UUID as text."""
        ...


class RandomIdentifiers:
    """Version 4 UUIDs."""

    def new(self) -> str:
        """Make a UUID as text."""
        return str(uuid.uuid4())


def derived_id(*parts: str) -> str:
    """Make the same UUIDv5 for the same parts, whenever and wherever it is asked for."""
    return str(uuid.uuid5(NAMESPACE, "/".join(parts)))


def traceparent(received: str | None) -> str:
    """Go on with a caller's W3C trace context if it is well formed, else begin one."""
    if received is not None and _TRACEPARENT.fullmatch(received):
        return received
    return f"00-{os.urandom(16).hex()}-{os.urandom(8).hex()}-01"
