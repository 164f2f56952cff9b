"""The identifiers of what an entry sends: UUIDv5 of names, as `entry.sent_event_id` makes them."""

from typing import Final, NamedTuple

import numpy as np

from services.allowance.entry import NAMESPACE
from services.chassis.compiled.digests import CONTEXT_BYTES, uuid5
from services.chassis.compiled.jit import Array, Pointer, compiled, pointer_to
from services.chassis.compiled.text import UUID_BYTES, write_uuid
from services.chassis.compiled.writing import copy

_SOURCE, _CITIZEN, _INDEX, _BYTES = 16, 53, 90, 91
"""Where in a name, behind its namespace, its parts stand."""
_SLASH, _ZERO = 0x2F, 0x30
_DIGEST_BYTES: Final = 20


class NamingRoom(NamedTuple):
    """The arrays of a `Naming`."""

    name: Array
    context: Array
    digest: Array


class Naming(NamedTuple):
    """A name, and room to hash it."""

    name: Pointer
    context: Pointer
    digest: Pointer


def new_naming() -> NamingRoom:
    """Give room for a name. Its namespace is given here: it is not compiled in."""
    name = np.full(_BYTES, _SLASH, np.uint8)
    name[:_SOURCE] = np.frombuffer(NAMESPACE, np.uint8)
    return NamingRoom(name, np.zeros(CONTEXT_BYTES, np.uint8), np.zeros(_DIGEST_BYTES, np.uint8))


@compiled
def naming_of(room: NamingRoom) -> Naming:
    """Give room to compiled code; it must outlive it."""
    return Naming(pointer_to(room.name), pointer_to(room.context), pointer_to(room.digest))


@compiled
def name_entry(naming: Naming, text: Pointer, source_id: int, citizen_id: int) -> None:
    """Name the entry whose source and citizen stand in a text."""
    copy(naming.name, _SOURCE, text, source_id, UUID_BYTES)
    copy(naming.name, _CITIZEN, text, citizen_id, UUID_BYTES)


@compiled
def write_id(out: Pointer, at: int, naming: Naming, index: int) -> int:
    """Write the id that its place among what the entry sends gives an event; of ten at the most."""
    naming.name[_INDEX] = _ZERO + index
    uuid5(naming.context, naming.name, _BYTES, naming.digest)
    write_uuid(naming.digest, 0, out, at)
    return at + UUID_BYTES
