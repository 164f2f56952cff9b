"""Packs of ledgers that were never in a database: real entries, chains, checkpoints and keys."""

import base64
import datetime as dt
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cli.pack_make import Evidence, Filter, write_pack
from cli.pack_rows import JournalRow
from cli.pack_write import write_manifest
from services.allowance.checkpoint import Head, Heads, sign_checkpoint, summarise
from services.allowance.entry import GENESIS, chain_hash
from services.allowance.signing import Signer
from tests.unit.ledger_cases import CAP_ORE, Story, caps, identity, post

MADE_AT = dt.datetime(2026, 2, 1, 12, tzinfo=dt.UTC)
PACK_KEY = Ed25519PrivateKey.from_private_bytes(b"\x07" * 32)
OTHER_KEY = Ed25519PrivateKey.from_private_bytes(b"\x08" * 32)
FIRST, SECOND = Signer(b"\x11" * 32), Signer(b"\x22" * 32)
YEARS = (2022, 2023)
TIMEOUT_S = 60


def rules() -> list[dict[str, Any]]:
    """Give the rules' chain as its file has it: a cap for each year."""
    found, head = [], GENESIS
    for version, year in enumerate(YEARS, start=1):
        moment = f"2021-01-0{version}T00:00:00.000000Z"
        content = orjson.dumps(
            {
                "code_version": "1",
                "id": identity(f"cap {year}"),
                "key": f"cap:{year}",
                "known_at": moment,
                "payload": {"year": year, "amount_ore": CAP_ORE, "known_at": moment},
                "recorded_at": moment,
                "type": "annual-cap-set",
                "version": version,
            },
            option=orjson.OPT_SORT_KEYS,
        )
        head = chain_hash(head, content)
        found.append({"version": version, "hash": head.hex(), "bytes": content.decode()})
    return found


def stories() -> list[JournalRow]:
    """Give the journal of four citizens, in the order in which it was entered."""
    messages = []
    for number in range(4):
        story = Story(f"citizen {number}", card_no=f"0012{number}")
        story.municipality_code = "751" if number % 2 == 0 else "101"
        messages += [
            story.issued("2022-01-01", municipality_code=story.municipality_code),
            story.wage(f"a{number}", "2023-02-01", 700_00),
            story.wage(f"b{number}", "2023-03-01", CAP_ORE - 600_00),
            story.reversal(f"a{number}", "2023-02-01", 700_00),
            story.deactivated("2023-06-01"),
            story.wage(f"c{number}", "2023-07-01", 500_00, rests_on=2),
            story.wage(f"d{number}", "2022-04-01", 100_00 + number, rests_on=2),
        ]
    return [
        JournalRow(
            e.page.citizen_id, e.entry_no, e.page.partition, e.journal_seq, e.hash, e.content
        )
        for e in post(messages, caps(*YEARS)).entries
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """Rows as they were entered, rules, and a checkpoint after each of some numbers of rows."""

    rows: Sequence[JournalRow]
    rules: Sequence[dict[str, Any]]
    checkpoints: Sequence[bytes] = ()

    @classmethod
    def told(cls, *after: int, signers: Sequence[Signer] = (FIRST, SECOND)) -> "Ledger":
        """Give the ledger, with a checkpoint after so many entries; the last key signs the last."""
        rows, chain = stories(), rules()
        taken = [
            checkpoint(rows[:count], chain, number, signers[0 if number == 1 else -1])
            for number, count in enumerate(after, start=1)
        ]
        return cls(rows=rows, rules=chain, checkpoints=taken)

    def evidence(self) -> Evidence:
        return Evidence(
            rules=self.rules,
            checkpoints=self.checkpoints,
            keys=keys() if self.checkpoints else [],
            positions=positions(self.rows),
        )


def positions(rows: Sequence[JournalRow]) -> list[int]:
    """Give how many entries each partition has."""
    return [sum(row.partition == partition for row in rows) for partition in range(12)]


def heads(rows: Sequence[JournalRow]) -> dict[str, Head]:
    """Give where everybody's chain ends."""
    return {row.citizen_id: Head(row.entry_no, row.hash) for row in rows}


def checkpoint(
    rows: Sequence[JournalRow], chain: Sequence[dict[str, Any]], number: int, signer: Signer
) -> bytes:
    """Sign the heads of some rows, as the ledger would."""
    last = chain[-1]
    everything = Heads(
        positions=positions(rows),
        citizens=heads(rows),
        rules=Head(last["version"], bytes.fromhex(last["hash"])),
    )
    taken_at = dt.datetime(2026, 1, 10 + number, tzinfo=dt.UTC)
    signed = sign_checkpoint(
        summarise(everything), checkpoint_no=number, taken_at=taken_at, signer=signer
    )
    return signed.to_json()


def keys() -> list[dict[str, Any]]:
    """Give the ledger's keys: the second endorsed by the first."""
    first = {"endorsed_by": None, "endorsement": None}
    second = {
        "endorsed_by": FIRST.key_id,
        "endorsement": base64.b64encode(FIRST.endorse(SECOND.public_key)).decode(),
    }
    return [
        {
            "key_id": signer.key_id,
            "public_key": base64.b64encode(signer.public_key).decode(),
            **endorsed,
        }
        for signer, endorsed in ((FIRST, first), (SECOND, second))
    ]


def write(
    folder: Path,
    ledger: Ledger,
    wanted: Filter | None = None,
    key: Ed25519PrivateKey | None = PACK_KEY,
    *,
    whose: Sequence[str] | None = None,
) -> dict[str, Any]:
    """Write a pack of a ledger; `whose`: of these citizens alone."""
    folder.mkdir()
    rows = [row for row in ledger.rows if whose is None or row.citizen_id in whose]

    def at(covered: Sequence[int]) -> list[tuple[str, int, bytes]]:
        then = [row for row in ledger.rows if row.journal_seq <= covered[row.partition]]
        return [(citizen_id, *head) for citizen_id, head in sorted(heads(then).items())]

    return write_pack(
        folder,
        sorted(rows, key=lambda row: (row.citizen_id, row.entry_no)),
        ledger.evidence(),
        wanted=wanted or Filter(),
        heads=at,
        key=key,
        now=MADE_AT,
    )


def reseal(folder: Path, key: Ed25519PrivateKey | None = PACK_KEY, **said: Any) -> None:
    """Make the manifest anew over what is in the folder, with other fields, and sign it."""
    manifest = json.loads((folder / "manifest.json").read_text()) | said
    for name in ("manifest.json", "manifest.sig"):
        (folder / name).unlink(missing_ok=True)
    write_manifest(folder, manifest, key)


def changed(rows: Sequence[JournalRow], number: int, edit: Callable[[Any], object]) -> Ledger:
    """Rewrite history: change an entry of a ledger, and make every later hash of its chain anew.

    `number` counts as the rows were entered.
    """
    victim, found = rows[number], list[JournalRow]()
    head = b""
    for place, row in enumerate(rows):
        if row.citizen_id == victim.citizen_id and place >= number:
            content = row.bytes
            if place == number:
                entry = orjson.loads(content)
                edit(entry)
                content = orjson.dumps(entry, option=orjson.OPT_SORT_KEYS)
            head = chain_hash(head or before(rows, victim), content)
            found.append(row._replace(bytes=content, hash=head))
        else:
            found.append(row)
    return Ledger(rows=found, rules=rules())


def before(rows: Sequence[JournalRow], victim: JournalRow) -> bytes:
    """Give the hash that a row's follows."""
    own = [row.hash for row in rows if row.citizen_id == victim.citizen_id]
    return own[victim.entry_no - 2] if victim.entry_no > 1 else GENESIS


@dataclass(frozen=True, slots=True)
class Answer:
    """What verify.py said."""

    status: int
    said: str
    complained: str


def run(command: Sequence[str | Path], python: str = sys.executable) -> Answer:
    """Run a verify.py as an outsider would: no packages, no settings, no folder of ours."""
    done = subprocess.run(
        [python, "-I", "-S", *map(str, command)],
        capture_output=True,
        text=True,
        env={},
        cwd="/",
        timeout=TIMEOUT_S,
        check=False,
    )
    return Answer(done.returncode, done.stdout, done.stderr)
