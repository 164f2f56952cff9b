"""`frikort ledger rebuild` without a ledger, and how a difference is told."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from cli import ledger_rebuild
from cli.main import app
from frikort_contracts.rebuilds import RebuildDifference
from services.allowance.rebuild.switch import Difference, to_lines

OWNER = "FRIKORT_ALLOWANCE_OWNER_DATABASE_URL"
NOWHERE = "postgresql://owner:secret@127.0.0.1:1/frikort_allowance"
CITIZEN = "49cd3413-c8dc-5ef3-86c1-95f9263483a0"
BALANCE = {"citizen_id": CITIZEN, "year": 2023, "covered_ore": 5, "covered_to": "2023-02-01"}


def rebuild(home: Path, *options: str, url: str = "") -> Result:
    environment = {"FRIKORT_HOME": str(home), OWNER: url}
    return CliRunner().invoke(app, ["ledger", "rebuild", *options], env=environment)


def test_an_owner_that_is_not_known_is_asked_for(tmp_path: Path) -> None:
    answer = rebuild(tmp_path)

    assert answer.exit_code == 3
    assert f"`frikort up`, or set {OWNER}" in answer.stderr.replace("\n", " ")


@pytest.mark.parametrize("noted", [False, True], ids=["set", "noted by the stack"])
def test_a_database_that_does_not_answer_is_said(tmp_path: Path, *, noted: bool) -> None:
    if noted:
        note = tmp_path / "secrets" / "allowance-owner-database-url"
        note.parent.mkdir()
        note.write_text(NOWHERE + "\n", encoding="utf-8")
    answer = rebuild(tmp_path, url="" if noted else NOWHERE)

    assert answer.exit_code == 3
    assert "does not answer; nothing was changed" in answer.stderr.replace("\n", " ")
    assert "secret" not in answer.stderr


def test_a_file_that_cannot_be_written_is_refused_before_anything_starts(tmp_path: Path) -> None:
    answer = rebuild(tmp_path, "--differences", str(tmp_path / "no" / "file.csv"), url=NOWHERE)

    assert answer.exit_code == 1
    assert "cannot be written" in answer.stderr


def saying(monkeypatch: pytest.MonkeyPatch, folder: Path, *lines: str, status: int = 0) -> None:
    """Put a program in the place of the rebuild that says some lines and ends."""
    program = folder / "said.py"
    program.write_text(f"print({chr(10).join(lines)!r})\nraise SystemExit({status})\n")
    monkeypatch.setattr(ledger_rebuild, "COMMAND", (sys.executable, str(program)))


def test_what_the_program_does_not_say_well_is_not_taken_for_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    progress = '{"progress":{"phase":"fold","done":1,"total":1}}'
    answers = {}
    for name, line, status in (
        ("nonsense", "nonsense", 0),
        ("crash", progress, 2),
        ("silence", progress, 0),
    ):
        saying(monkeypatch, tmp_path, line, status=status)
        answers[name] = rebuild(tmp_path, "--json", url=NOWHERE)

    assert [answer.exit_code for answer in answers.values()] == [1, 1, 1]
    assert "does not understand" in answers["nonsense"].stderr
    assert "ended with status 2" in answers["crash"].stderr
    assert "without saying what came of it" in answers["silence"].stderr


def test_json_names_the_first_differences_and_how_many_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    difference = {"table": "cards", "key": "card_no=1", "column": "benefit", "found": "x"}
    rows = {"citizens": 1, "balances": 0, "cards": 1, "card_changes": 0, "employments": 0}
    outcome: dict[str, Any] = {
        "switched": False,
        "entries": 2000,
        "citizens": 1,
        "rows": rows,
        "differing": {"cards": 1001},
        "seconds": 1.5,
        "writers_waited_s": 0.0,
    }
    lines = [json.dumps({"difference": difference})] * 1001 + [json.dumps({"outcome": outcome})]
    saying(monkeypatch, tmp_path, *lines)
    answer = rebuild(tmp_path, "--dry-run", "--json", url=NOWHERE)
    said = json.loads(answer.stdout)

    assert answer.exit_code == 1
    assert said["differences_total"] == 1001
    assert said["differences"] == [{**difference, "expected": None}] * 1000
    assert {name: said[name] for name in outcome} == outcome


def test_every_column_that_differs_is_told_and_no_other() -> None:
    expected = BALANCE | {"covered_ore": 7, "covered_to": None}
    key = f"citizen_id={CITIZEN} year=2023"

    assert list(to_lines(Difference("balances", BALANCE, expected))) == [
        RebuildDifference(table="balances", key=key, column="covered_ore", found="5", expected="7"),
        RebuildDifference(
            table="balances", key=key, column="covered_to", found="2023-02-01", expected=None
        ),
    ]


@pytest.mark.parametrize("missing", [True, False])
def test_a_row_that_is_missing_or_too_much_is_told_whole(*, missing: bool) -> None:
    row = json.dumps(BALANCE, separators=(",", ":"))
    sides = (None, BALANCE) if missing else (BALANCE, None)
    (line,) = to_lines(Difference("balances", *sides))

    assert (line.column, line.found, line.expected) == (
        ("row", None, row) if missing else ("row", row, None)
    )
