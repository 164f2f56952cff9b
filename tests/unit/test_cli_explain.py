"""`ledger explain` on rows as the ledger has them: each decision, and two answers side by side."""

import datetime as dt
import string
from dataclasses import fields
from typing import Any, get_args

import pytest
from typer.testing import CliRunner, Result

import cli.explain
from cli.explain_difference import show_difference
from cli.explain_output import show_explanation
from cli.explain_words import WORDS, DifferenceWords, Language, Words
from cli.main import app
from frikort_contracts.explanations import (
    Answer,
    AttentionRaisedFor,
    CapEffect,
    CapInForce,
    CapUsed,
    Change,
    Difference,
    Explanation,
    Standing,
)
from services.allowance.domain import CardChangeKind
from services.allowance.explain import HolderRows, Row, to_caps
from tests.unit.explain_cases import basis, changes_of, held_rows, journal_rows, rule_rows
from tests.unit.ledger_cases import CAP_ORE, NOW, Story, caps, post


def read_card(card_no: str, year: int | None) -> HolderRows:
    """Give the rows of a card with a wage covered, one crossed, and one that waits."""
    story, rules = Story(card_no=card_no), caps(2023)
    under_way = post(
        [
            story.issued(),
            story.wage("a", "2023-02-01", CAP_ORE - 500_00),
            story.wage("b", "2023-03-01", 800_00),
            story.wage("c", "2024-03-01", 900_00),
        ],
        rules,
    )
    (page,) = under_way.pages.values()
    rows = journal_rows(under_way.entries)
    journal = rows if year is None else [row for row in rows if _year(row) in {None, year}]
    return HolderRows(
        journal=journal,
        changes=changes_of(page),
        caps=to_caps(rule_rows(rules)),
        held=held_rows(page),
    )


def _year(row: Row) -> int | None:
    return row["paid_on"].year if row["paid_on"] else None


@pytest.fixture
def ledger(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli.explain, "read_card", read_card)


def explain(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["ledger", "explain", "00042", *arguments])


@pytest.mark.usefixtures("ledger")
def test_explain_tells_each_decision_and_what_waits() -> None:
    told = explain().stdout

    assert told.startswith("Card 00042, every year: wages and reversals 2, waiting 1\n")
    assert "Entry 3: wage of 800,00 kr, paid 2023-03-01\n" in told
    assert "the 500,00 kr that was left is covered" in told
    assert (
        "  Covered 500,00 kr, excess 300,00 kr. Left of 20.000,00 kr: 500,00 kr before, "
        "0,00 kr after.\n" in told
    )
    assert f"  R1, R15: {basis(1)}; LOV 689" in told
    assert "Waiting: wage of 900,00 kr, paid 2024-03-01 (cap-unknown)\n" in told


@pytest.mark.usefixtures("ledger")
def test_explain_speaks_danish_when_asked() -> None:
    told = explain("--lang", "da").stdout

    assert told.startswith("Kort 00042, alle år: lønninger og tilbageførsler 2, venter 1\n")
    assert "Post 3: løn på 800,00 kr, udbetalt 2023-03-01\n" in told
    assert "de 500,00 kr, der var tilbage, er dækket" in told
    assert "  Kortet: bevilget fra 2023-01-01 (post 1)\n" in told
    assert "først registreret, først dækket (vores standard)" in told
    assert "no source" not in told
    assert "Den venter på, at årets loft bliver fastsat." in told


@pytest.mark.usefixtures("ledger")
def test_explain_as_json_is_the_contract() -> None:
    found = Explanation.model_validate_json(explain("--year", "2023", "--json").stdout)

    assert [entry.entry_no for entry in found.entries] == [2, 3]
    assert (found.year, found.waiting) == (2023, ())


@pytest.mark.usefixtures("ledger")
def test_explain_compares_two_answers() -> None:
    asked = ["--year", "2023", "--from-known-at", "2026-01-04", "--to-as-of", "2023-02-28"]

    result, as_json = explain(*asked), explain(*asked, "--json")

    found = Difference.model_validate_json(as_json.stdout)
    assert found.change.covered_ore == CAP_ORE - 500_00
    assert "known 2026-01-04T22:59:59.999999Z" in result.stdout
    assert "as of 2023-02-28" in result.stdout
    assert "+19.500,00 kr" in result.stdout
    assert "Entry 2: wage of 19.500,00 kr, paid 2023-02-01" in result.stdout
    assert "Entry 3" not in result.stdout


@pytest.mark.usefixtures("ledger")
def test_explain_compares_two_answers_in_danish() -> None:
    asked = ["--year", "2023", "--from-known-at", "2026-01-04", "--to-as-of", "2023-02-28"]

    told = explain(*asked, "--lang", "da").stdout

    head, *_, heading, effect = told.splitlines()
    assert head == "Kort 00042, 2023: to svar"
    assert all(
        word in told
        for word in ("kendt 2026-01-04T22:59:59", "pr. 2023-02-28", "forskel", "loft", "tilbage")
    )
    assert heading == (
        "Post 2: løn på 19.500,00 kr, udbetalt 2023-02-01, kendt 2026-01-05T10:00:00.000000Z"
    )
    assert effect == (
        "  Kun i svar 2: kendt senere, end det andet svar ved. Dækket "
        "+19.500,00 kr, almindelig løn 0,00 kr."
    )


CAP_OF_ONE = CapUsed(
    rule_version=2,
    amount_ore=40_000_00,
    in_force_from=dt.date(2023, 7, 1),
    known_at=dt.datetime(2023, 6, 1, tzinfo=dt.UTC),
    legal_basis="L 119",
)


@pytest.mark.parametrize(
    ("language", "lines"),
    [
        (
            Language.ENGLISH,
            [
                "Another cap is in force: unknown",
                "  In the first answer: no cap is known",
                (
                    "  In the second answer: 40.000,00 kr from 2023-07-01, known "
                    "2023-06-01T00:00:00.000000Z, L 119 (rule 2)"
                ),
                (
                    "  One of them is not in both: it became known later than the other answer "
                    "knows and its date is after the other answer's."
                ),
            ],
        ),
        (
            Language.DANISH,
            [
                "Et andet loft gælder: ukendt",
                "  I svar 1: intet loft er kendt",
                (
                    "  I svar 2: 40.000,00 kr fra 2023-07-01, kendt 2023-06-01T00:00:00.000000Z, "
                    "L 119 (regel 2)"
                ),
                (
                    "  Det ene er ikke i begge: kendt senere, end det andet svar ved og dateret "
                    "efter det andet svars dag."
                ),
            ],
        ),
    ],
)
def test_a_cap_that_one_answer_does_not_know_is_told_in_both_languages(
    language: Language, lines: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    answer = Answer(
        as_of=None,
        known_at=None,
        limit_ore=None,
        covered_ore=0,
        excess_ore=0,
        over_limit_ore=None,
        remaining_ore=None,
        entries=0,
        cap=None,
    )
    found = Difference(
        card_no="00042",
        year=2023,
        first=answer,
        second=answer,
        change=Change(
            limit_ore=None,
            covered_ore=0,
            excess_ore=0,
            over_limit_ore=None,
            remaining_ore=None,
            entries=0,
        ),
        entries=(),
        cap=CapEffect(
            first=None, second=CAP_OF_ONE, why=("known-later", "dated-later"), limit_ore=None
        ),
    )

    show_difference(found, language)

    assert capsys.readouterr().out.splitlines()[-4:] == lines


@pytest.mark.usefixtures("ledger")
def test_explain_says_when_nothing_makes_two_answers_differ() -> None:
    asked = ["--year", "2023", "--from-known-at", "2026-01-05T12:00:00+01:00"]

    assert "Nothing makes them differ." in explain(*asked).stdout
    assert "Intet gør dem forskellige." in explain(*asked, "--lang", "da").stdout


def test_explain_shows_a_cap_that_came_into_force_where_it_came(
    capsys: pytest.CaptureFixture[str],
) -> None:
    whole = read_card("00042", 2023).explain("00042", 2023)
    came = CapInForce(
        entry_no=2,
        hash="ab",
        recorded_at=NOW,
        year=2023,
        cap=whole.entries[0].cap,
        attention=(AttentionRaisedFor(entry_no=2, code="cap-changed-excess"),),
    )
    found = whole.model_copy(update={"caps": (came,), "entries": whole.entries[1:]})

    show_explanation(found, Language.ENGLISH)

    lines = [
        line for line in capsys.readouterr().out.splitlines() if line[:5] in {"Entry", "  A p"}
    ]
    assert lines == [
        (
            f"Entry 2: the cap of 2023 is 20.000,00 kr from 2023-01-01 ({basis(1)}); nothing is "
            "decided again"
        ),
        "  A person must look: cap-changed-excess (entry 2)",
        "Entry 3: wage of 800,00 kr, paid 2023-03-01",
    ]


def _names(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def _sentences(words: Words | DifferenceWords, kind: type) -> dict[str, set[str]]:
    """Give what each sentence has filled in."""
    return {f.name: _names(getattr(words, f.name)) for f in fields(kind) if f.type is str}


def test_both_languages_say_the_same_and_leave_no_code_in_danish() -> None:
    danish, english = WORDS[Language.DANISH], WORDS[Language.ENGLISH]

    assert _sentences(danish, Words) == _sentences(english, Words)
    assert _sentences(danish.difference, DifferenceWords) == _sentences(
        english.difference, DifferenceWords
    )
    assert set(danish.difference.answers) == set(english.difference.answers) == {"first", "second"}
    assert set(danish.kinds) == {"wage", "reversal", *get_args(CardChangeKind)}
    assert set(danish.standings) == set(english.standings) == set(get_args(Standing))


def test_explain_without_a_database_is_status_3(tmp_path: Any) -> None:
    result = CliRunner().invoke(
        app,
        ["ledger", "explain", "00042"],
        env={"FRIKORT_HOME": str(tmp_path), "FRIKORT_ALLOWANCE_AUDITOR_DATABASE_URL": ""},
    )

    assert result.exit_code == 3
    assert "frikort up" in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["preview", "42", "100", "--paid-on", "2023-01-01"],
        ["preview", "00042", "1,250", "--paid-on", "2023-01-01"],
        ["preview", "00042", "100"],
        ["ledger", "explain"],
        ["ledger", "explain", "00042", "--lang", "de"],
        ["ledger", "explain", "00042", "--from-known-at", "2023-02-03T10:00"],
        ["ledger", "explain", "00042", "--year", "2018"],
    ],
)
def test_wrong_usage_is_status_2(arguments: list[str]) -> None:
    assert CliRunner().invoke(app, arguments).exit_code == 2
