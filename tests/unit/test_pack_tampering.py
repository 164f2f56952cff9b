"""Damage done to an audit pack: each kind is found, and named with its place and field."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cli.pack_make import Filter
from cli.pack_verifier import verifier
from tests.unit.ledger_cases import identity
from tests.unit.pack_cases import FIRST, SECOND, Ledger, keys, rules, write
from tests.unit.pack_damage import (
    CITIZENS,
    FIRST_CITIZEN,
    Damage,
    assert_found,
    at,
    edit_lines,
    edit_record,
    flip,
    sealed,
    swap,
    swap_text,
)

EACH = 7


@pytest.fixture(scope="module")
def verify_py(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file as an auditor brings it along: a forger's pack may bring another."""
    file = tmp_path_factory.mktemp("trusted") / "verify.py"
    file.write_text(verifier())
    return file


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pack of everything, and a pack of one citizen alone."""
    folder = tmp_path_factory.mktemp("untouched")
    ledger = Ledger.told(10, 20, 26)
    write(folder / "pack", ledger)
    wanted = Filter(kind="card", value="00122")
    write(folder / "part", ledger, wanted, whose=[identity("citizen 2")])
    return folder


@pytest.fixture
def pack(untouched: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(untouched / "pack", tmp_path / "pack"))


@pytest.fixture
def part(untouched: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(untouched / "part", tmp_path / "part"))


PLAIN: dict[str, tuple[Damage, str]] = {
    "a changed byte in an entry": (
        swap_text("entries.jsonl", b'amount_ore\\":70000', b'amount_ore\\":70001'),
        f"{at(2)}: hash: found",
    ),
    "a changed hash": (
        edit_record("entries.jsonl", 1, lambda row: row.update(hash="0" * 64)),
        f"{at(2)}: hash: found '0000",
    ),
    "a changed figure in the table": (
        swap_text("entries.csv", b",70000,70000,", b",70000,70001,"),
        (
            f"entries.csv line 3, citizen {FIRST_CITIZEN} entry 2: covered_ore: found '70001', "
            "should be '70000'"
        ),
    ),
    "a changed byte in the columns": (
        flip("entries.parquet", 500),
        "entries.parquet: sha256: found",
    ),
    "a changed byte in the report": (flip("report.html", 500), "report.html: sha256: found"),
    "a changed byte in the verifier": (flip("verify.py", 500), "verify.py: sha256: found"),
    "a changed rule": (swap_text("rules.jsonl", b"2000000", b"2000001"), "rule 1: hash: found"),
    "a dropped rule": (edit_lines("rules.jsonl", lambda s: s.pop(0)), "rule 2: version: found 2"),
    "a cut rule": (edit_lines("rules.jsonl", lambda s: s.pop()), "rules.jsonl: rows: found 1"),
    "a changed root": (
        edit_record("checkpoints.jsonl", 1, lambda c: c.update(merkle_root="0" * 64)),
        "checkpoint 2: signature: found",
    ),
    "a dropped checkpoint": (
        edit_lines("checkpoints.jsonl", lambda said: said.pop(1)),
        "checkpoint 3: checkpoint_no: found 3, should be 2",
    ),
    "a cut checkpoint": (
        edit_lines("checkpoints.jsonl", lambda said: said.pop()),
        "checkpoints.jsonl: rows: found 2, should be 3",
    ),
    "a changed endorsement": (
        edit_record("keys.jsonl", 1, lambda key: key.update(endorsement="A" * 86 + "==")),
        "keys.jsonl line 2: endorsement: found 'AAAA",
    ),
    "another's key under a key's name": (
        edit_record("keys.jsonl", 0, lambda k: k.update(public_key=keys()[1]["public_key"])),
        f"keys.jsonl line 1: key_id: found '{FIRST.key_id}', should be '{SECOND.key_id}'",
    ),
    "a changed manifest": (
        swap_text("manifest.json", b'"entries": 28', b'"entries": 27'),
        "manifest.sig: signature: found",
    ),
    "a changed signature": (flip("manifest.sig", 10), "manifest.sig: signature: found"),
    "a dropped row": (
        edit_lines("entries.jsonl", lambda said: said.pop(2)),
        f"{at(4)}: entry_no: found 4, should be 3",
    ),
    "a dropped last row of a citizen": (
        edit_lines("entries.jsonl", lambda said: said.pop(EACH - 1)),
        f"entries.csv line 8, citizen {CITIZENS[1]} entry 1: citizen_id: found '{FIRST_CITIZEN}'",
    ),
    "a cut tail": (
        edit_lines("entries.jsonl", lambda said: said.__delitem__(slice(-3, None))),
        "entries.jsonl: rows: found 25, should be 28",
    ),
    "a cut tail of the table too": (
        lambda folder: [
            edit_lines(name, lambda said: said.__delitem__(slice(-3, None)))(folder)
            for name in ("entries.jsonl", "entries.csv")
        ],
        "entries.jsonl: rows: found 25, should be 28",
    ),
    "a line cut short": (
        lambda folder: (folder / "entries.jsonl").write_bytes(
            (folder / "entries.jsonl").read_bytes()[:-9]
        ),
        "entries.jsonl line 28: end: found",
    ),
    "a swapped pair": (
        edit_lines("entries.jsonl", swap),
        f"{at(4)}: entry_no: found 4, should be 3",
    ),
    "a repeated row": (
        edit_lines("entries.jsonl", lambda said: said.insert(2, said[1])),
        f"{at(2)}: entry_no: found 2, should be 3",
    ),
    "a renumbered row": (
        edit_record("entries.jsonl", 2, lambda row: row.update(entry_no=4)),
        f"{at(4)}: entry_no: found 4, should be 3",
    ),
    "a row under another citizen": (
        edit_record("entries.jsonl", 6, lambda row: row.update(citizen_id=CITIZENS[1])),
        f"citizen {CITIZENS[1]} entry 7: entry_no: found 7, should be 1",
    ),
    "a row of another partition": (
        edit_record("entries.jsonl", 1, lambda row: row.update(partition=11)),
        f"{at(2)}: partition: found 11",
    ),
    "a row said to be younger": (
        edit_record("entries.jsonl", 6, lambda row: row.update(journal_seq=99)),
        f"{at(7)}: journal_seq: found 99, should be '1 to ",
    ),
    "a missing file": (
        lambda f: (f / "report.html").unlink(),
        "report.html: file: found 'missing'",
    ),
    "one file more": (lambda f: (f / "notes.txt").touch(), "notes.txt: file: found 'there'"),
    "a missing manifest": (lambda f: (f / "manifest.json").unlink(), "manifest.json: file: found"),
    "a missing signature": (lambda f: (f / "manifest.sig").unlink(), "manifest.sig: file: found"),
}
"""What is done to the files, and what is said of it."""


def swap_numbers(said: list[str]) -> None:
    """Swap the journal_seq of the first two rows of the table."""
    first, second = said[1].split(","), said[2].split(",")
    first[3], second[3] = second[3], first[3]
    said[1], said[2] = ",".join(first), ",".join(second)


def signed_anew(edit: Callable[[Any], object]) -> Damage:
    """Let the ledger's own key have signed another second checkpoint."""

    def change(said: list[str]) -> None:
        record = json.loads(said[1])
        edit(record)
        record["signature"] = SECOND.sign(record)
        said[1] = json.dumps(record)

    return sealed(edit_lines("checkpoints.jsonl", change))


def move_partition(said: list[str]) -> None:
    """Let the second citizen's rows have the places of the first's."""
    for place in range(EACH):
        first, second = json.loads(said[place]), json.loads(said[EACH + place])
        second.update(partition=first["partition"], journal_seq=first["journal_seq"])
        said[EACH + place] = json.dumps(
            second, sort_keys=True, separators=(",", ":"), ensure_ascii=False
        )


COUNTS = {"available": 1, "covered": -1, "employer": 0, "excess": 0}
SEALED: dict[str, tuple[Damage, str]] = {
    "fewer rows than there are": (sealed(entries=27), "manifest.json: entries: found 27, should"),
    "more rows than there are": (
        sealed(entries=29, positions=[29, *[0] * 11]),
        "journal_seq: found",
    ),
    "another number of citizens": (sealed(citizens=5), "manifest.json: citizens: found 5"),
    "another number of rules": (sealed(rules=1), "manifest.json: rules: found 1, should be 2"),
    "another trial balance": (
        sealed(trial_balance_ore=COUNTS),
        "manifest.json: trial_balance_ore: found",
    ),
    "another root": (sealed(merkle_root="0" * 64), "manifest.json: merkle_root: found '0000"),
    "another rules' head": (sealed(rules_hash="0" * 64), "manifest.json: rules_hash: found '0000"),
    "another installation": (sealed(installation="0" * 64), "manifest.json: installation: found"),
    "another format": (sealed(format="frikort-pack-2"), "manifest.json: format: found"),
    "a filter that nobody knows": (
        sealed(filter={"kind": "some"}),
        "manifest.json filter: kind: found None, should be 'some'",
    ),
    "a filter of one card over all": (
        sealed(filter={"kind": "card", "card_no": "00120"}),
        "belongs in the pack: found False",
    ),
    "two numbers swapped": (
        sealed(
            edit_record("entries.jsonl", 0, lambda row: row.update(journal_seq=2)),
            edit_record("entries.jsonl", 1, lambda row: row.update(journal_seq=1)),
            edit_lines("entries.csv", swap_numbers),
        ),
        f"{at(2)}: journal_seq: found 1, should be 'after 2'",
    ),
    "two citizens in another order": (
        sealed(
            edit_lines(
                "entries.jsonl", lambda said: said.extend([said.pop(0) for _ in range(EACH)])
            ),
            edit_lines("entries.csv", lambda said: said.extend([said.pop(1) for _ in range(EACH)])),
        ),
        f"entries.jsonl line 22: citizen_id: found '{FIRST_CITIZEN}', should be 'after ",
    ),
    "one number for two entries": (
        sealed(edit_lines("entries.jsonl", move_partition)),
        f"citizen {CITIZENS[1]} entry 1: times that journal_seq 1 came before: found 1",
    ),
    "a checkpoint by a key that nobody knows": (
        sealed(edit_lines("keys.jsonl", lambda said: said.pop())),
        f"checkpoint 2: key_id: found '{SECOND.key_id}'",
    ),
    "a checkpoint of other entries": (
        signed_anew(lambda said: said.update(entries=21)),
        "checkpoint 2: entries: found 21, should be 20",
    ),
    "a checkpoint before the one before": (
        signed_anew(lambda said: said.update(taken_at="2025-01-01T00:00:00.000000Z")),
        "checkpoint 2: taken_at: found '2025",
    ),
    "a checkpoint of fewer entries than before": (
        signed_anew(lambda said: said.update(entries=0, positions=[0] * 12)),
        "checkpoint 2: positions ",
    ),
    "a checkpoint of other citizens": (
        signed_anew(lambda said: said.update(citizens=9)),
        "checkpoint 2: citizens: found 3, should be 9",
    ),
    "a last rule cut off": (
        sealed(
            edit_lines("rules.jsonl", lambda said: said.pop()),
            rules=1,
            rules_hash=rules()[0]["hash"],
        ),
        "rules_version: found 2, should be '1 at most'",
    ),
}
"""The same with a manifest made and signed anew by the right key: the content gives it away."""

PART: dict[str, tuple[Damage, str]] = {
    "a proof that leads elsewhere": (
        sealed(edit_record("proofs.jsonl", 0, lambda p: p["path"].__setitem__(0, "0" * 64))),
        "proof: merkle_root: found",
    ),
    "a proof too short": (
        sealed(edit_record("proofs.jsonl", 0, lambda proof: proof["path"].pop())),
        "proof: path: found None, should be 'digest'",
    ),
    "a proof too long": (
        sealed(edit_record("proofs.jsonl", 0, lambda proof: proof["path"].append("0" * 64))),
        "proof: path above the root: found",
    ),
    "a proof of another place": (
        sealed(edit_record("proofs.jsonl", 0, lambda proof: proof.update(index=9))),
        "proof: index: found 9, should be 'less than 5'",
    ),
    "a proof of no place": (
        sealed(edit_record("proofs.jsonl", 0, lambda proof: proof.update(index=-1))),
        "proofs.jsonl line 1: index: found -1, should be 'natural'",
    ),
    "a proof of another entry": (
        sealed(edit_record("proofs.jsonl", 0, lambda proof: proof.update(entry_no=3))),
        "proof: entry_no: found 3, should be 7",
    ),
    "a missing proof": (
        sealed(edit_lines("proofs.jsonl", lambda said: said.pop(0))),
        "proof: found 'missing'",
    ),
    "a proof of somebody else": (
        sealed(edit_record("proofs.jsonl", 1, lambda p: p.update(citizen_id="somebody"))),
        "rules: proof: found 'missing'",
    ),
    "a proof too many": (
        sealed(
            edit_lines(
                "proofs.jsonl",
                lambda said: said.append(said[0].replace(identity("citizen 2"), "x")),
            )
        ),
        "proofs.jsonl: citizen_id: found 'x'",
    ),
    "one proof twice": (
        sealed(edit_lines("proofs.jsonl", lambda said: said.append(said[0]))),
        "proofs.jsonl line 3: citizen_id came before: found True",
    ),
    "a tail cut before the checkpoint": (
        sealed(
            edit_lines("entries.jsonl", lambda said: said.pop()),
            edit_lines("entries.csv", lambda said: said.pop()),
        ),
        "proof: entry_no: found 7, should be 6",
    ),
}
"""Of a pack of one card, whose head is proved by a path."""


@pytest.mark.parametrize("kind", PLAIN)
def test_damage_is_found_and_named(verify_py: Path, pack: Path, kind: str) -> None:
    damage, expected = PLAIN[kind]
    damage(pack)

    assert_found(verify_py, pack, expected)


@pytest.mark.parametrize("kind", SEALED)
def test_damage_under_a_new_manifest_is_found_and_named(
    verify_py: Path, pack: Path, kind: str
) -> None:
    damage, expected = SEALED[kind]
    damage(pack)

    assert_found(verify_py, pack, expected)


@pytest.mark.parametrize("kind", PART)
def test_damage_to_a_part_is_found_and_named(verify_py: Path, part: Path, kind: str) -> None:
    damage, expected = PART[kind]
    damage(part)

    assert_found(verify_py, part, expected)
