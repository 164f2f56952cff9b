"""The folder of a pack: its manifest, who signed it, its rules and checkpoints."""

from __future__ import annotations

import hashlib
import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from cli.pack.records import (
    CHECKPOINT,
    FILE,
    KEY,
    MANIFEST,
    PARTITIONS,
    RULE,
    RULE_ROW,
    FaultError,
    Record,
    demand,
    expect,
    parse,
)
from cli.pack.signatures import Keys

LINED = ("checkpoints", "entries", "keys", "proofs", "rules")
WHOLE = ("entries.parquet", "report.html", "verify.py")
FILES = sorted(["entries.csv", *WHOLE, *(f"{name}.jsonl" for name in LINED)])
LINE_MAX, SMALL_MAX, WHOLE_MAX = 1 << 22, 1 << 16, 1 << 26
CHECKPOINTS_MAX, HELD_MAX = 1000, 10
GENESIS, ENTRY_TAG = bytes(32), b"frikort-entry-1"


class Pack:
    """A folder and its manifest."""

    def __init__(self, folder: Path, keys: Keys) -> None:
        self.folder, self.keys = folder, keys
        self.held: Record | None = None
        self.passed_over = 0
        self.content = self.read("manifest.json")
        self.manifest = parse("manifest.json", self.content, MANIFEST, strictly=False)
        expect("manifest.json", "format", self.manifest["format"], "frikort-pack-1")
        self.files: Record = self.manifest["files"]
        expect("manifest.json", "files", sorted(self.files), FILES)
        for name, said in self.files.items():
            demand("manifest.json files", self.files, {name: "dict"})
            demand(f"manifest.json files {name}", said, FILE)
        signature = ["manifest.sig"] if self.manifest["key_id"] else []
        due = {"manifest.json", *signature, *FILES}
        for name in sorted(due ^ {path.name for path in folder.iterdir()}):
            raise FaultError(name, "file", *("missing", "there")[:: 1 if name in due else -1])

    def open(self, name: str) -> BinaryIO:
        """Open a file of the folder: a file of its own, no link, pipe or device."""
        path = self.folder / name
        if not (path.is_symlink() or path.exists()):
            raise FaultError(name, "file", "missing", "there")
        expect(name, "is a file of its own", stat.S_ISREG(path.lstat().st_mode), True)
        return path.open("rb")

    def read(self, name: str) -> bytes:
        """Read a small file."""
        with self.open(name) as stream:
            content = stream.read(SMALL_MAX + 1)
        expect(name, f"is {SMALL_MAX} bytes at most", len(content) <= SMALL_MAX, True)
        return content

    def lines(self, name: str) -> Iterator[tuple[str, bytes]]:
        """Give each line and where it stands; at the end compare the file with the manifest."""
        digest, size, rows = hashlib.sha256(), 0, 0
        with self.open(name) as stream:
            while line := stream.readline(LINE_MAX):
                rows, size = rows + 1, size + len(line)
                digest.update(line)
                if not line.endswith(b"\n"):
                    raise FaultError(f"{name} line {rows}", "end", line[-20:], "a whole line")
                yield f"{name} line {rows}", line[:-1]
        for field, value in (("rows", rows), ("bytes", size), ("sha256", digest.hexdigest())):
            expect(name, field, value, self.files[name][field])

    def check_others(self) -> None:
        """Compare the files that are not read here with the manifest."""
        most = WHOLE_MAX + 4 * self.files["entries.jsonl"]["bytes"]
        for name in WHOLE:
            with self.open(name) as stream:
                expect(name, "bytes", stream.seek(0, 2), self.files[name]["bytes"])
                expect(name, f"is {most} bytes at most", stream.tell() <= most, True)
                stream.seek(0)
                digest = hashlib.sha256()
                while chunk := stream.read(WHOLE_MAX):
                    digest.update(chunk)
            expect(name, "sha256", digest.hexdigest(), self.files[name]["sha256"])

    def check_signature(self) -> None:
        """Check who signed the manifest."""
        signer = self.manifest["key_id"]
        if not signer:
            if self.keys.trusted:
                raise FaultError("manifest.json", "key_id", "", "a key that you trust (--key)")
            return
        own = Keys(self.keys.trusted)
        own.take("manifest.json", {**self.manifest, "endorsed_by": None})
        text = self.read("manifest.sig").decode("ascii", "replace").rstrip("\n")
        message = b"frikort-pack-1\n" + self.content
        own.check("manifest.sig", signer, "signature", message, {"signature": text})
        own.require_trust("manifest.json", signer)

    def read_rules(self) -> list[Record]:
        """Check the rules' chain; give each rule's content, with its hash."""
        rules: list[Record] = []
        head = GENESIS
        for at, line in self.lines("rules.jsonl"):
            row = parse(at, line, RULE_ROW)
            where = f"rule {row['version']}"
            expect(where, "version", row["version"], len(rules) + 1)
            content = row["bytes"].encode()
            head = hashlib.sha256(ENTRY_TAG + head + content).digest()
            expect(where, "hash", row["hash"], head.hex())
            rules.append({**parse(where, content, RULE), "hash": head})
            expect(where, "version", rules[-1]["version"], row["version"])
        first = rules[0]["hash"].hex() if rules else ""
        for name, value in (("rules", len(rules)), ("rules_hash", head.hex())):
            expect("manifest.json", name, self.manifest[name], value)
        expect("manifest.json", "installation", self.manifest["installation"], first)
        return rules

    def read_checkpoints(self, heads: Path | None) -> list[Record]:
        """Check the checkpoints' order, that those held elsewhere are there, and signatures.

        Give those whose signature was checked: the newest, and the newest of those held.
        """
        for where, line in self.lines("keys.jsonl"):
            self.keys.take(where, parse(where, line, KEY, strictly=False))
        held = self._read_held(heads) if heads else {}
        self.held = held[max(held)] if held else None
        chosen = set(sorted(held)[-HELD_MAX:])
        rows = self.files["checkpoints.jsonl"]["rows"]
        found: list[Record] = []
        last: Record = {"checkpoint_no": 0, "taken_at": "", "positions": [0] * PARTITIONS}
        for at, line in self.lines("checkpoints.jsonl"):
            said = parse(at, line, CHECKPOINT, strictly=False)
            number, where = said["checkpoint_no"], f"checkpoint {said['checkpoint_no']}"
            expect(where, "checkpoint_no", number, last["checkpoint_no"] + 1)
            if number > rows:
                raise FaultError(where, "line", number, f"{rows} at most")
            elsewhere = held.pop(number, said)
            for name in sorted({*said, *elsewhere}):
                expect(where, f"{name} beside the head", said.get(name), elsewhere.get(name))
            if number > rows - CHECKPOINTS_MAX or number in chosen:
                self._check_signed(where, said)
                found.append(said)
            self._check_growth(where, said, last)
            last = said
        for number in held:
            raise FaultError(f"checkpoint {number}", "line", "missing", "as in the head")
        self.passed_over = last["checkpoint_no"] - len(found)
        return found

    def _check_signed(self, where: str, said: Record) -> None:
        rest = {name: value for name, value in said.items() if name != "signature"}
        text = json.dumps(rest, sort_keys=True, separators=(",", ":"))
        message = b"frikort-checkpoint-1\n" + text.encode()
        self.keys.check(where, said["key_id"], "signature", message, said)
        self.keys.require_trust(where, said["key_id"])

    def _check_growth(self, where: str, said: Record, last: Record) -> None:
        expect(where, "entries", said["entries"], sum(said["positions"]))
        if said["taken_at"] < last["taken_at"]:
            raise FaultError(where, "taken_at", said["taken_at"], f"from {last['taken_at']} on")
        for partition, position in enumerate(said["positions"]):
            if position < last["positions"][partition]:
                expected = f"{last['positions'][partition]} or more"
                raise FaultError(where, f"positions {partition}", position, expected)

    def _read_held(self, path: Path) -> dict[int, Record]:
        """Read the heads of a second party, but for those that are younger than the pack."""
        found: dict[int, Record] = {}
        with path.open("rb") as stream:
            for number, line in enumerate(iter(lambda: stream.readline(LINE_MAX), b""), 1):
                where = f"{path.name} line {number}"
                said = parse(where, line.rstrip(b"\r\n"), CHECKPOINT, strictly=False)
                if said["taken_at"] <= self.manifest["made_at"]:
                    first = found.setdefault(said["checkpoint_no"], said)
                    expect(where, "one head of each number", said, first)
        if not found:
            expected = f"one that was taken by {self.manifest['made_at']}"
            raise FaultError(path.name, "heads", "none", expected)
        return found
