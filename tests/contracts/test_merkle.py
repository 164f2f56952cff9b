"""The tree over all heads, against RFC 9162's definition read literally."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frikort_contracts.merkle import (
    EMPTY_ROOT,
    PathTooLongError,
    inclusion_path,
    key_id,
    leaf_hash,
    merkle_root,
    root_of_path,
    signed_bytes,
)

LEAVES = st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=40)


def by_the_book(leaves: list[bytes]) -> bytes:
    """RFC 9162, 2.1.1: split at the largest power of two smaller than the number of leaves."""
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    halves = by_the_book(leaves[:split]) + by_the_book(leaves[split:])
    return hashlib.sha256(b"\x01" + halves).digest()


@given(leaves=LEAVES)
def test_the_root_is_the_one_of_the_standard(leaves: list[bytes]) -> None:
    assert merkle_root(leaves) == by_the_book(leaves)


@given(leaves=LEAVES, data=st.data())
def test_a_path_proves_its_own_leaf_at_its_own_place_alone(
    leaves: list[bytes], data: st.DataObject
) -> None:
    index = data.draw(st.integers(0, len(leaves) - 1))
    path, root = inclusion_path(leaves, index), merkle_root(leaves)

    assert root_of_path(leaves[index], index, len(leaves), path) == root
    assert root_of_path(bytes(32), index, len(leaves), path) != root or leaves[index] == bytes(32)
    with pytest.raises(PathTooLongError):
        root_of_path(leaves[index], index, len(leaves), [*path, bytes(32)])
    if path:
        with pytest.raises(PathTooLongError):
            root_of_path(leaves[index], index, len(leaves), path[:-1])


def test_of_no_leaves_the_root_is_the_hash_of_nothing() -> None:
    assert merkle_root([]) == EMPTY_ROOT


@pytest.mark.parametrize("index", [-1, 3])
def test_a_leaf_that_is_not_there_has_no_path(index: int) -> None:
    with pytest.raises(IndexError):
        inclusion_path([bytes(32)] * 3, index)
    with pytest.raises(IndexError):
        root_of_path(bytes(32), index, 3, [])


def test_what_is_signed_is_every_field_but_the_signature() -> None:
    checkpoint = {"taken_at": "2023-07-01T00:00:00.000000Z", "entries": 2, "positions": [1, 1]}

    said = b'{"entries":2,"positions":[1,1],"taken_at":"2023-07-01T00:00:00.000000Z"}'
    assert signed_bytes(checkpoint | {"signature": "00"}) == b"frikort-checkpoint-1\n" + said


def test_a_leaf_is_its_name_its_number_and_its_head() -> None:
    data = b"\x00" + b"rules\x00" + bytes(7) + b"\x03" + b"\x11" * 32
    assert leaf_hash("rules", 3, b"\x11" * 32) == hashlib.sha256(data).digest()


def test_a_key_is_named_by_its_hash() -> None:
    assert key_id(b"\x01" * 32) == hashlib.sha256(b"\x01" * 32).hexdigest()[:16]
