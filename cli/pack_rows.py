"""The rows of an audit pack, made from rows of the journal. Pure.

What stands in the tables beside the bytes is taken from the bytes, not from the database's other
columns: a pack says one thing once.
"""

import hashlib
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import orjson

from frikort_contracts.merkle import RULES_LEAF, leaf_hash, merkle_root

CANONICAL: Final = orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE
PLAIN: Final = re.compile("[0-9A-Za-z-]{1,64}")
NODE: Final = b"\x01"
COLUMNS: Final = (
    "citizen_id",
    "entry_no",
    "partition",
    "journal_seq",
    "hash",
    "source_type",
    "source_id",
    "source_version",
    "municipality_code",
    "recorded_at",
    "known_at",
    "card_no",
    "wage_id",
    "paid_on",
    "year",
    "amount_ore",
    "covered_ore",
    "excess_ore",
    "reason",
)
"""Of the CSV, and with `bytes` after them of the Parquet file."""


class JournalRow(NamedTuple):
    """What of a row of the journal goes into a pack."""

    citizen_id: str
    entry_no: int
    partition: int
    journal_seq: int
    hash: bytes
    bytes: bytes


class Cells(NamedTuple):
    """A row's columns, and the text of its entry."""

    columns: tuple[Any, ...]
    text: str


def cells_of(row: JournalRow) -> Cells:
    """Give a row's columns; of a payload, what is no plain word is left out."""
    entry = orjson.loads(row.bytes)
    source, decision = entry["source"], entry.get("decision", {})
    payload = source["payload"]
    about = payload if decision else {}
    amount_ore = decision["covered_ore"] + decision["excess_ore"] if decision else None
    columns = (
        row.citizen_id,
        row.entry_no,
        row.partition,
        row.journal_seq,
        row.hash.hex(),
        source["type"],
        source["id"],
        source["version"],
        entry["municipality_code"],
        entry["recorded_at"],
        entry["known_at"],
        _word(payload.get("card_no")),
        _word(about.get("wage_id")),
        _word(about.get("paid_on")),
        decision.get("year"),
        amount_ore,
        decision.get("covered_ore"),
        decision.get("excess_ore"),
        decision.get("reason"),
    )
    return Cells(columns, row.bytes.decode())


def json_line(row: JournalRow) -> bytes:
    """Write a row as a line of JSON."""
    return orjson.dumps(
        {**row._asdict(), "hash": row.hash.hex(), "bytes": row.bytes.decode()}, option=CANONICAL
    )


def csv_line(cells: Cells) -> str:
    """Write a row as a line of CSV; nothing in it needs quoting."""
    return ",".join(["" if cell is None else str(cell) for cell in cells.columns]) + "\n"


@dataclass(slots=True)
class Fold:
    """What the rows come to, citizen by citizen in order: leaves, sums, and who is covered.

    `positions` are those of the checkpoint that proofs lead to, None for none; `covered` has by
    citizen the last entry's number that the checkpoint is over.
    """

    positions: Sequence[int] | None = None
    entries: int = 0
    leaves: list[bytes] = field(default_factory=list)
    years: dict[int, Counter[str]] = field(default_factory=dict)
    covered: dict[str, int] = field(default_factory=dict)
    _last: JournalRow | None = None
    _seqs: list[int] = field(default_factory=list)

    def take(self, row: JournalRow, cells: Cells) -> None:
        """Take the next row."""
        last = self._last
        if last is not None and last.citizen_id != row.citizen_id:
            self._end(last)
        self._last = row
        self._seqs.append(row.journal_seq)
        self.entries += 1
        year, _, covered_ore, excess_ore, _ = cells.columns[-5:]
        if year is not None:
            total = self.years.setdefault(year, Counter())
            total.update(entries=1, covered_ore=covered_ore, excess_ore=excess_ore)

    def end(self) -> None:
        """Take the last citizen."""
        if self._last is not None:
            self._end(self._last)
            self._last = None

    def trial_balance(self) -> dict[str, int]:
        """Give the sum of each account; together they are zero."""
        covered_ore = sum(total["covered_ore"] for total in self.years.values())
        excess_ore = sum(total["excess_ore"] for total in self.years.values())
        return {
            "available": -covered_ore,
            "covered": covered_ore,
            "employer": -excess_ore,
            "excess": excess_ore,
        }

    def root(self, rules_version: int, rules_hash: bytes) -> str:
        """Give the root over the heads that were taken, and the rules'."""
        rules = [leaf_hash(RULES_LEAF, rules_version, rules_hash)] if rules_version else []
        return merkle_root([*self.leaves, *rules]).hex()

    def _end(self, last: JournalRow) -> None:
        self.leaves.append(leaf_hash(last.citizen_id, last.entry_no, last.hash))
        if self.positions is not None:
            reached = bisect_right(self._seqs, self.positions[last.partition])
            if reached:
                self.covered[last.citizen_id] = reached
        self._seqs.clear()


def proofs(
    names: Sequence[str], leaves: Sequence[bytes], wanted: dict[str, int]
) -> list[dict[str, Any]]:
    """Give for some leaves of a tree the path to its root; `wanted`: name → entry's number."""
    levels = [list(leaves)]
    while len(levels[-1]) > 1:
        below = levels[-1]
        levels.append([_above(below[at : at + 2]) for at in range(0, len(below), 2)])
    return [
        {"citizen_id": name, "entry_no": wanted[name], "index": index, "path": _path(levels, index)}
        for index, name in enumerate(names)
        if name in wanted
    ]


def _path(levels: Sequence[Sequence[bytes]], index: int) -> list[str]:
    path = []
    for level in levels[:-1]:
        if index ^ 1 < len(level):
            path.append(level[index ^ 1].hex())
        index //= 2
    return path


def _above(pair: Sequence[bytes]) -> bytes:
    return hashlib.sha256(NODE + pair[0] + pair[1]).digest() if len(pair) > 1 else pair[0]


def _word(value: object) -> str | None:
    return value if isinstance(value, str) and PLAIN.fullmatch(value) else None
