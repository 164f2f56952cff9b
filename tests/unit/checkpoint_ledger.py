"""A small ledger in memory that takes checkpoints, and what an auditor reads of it."""

import datetime as dt
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cli.checkpoints import Kept
from cli.keys import Key
from cli.trees import Change
from services.allowance.checkpoint import Head, Heads, sign_checkpoint, summarise
from services.allowance.signing import Signer
from tests.unit.ledger_cases import identity

FIRST, SECOND, STRANGER = Signer(b"\x01" * 32), Signer(b"\x02" * 32), Signer(b"\x03" * 32)
BEGAN = dt.datetime(2026, 11, 22, 12, 0, tzinfo=dt.UTC)
PARTITIONS = 12


def key_of(signer: Signer, before: Signer | None = None) -> Key:
    return Key(
        key_id=signer.key_id,
        public_key=signer.public_key,
        endorsed_by=None if before is None else before.key_id,
        endorsement=None if before is None else before.endorse(signer.public_key),
    )


@dataclass
class Journal:
    """Entries of citizens by name, each in the partition of its name's last digit."""

    salt: str = ""
    entries: list[tuple[str, int, int, int, bytes]] = field(default_factory=list)
    rules: dict[int, bytes] = field(default_factory=dict)
    signer: Signer = FIRST
    keys: list[Key] = field(default_factory=lambda: [key_of(FIRST)])
    rows: list[dict[str, Any]] = field(default_factory=list)

    def enter(self, name: str, times: int = 1) -> None:
        """Enter something of a citizen."""
        citizen_id, partition = identity(name), int(name[-1])
        for _ in range(times):
            entry_no = sum(entry[0] == citizen_id for entry in self.entries) + 1
            seq = sum(entry[2] == partition for entry in self.entries) + 1
            hashed = hashlib.sha256(f"{self.salt}{name}{entry_no}".encode()).digest()
            self.entries.append((citizen_id, entry_no, partition, seq, hashed))

    def rule(self) -> None:
        """Enter a rule."""
        version = len(self.rules) + 1
        self.rules[version] = hashlib.sha256(f"{self.salt}rule{version}".encode()).digest()

    def rotate(self, signer: Signer) -> None:
        """Sign with another key from now on."""
        self.keys.append(key_of(signer, self.signer))
        self.signer = signer

    def positions(self) -> list[int]:
        return [sum(entry[2] == partition for entry in self.entries) for partition in range(12)]

    def checkpoint(self) -> dict[str, Any]:
        """Take a checkpoint, and give it as it is published."""
        number = len(self.rows) + 1
        latest = {entry[0]: Head(entry[1], entry[4]) for entry in self.entries}
        version = max(self.rules, default=0)
        rules = Head(version, self.rules[version]) if version else None
        taken = sign_checkpoint(
            summarise(Heads(positions=self.positions(), citizens=latest, rules=rules)),
            checkpoint_no=number,
            taken_at=BEGAN + dt.timedelta(hours=number),
            signer=self.signer,
        )
        row = {"checkpoint_no": number, "key_id": taken.key_id, "taken_at": taken.taken_at}
        self.rows.append(row | {"bytes": taken.to_json()})
        published: dict[str, Any] = json.loads(taken.to_json())
        return published

    def kept(self) -> Kept:
        return Kept(
            rows=self.rows, keys=self.keys, rules=self.rules, positions=tuple(self.positions())
        )

    def changes(self, positions: Sequence[Sequence[int]]) -> Iterator[Change]:
        """Give the heads that are new at each of some checkpoints, read naively."""
        for citizen_id in sorted({entry[0] for entry in self.entries}):
            own = [entry for entry in self.entries if entry[0] == citizen_id]
            last: tuple[int, bytes] | None = None
            for place, covered in enumerate(positions):
                heads = [(e[1], e[4]) for e in own if e[3] <= covered[e[2]]]
                if heads and heads[-1] != last:
                    last = heads[-1]
                    yield Change(citizen_id, *last, place)

    def resign(self, place: int, changed: Mapping[str, Any], signer: Signer = FIRST) -> None:
        """Change a stored checkpoint, and sign it anew, as who has the key could."""
        published = json.loads(self.rows[place]["bytes"]) | changed
        published["signature"] = signer.sign(published)
        self.rows[place]["bytes"] = json.dumps(published).encode()


def ledger(salt: str = "") -> Journal:
    """Make a ledger of three citizens, rules and four checkpoints under two keys."""
    made = Journal(salt)
    made.rule()
    made.enter("anna-1", 2)
    made.enter("bo-2")
    made.checkpoint()
    made.enter("anna-1")
    made.checkpoint()
    made.rotate(SECOND)
    made.rule()
    made.enter("carl-2", 3)
    made.checkpoint()
    made.enter("bo-2", 2)
    made.checkpoint()
    made.enter("carl-2")
    return made
