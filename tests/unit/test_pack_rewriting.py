"""A history rewritten: every hash made anew, the pack signed anew; it is found and named."""

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cli.pack_rows import JournalRow
from cli.pack_verifier import verifier
from frikort_contracts.merkle import key_id
from services.allowance.signing import Signer
from tests.unit.ledger_cases import CAP_ORE, identity
from tests.unit.pack_cases import (
    FIRST,
    OTHER_KEY,
    PACK_KEY,
    SECOND,
    Ledger,
    changed,
    checkpoint,
    keys,
    reseal,
    run,
    stories,
    write,
)
from tests.unit.pack_damage import CITIZENS, assert_found, edit_lines, sealed

PACK_KEY_ID = key_id(PACK_KEY.public_key().public_bytes_raw())
TRUSTED = ("--key", PACK_KEY_ID, "--key", FIRST.key_id)


@pytest.fixture(scope="module")
def verify_py(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file as an auditor brings it along: a forger's pack may bring another."""
    file = tmp_path_factory.mktemp("trusted") / "verify.py"
    file.write_text(verifier())
    return file


def decision(**figures: Any) -> Callable[[Any], object]:
    return lambda entry: entry["decision"].update(figures)


def postings(covered_ore: int, excess_ore: int) -> list[dict[str, Any]]:
    amounts = [("available", -covered_ore), ("covered", covered_ore)]
    amounts += [("employer", -excess_ore), ("excess", excess_ore)]
    return [{"account": a, "amount_ore": n, "year": 2023} for a, n in amounts if n]


def decided(covered_ore: int, excess_ore: int) -> Callable[[Any], object]:
    """Decide otherwise, with the postings of it."""

    def edit(entry: Any) -> None:
        entry["decision"].update(covered_ore=covered_ore, excess_ore=excess_ore)
        entry["postings"] = postings(covered_ore, excess_ore)

    return edit


def paid(amount_ore: int) -> Callable[[Any], object]:
    """Let a wage have been another, wholly covered."""

    def edit(entry: Any) -> None:
        entry["source"]["payload"]["amount_ore"] = amount_ore
        decided(amount_ore, 0)(entry)

    return edit


FIRST_WAGE, REVERSAL, LAST = 1, 3, 6
"""As the first citizen's entries were entered."""
REWRITTEN: dict[str, tuple[int, Callable[[Any], object], str]] = {
    "more covered than paid": (FIRST_WAGE, decision(covered_ore=70001), "covered + excess: found"),
    "a negative part": (FIRST_WAGE, decided(80000, -10000), "the smaller part: found -10000"),
    "postings that are not the decision's": (
        FIRST_WAGE,
        lambda entry: entry["postings"].pop(),
        "postings: found",
    ),
    "postings of true for one": (
        FIRST_WAGE,
        lambda entry: entry["postings"][0].update(year=True),
        "postings: found",
    ),
    "an amount that is true": (
        FIRST_WAGE,
        lambda entry: [decided(1, 0)(entry), entry["source"]["payload"].update(amount_ore=True)],
        "covered + excess: found 1, should be True",
    ),
    "another year": (FIRST_WAGE, decision(year=2022), "decision year: found '2022'"),
    "a reversal that gives back less": (
        REVERSAL,
        decided(-60000, 0),
        "decision covered_ore: found -60000, should be -70000",
    ),
    "a reversal of nothing": (
        REVERSAL,
        lambda entry: entry["source"]["payload"].update(wage_id=identity("nothing")),
        "its wage stands: found False",
    ),
    "a wage that was there before": (
        LAST,
        lambda entry: entry["source"]["payload"].update(wage_id=identity("b0")),
        "its wage came before: found True",
    ),
    "more than the cap": (
        FIRST_WAGE,
        paid(CAP_ORE + 1),
        f"covered in 2023: found {CAP_ORE + 1}, should be '<= {CAP_ORE}'",
    ),
    "no decision": (FIRST_WAGE, lambda e: e.pop("decision"), "has a decision: found False"),
    "an earlier moment": (
        LAST,
        lambda entry: entry.update(recorded_at="2020-01-01T00:00:00.000000Z"),
        "recorded_at: found '2020",
    ),
    "an event of another name": (
        FIRST_WAGE,
        lambda entry: entry["events"][0].update(id=identity("another")),
        "events 0 id: found",
    ),
    "another citizen in the bytes": (
        FIRST_WAGE,
        lambda entry: entry.update(citizen_id=identity("another")),
        "citizen_id: found",
    ),
    "another number in the bytes": (
        FIRST_WAGE,
        lambda entry: entry.update(entry_no=9),
        "entry_no: found 9, should be 2",
    ),
    "an older version of the source": (
        LAST,
        lambda entry: entry["source"].update(version=1),
        "source version: found 1",
    ),
    "other grants than the source names": (
        FIRST_WAGE,
        lambda entry: entry.update(grants_version=2),
        "grants_version: found 2, should be 1",
    ),
    "rules that are not there": (
        FIRST_WAGE,
        lambda entry: entry.update(rules_version=3),
        "rules_version: found 3, should be '2 at most'",
    ),
}
"""History rewritten: every hash after the change is made anew, and the pack is signed anew."""


def own_rows(rows: Sequence[JournalRow]) -> list[int]:
    """Give the places of the first citizen's rows."""
    return [place for place, row in enumerate(rows) if row.citizen_id == identity("citizen 0")]


@pytest.mark.parametrize("kind", REWRITTEN)
def test_a_history_rewritten_against_the_rules_is_found_and_named(
    verify_py: Path, tmp_path: Path, kind: str
) -> None:
    number, edit, expected = REWRITTEN[kind]
    rows = stories()
    ledger = changed(rows, own_rows(rows)[number], edit)
    write(tmp_path / "pack", ledger)

    where = f"citizen {identity('citizen 0')} entry {number + 1}"
    assert_found(verify_py, tmp_path / "pack", where)
    assert_found(verify_py, tmp_path / "pack", expected)


def harmless(rows: Sequence[JournalRow]) -> Ledger:
    """Rewrite an entry so that every rule still holds."""
    place = own_rows(rows)[4]
    return changed(
        rows, place, lambda entry: entry["source"]["payload"].update(effective_on="2023-05-01")
    )


def test_a_history_rewritten_as_a_whole_is_found_by_its_checkpoints(
    verify_py: Path, tmp_path: Path
) -> None:
    honest = Ledger.told(10, 20, 26)
    forged = replace(harmless(honest.rows), checkpoints=honest.checkpoints)
    write(tmp_path / "pack", forged)

    assert_found(verify_py, tmp_path / "pack", "checkpoint 1: merkle_root: found", *TRUSTED)


def test_a_history_rewritten_by_who_holds_every_key_is_found_by_yesterdays_head(
    verify_py: Path, tmp_path: Path
) -> None:
    honest = Ledger.told(10, 20, 26)
    forged = harmless(honest.rows)
    anew = [
        checkpoint(forged.rows[:count], forged.rules, number, signer)
        for number, (count, signer) in enumerate([(10, FIRST), (20, SECOND), (26, SECOND)], 1)
    ]
    write(tmp_path / "pack", replace(forged, checkpoints=anew))
    head = tmp_path / "heads.jsonl"
    head.write_bytes(b"".join(line + b"\n" for line in honest.checkpoints[:2]))

    blind = run([verify_py, tmp_path / "pack", *TRUSTED])

    assert blind.status == 0
    assert "give a head kept elsewhere" in blind.said
    expected = "checkpoint 1: merkle_root beside the head: found"
    assert_found(verify_py, tmp_path / "pack", expected, *TRUSTED, "--head", head)


def test_a_pack_signed_by_another_is_not_the_trusted_ones(verify_py: Path, tmp_path: Path) -> None:
    pack = tmp_path / "pack"
    write(pack, Ledger.told(10, 20, 26))
    reseal(pack, OTHER_KEY)

    assert run([verify_py, pack]).status == 0
    expected = "should be 'a key that you trust (--key)'"
    assert_found(verify_py, pack, f"manifest.json: key_id: found '{other_id()}'", *TRUSTED)
    assert_found(verify_py, pack, expected, "--key", FIRST.key_id)


def test_checkpoints_by_anothers_key_are_not_the_trusted_ones(
    verify_py: Path, tmp_path: Path
) -> None:
    stranger = Signer(b"\x33" * 32)
    write(tmp_path / "pack", Ledger.told(10, 20, signers=(FIRST, stranger)))
    added = {**keys()[0], "key_id": stranger.key_id, "public_key": public(stranger)}
    sealed(edit_lines("keys.jsonl", lambda said: said.append(json.dumps(added, sort_keys=True))))(
        tmp_path / "pack"
    )

    expected = f"checkpoint 2: key_id: found '{stranger.key_id}'"
    assert_found(verify_py, tmp_path / "pack", expected, *TRUSTED)


def test_a_tail_cut_off_in_every_file_is_found_by_the_head(verify_py: Path, tmp_path: Path) -> None:
    honest = Ledger.told(10, 20, 26)
    cut = replace(honest, rows=honest.rows[:21], checkpoints=honest.checkpoints[:2])
    write(tmp_path / "pack", cut)
    head = tmp_path / "heads.jsonl"
    head.write_bytes(honest.checkpoints[2] + b"\n")

    assert run([verify_py, tmp_path / "pack", *TRUSTED]).status == 0
    expected = "checkpoint 3: line: found 'missing'"
    assert_found(verify_py, tmp_path / "pack", expected, *TRUSTED, "--head", head)


def test_a_tail_cut_off_before_a_checkpoint_is_found(verify_py: Path, tmp_path: Path) -> None:
    honest = Ledger.told(10, 20, 26)
    write(tmp_path / "pack", replace(honest, rows=honest.rows[:25]))

    assert_found(verify_py, tmp_path / "pack", "checkpoint 3: entries of partition")


def test_a_citizen_left_out_is_found(verify_py: Path, tmp_path: Path) -> None:
    honest = Ledger.told(10, 20, 26)
    write(tmp_path / "gap", honest, whose=CITIZENS[1:])
    rows = [row for row in honest.rows if row.citizen_id != CITIZENS[0]]
    renumbered = renumber(rows)
    write(tmp_path / "closed", replace(honest, rows=renumbered))

    assert_found(verify_py, tmp_path / "gap", "manifest.json: entries: found 21, should be 28")
    assert_found(verify_py, tmp_path / "closed", "checkpoint")


def renumber(rows: Sequence[JournalRow]) -> list[JournalRow]:
    """Number the rows of each partition without gaps."""
    count: dict[int, int] = {}
    found = []
    for row in rows:
        count[row.partition] = count.get(row.partition, 0) + 1
        found.append(row._replace(journal_seq=count[row.partition]))
    return found


def public(signer: Signer) -> str:
    return base64.b64encode(signer.public_key).decode()


def other_id() -> str:
    return key_id(OTHER_KEY.public_key().public_bytes_raw())
