"""How a function is compiled, and arrays without a count of their references.

Numba counts references to every array that is handed from function to function, which takes
longer than reading an entry. So what is compiled takes the arrays once, and hands on pointers.
"""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

Array: TypeAlias = np.ndarray[Any, Any]
Pointer: TypeAlias = Any
"""Where an array starts; indexed as the array is, and never looked at for its bounds."""

_Function = TypeVar("_Function", bound=Callable[..., Any])


def compiled(function: _Function) -> _Function:
    """Compile a function when it is first called; keep the outcome where that is possible."""
    made: _Function = numba.njit(cache=bool(numba.config.CACHE_DIR))(function)
    return made


def _where_to_keep() -> str:
    """Name a folder for what is compiled of all modules as they are now; or none.

    Numba looks at a function's own module alone to see whether it has changed, not at those that
    it calls: so what has changed is kept elsewhere. Whatever a compiled module takes from one that
    is not, it must be given when it runs: what is compiled in would outlive it.
    """
    here = Path(__file__).parent
    root = here.parents[2]
    modules = sorted([*root.glob("services/*/compiled/*.py"), *root.glob("cli/compiled/*.py")])
    sources = b"".join(path.read_bytes() for path in modules)
    name = f"compiled-{hashlib.sha256(sources).hexdigest()[:16]}"
    elsewhere = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache"), "frikort")
    for folder in (here / "__pycache__", elsewhere):
        try:
            kept = folder.expanduser() / name
            kept.mkdir(parents=True, exist_ok=True)
        except (OSError, RuntimeError):  # as in an image that is read only, without a home
            continue
        if os.access(kept, os.W_OK):
            return str(kept)
    return ""


numba.config.CACHE_DIR = _where_to_keep()


def _pointer_to(_context: Any, array: Any) -> Any:
    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return context.make_array(signature.args[0])(context, builder, arguments[0]).data

    return types.CPointer(array.dtype)(array), build


def _address_of(_context: Any, pointer: Any) -> Any:
    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.ptrtoint(arguments[0], context.get_value_type(signature.return_type))

    return types.uintp(pointer), build


def _eight(_context: Any, pointer: Any, at: Any) -> Any:  # noqa: ARG001 - names the argument
    def build(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        start = builder.gep(arguments[0], [arguments[1]])
        found = builder.load(builder.bitcast(start, ir.IntType(64).as_pointer()))
        found.align = 1
        return found

    return types.uint64(pointer, types.intp), build


pointer_to: Callable[[Array], Pointer] = intrinsic(_pointer_to)
"""Give a pointer to an array's first element; the array must outlive it."""
address_of: Callable[[Pointer], int] = intrinsic(_address_of)
"""Give a pointer as the number that a function of C takes."""
eight: Callable[[Pointer, int], int] = intrinsic(_eight)
"""Load the eight bytes at a place as one number, in whatever order this machine has them."""
