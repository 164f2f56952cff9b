"""The trees of a ledger at each of its checkpoints, made again from what its journal says. Pure.

Written apart from the code that takes checkpoints, and fast where many follow one another: only
the way up from a changed leaf is hashed again, unless a citizen is new.
"""

import hashlib
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from frikort_contracts.merkle import EMPTY_ROOT, RULES_LEAF, leaf_hash

HASH_BYTES: Final = 32
_NODE: Final = b"\x01"


class Change(NamedTuple):
    """Where a citizen's chain ended when checkpoint `place` (from 0) was taken, newly so."""

    citizen_id: str
    entry_no: int
    hash: bytes
    place: int


class Tree:
    """A Merkle tree whose leaves are named, and lie in the order of their names."""

    def __init__(self) -> None:
        self._names: list[str] = []
        self._levels: list[list[bytes]] = [[]]

    def __len__(self) -> int:
        return len(self._names)

    @property
    def names(self) -> Sequence[str]:
        """The leaves' names, in their order."""
        return self._names

    @property
    def leaves(self) -> Sequence[bytes]:
        """The leaves' hashes, in their order."""
        return self._levels[0]

    @property
    def root(self) -> bytes:
        """The root; of no leaves, the hash of nothing."""
        return self._levels[-1][0] if self._names else EMPTY_ROOT

    def change(self, leaves: Mapping[str, bytes]) -> None:
        """Put leaves in, or in the place of those of the same names."""
        places = {name: bisect_left(self._names, name) for name in leaves}
        if all(self._has(name, place) for name, place in places.items()):
            for name, place in places.items():
                self._levels[0][place] = leaves[name]
            self._climb(set(places.values()))
        else:
            merged = dict(zip(self._names, self._levels[0], strict=True)) | dict(leaves)
            self._names = sorted(merged)
            self._levels = [[merged[name] for name in self._names]]
            while len(self._levels[-1]) > 1:
                below = self._levels[-1]
                self._levels.append([_above(below, at) for at in range((len(below) + 1) // 2)])

    def _has(self, name: str, place: int) -> bool:
        return place < len(self._names) and self._names[place] == name

    def _climb(self, changed: set[int]) -> None:
        for below, level in zip(self._levels, self._levels[1:], strict=False):
            changed = {place // 2 for place in changed}
            for place in changed:
                level[place] = _above(below, place)


@dataclass(slots=True)
class Heads:
    """The heads at each of some checkpoints, packed: a citizen's place and a leaf a change."""

    citizens: list[str] = field(default_factory=list)
    _places: dict[int, tuple["array[int]", bytearray]] = field(default_factory=dict)

    def take(self, changes: Iterable[Change]) -> None:
        """Take changes in, citizen by citizen."""
        for change in changes:
            if not self.citizens or self.citizens[-1] != change.citizen_id:
                self.citizens.append(change.citizen_id)
            members, leaves = self._places.setdefault(change.place, (array("I"), bytearray()))
            members.append(len(self.citizens) - 1)
            leaves += leaf_hash(change.citizen_id, change.entry_no, change.hash)

    def trees(self, rules: Mapping[int, bytes], versions: Sequence[int]) -> Iterator[Tree]:
        """Give the tree at each checkpoint in turn, one object that changes.

        `rules`: version → hash; `versions`: the version that each checkpoint is over, 0 for none.
        A version that is not there has no leaf.
        """
        tree = Tree()
        for place, version in enumerate(versions):
            tree.change(self._of(place))
            if version in rules:
                tree.change({RULES_LEAF: leaf_hash(RULES_LEAF, version, rules[version])})
            yield tree

    def _of(self, place: int) -> dict[str, bytes]:
        members, leaves = self._places.get(place, (array("I"), bytearray()))
        return {
            self.citizens[member]: bytes(leaves[at * HASH_BYTES : (at + 1) * HASH_BYTES])
            for at, member in enumerate(members)
        }


def _above(below: Sequence[bytes], place: int) -> bytes:
    pair = below[2 * place : 2 * place + 2]
    return hashlib.sha256(_NODE + pair[0] + pair[1]).digest() if len(pair) > 1 else pair[0]
