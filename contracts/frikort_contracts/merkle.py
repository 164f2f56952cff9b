"""The tree over all heads of the ledger, and the bytes that a checkpoint's signature is over.

The tree is that of RFC 9162, section 2.1: a leaf is hashed behind a zero byte, a node behind a
one, and a level's odd last node rises as it is. Its leaves are the citizens' latest hashes in
the order of their identifiers, written in lower case, and after them the rules' latest hash.
Nothing here needs more than the standard library, so that an auditor can read it as it stands.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence

RULES_LEAF = "rules"
"""The name of the last leaf; every citizen_id comes before it, for its digits are 0 to f."""
CHECKPOINT_TAG = b"frikort-checkpoint-1\n"
KEY_TAG = b"frikort-key-1\n"
EMPTY_ROOT = hashlib.sha256(b"").digest()
_LEAF = b"\x00"
_NODE = b"\x01"
_KEY_ID_CHARS = 16


class PathTooLongError(ValueError):
    """A path has more or fewer hashes than a tree of that size gives."""


def leaf_hash(name: str, number: int, head: bytes) -> bytes:
    """Hash a leaf: whose head it is, the number of the entry it is of, and the hash."""
    data = name.encode() + b"\x00" + number.to_bytes(8, "big") + head
    return hashlib.sha256(_LEAF + data).digest()


def merkle_root(leaves: Sequence[bytes]) -> bytes:
    """Give the root over the leaves' hashes, in their order; of none, the hash of nothing."""
    level = list(leaves)
    while len(level) > 1:
        level = _next_level(level)
    return level[0] if level else EMPTY_ROOT


def inclusion_path(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """Give the hashes that lead from the leaf at `index` to the root, the lowest first.

    Raises:
        IndexError: there is no such leaf.
    """
    if not 0 <= index < len(leaves):
        raise IndexError(f"leaf {index} of {len(leaves)}")
    level, path = list(leaves), []
    while len(level) > 1:
        sibling = index ^ 1
        if sibling < len(level):
            path.append(level[sibling])
        level, index = _next_level(level), index // 2
    return path


def root_of_path(leaf: bytes, index: int, count: int, path: Sequence[bytes]) -> bytes:
    """Give the root that a leaf at `index` of `count` leaves and its path lead to.

    Raises:
        IndexError: there is no such leaf.
        PathTooLongError: the path is not one of such a tree.
    """
    if not 0 <= index < count:
        raise IndexError(f"leaf {index} of {count}")
    root, rest = leaf, list(path)
    while count > 1:
        if index ^ 1 < count:
            if not rest:
                raise PathTooLongError("the path ends below the root")
            sibling = rest.pop(0)
            pair = (sibling, root) if index % 2 else (root, sibling)
            root = hashlib.sha256(_NODE + pair[0] + pair[1]).digest()
        index, count = index // 2, (count + 1) // 2
    if rest:
        raise PathTooLongError("the path goes on above the root")
    return root


def key_id(public_key: bytes) -> str:
    """Name an Ed25519 key by its 32 raw bytes: the first 16 hexadecimal digits of their SHA-256."""
    return hashlib.sha256(public_key).hexdigest()[:_KEY_ID_CHARS]


def signed_bytes(checkpoint: Mapping[str, object]) -> bytes:
    """Give the bytes that a checkpoint's signature is over: all its fields but the signature.

    They are RFC 8785 JSON behind a tag: the fields are integers, lists of integers and ASCII
    texts alone, so that sorted keys and no spaces are all that it asks for.
    """
    fields = {name: value for name, value in checkpoint.items() if name != "signature"}
    return CHECKPOINT_TAG + json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()


def endorsed_bytes(public_key: bytes) -> bytes:
    """Give the bytes by whose signature a key endorses the one after it, of 32 raw bytes."""
    return KEY_TAG + public_key


def _next_level(level: Sequence[bytes]) -> list[bytes]:
    joined = [
        hashlib.sha256(_NODE + level[index] + level[index + 1]).digest()
        for index in range(0, len(level) - 1, 2)
    ]
    return [*joined, level[-1]] if len(level) % 2 else joined
