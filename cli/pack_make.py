"""Makes an audit pack of a ledger's rows, wherever they come from."""

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import orjson

from cli.pack_report import report
from cli.pack_rows import Fold, JournalRow, proofs
from cli.pack_verifier import verifier
from cli.pack_write import EntriesWriter, write_lines, write_manifest
from frikort_contracts.merkle import RULES_LEAF, leaf_hash
from frikort_contracts.types import format_moment

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

ROWS_PER_BATCH: Final = 20_000
NAMES: Final = {"card": "card_no", "municipality": "municipality_code"}
ReadHeads = Callable[[Sequence[int]], Iterable[tuple[str, int, bytes]]]
"""Given positions, give everybody's (citizen_id, entry_no, hash) then, in order of ids."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Whose entries go into a pack: all, one card's holder, or a municipality's citizens."""

    kind: str = "all"
    value: str | None = None

    def said(self) -> dict[str, str]:
        """Say it as the manifest does."""
        value = {NAMES[self.kind]: self.value} if self.value is not None else {}
        return {"kind": self.kind, **value}


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What stands beside the entries.

    `rules` and `keys` as lines of their files, `checkpoints` as published, `positions`: how many
    entries each partition has.
    """

    rules: Sequence[dict[str, Any]]
    checkpoints: Sequence[bytes]
    keys: Sequence[dict[str, Any]]
    positions: Sequence[int]

    def newest(self) -> dict[str, Any] | None:
        """Give the newest checkpoint."""
        if not self.checkpoints:
            return None
        found: dict[str, Any] = orjson.loads(self.checkpoints[-1])
        return found


def write_pack(
    folder: Path,
    rows: Iterable[JournalRow],
    evidence: Evidence,
    *,
    wanted: Filter,
    heads: ReadHeads,
    key: "Ed25519PrivateKey | None",
    now: dt.datetime,
    reach: Callable[[int], None] = lambda _: None,
) -> dict[str, Any]:
    """Write every file of a pack into a folder; give the manifest.

    `rows` come in order of citizen and entry; `reach` is told how many are written.
    """
    newest = evidence.newest() if wanted.kind != "all" else None
    fold = Fold(positions=newest["positions"] if newest else None)
    writer = EntriesWriter(folder, fold)
    remaining = iter(rows)
    while batch := list(islice(remaining, ROWS_PER_BATCH)):
        writer.take(batch)
        reach(fold.entries)
    writer.close()
    write_lines(folder / "rules.jsonl", evidence.rules)
    write_lines(folder / "keys.jsonl", evidence.keys)
    with (folder / "checkpoints.jsonl").open("wb") as file:
        file.writelines(line + b"\n" for line in evidence.checkpoints)  # as they were published
    paths = _proofs(evidence, newest, fold, heads) if newest else []
    write_lines(folder / "proofs.jsonl", paths)
    (folder / "verify.py").write_text(verifier(), encoding="ascii")
    said = {
        "made_at": format_moment(now),
        "made_by": f"frikort {version('frikort')}",
        "filter": wanted.said(),
        "positions": list(evidence.positions),
        **_sums(fold, evidence.rules),
    }
    page = report(said, fold, evidence.newest())
    (folder / "report.html").write_text(page, encoding="utf-8")
    return write_manifest(folder, said, key)


def _sums(fold: Fold, rules: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Say what entries and rules come to."""
    rules_hash = str(rules[-1]["hash"]) if rules else bytes(32).hex()
    return {
        "installation": rules[0]["hash"] if rules else "",
        "entries": fold.entries,
        "citizens": len(fold.leaves),
        "rules": len(rules),
        "rules_hash": rules_hash,
        "merkle_root": fold.root(len(rules), bytes.fromhex(rules_hash)),
        "trial_balance_ore": fold.trial_balance(),
    }


def _proofs(
    evidence: Evidence, newest: Mapping[str, Any], fold: Fold, heads: ReadHeads
) -> list[dict[str, Any]]:
    """Make the paths from the pack's citizens, and the rules, to the newest checkpoint."""
    names, leaves, numbers = [], [], dict(fold.covered)
    for citizen_id, entry_no, digest in heads(newest["positions"]):
        names.append(citizen_id)
        leaves.append(leaf_hash(citizen_id, entry_no, digest))
    if rules_version := newest["rules_version"]:
        names.append(RULES_LEAF)
        digest = bytes.fromhex(evidence.rules[rules_version - 1]["hash"])
        leaves.append(leaf_hash(RULES_LEAF, rules_version, digest))
        numbers[RULES_LEAF] = rules_version
    return proofs(names, leaves, numbers)
