"""SHA-256 and SHA-1 of OpenSSL's libcrypto, which Python itself hashes with, for compiled code.

Called through `hashlib`, each takes longer to set up than to hash an entry.
"""

import ctypes.util
from collections.abc import Callable
from typing import Final

import llvmlite.binding
from numba import types

from services.chassis.compiled.jit import Pointer, address_of, compiled

CONTEXT_BYTES: Final = 512
"""More than either hash keeps while it is computed."""

_of: Callable[..., Callable[..., None]] = types.ExternalFunction
_start: Final = types.int32(types.uintp)
_more: Final = types.int32(types.uintp, types.uintp, types.uintp)
_end: Final = types.int32(types.uintp, types.uintp)
_sha256_init, _sha1_init = _of("SHA256_Init", _start), _of("SHA1_Init", _start)
_sha256_update, _sha1_update = _of("SHA256_Update", _more), _of("SHA1_Update", _more)
_sha256_final, _sha1_final = _of("SHA256_Final", _end), _of("SHA1_Final", _end)


def load() -> bool:
    """Make the library's functions known to compiled code; False if this machine has none."""
    name = ctypes.util.find_library("crypto")
    try:
        library = ctypes.CDLL(name) if name else None
    except OSError:
        return False
    if not all(hasattr(library, f"{kind}_Init") for kind in ("SHA256", "SHA1")):
        return False
    llvmlite.binding.load_library_permanently(name)
    return True


def require() -> None:
    """Make them known, or refuse: without them compiled code would end the process.

    Raises:
        OSError: this machine's OpenSSL cannot be called.
    """
    if not load():
        raise OSError("OpenSSL's libcrypto is not to be found")


@compiled
def sha256(
    context: Pointer,
    start: Pointer,
    start_size: int,
    data: Pointer,
    at: int,
    size: int,
    to: Pointer,
) -> None:
    """Hash `start` and then `size` bytes of `data` from `at` on into 32 bytes."""
    here = address_of(context)
    _sha256_init(here)
    _sha256_update(here, address_of(start), start_size)
    _sha256_update(here, address_of(data) + at, size)
    _sha256_final(address_of(to), here)


@compiled
def sha1(context: Pointer, data: Pointer, size: int, to: Pointer) -> None:
    """Hash the first `size` bytes of `data` into 20 bytes."""
    here = address_of(context)
    _sha1_init(here)
    _sha1_update(here, address_of(data), size)
    _sha1_final(address_of(to), here)


@compiled
def uuid5(context: Pointer, name: Pointer, size: int, to: Pointer) -> None:
    """Make the UUIDv5 of a name that begins with its namespace; 20 bytes are written."""
    sha1(context, name, size, to)
    to[6] = to[6] & 0x0F | 0x50
    to[8] = to[8] & 0x3F | 0x80
