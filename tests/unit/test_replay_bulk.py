"""A replay in bulk gives what one entry by entry does: the same figures, the same differences."""

import dataclasses
import json
import random
import uuid
from collections import Counter
from collections.abc import Sequence
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, run_state_machine_as_test

from cli import replay_bulk
from cli.proof_parts import NAMESPACE
from cli.replay_bulk import is_bulk, replay_table, sent_rows
from cli.replay_fold import Replayed, Row, Selection, replay_rows
from cli.replay_rules import RuleBook
from services.allowance.entry import GENESIS, chain_hash
from tests.bench.audit_history import Life, ledger_caps
from tests.unit.attention_cases import Tale
from tests.unit.ledger_cases import post
from tests.unit.test_ledger_decisions import TABLE
from tests.unit.test_ledger_decisions import Row as Decision
from tests.unit.test_replay import BOOK, ENTERED, OTHERWISE, RULES, ReplayMachine, rows, rule_book

MANY = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
SELECTIONS = [
    Selection(),
    Selection(as_of="2023-03-31"),
    Selection(known_at="2026-01-04T10:00:00.000000Z"),
    Selection(as_of="2023-04-30", known_at="2026-01-05T10:00:00.000000Z"),
]


def in_doubt(entered: Sequence[Row], book: RuleBook) -> set[str]:
    """Name whom the replay in bulk leaves to the other."""
    seen: set[str] = set()

    def note(doubted: Any, *_: object) -> Replayed:
        seen.update(row.citizen_id for row in doubted)
        return Replayed()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(replay_bulk, "replay_rows", note)
        replay_table(sent_rows(entered), book, Selection())
    return seen


def both(entered: Sequence[Row], book: RuleBook, selection: Selection) -> Replayed:
    """Replay both ways; give what came of it."""
    found = replay_table(sent_rows(entered), book, selection)
    assert found == replay_rows(entered, book, selection)
    return found


@pytest.mark.parametrize("selection", SELECTIONS)
def test_a_history_is_replayed_in_bulk_and_counted(selection: Selection) -> None:
    assert is_bulk(selection)
    assert in_doubt(rows(ENTERED), BOOK) == set()
    assert both(rows(ENTERED), BOOK, selection).differences == []


def test_nothing_is_replayed_of_nothing() -> None:
    assert both([], BOOK, Selection()) == Replayed()


@pytest.mark.parametrize(
    "selection", [Selection(card_no="00123"), Selection(municipality_code="751")]
)
def test_a_part_of_a_ledger_is_replayed_entry_by_entry(selection: Selection) -> None:
    assert not is_bulk(selection)


@pytest.mark.parametrize("wrong", OTHERWISE)
def test_a_wrong_decision_is_named_in_bulk_too(wrong: str) -> None:
    entry_no, change, _ = OTHERWISE[wrong]
    entry = json.loads(ENTERED[entry_no - 1])
    change(entry)
    contents = [*ENTERED]
    contents[entry_no - 1] = orjson.dumps(entry, option=orjson.OPT_SORT_KEYS)

    assert both(rows(contents), BOOK, Selection()).differences


def lives(count: int = 40) -> list[Row]:
    """Give citizens with years of wages, reversals, employments and cards taken and given back."""
    found = []
    for number in range(count):
        citizen_id, draw = f"{number:08x}-0000-4000-8000-000000000000", random.Random(number)  # noqa: S311
        life = Life(citizen_id, f"{number:05d}", 0, draw, ledger_caps())
        life.live(60 + number)
        found += [Row(row[0], row[1], row[4], row[5]) for row in life.rows]
    return found


LIVES = lives()
LIVES_BOOK = rule_book([cap for of_year in ledger_caps().values() for cap in of_year])


def test_whole_lives_are_beyond_doubt() -> None:
    kinds = Counter(json.loads(row.content)["source"]["type"] for row in LIVES)

    assert in_doubt(LIVES, LIVES_BOOK) == set()
    assert both(LIVES, LIVES_BOOK, Selection()).differences == []
    assert {"grant-deactivated", "wage-reversed", "employment-registered"} <= kinds.keys()


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_every_rule_of_the_ledgers_is_beyond_doubt_but_closings(row: Decision) -> None:
    tale = Tale(known_at=row.known_at)
    entered = post([*row.given(tale), row.when(tale)], row.rules).entries
    closings = [(4, *closed, at) for closed, at in row.rules.closings.items()]
    of_years = row.rules.caps.values()
    book = rule_book([cap for caps in of_years for cap in caps], closings)
    found = [Row(tale.citizen_id, e.entry_no, e.hash, e.content) for e in entered]

    assert bool(in_doubt(found, book)) is bool(closings)
    assert both(found, book, Selection()).differences == []
    for place in range(len(found)):  # an event that is not sent is missed
        entry = json.loads(found[place].content)
        if entry["events"]:
            del entry["events"][-1]
            content = orjson.dumps(entry, option=orjson.OPT_SORT_KEYS)
            tampered = [*found[:place], found[place]._replace(content=content), *found[place + 1 :]]
            assert both(_chained(tampered), book, Selection()).differences


@MANY
@given(data=st.data())
def test_any_bytes_that_are_others_are_named_in_bulk_too(data: st.DataObject) -> None:
    """A part of an entry replaced by another, or by anything, and the chain made right again."""
    contents = [*ENTERED]
    place = data.draw(st.integers(0, len(contents) - 1))
    content = contents[place]
    start = data.draw(st.integers(0, len(content) - 1))
    end = data.draw(st.integers(start, min(len(content), start + 12)))
    other = data.draw(st.binary(max_size=4) | st.sampled_from(PIECES))
    contents[place] = content[:start] + other + content[end:]
    chained = rows(contents)
    if data.draw(st.booleans()):
        chained[-1] = chained[-1]._replace(hash=bytes(32))

    both(chained, BOOK, Selection())


@pytest.mark.parametrize("other", [b" ", b"0", b""])
def test_a_byte_more_or_less_anywhere_is_named_in_bulk_too(other: bytes) -> None:
    for content in {json.loads(c)["source"]["type"]: c for c in ENTERED}.values():
        place = ENTERED.index(content)
        for at in range(len(content)):
            changed = content[:at] + other + content[at if other else at + 1 :]
            both(rows([*ENTERED[:place], changed]), BOOK, Selection())


PIECES = [
    *(b" ", b"0", b"1", b"-0", b"1.0", b"null", b"true", b"\\u0041", b"\\", b"\n", b'"', b","),
    *(b"{}", b"[]", b'"a":1,', b"\xc3\xa6", b"},{", b"2022", b"2023-03-01", b"00124", b"03", b"2"),
]
OTHER_VALUES = st.one_of(
    st.none(),
    st.integers(-3, 3),
    st.sampled_from([2022, 2023, 400, 500, 900, 10**15]),
    st.sampled_from(["", "751", "00123", "00124", "wage-paid", "grant-closed", "appeal-decided"]),
    st.sampled_from(["2023-05-01", "2023-02-30", "overturned", "over-cap", "before-grant"]),
    st.sampled_from(["2026-01-01T00:00:00.000000Z", "2023-01-01"]),
)
NAMES = ["effective_on", "ends_on", "extra", "grants_version", "outcome", "starts_on", "wage_id"]


@MANY
@given(data=st.data())
def test_any_content_that_is_other_is_named_in_bulk_too(data: st.DataObject) -> None:
    """Any value of an entry replaced, left out or added, written as the ledger would write it."""
    contents = [*ENTERED]
    place = data.draw(st.integers(0, len(contents) - 1))
    entry = json.loads(contents[place])
    parts = [entry, entry["source"], entry["source"]["payload"], entry.get("decision")]
    parts += [*entry["postings"], *entry["events"]]
    chosen = data.draw(st.sampled_from([part for part in parts if part]))
    name = data.draw(st.sampled_from(sorted(chosen)))
    match data.draw(st.sampled_from(["replace", "remove", "add"])):
        case "replace":
            chosen[name] = data.draw(OTHER_VALUES)
        case "remove":
            del chosen[name]
        case "add":
            chosen[data.draw(st.sampled_from(NAMES))] = data.draw(OTHER_VALUES)
    contents[place] = orjson.dumps(entry, option=orjson.OPT_SORT_KEYS)

    both(rows(contents), BOOK, data.draw(st.sampled_from(SELECTIONS)))


@MANY
@given(data=st.data())
def test_entries_that_come_go_or_change_places_are_named_in_bulk_too(data: st.DataObject) -> None:
    life = data.draw(st.sampled_from(sorted({row.citizen_id for row in LIVES})))
    entered = [row for row in LIVES if row.citizen_id == life]
    place = data.draw(st.integers(1, len(entered) - 1))
    match data.draw(st.sampled_from(["drop", "twice", "swap", "stranger"])):
        case "drop":
            del entered[place]
        case "twice":
            entered.insert(place, entered[place])
        case "swap":
            entered[place - 1], entered[place] = entered[place], entered[place - 1]
        case "stranger":
            other = data.draw(st.sampled_from(LIVES))
            entered[place] = entered[place]._replace(content=other.content)
    if data.draw(st.booleans()):
        entered = _chained(entered)

    both(entered, LIVES_BOOK, Selection())


@MANY
@given(data=st.data())
def test_rules_that_are_others_are_named_in_bulk_too(data: st.DataObject) -> None:
    caps = [cap for of_year in ledger_caps().values() for cap in of_year]
    place = data.draw(st.integers(0, len(caps) - 1))
    change: dict[str, Any] = data.draw(
        st.sampled_from(
            [
                {"amount_ore": caps[place].amount_ore + data.draw(st.integers(-50_000, 50_000))},
                {"known_at": data.draw(st.sampled_from(caps)).known_at},
                {"in_force_from": data.draw(st.sampled_from(caps)).in_force_from},
                {"version": data.draw(st.integers(1, 8))},
            ]
        )
    )
    caps[place] = dataclasses.replace(caps[place], **change)
    closings = []
    if data.draw(st.booleans()):
        at = data.draw(st.sampled_from(caps)).known_at
        closings.append((data.draw(st.integers(1, 8)), "751", 2022, at))
    some = LIVES[: data.draw(st.integers(1, 400))]

    both(some, rule_book(caps, closings), Selection())


def changed(place: int, name: str, value: object) -> list[Row]:
    """Give the history with one value of an entry changed, written and chained as if it was so."""
    contents = [*ENTERED]
    entry = json.loads(contents[place])
    entry["source"]["payload"][name] = value
    contents[place] = orjson.dumps(entry, option=orjson.OPT_SORT_KEYS)
    return rows(contents)


@pytest.mark.parametrize("value", [5, "zzzz", "2023-13-01", None, True])
@pytest.mark.parametrize("selection", SELECTIONS)
def test_a_reversal_paid_on_no_day_is_counted_the_same(value: object, selection: Selection) -> None:
    both(changed(3, "paid_on", value), BOOK, selection)


@pytest.mark.parametrize("value", ["x", True, "0", 0, 5])
def test_holiday_pay_of_any_kind_is_judged_the_same(value: object) -> None:
    tale = Tale()
    told = [tale.issued(), tale.employed("2023-02-01", ends_on="2023-05-31")]
    told += [tale.deactivated("2023-06-01"), tale.wage("new", "2023-10-01", 500, rests_on=2)]
    entered = [
        Row(tale.citizen_id, e.entry_no, e.hash, e.content) for e in post(told, RULES).entries
    ]
    entry = json.loads(entered[-1].content)
    entry["source"]["payload"]["holiday_pay_ore"] = value
    content = orjson.dumps(entry, option=orjson.OPT_SORT_KEYS)

    both(_chained([*entered[:-1], entered[-1]._replace(content=content)]), BOOK, Selection())


@pytest.mark.parametrize("starts_on", ["1850-01-01", "1945-06-01", "9999-12-31", "0001-01-01"])
@pytest.mark.parametrize("hour", range(20, 24))
def test_employments_of_any_age_are_judged_the_same(starts_on: str, hour: int) -> None:
    tale = Tale()
    told = [tale.issued(), tale.employed("2023-02-01")]
    entered = [
        Row(tale.citizen_id, e.entry_no, e.hash, e.content) for e in post(told, RULES).entries
    ]
    entry = json.loads(entered[-1].content)
    entry["source"]["payload"]["starts_on"] = starts_on
    for case in ([], [{"card_no": tale.card_no, "code": "employment-late"}]):
        place = f"{entry['source']['id']}/{tale.citizen_id}/0"
        event = {"id": str(uuid.uuid5(NAMESPACE, place)), "type": "attention-raised"}
        entry |= {"events": [{**each, **event} for each in case]}
        entry |= {"known_at": f"{starts_on}T{hour}:03:00.000000Z"}
        content = orjson.dumps(entry, option=orjson.OPT_SORT_KEYS)

        both(_chained([entered[0], entered[1]._replace(content=content)]), BOOK, Selection())


def test_a_decision_in_an_entry_of_a_rule_is_named_in_bulk_too() -> None:
    contents = [*ENTERED]
    entry = json.loads(contents[2])
    entry["source"]["type"] = "annual-cap-set"
    del entry["source"]["payload"]["wage_id"]
    contents[2] = orjson.dumps(entry, option=orjson.OPT_SORT_KEYS)

    assert both(rows(contents), BOOK, Selection()).differences


@pytest.mark.parametrize(
    "change",
    [
        *({"amount_ore": -5}, {"amount_ore": 2**64 // 80 + 1}, {"amount_ore": 2**63}),
        *({"known_at": "2018-06-08T00:00:00Z"}, {"in_force_from": "20230101"}, {"version": 2**63}),
    ],
)
def test_rules_that_the_ledger_would_not_write_are_followed_the_same(
    change: dict[str, Any],
) -> None:
    book = RuleBook()
    for year, version in ((2022, 1), (2023, 2)):
        payload = {"year": year, "amount_ore": 2_000_000, "in_force_from": f"{year}-01-01"}
        rule = {"version": version, "type": "annual-cap-set", "known_at": KNOWN}
        changed_rule = {name: change[name] for name in rule if name in change and year == 2023}
        payload |= {name: change[name] for name in payload if name in change and year == 2023}
        book.take({**rule, **changed_rule, "payload": payload, "recorded_at": KNOWN})

    both(rows(ENTERED), book, Selection())


KNOWN = "2018-06-08T00:00:00.000000Z"


def _chained(entered: Sequence[Row]) -> list[Row]:
    found, head = [], GENESIS
    for row in entered:
        head = chain_hash(head, row.content)
        found.append(row._replace(hash=head))
    return found


class BulkMachine(ReplayMachine):
    """Whatever the ledger has entered comes out the same in bulk, and mostly beyond doubt."""

    citizens = doubted = 0

    @invariant()
    def in_bulk_it_is_the_same(self) -> None:
        self._rules_version()
        book = rule_book([cap for of_year in self.caps.values() for cap in of_year], self.closed)
        entered = [
            Row(citizen_id, entry.entry_no, entry.hash, entry.content)
            for citizen_id, entries in sorted(self.entries.items())
            for entry in entries
        ]
        assert both(entered, book, Selection()).differences == []
        doubted = in_doubt(entered, book)
        BulkMachine.citizens += len({row.citizen_id for row in entered})
        BulkMachine.doubted += len(doubted)


def test_any_history_comes_out_the_same_in_bulk() -> None:
    run_state_machine_as_test(
        BulkMachine,
        settings=settings(
            max_examples=25,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert BulkMachine.doubted < BulkMachine.citizens / 2
