"""An audit pack, proved by its own verify.py where nothing of ours is installed."""

import ast
import csv
import datetime as dt
import json
import re
import stat
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from cryptography.hazmat.primitives import serialization

from cli.errors import Rejection
from cli.pack_make import Filter
from cli.pack_rows import COLUMNS, proofs
from cli.pack_signing import read_signing_key
from cli.pack_verifier import verifier
from cli.pack_write import new_folder
from frikort_contracts.merkle import inclusion_path, key_id
from tests.unit.ledger_cases import CAP_ORE, identity
from tests.unit.pack_cases import FIRST, PACK_KEY, SECOND, Answer, Ledger, keys, run, write

PACK_KEY_ID = key_id(PACK_KEY.public_key().public_bytes_raw())
ENTRIES = 28


@pytest.fixture(scope="module")
def ledger() -> Ledger:
    return Ledger.told(10, 20, 26)


@pytest.fixture(scope="module")
def pack(ledger: Ledger, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pack") / "whole"
    write(folder, ledger)
    return folder


def verify(folder: Path, *arguments: str | Path) -> Answer:
    return run([folder / "verify.py", *arguments])


def lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_whole_pack_is_proved_by_its_own_file_alone(pack: Path) -> None:
    answer = verify(pack)

    assert (answer.status, answer.complained) == (0, "")
    assert f"entries {ENTRIES}, citizens 4, rules 2" in answer.said
    assert f"signed by key {PACK_KEY_ID}" in answer.said
    assert "Checkpoints to number 3" in answer.said
    assert "2022: citizens 4, wages and reversals 4, covered 400.06 kr" in answer.said
    assert "2023: citizens 4, wages and reversals 16, covered 77200.00 kr" in answer.said
    unproved = answer.said.partition("NOT proved:")[2]
    assert "WHOSE THE KEYS ARE" in unproved
    assert "give a head kept elsewhere" in unproved
    assert "2 entries younger than checkpoint 3" in unproved


def test_with_a_head_and_the_keys_only_what_is_younger_is_open(
    pack: Path, ledger: Ledger, tmp_path: Path
) -> None:
    head = tmp_path / "heads.jsonl"
    head.write_bytes(ledger.checkpoints[1] + b"\n")

    answer = verify(pack, "--head", head, "--key", PACK_KEY_ID, "--key", FIRST.key_id)

    assert answer.status == 0
    assert "The heads in heads.jsonl are these checkpoints." in answer.said
    assert answer.said.partition("NOT proved:")[2].split("\n")[1:-1] == [
        "  That 8 entries younger than checkpoint 2 were always so.",
        "  That each wage was decided by the rules of its day (frikort ledger replay).",
        "  What entries.parquet and report.html say: they are not read here.",
    ]


def test_a_ledgers_list_of_keys_is_trusted_by_its_first(pack: Path, tmp_path: Path) -> None:
    ledger_keys = tmp_path / "keys.jsonl"
    ledger_keys.write_text("".join(json.dumps(key) + "\n" for key in keys()))

    assert verify(pack, "--key", PACK_KEY_ID, "--key", ledger_keys).status == 0
    ledger_keys.write_text("".join(json.dumps(key) + "\n" for key in keys()[::-1]))
    assert verify(pack, "--key", PACK_KEY_ID, "--key", ledger_keys).status == 1
    ledger_keys.write_text("{}\n")
    assert verify(pack, "--key", ledger_keys).status == 2


@pytest.mark.parametrize("form", ["pem", "base64"])
def test_a_trusted_key_may_come_from_a_file(pack: Path, tmp_path: Path, form: str) -> None:
    file = tmp_path / "key"
    public = PACK_KEY.public_key()
    if form == "pem":
        encoding = serialization.Encoding.PEM
        kind = serialization.PublicFormat.SubjectPublicKeyInfo
        file.write_bytes(public.public_bytes(encoding, kind))
    else:
        file.write_text(json.loads((pack / "manifest.json").read_text())["public_key"] + "\n")

    assert verify(pack, "--key", file, "--key", FIRST.key_id).status == 0
    alone = verify(pack, "--key", file)
    assert alone.said.startswith(f"WRONG: checkpoint 1: key_id: found '{FIRST.key_id}'")


def test_a_key_that_nobody_endorsed_is_trusted_by_itself_alone(pack: Path) -> None:
    answer = verify(pack, "--key", PACK_KEY_ID, "--key", SECOND.key_id)

    assert answer.said.startswith(f"WRONG: checkpoint 1: key_id: found '{FIRST.key_id}'")


def test_wrong_usage_is_told_apart(pack: Path, tmp_path: Path) -> None:
    assert verify(pack, "--key", tmp_path / "none").status == 2
    gone = verify(pack, "--head", tmp_path / "none")
    assert (gone.status, gone.said.startswith("CANNOT READ: ")) == (1, True)


def test_every_balance_is_written_as_it_folds(pack: Path, tmp_path: Path) -> None:
    file = tmp_path / "balances.csv"

    assert verify(pack, "--balances", file).status == 0

    with file.open() as table:
        found = list(csv.DictReader(table))
    assert [row for row in found if row["citizen_id"] == identity("citizen 1")] == [
        {
            "citizen_id": identity("citizen 1"),
            "year": year,
            "covered_ore": str(covered_ore),
            "excess_ore": str(excess_ore),
            "entries": entries,
        }
        for year, covered_ore, excess_ore, entries in (
            ("2022", 100_01, 0, "1"),
            ("2023", CAP_ORE - 700_00, 600_00, "4"),
        )
    ]


def test_entries_are_the_same_in_three_forms(pack: Path) -> None:
    rows = lines(pack / "entries.jsonl")
    with (pack / "entries.csv").open() as table:
        cells = list(csv.reader(table))
    frame = pl.read_parquet(pack / "entries.parquet")

    assert [(row["citizen_id"], row["entry_no"]) for row in rows] == sorted(
        (row["citizen_id"], row["entry_no"]) for row in rows
    )
    assert tuple(cells[0]) == COLUMNS
    assert frame.columns == [*COLUMNS, "bytes"]
    assert frame["bytes"].to_list() == [row["bytes"] for row in rows]
    as_text = [["" if cell is None else str(cell) for cell in row[:-1]] for row in frame.rows()]
    assert as_text == cells[1:]
    assert frame.filter(pl.col("year") == 2023)["covered_ore"].sum() == 4 * (CAP_ORE - 700_00)


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        (Filter(kind="card", value="00122"), [2]),
        (Filter(kind="municipality", value="101"), [1, 3]),
    ],
)
def test_a_part_of_the_ledger_is_proved_to_be_in_the_newest_checkpoint(
    ledger: Ledger, tmp_path: Path, wanted: Filter, numbers: list[int]
) -> None:
    folder, whose = tmp_path / "part", [identity(f"citizen {number}") for number in numbers]
    write(folder, ledger, wanted, whose=whose)
    head = tmp_path / "heads.jsonl"
    head.write_bytes(ledger.checkpoints[2] + b"\n")

    answer = verify(folder, "--head", head)

    assert (answer.status, answer.complained) == (0, "")
    assert f"entries {7 * len(numbers)}, citizens {len(numbers)}, rules 2" in answer.said
    assert "all heads are in the newest" in answer.said
    assert "That nobody is left out whom the filter should have found." in answer.said
    assert [proof["citizen_id"] for proof in lines(folder / "proofs.jsonl")] == [
        *sorted(whose),
        "rules",
    ]


def test_an_older_head_does_not_reach_a_part(ledger: Ledger, tmp_path: Path) -> None:
    folder = tmp_path / "part"
    write(folder, ledger, Filter(kind="card", value="00122"), whose=[identity("citizen 2")])
    head = tmp_path / "heads.jsonl"
    head.write_bytes(ledger.checkpoints[0] + b"\n")

    assert (
        "That checkpoint 3 goes on from the head: it is younger."
        in verify(folder, "--head", head).said
    )


def test_a_ledger_without_checkpoints_or_entries_has_a_pack_too(tmp_path: Path) -> None:
    write(tmp_path / "bare", Ledger.told())
    write(tmp_path / "empty", Ledger(rows=[], rules=[]))

    bare, empty = verify(tmp_path / "bare"), verify(tmp_path / "empty")

    assert (bare.status, empty.status) == (0, 0)
    assert "the pack has no checkpoint" in bare.said
    assert "entries 0, citizens 0, rules 0" in empty.said
    assert len(pl.read_parquet(tmp_path / "empty" / "entries.parquet")) == 0


def test_an_unsigned_pack_says_so_loudly_and_is_no_trusted_one(tmp_path: Path) -> None:
    folder = tmp_path / "unsigned"
    write(folder, Ledger.told(10), key=None)

    plain, trusting = verify(folder), verify(folder, "--key", PACK_KEY_ID)

    assert plain.status == 0
    assert "WHO MADE THE PACK: it is not signed." in plain.said
    assert trusting.said.startswith("WRONG: manifest.json: key_id: found ''")


def test_the_report_says_what_the_manifest_says(pack: Path) -> None:
    page = (pack / "report.html").read_text()
    manifest = json.loads((pack / "manifest.json").read_text())

    assert manifest["merkle_root"] in page
    assert "<td>77.200,00 kr</td>" in page
    assert "Revisionspakke" in page
    assert re.findall(r"(?:src|href)=", page) == []


def test_the_verifier_is_one_file_of_the_standard_library_for_python_3_9(pack: Path) -> None:
    source = (pack / "verify.py").read_text()
    tree = ast.parse(source, feature_version=(3, 9))

    modules = {n.names[0].name for n in ast.walk(tree) if isinstance(n, ast.Import)}
    modules |= {n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
    assert source == verifier()
    assert modules <= {
        *("__future__", "argparse", "base64", "bisect", "collections", "collections.abc"),
        *("hashlib", "json", "pathlib", "re", "stat", "sys", "typing", "uuid"),
    }
    names = [n.name for n in tree.body if isinstance(n, ast.FunctionDef | ast.ClassDef)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("count", [1, 2, 3, 5, 8, 13])
def test_a_path_is_the_one_of_the_contract(count: int) -> None:
    names = [f"{number:02}" for number in range(count)]
    leaves = [bytes([number]) * 32 for number in range(count)]

    found = proofs(names, leaves, dict.fromkeys(names, 1))

    assert [proof["path"] for proof in found] == [
        [digest.hex() for digest in inclusion_path(leaves, index)] for index in range(count)
    ]


def test_a_folder_is_made_whole_or_not_at_all(tmp_path: Path) -> None:
    def fill(folder: Path, *, fails: bool) -> None:
        with new_folder(folder) as under_way:
            (under_way / "one").write_text("")
            assert not (folder / "one").exists()
            if fails:
                raise ZeroDivisionError

    folder, partial = tmp_path / "pack", tmp_path / "other.partial"
    with pytest.raises(ZeroDivisionError):
        fill(folder, fails=True)
    assert list(tmp_path.iterdir()) == []
    folder.mkdir(mode=0o755)
    fill(folder, fails=False)
    assert [path.name for path in folder.iterdir()] == ["one"]
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    with pytest.raises(Rejection) as full:
        fill(folder, fails=False)
    partial.mkdir()
    with pytest.raises(Rejection) as left:
        fill(tmp_path / "other", fails=False)
    assert (full.value.code, left.value.code) == ("folder-not-empty", "export-under-way")
    assert partial.exists()


def test_the_signing_key_is_read_in_every_form(tmp_path: Path) -> None:
    pem = tmp_path / "key.pem"
    pem.write_bytes(
        PACK_KEY.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    noted = tmp_path / "secrets" / "auditor-signing-key"
    noted.parent.mkdir()
    noted.write_text("BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc\n")
    home = {"FRIKORT_HOME": str(tmp_path)}
    nowhere = {"FRIKORT_HOME": str(tmp_path / "nowhere")}

    found = [
        read_signing_key(nowhere, pem),
        read_signing_key({**nowhere, "FRIKORT_AUDITOR_SIGNING_KEY": pem.read_text()}, None),
        read_signing_key({**nowhere, "FRIKORT_AUDITOR_SIGNING_KEY_FILE": str(noted)}, None),
        read_signing_key(home, None),
    ]

    raw = PACK_KEY.private_bytes_raw()
    assert [key and key.private_bytes_raw() for key in found] == [raw] * 4
    assert read_signing_key(nowhere, None) is None


@pytest.mark.parametrize("text", ["", "AAAA", "-----BEGIN PRIVATE KEY-----\n", "ø"])
def test_what_is_no_signing_key_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "key"
    file.write_text(text)

    with pytest.raises(Rejection) as refused:
        read_signing_key({}, file)
    assert refused.value.code == "signing-key-unreadable"


def test_moments_are_those_of_the_export(pack: Path) -> None:
    made_at = json.loads((pack / "manifest.json").read_text())["made_at"]

    assert dt.datetime.fromisoformat(made_at) == dt.datetime(2026, 2, 1, 12, tzinfo=dt.UTC)
