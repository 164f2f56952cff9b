"""Files only their owner may read, written whole or not at all."""

import contextlib
import json
import os
import secrets
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

PRIVATE_FOLDER: Final = 0o700
KEY_BYTES: Final = 32


def private_folder(path: Path) -> Path:
    """Make ``path`` (and its parents) closed to others; a folder that is there stays as it is."""
    path.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
    return path


def write_private(path: Path, text: str) -> Path:
    """Write ``text`` to a file only its owner may read; a reader sees the old or the new whole."""
    return _write_beside(path, text).replace(path)


def write_private_json(path: Path, content: object) -> Path:
    """Write ``content`` as JSON, as ``write_private`` does."""
    return write_private(path, json.dumps(content, indent=2, sort_keys=True) + "\n")


def secret_file(path: Path, make: Callable[[], str] | None = None) -> Path:
    """Return ``path``, filled once with a new secret (by default 32 random bytes, base64url).

    Of several who ask at once, threads or processes, all find the same one.
    """
    if not path.exists():
        private_folder(path.parent)
        made = _write_beside(path, (make or _random_key)())
        with contextlib.suppress(FileExistsError):  # somebody else was first
            path.hardlink_to(made)
        made.unlink()
    return path


def read_secret(path: Path, make: Callable[[], str] | None = None) -> str:
    """Return the secret kept in ``path``, made now if it is not there yet."""
    return secret_file(path, make).read_text(encoding="utf-8").strip()


def _write_beside(path: Path, text: str) -> Path:
    """Write a new file of its own beside ``path``, which only its owner may read."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    return Path(name)


def _random_key() -> str:
    return secrets.token_urlsafe(KEY_BYTES)
