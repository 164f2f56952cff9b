"""Files only their owner may read, written whole or not at all."""

import json
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Final

PRIVATE_FILE: Final = 0o600
PRIVATE_FOLDER: Final = 0o700
KEY_BYTES: Final = 32


def private_folder(path: Path) -> Path:
    """Make ``path`` (and its parents) closed to others; a folder that is there stays as it is."""
    path.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
    return path


def write_private(path: Path, text: str) -> Path:
    """Write ``text`` to a file only its owner may read; a reader sees the old or the new whole."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    return temporary.replace(path)


def write_private_json(path: Path, content: object) -> Path:
    """Write ``content`` as JSON, as ``write_private`` does."""
    return write_private(path, json.dumps(content, indent=2, sort_keys=True) + "\n")


def secret_file(path: Path, make: Callable[[], str] | None = None) -> Path:
    """Return ``path``, filled once with a new secret (by default 32 random bytes, base64url)."""
    if not path.exists():
        private_folder(path.parent)
        write_private(path, (make or _random_key)())
    return path


def read_secret(path: Path, make: Callable[[], str] | None = None) -> str:
    """Return the secret kept in ``path``, made now if it is not there yet."""
    return secret_file(path, make).read_text(encoding="utf-8").strip()


def _random_key() -> str:
    return secrets.token_urlsafe(KEY_BYTES)
