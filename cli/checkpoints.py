"""Checkpoints against the journal: each tree made again, each signature checked. Pure.

A checkpoint that somebody else holds shows a history that was rewritten as a whole, hashes,
signatures and all: the journal no longer gives its root.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from cli.keys import Key, Keys, trust
from cli.proof import FAULTS_KEPT_MAX, Fault
from cli.trees import Change, Heads
from frikort_contracts.merkle import RULES_LEAF
from frikort_contracts.topics import PARTITIONS
from frikort_contracts.types import format_moment

NUMBERS: Final = ("checkpoint_no", "citizens", "entries", "rules_version")
TEXTS: Final = ("known_at", "taken_at", "merkle_root", "key_id", "signature")
Checkpoint = Mapping[str, Any]
"""A `checkpoint-signed` as it was published."""
ReadChanges = Callable[[Sequence[Sequence[int]]], Iterable[Change]]
"""Given each checkpoint's positions, in order, give the heads that are new at each of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What the database keeps beside the journal.

    `rows`: of the table of checkpoints; `rules`: version → hash; `positions`: the last number of
    each partition.
    """

    rows: Sequence[Mapping[str, Any]]
    keys: Sequence[Key]
    rules: Mapping[int, bytes]
    positions: Sequence[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What a second party keeps: heads, and keys; None where none was given."""

    heads: Sequence[Any] | None = None
    keys: Sequence[Key] | None = None


@dataclass(slots=True)
class Report:
    """What was checked, and what was wrong."""

    checkpoints: int = 0
    keys: int = 0
    heads: int = 0
    younger: int = 0
    """Entries after the last checkpoint."""
    younger_than_held: int = 0
    """Entries after the last head that is held elsewhere; all of them where none is."""
    faults: list[Fault] = field(default_factory=list)
    faults_total: int = 0

    def fault(self, where: str, name: str, found: object, expected: object) -> None:
        """Note what is wrong."""
        self.faults_total += 1
        if len(self.faults) < FAULTS_KEPT_MAX:
            self.faults.append(Fault(where, name, str(found), str(expected)))

    def expect(self, where: str, name: str, found: object, expected: object) -> bool:
        """Note what is not as it should be, and tell whether it is."""
        if found != expected:
            self.fault(where, name, found, expected)
        return found == expected


def check_checkpoints(kept: Kept, held: Held, read_changes: ReadChanges) -> Report:
    """Check all that are stored, and all that are held elsewhere."""
    report = Report(keys=len(kept.keys), checkpoints=len(kept.rows))
    keys, faults = trust(kept.keys, held.keys)
    for fault in faults:
        report.fault(fault.where, fault.field, fault.found, fault.expected)
    stored = _read_rows(kept.rows, report)
    _check_all("checkpoint", stored, (kept, keys), read_changes, report)
    heads = _whole(held.heads or (), "head", report)
    differing = _compare(heads, stored, report)
    _check_all("head", differing, (kept, keys), read_changes, report)
    report.heads = len(held.heads or ())
    entries = sum(kept.positions)
    report.younger = entries - max((each["entries"] for each in stored), default=0)
    report.younger_than_held = entries - max((each["entries"] for each in heads), default=0)
    return report


def _read_rows(rows: Iterable[Mapping[str, Any]], report: Report) -> list[Checkpoint]:
    """Read the stored checkpoints, and compare their columns with their bytes."""
    found: list[Checkpoint] = []
    for number, row in enumerate(rows, start=1):
        where = f"checkpoint {row['checkpoint_no']}"
        report.expect(where, "checkpoint_no", row["checkpoint_no"], number)
        try:
            published = json.loads(bytes(row["bytes"]))
        except ValueError:
            report.fault(where, "bytes", "not JSON", "a checkpoint as it was published")
            continue
        whole = _whole([published], "checkpoint", report)
        found += whole
        for each in whole:
            report.expect(where, "bytes", each["checkpoint_no"], row["checkpoint_no"])
            report.expect(where, "key_id", row["key_id"], each["key_id"])
            report.expect(where, "taken_at", format_moment(row["taken_at"]), each["taken_at"])
    return found


def _whole(published: Iterable[Any], kind: str, report: Report) -> list[Checkpoint]:
    """Leave out what is no checkpoint, and name it."""
    found = []
    for each in published:
        fault = _malformed(each)
        if fault is None:
            found.append(each)
        else:
            number = each.get("checkpoint_no", "?") if isinstance(each, dict) else "?"
            report.fault(f"{kind} {number}", fault, "unreadable", "as a checkpoint has it")
    return found


def _malformed(published: Any) -> str | None:
    """Name the first field that is not as a checkpoint has it."""
    if not isinstance(published, dict):
        return "line"
    for name in NUMBERS:
        if type(published.get(name)) is not int:
            return name
    for name in TEXTS:
        if not isinstance(published.get(name), str):
            return name
    positions = published.get("positions")
    if not isinstance(positions, list) or len(positions) != PARTITIONS:
        return "positions"
    return "positions" if any(type(each) is not int for each in positions) else None


def _compare(
    heads: Sequence[Checkpoint], stored: Iterable[Checkpoint], report: Report
) -> list[Checkpoint]:
    """Compare heads with what is stored under their numbers; give those that differ, in order."""
    by_number = {each["checkpoint_no"]: each for each in stored}
    differing = []
    for head in heads:
        where = f"checkpoint {head['checkpoint_no']}"
        same = by_number.get(head["checkpoint_no"])
        if same is None:
            report.fault(where, "stored", "none", "as it is held elsewhere")
        elif same != head:
            name = next(n for n in (*head, *same) if head.get(n) != same.get(n))
            report.fault(where, name, same.get(name), f"{head.get(name)}, held elsewhere")
        else:
            continue
        differing.append(head)
    return sorted(differing, key=lambda head: (head["entries"], head["checkpoint_no"]))


def _check_all(
    kind: str,
    checkpoints: Sequence[Checkpoint],
    known: tuple[Kept, Keys],
    read_changes: ReadChanges,
    report: Report,
) -> None:
    """Check each by itself, then after the one before it, then against the journal."""
    kept, keys = known
    usable: list[Checkpoint] = []
    for checkpoint in checkpoints:
        where = f"{kind} {checkpoint['checkpoint_no']}"
        _check_signature(where, checkpoint, keys, report)
        report.expect(where, "entries", checkpoint["entries"], sum(checkpoint["positions"]))
        follows = not usable or _follows(where, checkpoint, usable[-1], keys, report)
        if follows and _is_reached(where, checkpoint, kept, report):
            usable.append(checkpoint)
    if not usable:
        return
    heads = Heads()
    heads.take(read_changes([each["positions"] for each in usable]))
    versions = [each["rules_version"] for each in usable]
    for checkpoint, tree in zip(usable, heads.trees(kept.rules, versions), strict=True):
        where = f"{kind} {checkpoint['checkpoint_no']}"
        citizens = len(tree) - (tree.names[-1:] == [RULES_LEAF])
        report.expect(where, "citizens", citizens, checkpoint["citizens"])
        report.expect(where, "merkle_root", tree.root.hex(), checkpoint["merkle_root"])


def _check_signature(where: str, checkpoint: Checkpoint, keys: Keys, report: Report) -> None:
    if keys.place(checkpoint["key_id"]) is None:
        report.fault(where, "key_id", checkpoint["key_id"], "a key that is trusted")
    elif not keys.signed(checkpoint):
        report.fault(where, "signature", "not over this checkpoint", "of the key it names")


def _follows(
    where: str, checkpoint: Checkpoint, before: Checkpoint, keys: Keys, report: Report
) -> bool:
    """Check that nothing goes back from one checkpoint to the next."""
    for name in ("taken_at", "rules_version"):
        if checkpoint[name] < before[name]:
            report.fault(where, name, checkpoint[name], f"from {before[name]} on")
    place, place_before = keys.place(checkpoint["key_id"]), keys.place(before["key_id"])
    if place is not None and place_before is not None and place < place_before:
        report.fault(where, "key_id", checkpoint["key_id"], f"{before['key_id']} or a later one")
    back = [
        partition
        for partition in range(PARTITIONS)
        if checkpoint["positions"][partition] < before["positions"][partition]
    ]
    for partition in back:
        found, least = checkpoint["positions"][partition], before["positions"][partition]
        report.fault(where, f"positions of partition {partition}", found, f"{least} or more")
    return not back


def _is_reached(where: str, checkpoint: Checkpoint, kept: Kept, report: Report) -> bool:
    """Check that the journal and the rules still go as far as a checkpoint does."""
    reached = True
    for partition, (found, least) in enumerate(
        zip(kept.positions, checkpoint["positions"], strict=True)
    ):
        if found < least:
            reached = False
            report.fault(where, f"entries of partition {partition}", found, f"{least} or more")
    version = checkpoint["rules_version"]
    if version and version not in kept.rules:
        reached = False
        report.fault(where, "rules", max(kept.rules, default=0), f"{version} or more")
    return reached
