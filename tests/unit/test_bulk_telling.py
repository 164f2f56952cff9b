"""The journal told in bulk sends what is told entry by entry: the same records, to the byte."""

import dataclasses
import json
import random
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import run_state_machine_as_test

from services.allowance import posting
from services.allowance.bulk_telling import compile_now, tell_rows
from services.allowance.compiled import telling
from services.allowance.compiled.telling import new_told
from services.allowance.compiled.told import COLUMNS
from services.chassis.compiled.copies import read_rows
from services.chassis.compiled.text import NOWHERE
from services.chassis.inbox import Message
from tests.bench.history import YEARS, History
from tests.unit.attention_cases import Tale
from tests.unit.ledger_cases import CAP_ORE, caps, identity, post, sent
from tests.unit.telling_cases import Row, both, copied, doubted, kinds, outcome_of, rows_of
from tests.unit.test_allowance_rules import RAISED, SWEEP
from tests.unit.test_ledger_decisions import TABLE
from tests.unit.test_ledger_decisions import Row as Decision
from tests.unit.test_ledger_machine import LedgerMachine

MANY = settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))


def history(citizens: int = 30, wages: int = 900) -> list[Row]:
    """Give what wages of many citizens become, as in the bench."""
    records = History(1, citizens).records(wages)
    messages = [
        Message(r.topic, r.partition, at, r.key, r.value, dict(r.headers))
        for at, r in enumerate(records)
    ]
    return rows_of(post(messages, caps(*YEARS)).entries)


def life() -> list[Row]:
    """Give a life in which all is told that a journal tells."""
    tale = Tale()
    told = [tale.issued(), tale.employed("2023-03-01"), tale.wage("early", "2023-02-01", 500)]
    told += [tale.wage("large", "2023-04-01", CAP_ORE - 700), tale.wage("last", "2023-05-01", 900)]
    told += [tale.reversal("large", "2023-04-01", CAP_ORE - 700)]
    told += [tale.wage("again", "2023-06-01", 300), tale.misreported("again")]
    told += [tale.deactivated("2023-06-01"), tale.wage("late", "2023-07-01", 400, rests_on=2)]
    done = post(told, caps(2022, 2023))
    page = done.pages[tale.citizen_id]
    done.enter_cap(page, SWEEP.to_received(page, "751"), RAISED)
    return rows_of(done.entries)


CAPS = caps(2023)
ALWAYS = {"citizen_id", "partition", "journal_seq"}
"""Columns that are never null."""
HISTORY = history()
LIFE = life()
(A_CASE, *_) = (row for row in LIFE if b"outside-employment" in row["bytes"])


def test_what_is_compiled_can_be_loaded() -> None:
    compile_now()


def test_nothing_is_told_of_nothing() -> None:
    batch, rows = tell_rows(copied([]))

    assert outcome_of(batch) == ({}, [])
    assert (len(batch), rows) == (0, 0)


def test_no_wage_of_a_usual_history_is_in_doubt() -> None:
    wages = [row for row in HISTORY if row["year"] is not None]

    assert len(wages) == 900
    assert doubted(wages) == []
    assert kinds(wages).keys() == {
        *("allowance-opened", "wage-apportioned", "allowance-low", "allowance-exhausted"),
        "attention-raised",
    }


def test_a_history_is_told_the_same_and_counted() -> None:
    told = both(HISTORY)

    assert not isinstance(told, type)
    assert tell_rows(copied(HISTORY))[1] == len(HISTORY)
    assert sum(map(len, told[0].values())) > len(HISTORY)


def test_a_life_is_told_the_same_and_holds_all_that_is_told() -> None:
    both(LIFE)
    for row in LIFE:
        both([row])

    assert {"apportionment-reversed", "allowance-restored", "attention-raised"} <= kinds(
        LIFE
    ).keys()
    assert doubted([A_CASE]) == []
    assert doubted(LIFE)


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_every_rule_of_the_ledgers_is_told_the_same(row: Decision) -> None:
    tale = Tale(known_at=row.known_at)
    entries = post([*row.given(tale), row.when(tale)], row.rules).entries
    rows = rows_of(entries)

    both(rows)
    plain = [
        number
        for number, entry in enumerate(entries)
        if entry.received.source.type == "wage-paid" and sent(entry).count("attention-raised") < 2
    ]
    assert not set(doubted(rows)) & set(plain)


PRINTABLE = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=200)
MOMENTS = st.sampled_from(
    [
        *("2026-01-05T10:00:00Z", "2026-01-05T11:00:00.000000+01:00", "2026-01-05T10:00:00.5Z"),
        *("2026-01-05T10:00:00.000001Z", "1970-01-01T00:00:00.000000Z"),
    ]
)


@MANY
@given(data=st.data())
def test_any_headers_and_moments_are_told_the_same(data: st.DataObject) -> None:
    tale = Tale(known_at=data.draw(MOMENTS))
    wage = tale.wage("new", "2023-03-01", data.draw(st.integers(1, 10**12)))
    trace = data.draw(st.none() | PRINTABLE | st.just(""))
    headers = wage.headers | {"ce_correlationid": data.draw(PRINTABLE).encode()}
    headers |= {} if trace is None else {"traceparent": trace.encode()}
    told = [tale.issued(), dataclasses.replace(wage, headers=headers)]
    rows = rows_of(post(told, caps(2023)).entries)

    assert not isinstance(both(rows), type)
    assert len(rows) == 2


NAMES = st.from_regex(r"x[a-z_]{0,3}|x[ -~]{0,3}", fullmatch=True)
VALUES = st.recursive(
    st.text(max_size=5) | st.integers(-(2**53) + 1, 2**53 - 1) | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=2),
    max_leaves=3,
)


@MANY
@given(more=st.dictionaries(NAMES, VALUES, max_size=4))
def test_whatever_else_a_wage_says_it_is_told_the_same(more: dict[str, Any]) -> None:
    tale = Tale()
    wage = tale.wage("new", "2023-03-01", 500)
    value = orjson.dumps(orjson.loads(wage.value) | more)
    rows = rows_of(post([tale.issued(), dataclasses.replace(wage, value=value)], CAPS).entries)

    assert not isinstance(both(rows), type)
    assert len(rows) == 2


@pytest.mark.parametrize("version", ['1"', "1\\", "1.æ", "\u2028", "1\n", "", 'x","entry_no":7'])
def test_any_version_of_the_code_is_told_the_same(
    version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posting, "CODE_VERSION", version)
    tale = Tale()

    both(rows_of(post([tale.issued(), tale.wage("new", "2023-03-01", 500)], CAPS).entries))


class TellingMachine(LedgerMachine):
    """Whatever the ledger has entered is told the same."""

    rows = doubted = 0

    def teardown(self) -> None:
        super().teardown()
        entries = [entry for of_one in self.entries.values() for entry in of_one]
        told = rows_of(entries)
        both(told)
        wages = [row for row in told if b'"wage-apportioned"' in row["bytes"]]
        TellingMachine.rows += len(wages)
        TellingMachine.doubted += len(doubted(wages))


def test_any_history_is_told_the_same() -> None:
    run_state_machine_as_test(
        TellingMachine,
        settings=settings(
            max_examples=40,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert TellingMachine.doubted < TellingMachine.rows / 4


PIECES = [
    *(b" ", b"0", b"1", b"-0", b"1.0", b"null", b"true", b"\\u0041", b"\\", b"\n", b'"', b","),
    *(b"{}", b"[]", b'"a":1,', b"\xc3\xa6", b"\xff", b"},{", b"2022", b"00124", b"-5", b"9" * 20),
]
NUMBERS = st.sampled_from([-(2**63), -(2**63) + 1, -1, 0, 1, 2**63 - 1, 10**15]) | st.integers(
    -(2**63), 2**63 - 1
)
SOME = [*LIFE, *HISTORY[-3:]]


@MANY
@given(data=st.data())
def test_any_bytes_that_are_others_are_told_the_same(data: st.DataObject) -> None:
    """A part of an entry replaced by another, or by anything."""
    rows = [dict(row) for row in SOME]
    row = data.draw(st.sampled_from(rows))
    content = row["bytes"]
    start = data.draw(st.integers(0, len(content)))
    end = data.draw(st.integers(start, min(len(content), start + 12)))
    other = data.draw(st.binary(max_size=4) | st.sampled_from(PIECES))
    row["bytes"] = content[:start] + other + content[end:]

    both(rows)


@pytest.mark.parametrize("place", [-1, LIFE.index(A_CASE)], ids=["a-usual-wage", "a-case"])
def test_an_entry_cut_anywhere_is_told_the_same(place: int) -> None:
    row = SOME[place]
    for size in range(len(row["bytes"])):
        both([row | {"bytes": row["bytes"][:size]}])


@pytest.mark.parametrize("cut", range(1, 400, 7))
def test_rows_cut_short_are_refused(cut: int) -> None:
    with pytest.raises(ValueError, match="as COPY sends them"):
        tell_rows(copied(SOME)[:-cut])


OTHER_VALUES = st.one_of(
    st.none(),
    NUMBERS.filter(lambda value: abs(value) < 2**53),
    st.sampled_from(["", "751", "00123", "ab,\"'", "wage-apportioned", "allowance-low", "x" * 70]),
    st.sampled_from(["2026-01-01T00:00:00.000000Z", "æ" * 18, identity("x"), [], {}, True, 1.5]),
)


@MANY
@given(data=st.data())
def test_any_content_that_is_other_is_told_the_same(data: st.DataObject) -> None:
    """Any value of an entry replaced, left out or added, written as the ledger would write it."""
    rows = [dict(row) for row in SOME]
    row = data.draw(st.sampled_from(rows))
    entry = json.loads(row["bytes"])
    parts = [entry, entry["source"], entry["source"]["payload"], entry.get("decision")]
    parts += [*entry["postings"], *entry["events"]]
    chosen = data.draw(st.sampled_from([part for part in parts if part]))
    name = data.draw(st.sampled_from([*sorted(chosen), "card_no", "code", "wage_id", "year"]))
    if data.draw(st.booleans()):
        chosen[name] = data.draw(OTHER_VALUES)
    else:
        chosen.pop(name, None)
    row["bytes"] = orjson.dumps(entry, option=orjson.OPT_SORT_KEYS)

    both(rows)


@MANY
@given(data=st.data())
def test_any_number_of_any_events_is_told_the_same(data: st.DataObject) -> None:
    rows = [dict(row) for row in SOME]
    every = [event for row in rows for event in json.loads(row["bytes"])["events"]]
    for row in data.draw(st.lists(st.sampled_from(rows), min_size=1, max_size=3)):
        events = data.draw(st.lists(st.sampled_from(every), max_size=7))
        entry = json.loads(row["bytes"]) | {"events": events}
        row["bytes"] = orjson.dumps(entry, option=orjson.OPT_SORT_KEYS)

    both(rows)


TEXTS = ["00124", 'ab"cd', "2023-03-02", "20000-01-01", "0044-03-15 BC", "æ" * 18]
OTHERS = {
    "citizen_id": st.sampled_from([identity("a"), LIFE[0]["citizen_id"]]),
    "partition": st.integers(-(2**15), 2**15 - 1),
    "journal_seq": NUMBERS,
    "year": st.none() | st.integers(-(2**15), 2**15 - 1),
    "bytes": st.binary(max_size=50),
    "hash": st.binary(max_size=40) | st.binary(min_size=32, max_size=32),
} | dict.fromkeys(("limit_ore", "year_covered_ore", "year_excess_ore"), st.none() | NUMBERS)
OTHER_TEXTS = st.none() | st.sampled_from(TEXTS) | st.text(max_size=40)


@MANY
@given(data=st.data())
def test_any_columns_that_are_others_are_told_the_same(data: st.DataObject) -> None:
    """Any column null or another; where an entry is in the journal a row always says."""
    rows = [dict(row) for row in SOME]
    row = data.draw(st.sampled_from(rows))
    for name in data.draw(st.lists(st.sampled_from(COLUMNS), min_size=1, max_size=3)):
        row[name] = data.draw(OTHERS.get(name, OTHER_TEXTS))

    both(rows)


NULLABLE = [name for name in COLUMNS if name not in ALWAYS]
EMPTY = [*((name, None) for name in NULLABLE), *((n, "") for n in NULLABLE if n not in OTHERS)]


@pytest.mark.parametrize(("name", "empty"), EMPTY)
def test_a_column_that_is_null_or_empty_is_told_the_same(name: str, empty: str | None) -> None:
    for number in range(len(SOME)):
        rows = [dict(row) for row in SOME]
        rows[number][name] = empty
        both(rows)


def years_of(citizens: int, years: int) -> list[Row]:
    """Give two rows of each year of some citizens, in any order."""
    of_years = [
        A_CASE | {"citizen_id": identity(f"{citizen}"), "year": year, "limit_ore": number}
        for citizen in range(citizens)
        for year in range(2000, 2000 + years)
        for number in range(2)
    ]
    random.Random(1).shuffle(of_years)  # noqa: S311 - a seed reproduces it
    return of_years


def test_the_last_of_each_year_is_found_among_many() -> None:
    """So many years of so few citizens that they are hashed to each other's places."""
    both(years_of(20, 40))


def test_the_last_of_each_year_is_found_where_every_place_is_taken() -> None:
    rows = years_of(4, 4)
    read = read_rows(copied(rows), COLUMNS)
    room = np.full(64, NOWHERE, np.int64)
    told = new_told(read)._replace(slots=room[:16])

    _, found, _ = telling.tell(read, told)

    last = {(row["citizen_id"], row["year"]): number for number, row in enumerate(rows)}
    assert told.latest[:found].tolist() == list(last.values())
    assert (room[16:] == NOWHERE).all()
