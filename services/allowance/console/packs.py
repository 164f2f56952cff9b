"""Audit packs that lie ready, handed over as they are: `frikort ledger export` makes them.

A pack is a folder with a `manifest.json`. It is sent as one tar file while it is being read, so
that its size is no matter.
"""

import datetime as dt
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import orjson

from services.chassis.errors import NotFound
from services.chassis.web.reading import Scope

MANIFEST: Final = "manifest.json"
_CHUNK_BYTES: Final = 1 << 20
_TAR_END: Final = bytes(2 * tarfile.BLOCKSIZE)


class PackUnknown(NotFound):
    """No pack of that name lies ready."""

    code = "pack-unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pack:
    """A pack that lies ready; `size` in bytes, of its files together."""

    name: str
    made_at: dt.datetime
    files: int
    size: int


def list_packs(folder: Path | None, scope: Scope) -> list[Pack]:
    """List the packs in a folder that a scope holds, the newest first; none without a folder."""
    if folder is None or not folder.is_dir():
        return []
    packs = [
        _pack(manifest.parent)
        for manifest in folder.glob(f"*/{MANIFEST}")
        if scope.is_whole or scope.holds(_municipality(manifest))
    ]
    return sorted(packs, key=lambda pack: (pack.made_at, pack.name), reverse=True)


def open_pack(folder: Path | None, name: str, scope: Scope) -> Path:
    """Find a pack by its name.

    Raises:
        PackUnknown: there is none of that name that the scope holds.
    """
    if name not in {pack.name for pack in list_packs(folder, scope)} or folder is None:
        raise PackUnknown("no pack of that name lies ready")
    return folder / name


def to_tar(pack: Path) -> Iterator[bytes]:
    """Give a pack as the bytes of a tar file, a piece at a time."""
    for file in _files(pack):
        with file.open("rb") as content:
            info = tarfile.TarInfo(f"{pack.name}/{file.name}")
            info.size = file.stat().st_size
            info.mtime = int(file.stat().st_mtime)
            yield info.tobuf(tarfile.PAX_FORMAT)
            left = info.size
            while left and (chunk := content.read(min(left, _CHUNK_BYTES))):
                left -= len(chunk)
                yield chunk
        yield bytes(-info.size % tarfile.BLOCKSIZE)
    yield _TAR_END


def _pack(folder: Path) -> Pack:
    files = _files(folder)
    written = (folder / MANIFEST).stat().st_mtime
    return Pack(
        name=folder.name,
        made_at=dt.datetime.fromtimestamp(written, dt.UTC),
        files=len(files),
        size=sum(file.stat().st_size for file in files),
    )


def _municipality(manifest: Path) -> str | None:
    """Give whose citizens a pack is of; None of one card's, of a whole one, of one unreadable."""
    try:
        said = orjson.loads(manifest.read_bytes())["filter"]
        return str(said["municipality_code"]) if said["kind"] == "municipality" else None
    except (ValueError, LookupError, TypeError):
        return None


def _files(folder: Path) -> list[Path]:
    return sorted(file for file in folder.iterdir() if file.is_file() and not file.is_symlink())
