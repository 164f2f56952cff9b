"""Hostile packs: what is made to be misread, to hang or to crash is refused with a sentence."""

import base64
import hashlib
import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from cli.pack.records import FaultError
from cli.pack.signatures import Keys, key_id
from cli.pack.verify import verify
from cli.pack_verifier import verifier
from services.allowance.entry import GENESIS, chain_hash
from tests.unit.pack_cases import Ledger, run, write
from tests.unit.pack_damage import Damage, assert_found, at, edit_lines, lines, put

GIGABYTE, TERABYTE = 1 << 30, 1 << 40
IDENTITY = b"\x01" + bytes(31)
"""A key of small order: to a lax reader, anything is signed by it."""


@pytest.fixture(scope="module")
def verify_py(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("trusted") / "verify.py"
    file.write_text(verifier())
    return file


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An unsigned pack: whoever makes a hostile one signs it as they like, or not at all."""
    folder = tmp_path_factory.mktemp("untouched") / "pack"
    write(folder, Ledger.told(10, 20, 26), key=None)
    return folder


@pytest.fixture
def pack(untouched: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(untouched, tmp_path / "pack"))


def content(name: str, said: bytes) -> Damage:
    return lambda folder: (folder / name).write_bytes(said)


def first_line(name: str, said: bytes) -> Damage:
    """Let a file begin with another line."""

    def damage(folder: Path) -> None:
        path = folder / name
        path.write_bytes(said + b"\n" + path.read_bytes().partition(b"\n")[2])

    return damage


def manifest(edit: Callable[[Any], object]) -> Damage:
    """Change the manifest, which nobody has signed."""

    def damage(folder: Path) -> None:
        said = json.loads((folder / "manifest.json").read_text())
        edit(said)
        (folder / "manifest.json").write_text(json.dumps(said))

    return damage


def said(**fields: Any) -> Damage:
    return manifest(lambda m: m.update(fields))


def sparse(name: str, size: int) -> Damage:
    """Make a file long without writing it."""
    return lambda folder: os.truncate(folder / name, size)


def instead(name: str, make: Callable[[Path], object]) -> Damage:
    """Put something else in the place of a file."""

    def damage(folder: Path) -> None:
        (folder / name).rename(folder.parent / name)
        make(folder / name)

    return damage


def long_parquet(folder: Path) -> None:
    sparse("entries.parquet", TERABYTE)(folder)
    manifest(lambda m: m["files"]["entries.parquet"].update(bytes=TERABYTE))(folder)


def forged(number: int, edit: Callable[[Any], object]) -> Damage:
    """Rewrite an entry of the first citizen, and its hash."""

    def change(rows: list[str]) -> None:
        row = orjson.loads(rows[number - 1])
        entry = orjson.loads(row["bytes"])
        edit(entry)
        row["bytes"] = orjson.dumps(entry, option=orjson.OPT_SORT_KEYS).decode()
        before = bytes.fromhex(orjson.loads(rows[number - 2])["hash"]) if number > 1 else GENESIS
        row["hash"] = chain_hash(before, row["bytes"].encode()).hex()
        rows[number - 1] = orjson.dumps(row, option=orjson.OPT_SORT_KEYS).decode()

    return edit_lines("entries.jsonl", change)


def row(**fields: Any) -> Damage:
    """Let the first row say something else."""

    def change(rows: list[str]) -> None:
        rows[0] = json.dumps(
            {**json.loads(rows[0]), **fields},
            sort_keys=True,
            separators=(",", ":"),
            ensure_ascii=False,
        )

    return edit_lines("entries.jsonl", change)


def signed_by_anyone(folder: Path) -> None:
    said(key_id=key_id(IDENTITY), public_key=base64.b64encode(IDENTITY).decode())(folder)
    signature = base64.b64encode(IDENTITY + bytes(32))
    (folder / "manifest.sig").write_bytes(signature + b"\n")


def emptied(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()


NOT_JSON = "one object of texts and integers"
ENTRIES, MANIFEST = "entries.jsonl line 1: JSON: found", "manifest.json: JSON: found"
HOSTILE: dict[str, tuple[Damage, str]] = {
    "lists in lists": (first_line("entries.jsonl", b"[" * 200_000), ENTRIES),
    "objects in objects": (first_line("entries.jsonl", b'{"a":' * 200_000), ENTRIES),
    "a deep manifest": (content("manifest.json", b'{"a":' * 9_000), MANIFEST),
    "a deep whole rule": (first_line("rules.jsonl", b'{"a":' * 3000 + b"1" + b"}" * 3000), "rules"),
    "an integer of a million digits": (
        first_line("entries.jsonl", b'{"a":' + b"9" * 10**6),
        ENTRIES,
    ),
    "a count of many digits": (
        lambda f: content(
            "manifest.json",
            (f / "manifest.json")
            .read_bytes()
            .replace(b'"entries": 28', b'"entries": ' + b"9" * 5000),
        )(f),
        "manifest.json: entries: found '9999",
    ),
    "a gigabyte in one line": (
        sparse("entries.jsonl", GIGABYTE),
        "entries.jsonl line 29: end: found",
    ),
    "a gigabyte of rules": (sparse("rules.jsonl", GIGABYTE), "rules.jsonl line 3: end: found"),
    "a gigabyte of table": (sparse("entries.csv", GIGABYTE), "entries.csv"),
    "a gigabyte of manifest": (sparse("manifest.json", GIGABYTE), "is 65536 bytes at most"),
    "a terabyte of columns": (long_parquet, "entries.parquet: is "),
    "a million empty lines": (content("entries.jsonl", b"\n" * 10**6), ENTRIES),
    "a name twice": (
        edit_lines(
            "entries.jsonl", lambda s: s.__setitem__(0, s[0].replace("{", '{"hash":"0",', 1))
        ),
        "canonical",
    ),
    "a name twice in the manifest": (
        lambda f: content(
            "manifest.json",
            (f / "manifest.json").read_bytes().replace(b"{", b'{"entries":1,', 1),
        )(f),
        "a name stands twice",
    ),
    "not a number": (first_line("entries.jsonl", b'{"entry_no":NaN}'), "canonical"),
    "without end": (first_line("entries.jsonl", b'{"entry_no":-Infinity}'), "canonical"),
    "a fraction": (first_line("entries.jsonl", b'{"entry_no":1.0}'), "canonical"),
    "a power of ten": (first_line("entries.jsonl", b'{"entry_no":1e0}'), "canonical"),
    "spaces": (first_line("entries.jsonl", b'{"entry_no": 1}'), "canonical"),
    "another order": (first_line("entries.jsonl", b'{"b":1,"a":1}'), "canonical"),
    "minus zero": (first_line("entries.jsonl", b'{"entry_no":-0}'), "canonical"),
    "no UTF-8": (first_line("entries.jsonl", b'{"entry_no":"\xff\xfe"}'), NOT_JSON),
    "half a character": (first_line("entries.jsonl", b'{"a":"\\ud800"}'), NOT_JSON),
    "half a character in the manifest": (said(made_by="\ud800"), MANIFEST),
    "a byte order mark": (first_line("entries.jsonl", b'\xef\xbb\xbf{"a":1}'), NOT_JSON),
    "a list": (first_line("entries.jsonl", b"[]"), "canonical"),
    "nothing": (content("manifest.json", b""), MANIFEST),
    "null": (content("manifest.json", b"null"), MANIFEST),
    "a list of a manifest": (content("manifest.json", b"[]"), MANIFEST),
    "an empty folder": (emptied, "manifest.json: file"),
    "a link": (instead("entries.jsonl", lambda p: p.symlink_to(p.parents[1] / p.name)), "its own"),
    "a link to nothing": (instead("rules.jsonl", lambda p: p.symlink_to("/nowhere")), "its own"),
    "a link to itself": (instead("rules.jsonl", lambda p: p.symlink_to(p)), "its own"),
    "a link for a manifest": (
        instead("manifest.json", lambda p: p.symlink_to(p.parents[1] / p.name)),
        "manifest.json: is a file of its own",
    ),
    "a folder": (instead("entries.csv", lambda p: p.mkdir()), "its own"),
    "a pipe": (instead("entries.jsonl", os.mkfifo), "its own"),
    "a file outside": (
        manifest(lambda m: m["files"].update({"../outside": m["files"]["verify.py"]})),
        "manifest.json: files: found",
    ),
    "a file by its whole path": (
        manifest(lambda m: m["files"].update({"/etc/passwd": m["files"]["verify.py"]})),
        "manifest.json: files: found",
    ),
    "a file that is not named": (manifest(lambda m: m["files"].pop("rules.jsonl")), "files: found"),
    "files as a list": (said(files=[]), "manifest.json: files: found [], should be 'dict'"),
    "a file as a word": (
        manifest(lambda m: m["files"].update({"rules.jsonl": "x"})),
        "manifest.json files: rules.jsonl: found 'x'",
    ),
    "counts below zero": (said(entries=-1), "manifest.json: entries: found -1"),
    "a count that is true": (said(rules=True), "manifest.json: rules: found True"),
    "positions for all memory": (
        said(positions=[2**50] * 12, entries=12 * 2**50),
        "manifest.json: entries: found",
    ),
    "eleven positions": (said(positions=[0] * 11), "manifest.json: positions: found"),
    "a signature of zeros": (
        lambda f: [
            said(key_id=key_id(b"\x05" * 32), public_key=base64.b64encode(b"\x05" * 32).decode())(
                f
            ),
            content("manifest.sig", base64.b64encode(bytes(64)))(f),
        ],
        "manifest.sig: signature: found 'AAAA",
    ),
    "a key that anybody signs with": (signed_by_anyone, "manifest.sig: signature: found"),
    "a signature that nobody claims": (content("manifest.sig", b"A" * 88), "manifest.sig: file"),
    "a colour in a name": (
        said(format="\x1b[31mred"),
        "manifest.json: format: found '\\x1b[31mred'",
    ),
    "a row of partition 12": (row(partition=12), f"{at(1)}: partition: found 12"),
    "a row of no number": (row(journal_seq=0), f"{at(1)}: journal_seq: found 0"),
    "a row of a huge number": (row(journal_seq=10**16), f"{at(1)}: journal_seq: found 1000"),
    "a number that is true": (row(entry_no=True), "entries.jsonl line 1: entry_no: found True"),
    "bytes that are none": (row(bytes=["x"]), "entries.jsonl line 1: bytes: found ['x']"),
    "a citizen of another form": (row(citizen_id="../x"), "citizen_id: found '../x'"),
    "an entry that is a list": (
        row(bytes="[]", hash=chain_hash(GENESIS, b"[]").hex()),
        f"{at(1)}: JSON",
    ),
    "a source that is a word": (
        forged(2, lambda e: e.update(source="x")),
        f"{at(2)}: source: found",
    ),
    "a payload that is a list": (
        forged(2, lambda e: e["source"].update(payload=[])),
        f"{at(2)} source: payload: found []",
    ),
    "an event that is a number": (forged(2, lambda e: e.update(events=[1])), f"{at(2)} events: 0"),
    "a number that readers read otherwise": (
        forged(2, lambda e: e["source"]["payload"].update(holiday_pay_ore=10**18)),
        f"{at(2)}: JSON: found",
    ),
    "a decision that is a list": (forged(2, lambda e: e.update(decision=[])), "decision: found []"),
    "postings of words": (forged(2, lambda e: e.update(postings=["x"])), "postings: found"),
    "a wage that is an object": (
        forged(2, lambda e: e["source"]["payload"].update(wage_id={})),
        f"{at(2)} payload: wage_id: found {{}}",
    ),
    "a day that is a list": (
        forged(2, lambda e: e["source"]["payload"].update(paid_on=[])),
        "decision year: found '2023', should be '[]'",
    ),
    "grants that are an object": (
        forged(2, lambda e: e["source"]["payload"].update(grants_version={})),
        "grants_version: found 1, should be {}",
    ),
    "a cap of nothing": (
        forged(1, lambda e: e["source"].update(type="annual-cap-set")),
        f"{at(1)}: source id: found",
    ),
}
"""What is done, and what is said of it; every one in bounded time and memory."""


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_pack_is_refused_with_a_sentence(verify_py: Path, pack: Path, kind: str) -> None:
    damage, expected = HOSTILE[kind]
    damage(pack)

    assert_found(verify_py, pack, expected)


@pytest.mark.parametrize(
    ("heads", "expected"),
    [
        (b"", "heads.jsonl: heads: found 'none'"),
        (b"not JSON\n", "heads.jsonl line 1: JSON"),
        (b"[" * 200_000, "heads.jsonl line 1: JSON"),
        (b"{}\n", "heads.jsonl line 1: checkpoint_no: found None"),
        (b"\0" * 10_000_000, "heads.jsonl line 1: JSON"),
    ],
)
def test_hostile_heads_are_refused_with_a_sentence(
    verify_py: Path, pack: Path, tmp_path: Path, heads: bytes, expected: str
) -> None:
    file = tmp_path / "heads.jsonl"
    file.write_bytes(heads)

    assert_found(verify_py, pack, expected, "--head", file)


def test_two_heads_of_one_number_are_two_stories(
    verify_py: Path, pack: Path, tmp_path: Path
) -> None:
    file, head = tmp_path / "heads.jsonl", lines(pack / "checkpoints.jsonl")[0]
    put(file, [head, head.replace('"citizens":', '"citizens":1')])

    assert_found(verify_py, pack, "heads.jsonl line 2: one head of each number", "--head", file)


def test_a_head_younger_than_the_pack_says_nothing_of_it(
    verify_py: Path, pack: Path, tmp_path: Path
) -> None:
    file, head = tmp_path / "heads.jsonl", lines(pack / "checkpoints.jsonl")[0]
    put(file, [head.replace('"taken_at":"2026', '"taken_at":"2027')])

    assert_found(verify_py, pack, "heads.jsonl: heads: found 'none'", "--head", file)


def test_no_folder_is_no_pack(verify_py: Path, tmp_path: Path) -> None:
    for folder in (tmp_path / "nowhere", verify_py):
        answer = run([verify_py, folder])
        assert (answer.status, answer.complained) == (1, "")


@pytest.mark.parametrize("seed", range(8))
def test_no_changed_byte_is_ever_passed_over(untouched: Path, tmp_path: Path, seed: int) -> None:
    """One bit of a byte anywhere in the pack, in turn; the manifest's own is the signature's."""
    draw = random.Random(seed)  # noqa: S311 - a workload, no secret
    folder = Path(shutil.copytree(untouched, tmp_path / "pack"))
    names = sorted({path.name for path in folder.iterdir()} - {"manifest.json"})
    for _ in range(40):
        path = folder / draw.choice([name for name in names if (folder / name).stat().st_size])
        before = path.read_bytes()
        after = bytearray(before)
        after[draw.randrange(len(after))] ^= 1 << draw.randrange(8)
        path.write_bytes(after)
        with pytest.raises(FaultError):
            verify(folder, Keys(set()))
        path.write_bytes(before)
    verify(folder, Keys(set()))


def test_the_one_file_hashes_as_every_pack_says(untouched: Path) -> None:
    said_of_it = json.loads((untouched / "manifest.json").read_text())["files"]["verify.py"]

    assert said_of_it["sha256"] == hashlib.sha256(verifier().encode()).hexdigest()
