"""The ledger's signing key, Ed25519: signs checkpoints, and endorses the key after it. Pure."""

import base64
from collections.abc import Mapping

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from frikort_contracts.merkle import endorsed_bytes, key_id, signed_bytes

PRIVATE_KEY_BYTES = 32


class SigningKeyError(ValueError):
    """A signing key has another length than an Ed25519 key has."""


class Signer:
    """Holds a private key of 32 raw bytes; `key_id` names the public one."""

    def __init__(self, private_key: bytes) -> None:
        if len(private_key) != PRIVATE_KEY_BYTES:
            raise SigningKeyError(
                f"a signing key has {PRIVATE_KEY_BYTES} bytes, this one {len(private_key)}"
            )
        self._key = Ed25519PrivateKey.from_private_bytes(private_key)
        self.public_key = self._key.public_key().public_bytes_raw()
        self.key_id = key_id(self.public_key)

    def sign(self, checkpoint: Mapping[str, object]) -> str:
        """Sign all fields of a checkpoint but its signature; base64."""
        return base64.b64encode(self._key.sign(signed_bytes(checkpoint))).decode()

    def endorse(self, public_key: bytes) -> bytes:
        """Sign the key that comes after this one: 64 bytes."""
        return self._key.sign(endorsed_bytes(public_key))
