"""Prove an audit pack of Frikort: nothing changed, dropped, added, swapped or cut off.

    python3 verify.py [FOLDER] [--head FILE] [--key KEY_ID_OR_FILE]... [--balances FILE]

Needs Python 3.9 or later and nothing else; writes nothing but what --balances names. Whoever
can forge a pack can forge the copy of this file in it: take it from where you trust it.
It names the first thing wrong and exits 1. Exit 0 says what was proved, and what was not.
"""

from __future__ import annotations

import argparse
import base64
import re
import sys
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from cli.pack.chains import CSV_HEADER, Chain, csv_line
from cli.pack.folder import SMALL_MAX, Pack
from cli.pack.records import (
    KEY,
    PARTITIONS,
    PROOF,
    ROW,
    FaultError,
    Record,
    canonical,
    demand,
    expect,
    parse,
)
from cli.pack.signatures import KEY_ID_LENGTH, KEY_LENGTH, Keys, Tree, check_path, leaf

ROW_LENGTH_MIN = 400
ED25519_DER = bytes.fromhex("302a300506032b6570032100")
"""What stands before the 32 bytes of a public key in a PEM file (RFC 8410)."""
FILTERS = {"all": {}, "card": {"card_no": "plain"}, "municipality": {"municipality_code": "plain"}}


class Walk:
    """All entries, citizen by citizen: what they fold to, and the trees over their heads."""

    def __init__(self, pack: Pack, rules: list[Record], checkpoints: list[Record]) -> None:
        self.pack, self.manifest, self.rules = pack, pack.manifest, rules
        self.filter = self.manifest["filter"]
        kind = self.filter.get("kind")
        expect("manifest.json filter", "kind", kind if kind in list(FILTERS) else None, kind)
        demand("manifest.json filter", self.filter, FILTERS[kind])
        self.whole = kind == "all"
        self.exported = Tree({"positions": [sys.maxsize] * PARTITIONS})
        self.trees = [Tree(said) for said in checkpoints] if self.whole else []
        self.newest = checkpoints[-1] if checkpoints else None
        self.anchor = pack.held or self.newest
        self.proofs = self._read_proofs()
        self.seen = self._room_for_all() if self.whole else []
        self.totals: dict[int, Counter[str]] = {}
        self.balances: list[str] = []
        self.entries = self.younger = 0

    def _read_proofs(self) -> dict[str, Record]:
        found: dict[str, Record] = {}
        for where, line in self.pack.lines("proofs.jsonl"):
            said = parse(where, line, PROOF)
            expect(where, "citizen_id came before", said["citizen_id"] in found, False)
            found[said["citizen_id"]] = said
        return found

    def _room_for_all(self) -> list[bytearray]:
        """Make room to see each number of each partition once: no more than there are entries."""
        expect(
            "manifest.json", "entries", self.manifest["entries"], sum(self.manifest["positions"])
        )
        with self.pack.open("entries.jsonl") as stream:
            most = stream.seek(0, 2) // ROW_LENGTH_MIN
        if self.manifest["entries"] > most:
            raise FaultError("manifest.json", "entries", self.manifest["entries"], f"<= {most}")
        return [bytearray(position + 1) for position in self.manifest["positions"]]

    def take_all(self) -> None:
        """Check every entry, and its line of the CSV."""
        chain: Chain | None = None
        table = self.pack.lines("entries.csv")
        self._check_csv(table, CSV_HEADER)
        for where, line in self.pack.lines("entries.jsonl"):
            row = parse(where, line, ROW)
            if chain is None or row["citizen_id"] != chain.citizen_id:
                if chain is not None and row["citizen_id"] < chain.citizen_id:
                    expected = f"after {chain.citizen_id}"
                    raise FaultError(where, "citizen_id", row["citizen_id"], expected)
                self._end(chain)
                chain = Chain(row)
            entry = chain.take(row, self.rules)
            chain.wanted |= self._is_wanted(entry)
            self._check_place(row)
            self._check_csv(table, csv_line(row, entry))
        self._end(chain)
        for where, line in table:
            raise FaultError(where, "line", line, "the end")

    def _is_wanted(self, entry: Record) -> bool:
        """Tell whether an entry is why its citizen is in the pack."""
        if "card_no" in self.filter:
            found = entry["source"]["payload"].get("card_no") == self.filter["card_no"]
        else:
            found = self.whole or entry["municipality_code"] == self.filter["municipality_code"]
        return bool(found)

    def _check_place(self, row: Record) -> None:
        where, partition = f"citizen {row['citizen_id']} entry {row['entry_no']}", row["partition"]
        if partition >= PARTITIONS:
            raise FaultError(where, "partition", partition, f"less than {PARTITIONS}")
        last, number = self.manifest["positions"][partition], row["journal_seq"]
        if not 0 < number <= last:
            raise FaultError(where, "journal_seq", number, f"1 to {last}")
        if self.whole:
            expect(
                where,
                f"times that journal_seq {number} came before",
                self.seen[partition][number],
                0,
            )
            self.seen[partition][number] = 1
        if self.anchor and number > self.anchor["positions"][partition]:
            self.younger += 1
        self.entries += 1

    def _check_csv(self, table: Iterator[tuple[str, bytes]], expected: str) -> None:
        where, line = next(table, ("entries.csv", b""))
        if line == expected.encode():
            return
        cells, said = line.decode("ascii", "replace").split(","), expected.split(",")
        for place, name in enumerate(CSV_HEADER.split(",")[: len(cells)]):
            expect(f"{where}, citizen {said[0]} entry {said[1]}", name, cells[place], said[place])
        raise FaultError(where, "line", line, expected)

    def _end(self, chain: Chain | None) -> None:
        """Take a citizen whose entries have all been read into totals, trees and proofs."""
        if chain is None:
            return
        where = f"citizen {chain.citizen_id}"
        expect(where, "belongs in the pack", chain.wanted, True)
        for tree in (self.exported, *self.trees):
            entry_no = _reached(chain, tree.said)
            if entry_no:
                tree.add(leaf(chain.citizen_id, entry_no, chain.hashes[entry_no]))
        if self.newest and not self.whole and (entry_no := _reached(chain, self.newest)):
            digest = leaf(chain.citizen_id, entry_no, chain.hashes[entry_no])
            self._check_proof(where, chain.citizen_id, entry_no, digest)
        for year, total in sorted(chain.years.items()):
            self.totals.setdefault(year, Counter()).update(total)
            self.totals[year]["citizens"] += 1
            figures = [total[name] for name in ("covered_ore", "excess_ore", "entries")]
            self.balances.append(",".join(map(str, [chain.citizen_id, year, *figures])))

    def _check_proof(self, where: str, name: str, number: int, digest: bytes) -> None:
        """Check that a head is in the tree of the newest checkpoint."""
        if name not in self.proofs or self.newest is None:
            raise FaultError(where, "proof", "missing", f"one of entry {number}")
        proof = self.proofs.pop(name)
        expect(f"{where} proof", "entry_no", proof["entry_no"], number)
        check_path(f"{where} proof", digest, proof, self.newest)

    def end(self) -> None:
        """Check what only the whole tells."""
        for name, value in (("entries", self.entries), ("citizens", self.exported.leaves)):
            expect("manifest.json", name, self.manifest[name], value)
        covered = sum(total["covered_ore"] for total in self.totals.values())
        excess = sum(total["excess_ore"] for total in self.totals.values())
        trial = {"available": -covered, "covered": covered, "employer": -excess, "excess": excess}
        said = self.manifest["trial_balance_ore"]
        expect("manifest.json", "trial_balance_ore", canonical(said), canonical(trial))
        for tree in self.trees:
            self._end_tree(tree)
        if self.newest and not self.whole and (version := self.newest["rules_version"]):
            expect("proofs.jsonl", "rules_version is known", version <= len(self.rules), True)
            digest = leaf("rules", version, self.rules[version - 1]["hash"])
            self._check_proof("rules", "rules", version, digest)
        for name in self.proofs:
            raise FaultError("proofs.jsonl", "citizen_id", name, "one of this pack")
        self.exported.add_rules("manifest.json", self.rules, len(self.rules))
        expect("manifest.json", "merkle_root", self.manifest["merkle_root"], self.exported.root())

    def _end_tree(self, tree: Tree) -> None:
        """Compare a checkpoint with what the entries give for it."""
        where = f"checkpoint {tree.said['checkpoint_no']}"
        for partition, position in enumerate(tree.said["positions"]):
            have = self.manifest["positions"][partition]
            if position > have:
                raise FaultError(where, f"entries of partition {partition}", have, f">= {position}")
        expect(where, "citizens", tree.leaves, tree.said["citizens"])
        tree.add_rules(where, self.rules, tree.said["rules_version"])
        expect(where, "merkle_root", tree.root(), tree.said["merkle_root"])


def _reached(chain: Chain, said: Record) -> int:
    """Give the number of the citizen's last entry that a checkpoint covers, 0 if none."""
    return bisect_right(chain.seqs, said["positions"][chain.partition]) - 1


def verify(folder: Path, keys: Keys, heads: Path | None = None) -> Walk:
    """Check a pack.

    Raises:
        FaultError: the first thing wrong.
    """
    pack = Pack(folder, keys)
    pack.check_signature()
    rules = pack.read_rules()
    walk = Walk(pack, rules, pack.read_checkpoints(heads))
    walk.take_all()
    walk.end()
    pack.check_others()
    return walk


def proved(walk: Walk, heads: Path | None) -> Iterator[str]:
    """Say what was proved."""
    said, newest = walk.manifest, walk.newest
    yield "Every file is the one that the manifest names; none is missing, none is more."
    if said["key_id"]:
        yield f"The manifest is signed by key {said['key_id']}."
    yield "Every chain is whole from its first entry on, and so is the rules'."
    yield "Covered and excess are the wage; a reversal gives back its wage; no year covers more"
    yield "  than its highest cap; every entry's postings are its decision's and sum to zero."
    yield f"The balances, folded anew; the trial balance: {canonical(said['trial_balance_ore'])}."
    if newest:
        how = "trees made again from the entries" if walk.whole else "all heads are in the newest"
        yield f"Checkpoints to number {newest['checkpoint_no']}, {newest['taken_at']}: signed;"
        yield f"  {how}."
    if heads:
        yield f"The heads in {heads.name} are these checkpoints."


def unproved(walk: Walk, keys: Keys, heads: Path | None) -> Iterator[str]:
    """Say what was not proved."""
    newest, anchor = walk.newest, walk.anchor
    if not walk.manifest["key_id"]:
        yield "WHO MADE THE PACK: it is not signed."
    elif not keys.trusted:
        yield "WHOSE THE KEYS ARE: give those that you trust with --key."
    if newest is None:
        yield "That history was not rewritten as a whole: the pack has no checkpoint."
    elif heads is None:
        yield "That history was not rewritten as a whole: give a head kept elsewhere with --head."
    elif not walk.whole and anchor != newest:
        yield f"That checkpoint {newest['checkpoint_no']} goes on from the head: it is younger."
    if anchor and walk.younger:
        number = anchor["checkpoint_no"]
        yield f"That {walk.younger} entries younger than checkpoint {number} were always so."
    if walk.pack.passed_over:
        yield f"The signatures and trees of {walk.pack.passed_over} older checkpoints."
    if not walk.whole:
        yield "That nobody is left out whom the filter should have found."
    yield "That each wage was decided by the rules of its day (frikort ledger replay)."
    yield "What entries.parquet and report.html say: they are not read here."


def tell(walk: Walk, keys: Keys, heads: Path | None) -> None:
    """Say for people what was proved, the totals, and what was not proved."""
    said = walk.manifest
    lines = [f"The pack of {said['made_at']}, {canonical(walk.filter)}"]
    lines += [f"installation {said['installation'] or 'without rules'}"]
    lines += [f"entries {walk.entries}, citizens {said['citizens']}, rules {len(walk.rules)}"]
    lines += ["", "Proved:", *(f"  {line}" for line in proved(walk, heads)), "", "Totals:"]
    for year, total in sorted(walk.totals.items()):
        covered, excess = (kroner(total[name]) for name in ("covered_ore", "excess_ore"))
        counts = f"citizens {total['citizens']}, wages and reversals {total['entries']}"
        lines += [f"  {year}: {counts}, covered {covered}, excess {excess}"]
    lines += ["", "NOT proved:", *(f"  {line}" for line in unproved(walk, keys, heads))]
    sys.stdout.write("\n".join(lines) + "\n")


def kroner(amount_ore: int) -> str:
    """Write an amount: 125050 is 1250.50 kr."""
    sign, rest = "-" if amount_ore < 0 else "", abs(amount_ore)
    return f"{sign}{rest // 100}.{rest % 100:02} kr"


def read_key(text: str) -> bytes | str:
    """Read a trusted key: its id, or a file: PEM, base64 of 32 bytes, or a ledger's list of keys.

    Of a list the first counts: those after it are trusted as far as it endorses them.
    """
    if re.fullmatch(f"[0-9a-f]{{{KEY_ID_LENGTH}}}", text):
        return text
    try:
        with Path(text).open("rb") as file:
            lines = file.read(SMALL_MAX).decode("ascii").splitlines()
        if lines and lines[0].startswith("{"):
            lines = [parse(text, lines[0].encode(), KEY, strictly=False)["public_key"]]
        raw = base64.b64decode("".join(line for line in lines if not line.startswith("-")))
    except (OSError, ValueError, FaultError):
        raw = b""
    raw = raw.removeprefix(ED25519_DER)
    if len(raw) != KEY_LENGTH:
        raise argparse.ArgumentTypeError(f"{text!r}: give a key's id, or a file with a public key")
    return raw


def main() -> int:
    """Run the command; give its exit status."""
    parser = argparse.ArgumentParser(description="Prove an audit pack of Frikort.")
    parser.add_argument("folder", nargs="?", type=Path, default=Path(__file__).resolve().parent)
    parser.add_argument("--head", type=Path, help="checkpoints kept elsewhere, one JSON a line")
    parser.add_argument("--key", type=read_key, action="append", default=[], help="whom you trust")
    parser.add_argument("--balances", type=Path, help="write each citizen's year to this CSV file")
    asked = parser.parse_args()
    keys = Keys(set(asked.key))
    try:
        walk = verify(asked.folder, keys, asked.head)
        if asked.balances:
            header = "citizen_id,year,covered_ore,excess_ore,entries\n"
            asked.balances.write_text(header + "".join(f"{line}\n" for line in walk.balances))
    except FaultError as fault:
        sys.stdout.write(f"WRONG: {fault}\n")
        return 1
    except OSError as error:
        sys.stdout.write(f"CANNOT READ: {str(error)!a}\n")
        return 1
    tell(walk, keys, asked.head)
    return 0


if __name__ == "__main__":
    sys.exit(main())
