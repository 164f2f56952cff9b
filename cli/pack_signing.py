"""The key that audit packs are signed with; another than the ledger's own for checkpoints."""

import base64
import binascii
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from cli.errors import Rejection
from cli.settings import HOME_DEFAULT

SETTING: Final = "FRIKORT_AUDITOR_SIGNING_KEY"
KEY_BYTES: Final = 32


def read_signing_key(environment: Mapping[str, str], file: Path | None) -> Ed25519PrivateKey | None:
    """Give the key: of the file named, else as set, else the local stack's; None if there is none.

    Raises:
        Rejection: what should be a key is none.
    """
    if file is not None:
        return _parse(_read(file), str(file))
    if environment.get(SETTING):
        return _parse(environment[SETTING], SETTING)
    named = environment.get("FRIKORT_AUDITOR_SIGNING_KEY_FILE")
    if named:
        return _parse(_read(Path(named)), named)
    home = environment.get("FRIKORT_HOME")
    noted = (Path(home) if home else HOME_DEFAULT) / "secrets" / "auditor-signing-key"
    return _parse(_read(noted), str(noted)) if noted.exists() else None


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii")
    except (OSError, ValueError) as error:
        raise _no_key(str(file)) from error


def _parse(text: str, where: str) -> Ed25519PrivateKey:
    """Read PEM, or 32 bytes as base64url, as secrets are written here."""
    try:
        if text.lstrip().startswith("-----"):
            key = load_pem_private_key(text.encode(), password=None)
        else:
            key = Ed25519PrivateKey.from_private_bytes(base64.urlsafe_b64decode(_padded(text)))
    except (ValueError, TypeError, binascii.Error, UnsupportedAlgorithm) as error:
        raise _no_key(where) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise _no_key(where)
    return key


def _padded(text: str) -> str:
    bare = text.strip().rstrip("=")
    return bare + "=" * (-len(bare) % 4)


def _no_key(where: str) -> Rejection:
    return Rejection(
        f"{where} holds no Ed25519 key: give one as PEM without a password (`openssl genpkey "
        "-algorithm ed25519`), or its 32 bytes as base64url (signing-key-unreadable)",
        code="signing-key-unreadable",
    )
