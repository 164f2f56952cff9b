"""Deciding every entry again gives what was decided, and a wrong decision is named."""

import dataclasses
import datetime as dt
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import orjson
import polars as pl
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import invariant, run_state_machine_as_test

from cli import replay_sources
from cli.replay_decide import DECISION_FIELDS, Account, Difference, compare
from cli.replay_fold import Replayed, Row, Selection, replay_rows
from cli.replay_rules import RuleBook
from cli.replay_sources import Piece, pack_source, replay_piece, replay_piece_in_bulk
from frikort_contracts.types import format_moment
from services.allowance.domain import Cap
from services.allowance.entry import GENESIS, chain_hash
from services.chassis.inbox import Message
from tests.unit.ledger_cases import CAP_ORE, Story, caps, identity, post
from tests.unit.test_ledger_machine import LedgerMachine


def rule_book(
    of_years: Iterable[Cap], closings: Iterable[tuple[int, str, int, dt.datetime]] = ()
) -> RuleBook:
    """Give rules as their stream tells them; closings: version, municipality, year, moment."""
    rules: list[dict[str, Any]] = [
        {
            "version": cap.version,
            "type": "annual-cap-set",
            "known_at": format_moment(cap.known_at),
            "recorded_at": format_moment(cap.known_at),
            "payload": {
                "year": cap.year,
                "amount_ore": cap.amount_ore,
                "in_force_from": cap.in_force_from.isoformat(),
            },
        }
        for cap in of_years
    ]
    for version, municipality_code, year, closed_at in closings:
        at = format_moment(closed_at)
        payload = {"year": year, "municipality_code": municipality_code}
        rules.append({"version": version, "type": "year-closed", "payload": payload})
        rules[-1] |= {"known_at": at, "recorded_at": at}
    book = RuleBook()
    for rule in sorted(rules, key=lambda rule: rule["version"]):
        book.take(rule)
    return book


def replayed(contents: Iterable[bytes], book: RuleBook) -> tuple[list[Difference], Account]:
    """Decide one citizen's entries again."""
    entries = [(json.loads(content), content) for content in contents]
    account = Account(entries[0][0]["citizen_id"])
    found = [compare(entry, content, account, book)[1] for entry, content in entries]
    return [difference for each in found for difference in each], account


class ReplayMachine(LedgerMachine):
    """Whatever the ledger has entered, deciding it again gives the same bytes and chain."""

    def __init__(self) -> None:
        super().__init__()
        self.closed: list[tuple[int, str, int, dt.datetime]] = []

    def _rules_version(self) -> int:
        version = super()._rules_version()
        for closing in self.law.closings[len(self.closed) :]:
            place = (closing.municipality, closing.year, closing.recorded_at)
            self.closed.append((version, *place))
        return version

    @invariant()
    def every_entry_is_decided_the_same_again(self) -> None:
        self._rules_version()
        book = rule_book([cap for of_year in self.caps.values() for cap in of_year], self.closed)
        for citizen_id, entries in self.entries.items():
            if not entries:
                continue
            differences, account = replayed([entry.content for entry in entries], book)
            assert differences == []
            assert (account.entry_no, account.head) == (
                self.pages[citizen_id].entry_no,
                self.pages[citizen_id].head,
            )
            years = {year: tuple(b[:4]) for year, b in self.pages[citizen_id].state.years.items()}
            assert {
                number: (year.covered_ore, year.excess_ore, year.entries, year.over_cap_ore)
                for number, year in account.years.items()
            } == years


def test_replaying_any_history_gives_the_same_bytes() -> None:
    run_state_machine_as_test(
        ReplayMachine,
        settings=settings(
            max_examples=25,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


STORY = Story()
HISTORY = [
    STORY.issued(),
    STORY.wage("march", "2023-03-01", CAP_ORE - 500),
    STORY.wage("april", "2023-04-01", 900),
    STORY.reversal("march", "2023-03-01", CAP_ORE - 500),
    STORY.deactivated("2023-06-01"),
    STORY.wage("june", "2023-06-01", 300, rests_on=2),
    STORY.wage("before", "2022-12-31", 100, rests_on=2),
    STORY.wage("may", "2023-05-01", 700, rests_on=2),
]
RULES = caps(2022, 2023)
BOOK = rule_book([cap for of_year in RULES.caps.values() for cap in of_year])
ENTERED = [entry.content for entry in post(HISTORY, RULES).entries]
OTHERWISE: dict[str, tuple[int, Callable[[dict[str, Any]], None], list[tuple[str, str, str]]]] = {
    "an øre too much is covered": (
        3,
        lambda entry: entry["decision"].update(covered_ore=501, excess_ore=399),
        [("covered_ore", "501", "500"), ("excess_ore", "399", "400")],
    ),
    "covered while inactive": (
        6,
        lambda entry: entry["decision"].update(covered_ore=300, excess_ore=0, reason="within-cap"),
        [
            ("covered_ore", "300", "0"),
            ("excess_ore", "0", "300"),
            ("reason", "within-cap", "grant-inactive"),
        ],
    ),
    "another reason": (
        7,
        lambda entry: entry["decision"].update(reason="grant-inactive"),
        [("reason", "grant-inactive", "before-grant")],
    ),
    "another year": (
        8,
        lambda entry: entry["decision"].update(year=2022),
        [("year", "2022", "2023")],
    ),
    "less is given back": (
        4,
        lambda entry: entry["decision"].update(covered_ore=-1),
        [("covered_ore", "-1", str(500 - CAP_ORE))],
    ),
    "a closing that is no rule": (
        8,
        lambda entry: entry["decision"].update(covered_ore=0, excess_ore=700, reason="year-closed"),
        [
            ("covered_ore", "0", "700"),
            ("excess_ore", "700", "0"),
            ("reason", "year-closed", "within-cap"),
        ],
    ),
    "not decided": (
        8,
        lambda entry: entry.pop("decision"),
        [
            ("year", "", "2023"),
            ("covered_ore", "", "700"),
            ("excess_ore", "", "0"),
            ("reason", "", "within-cap"),
        ],
    ),
}


@pytest.mark.parametrize("wrong", OTHERWISE)
def test_a_wrong_decision_is_named_and_no_other(wrong: str) -> None:
    entry_no, change, expected = OTHERWISE[wrong]
    entry = json.loads(ENTERED[entry_no - 1])
    change(entry)
    contents = [*ENTERED]
    contents[entry_no - 1] = orjson.dumps(entry, option=orjson.OPT_SORT_KEYS)

    clean, _ = replayed(ENTERED, BOOK)
    found, _ = replayed(contents, BOOK)

    assert clean == []
    named = [difference for difference in found if difference.entry_no == entry_no]
    assert [(d.field, d.decided, d.replayed) for d in named if d.field in DECISION_FIELDS] == (
        expected
    )
    assert {d.source_id for d in named} == {entry["source"]["id"]}


@pytest.mark.parametrize("part", ["postings", "events"])
def test_what_follows_from_a_decision_is_compared_too(part: str) -> None:
    entry = json.loads(ENTERED[2])
    del entry[part][-1]
    contents = [*ENTERED]
    contents[2] = orjson.dumps(entry, option=orjson.OPT_SORT_KEYS)

    found, _ = replayed(contents, BOOK)

    assert [(d.entry_no, d.field) for d in found] == [(3, part)]


def test_a_cap_counts_from_the_rule_that_set_it() -> None:
    """A cap set later, known earlier, changes no decision made before it was set."""
    later = Cap(
        version=3,
        year=2023,
        amount_ore=2 * CAP_ORE,
        in_force_from=dt.date(2023, 1, 1),
        known_at=dt.datetime(2022, 6, 1, tzinfo=dt.UTC),
    )
    both = [cap for of_year in RULES.caps.values() for cap in of_year]

    assert replayed(ENTERED, rule_book([*both, later]))[0] == []
    seen = [later, *both]
    seen[0] = dataclasses.replace(later, version=2)
    found, _ = replayed(ENTERED, rule_book(seen))
    assert [(d.entry_no, d.field) for d in found if d.field == "covered_ore"] == [
        (3, "covered_ore")
    ]


def rows(contents: Sequence[bytes]) -> list[Row]:
    """Give entries as the journal has them, chained."""
    found, head = [], GENESIS
    for number, content in enumerate(contents, start=1):
        head = chain_hash(head, content)
        found.append(Row(STORY.citizen_id, number, head, content))
    return found


@pytest.mark.parametrize(
    ("selection", "entries", "covered_ore"),
    [
        (Selection(), 8, 500 + 700),
        (Selection(card_no="00123"), 8, 1200),
        (Selection(card_no="00124"), 0, 0),
        (Selection(municipality_code="751"), 8, 1200),
        (Selection(municipality_code="101"), 0, 0),
        (Selection(as_of="2023-03-31"), 5, 0),
        (Selection(as_of="2023-04-30"), 6, 500),
        (Selection(known_at="2026-01-04T10:00:00.000000Z"), 0, 0),
        (Selection(known_at="2026-01-05T10:00:00.000000Z"), 8, 1200),
    ],
)
def test_what_was_asked_for_is_counted(
    selection: Selection, entries: int, covered_ore: int
) -> None:
    found = replay_rows(rows(ENTERED), BOOK, selection)

    assert (found.entries, found.covered_ore.total(), found.differences) == (
        entries,
        covered_ore,
        [],
    )
    assert found.read == len(ENTERED)


def test_a_byte_or_a_hash_that_is_another_is_a_difference() -> None:
    spaced = rows([*ENTERED[:3], ENTERED[3].replace(b",", b", ", 1), *ENTERED[4:]])
    kept = rows(ENTERED)
    cut = [*kept[:-1], kept[-1]._replace(hash=bytes(32))]
    broken = [*kept[:2], kept[2]._replace(content=b"[]"), *kept[3:]]

    found = [replay_rows(each, BOOK, Selection()).differences for each in (spaced, cut, broken)]

    assert [(d.entry_no, d.field) for d in found[0]] == [(4, "bytes")]
    assert [(d.entry_no, d.field) for d in found[1]] == [(8, "hash")]
    assert (found[2][0].entry_no, found[2][0].field) == (3, "bytes")


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
@pytest.mark.parametrize("replay", [replay_piece, replay_piece_in_bulk])
def test_a_pack_is_replayed_in_pieces_of_whole_citizens(
    form: str,
    replay: Callable[[Piece], Replayed],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(replay_sources, "ENTRIES_PER_PIECE", 9)
    monkeypatch.setattr(replay_sources, "BYTES_PER_PIECE", 7_000)
    lines = []
    for name in sorted(map(str, range(5)), key=identity):
        story = Story(name)
        entered = post([story.issued(), *_wages(story)], RULES).entries
        lines += [
            {
                "citizen_id": story.citizen_id,
                "entry_no": entry.entry_no,
                "partition": 0,
                "journal_seq": entry.journal_seq,
                "hash": entry.hash.hex(),
                "bytes": entry.content.decode(),
            }
            for entry in entered
        ]
    if form == "parquet":
        pl.DataFrame(lines).write_parquet(tmp_path / "entries.parquet")
    else:
        (tmp_path / "entries.jsonl").write_bytes(b"".join(orjson.dumps(x) + b"\n" for x in lines))
    _write_rules(tmp_path)

    source = pack_source(tmp_path, Selection())
    found = [replay(piece) for piece in source.work]

    assert source.entries == len(lines) == 30
    assert (sum(f.read for f in found), sum(f.citizens for f in found)) == (30, 5)
    assert len(found) > 2
    assert [f.differences for f in found] == [[]] * len(found)


def _wages(story: Story) -> list[Message]:
    return [story.wage(f"{story.citizen_id} {n}", "2023-03-01", 100 + n) for n in range(5)]


def _write_rules(folder: Path) -> None:
    rules = [
        {
            "version": cap.version,
            "type": "annual-cap-set",
            "known_at": format_moment(cap.known_at),
            "recorded_at": format_moment(cap.known_at),
            "payload": {
                "year": cap.year,
                "amount_ore": cap.amount_ore,
                "in_force_from": cap.in_force_from.isoformat(),
            },
        }
        for of_year in RULES.caps.values()
        for cap in of_year
    ]
    lines = [
        {"version": rule["version"], "hash": "00" * 32, "bytes": json.dumps(rule)} for rule in rules
    ]
    (folder / "rules.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
