"""The public keys of checkpoints: which may be trusted, and whether a signature is theirs. Pure.

The first key is trusted because the auditor has it by another way (`--keys`), every later one
because the one before it signed it.
"""

import base64
import binascii
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from cli.proof import Fault
from frikort_contracts.merkle import endorsed_bytes, key_id, signed_bytes

KEY_BYTES: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A public key as it is kept: `endorsement` is a signature by the key `endorsed_by`."""

    key_id: str
    public_key: bytes
    endorsed_by: str | None
    endorsement: bytes | None

    @classmethod
    def of_row(cls, row: Mapping[str, Any]) -> "Key":
        """Read a row of the ledger's table of keys."""
        endorsement = row["endorsement"]
        return cls(
            key_id=row["key_id"],
            public_key=bytes(row["public_key"]),
            endorsed_by=row["endorsed_by"],
            endorsement=None if endorsement is None else bytes(endorsement),
        )

    @classmethod
    def of_line(cls, line: Mapping[str, Any]) -> "Key":
        """Read a line of a file of keys.

        Raises:
            ValueError: it is no key.
        """
        try:
            endorsement = line["endorsement"]
            return cls(
                key_id=str(line["key_id"]),
                public_key=base64.b64decode(line["public_key"], validate=True),
                endorsed_by=line["endorsed_by"],
                endorsement=None if endorsement is None else base64.b64decode(endorsement),
            )
        except (KeyError, TypeError, binascii.Error) as error:
            raise ValueError("no public key") from error

    def to_line(self) -> dict[str, str | None]:
        """Write it as a line of a file of keys has it."""
        sealed = self.endorsement
        return {
            "key_id": self.key_id,
            "public_key": base64.b64encode(self.public_key).decode(),
            "endorsed_by": self.endorsed_by,
            "endorsement": None if sealed is None else base64.b64encode(sealed).decode(),
        }


class Keys:
    """The keys that may be trusted, in their order."""

    def __init__(self, keys: Iterable[Key]) -> None:
        self._keys = {key.key_id: key for key in keys}
        self._order = {name: place for place, name in enumerate(self._keys)}

    def __len__(self) -> int:
        return len(self._keys)

    def place(self, name: str) -> int | None:
        """Give a key's place among the keys, None if it is not trusted."""
        return self._order.get(name)

    def signed(self, checkpoint: Mapping[str, Any]) -> bool:
        """Tell whether a checkpoint's signature is of the key it names."""
        key = self._keys.get(str(checkpoint.get("key_id")))
        try:
            signature = base64.b64decode(str(checkpoint.get("signature")), validate=True)
        except binascii.Error:
            return False
        return key is not None and verifies(key, signature, signed_bytes(checkpoint))


def trust(stored: Sequence[Key], held: Sequence[Key] | None) -> tuple[Keys, list[Fault]]:
    """Follow the keys from the first one; name each that cannot be trusted.

    `held` are those kept elsewhere, in their order: the first of them is trusted as it is. Without
    them the first stored one is.
    """
    faults: list[Fault] = []
    trusted: list[Key] = []
    for key in [*(held or ()), *stored]:
        known = next((each for each in trusted if each.key_id == key.key_id), None)
        if known is not None:
            if known != key:
                faults.append(Fault(_where(key), "key", "another", "as it is held elsewhere"))
            continue
        fault = _fault_of(key, trusted)
        if fault is None:
            trusted.append(key)
        else:
            faults.append(fault)
    missing = {key.key_id for key in held or ()} - {key.key_id for key in stored}
    faults += [
        Fault(f"key {name}", "key", "none", "as it is held elsewhere") for name in sorted(missing)
    ]
    return Keys(trusted), faults


def verifies(key: Key, signature: bytes, content: bytes) -> bool:
    """Tell whether a signature over a content is a key's."""
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - slow to load
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415 - as above
        Ed25519PublicKey,
    )

    try:
        Ed25519PublicKey.from_public_bytes(key.public_key).verify(signature, content)
    except (InvalidSignature, ValueError):
        return False
    return True


def _fault_of(key: Key, trusted: Sequence[Key]) -> Fault | None:
    where, named = _where(key), key_id(key.public_key)
    if key.key_id != named:
        return Fault(where, "key_id", key.key_id, named)
    if not trusted:
        return None
    before = next((each for each in trusted if each.key_id == key.endorsed_by), None)
    if before is None:
        return Fault(where, "endorsed_by", str(key.endorsed_by), "a key before it")
    if not verifies(before, key.endorsement or b"", endorsed_bytes(key.public_key)):
        return Fault(where, "endorsement", "not of this key", f"signed by {before.key_id}")
    return None


def _where(key: Key) -> str:
    return f"key {key.key_id}"
