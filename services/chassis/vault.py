"""Personal data at rest: one key per person, kept wrapped; destroying it erases the person.

From a service's master key come three keys that never meet: one wraps the persons' keys, one
indexes (an HMAC finds a person again without storing the number), one compares repeated
commands field by field without storing them. Associated data binds a ciphertext to its place,
so that it cannot be moved to another.
"""

import hashlib
import hmac
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES = 32
NONCE_BYTES = 12
FIELD_MAC_BYTES = 16


class VaultError(Exception):
    """A ciphertext does not open: wrong master key, or it was changed or moved."""


class Vault:
    """Seals and opens personal data under the service's master key (32 bytes)."""

    def __init__(self, master_key: bytes) -> None:
        if len(master_key) != KEY_BYTES:
            raise VaultError(f"a master key has {KEY_BYTES} bytes, this one {len(master_key)}")
        self._wrapping = AESGCM(_derive(master_key, b"wrap-person-keys"))
        self._index_key = _derive(master_key, b"index-persons")
        self._field_key = _derive(master_key, b"compare-commands")
        self._staging = AESGCM(_derive(master_key, b"stage-imports"))

    def new_person_key(self, person_id: str) -> bytes:
        """Make a person's key, wrapped for storage."""
        return _seal(self._wrapping, os.urandom(KEY_BYTES), person_id.encode())

    def seal(self, wrapped_key: bytes, person_id: str, place: str, text: bytes) -> bytes:
        """Encrypt a person's data for one place, such as an event's id."""
        return _seal(self._person(wrapped_key, person_id), text, place.encode())

    def open(self, wrapped_key: bytes, person_id: str, place: str, sealed: bytes) -> bytes:
        """Decrypt what `seal` made.

        Raises:
            VaultError: it does not open.
        """
        return _open(self._person(wrapped_key, person_id), sealed, place.encode())

    def stage(self, place: str, text: bytes) -> bytes:
        """Encrypt what waits for hours at the most, such as a file's row."""
        return _seal(self._staging, text, place.encode())

    def unstage(self, place: str, sealed: bytes) -> bytes:
        """Decrypt what `stage` made."""
        return _open(self._staging, sealed, place.encode())

    def index(self, value: str) -> bytes:
        """Give the 32 bytes under which a person is found again."""
        return hmac.digest(self._index_key, value.encode(), hashlib.sha256)

    def field_mac(self, name: str, value: str) -> str:
        """Give a field's fingerprint, as hex, for comparing repeated commands."""
        mac = hmac.digest(self._field_key, f"{name}={value}".encode(), hashlib.sha256)
        return mac[:FIELD_MAC_BYTES].hex()

    def _person(self, wrapped_key: bytes, person_id: str) -> AESGCM:
        return AESGCM(_open(self._wrapping, wrapped_key, person_id.encode()))


def _derive(master_key: bytes, purpose: bytes) -> bytes:
    return HKDF(SHA256(), KEY_BYTES, salt=None, info=b"frikort/" + purpose).derive(master_key)


def _seal(cipher: AESGCM, text: bytes, place: bytes) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return nonce + cipher.encrypt(nonce, text, place)


def _open(cipher: AESGCM, sealed: bytes, place: bytes) -> bytes:
    try:
        return cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], place)
    except (InvalidTag, ValueError) as error:  # a nonce cut short is a ValueError
        raise VaultError("the ciphertext does not open under this key at this place") from error
