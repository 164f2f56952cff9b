"""Whatever the proof of single entries would name, the proof in bulk doubts; of nothing sound."""

import dataclasses
import datetime as dt
import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, run_state_machine_as_test

from frikort_contracts.types import format_moment
from services.allowance.entry import GENESIS, Source, chain_hash
from services.allowance.posting import Posting
from services.allowance.sweep import CapChange
from services.allowance.translate import read
from tests.unit.ledger_cases import CAP_ORE, Story, caps, post
from tests.unit.proof_rows import Tables, canonical, tables
from tests.unit.test_replay import ReplayMachine

RULE: dict[str, Any] = {
    "id": "0d4f5a51-5d0c-4bd9-9b1c-6f6b1b7f6a11",
    "key": "cap:2023",
    "type": "annual-cap-set",
    "version": 3,
    "payload": {
        "amount_ore": CAP_ORE + 50,
        "in_force_from": "2023-07-01",
        "known_at": "2026-01-05T10:00:00.000000Z",
        "legal_basis": "LOV 616",
        "year": 2023,
    },
}


def ledger() -> Tables:
    """Give two citizens with every kind of entry, one of them with a changed cap brought to it."""
    first, second = Story("first", "00123"), Story("second", "00124")
    messages = [
        first.issued(),
        second.issued("2023-03-01"),
        first.wage("may", "2023-05-01", 600),
        first.wage("april", "2023-04-01", CAP_ORE - 600 + 100),
        second.wage("early", "2023-02-01", 900),
        first.reversal("may", "2023-05-01", 600),
        second.wage("all", "2023-04-01", CAP_ORE),
        first.deactivated("2023-06-01"),
        first.wage("june", "2023-06-01", 300, rests_on=2),
        first.wage("next year", "2024-02-01", 70),
        second.wage("late", "2023-03-02", 70),
    ]
    done = post(messages, caps(2023, 2024))
    _sweep(done)
    return tables(done.entries, done.pages, [RULE])


def _sweep(done: Posting) -> None:
    """Bring the changed cap to those whose year is open."""
    payload = dict(sorted(RULE["payload"].items()))
    wire = json.dumps(RULE["payload"], separators=(",", ":")).encode()
    for page in done.pages.values():
        message = Story("rule").issued()
        received = dataclasses.replace(read(message), citizen_id=page.citizen_id)
        received.source = Source(
            type="annual-cap-set",
            id=RULE["id"],
            version=3,
            payload=payload,
            sha256=hashlib.sha256(wire).hexdigest(),
        )
        received.body = received.body.model_copy(update={"card_no": None})
        done.enter_cap(page, received, CapChange(3, 2023, CAP_ORE, CAP_ORE + 50))


LEDGER = ledger()


def test_a_sound_ledger_is_proved_in_bulk_and_counted() -> None:
    found = LEDGER.checked()

    assert LEDGER.faults() == []
    assert (found.doubted, found.entries, found.citizens) == (set(), len(LEDGER.journal), 2)
    assert sum(found.trial_balance.values()) == 0
    assert found.trial_balance["covered"] == 2 * CAP_ORE - 600 + 70


def test_a_ledger_without_entries_is_proved() -> None:
    found = Tables([], {}, {}, []).checked()

    assert (found.entries, found.doubted, found.trial_balance.total()) == (0, set(), 0)


def doubts_what_is_named(damaged: Tables) -> bool:
    """Tell whether anything is named; then every citizen it is named of must be in doubt."""
    named = {fault.where.split()[1] for fault in damaged.faults()}
    checked = damaged.checked()
    assert named <= checked.doubted
    return bool(named)


def damaged() -> Tables:
    return Tables(
        [dict(row) for row in LEDGER.journal],
        dict(LEDGER.heads),
        dict(LEDGER.balances),
        LEDGER.rules,
    )


OTHER_VALUES = st.one_of(
    st.none(),
    st.integers(-3, 3),
    st.sampled_from([2022, 2023, CAP_ORE, CAP_ORE + 50, 10**15]),
    st.sampled_from(["", "751", "00123", "00124", "wage-paid", "wage-reversed", "annual-cap-set"]),
    st.sampled_from(["2023-05-01", "\\N", "a\tb", "\\", '00123","cvr":"25313763', "2023"]),
)
TEXTS = ("source_type", "municipality_code", "card_no", "source_topic")
NUMBERS = (
    *("entry_no", "source_version", "year", "amount_ore", "covered_ore", "excess_ore"),
    *("limit_ore", "year_covered_ore", "year_excess_ore"),
)
OTHERS = ("source_id", "wage_id", "paid_on", "recorded_at", "known_at", "hash")
NULLABLE = {"card_no", "wage_id", "year", "paid_on", *NUMBERS[3:]}
MANY = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


@MANY
@given(data=st.data())
def test_a_column_that_is_another_is_doubted(data: st.DataObject) -> None:
    tampered = damaged()
    place = data.draw(st.integers(0, len(tampered.journal) - 1))
    column = data.draw(st.sampled_from([*TEXTS, *NUMBERS, *OTHERS]))
    value: Any = data.draw(OTHER_VALUES)
    if column in OTHERS:
        value = data.draw(st.sampled_from([row[column] for row in tampered.journal]))
        if isinstance(value, dt.datetime):
            value += dt.timedelta(microseconds=data.draw(st.integers(-2, 2)))
    elif isinstance(value, str) is not (column in TEXTS) and value is not None:
        return
    if value is None and column not in NULLABLE:
        return
    tampered.journal[place][column] = value

    doubts_what_is_named(tampered)


@MANY
@given(data=st.data())
def test_bytes_that_are_others_are_doubted_though_every_hash_is_right(data: st.DataObject) -> None:
    """A part replaced by another, or by anything, and the chain hashed again up to the head."""
    tampered = damaged()
    place = data.draw(st.integers(0, len(tampered.journal) - 1))
    content = tampered.journal[place]["bytes"]
    start = data.draw(st.integers(0, len(content) - 1))
    end = data.draw(st.integers(start, min(len(content), start + 12)))
    other = data.draw(st.binary(max_size=4) | st.sampled_from(PIECES))
    tampered.journal[place]["bytes"] = content[:start] + other + content[end:]
    hash_again(tampered)

    doubts_what_is_named(tampered)


PIECES = [
    *(b" ", b"0", b"-0", b"1.0", b"1e16", b"null", b"true", b"\\u0041", b"\\", b"\t", b"\n"),
    *(b'"', b"{}", b"[]", b",", b'"a":1,', b'"cvr":"1",', b"\xc3\xa6", b"},{", b'"},{"'),
]


@MANY
@given(data=st.data())
def test_content_that_is_other_is_doubted_though_it_is_canonical(data: st.DataObject) -> None:
    """Any value of an entry replaced, left out or moved, written as the ledger would write it."""
    tampered = damaged()
    row = data.draw(st.sampled_from(tampered.journal))
    entry = json.loads(row["bytes"])
    part = data.draw(st.sampled_from([entry, entry["source"], entry["source"]["payload"]]))
    parts = [part, entry.get("decision"), *entry["postings"], *entry["events"]]
    chosen = data.draw(st.sampled_from([part for part in parts if part]))
    name = data.draw(st.sampled_from(sorted(chosen)))
    match data.draw(st.sampled_from(["replace", "remove", "add"])):
        case "replace":
            chosen[name] = data.draw(OTHER_VALUES)
        case "remove":
            del chosen[name]
        case "add":
            chosen[data.draw(st.sampled_from(["extra", "wage_id", "æ"]))] = "1"
    row["bytes"] = canonical(entry)
    decision = entry.get("decision")
    if data.draw(st.booleans()) and isinstance(decision, dict):
        for column in ("covered_ore", "excess_ore", "year"):
            figure = decision.get(column)
            row[column] = figure if isinstance(figure, int) else None
    hash_again(tampered)

    doubts_what_is_named(tampered)


@MANY
@given(data=st.data())
def test_entries_and_balances_that_come_or_go_are_doubted(data: st.DataObject) -> None:
    tampered = damaged()
    place = data.draw(st.integers(0, len(tampered.journal) - 1))
    citizen_id = tampered.journal[place]["citizen_id"]
    rows = tampered.journal
    match data.draw(st.sampled_from(["drop", "twice", "swap", "head", "balance", "all"])):
        case "drop":
            del rows[place]
        case "twice":
            rows.insert(place, dict(rows[place]))
        case "swap":
            first, second = rows[place - 1], rows[place]
            first["bytes"], second["bytes"] = second["bytes"], first["bytes"]
        case "head":
            entry_no, head = tampered.heads.pop(citizen_id)
            if data.draw(st.booleans()):
                tampered.heads[citizen_id] = (entry_no + data.draw(st.integers(-1, 1)), head)
        case "balance":
            _other_balance(data, tampered)
        case "all":
            tampered.journal = [row for row in rows if row["citizen_id"] != citizen_id]
    if data.draw(st.booleans()):
        hash_again(tampered)

    doubts_what_is_named(tampered)


def _earlier(row: dict[str, Any], entry: dict[str, Any]) -> None:
    row["recorded_at"] -= dt.timedelta(days=1)
    entry["recorded_at"] = format_moment(row["recorded_at"])


def _same_version(row: dict[str, Any], entry: dict[str, Any]) -> None:
    row["source_version"] = entry["source"]["version"] = 1


def _other_amounts(row: dict[str, Any], entry: dict[str, Any]) -> None:
    """Take one øre from what is covered, and everything that follows from it."""
    row["covered_ore"] -= 1
    row["excess_ore"] += 1
    row["year_covered_ore"] -= 1
    row["year_excess_ore"] += 1
    decision = entry["decision"]
    decision["covered_ore"], decision["excess_ore"] = row["covered_ore"], row["excess_ore"]
    amounts = [-row["covered_ore"], row["covered_ore"], -row["excess_ore"], row["excess_ore"]]
    accounts = zip(("available", "covered", "employer", "excess"), amounts, strict=True)
    entry["postings"] = [
        {"account": account, "amount_ore": amount, "year": decision["year"]}
        for account, amount in accounts
        if amount
    ]


def _other_paid_on(row: dict[str, Any], entry: dict[str, Any]) -> None:
    row["paid_on"] = dt.date(2023, 5, 2)
    entry["source"]["payload"]["paid_on"] = "2023-05-02"


def _lower_limit(row: dict[str, Any], entry: dict[str, Any]) -> None:
    del entry
    row["limit_ore"] = row["year_covered_ore"] - 1


def _other_rule(row: dict[str, Any], entry: dict[str, Any]) -> None:
    row["limit_ore"] = entry["source"]["payload"]["amount_ore"] = CAP_ORE + 60


@pytest.mark.parametrize(
    ("kind", "change", "named"),
    [
        ("wage-paid", _earlier, "recorded_at"),
        ("wage-reversed", _same_version, "source.version"),
        ("wage-reversed", _other_amounts, "reversal"),
        ("wage-reversed", _other_paid_on, "paid_on"),
        ("wage-paid", _lower_limit, "covered in the year"),
        ("wage-paid", _other_amounts, "year_covered_ore"),
        ("annual-cap-set", _other_rule, "source.payload"),
    ],
)
def test_damage_that_bytes_columns_and_hashes_agree_on_is_doubted(
    kind: str, change: Callable[[dict[str, Any], dict[str, Any]], None], named: str
) -> None:
    tampered = damaged()
    row = next(row for row in tampered.journal if row["source_type"] == kind and _later(row))
    entry = json.loads(row["bytes"])
    change(row, entry)
    row["bytes"] = canonical(entry)
    hash_again(tampered)

    found = {fault.field for fault in tampered.faults()}

    assert named in found
    assert "hash" not in found
    assert doubts_what_is_named(tampered)


@pytest.mark.parametrize(
    ("was", "now"),
    [
        (b',"wage_id":', b', "wage_id":'),
        (b'"card_no":"0', b'"card_no":"\\u0030'),
        (b'"amount_ore":600,"card_no":"00123"', b'"card_no":"00123","amount_ore":600'),
        (b'"card_no":"00123",', b'"card_no":"00123","card_no":"00123",'),
        (b'"events":[', b'"events":[ '),
    ],
)
def test_bytes_that_mean_the_same_and_are_not_canonical_are_doubted(was: bytes, now: bytes) -> None:
    tampered = damaged()
    row = next(row for row in tampered.journal if b'"amount_ore":600,"card_no"' in row["bytes"])
    assert was in row["bytes"]
    row["bytes"] = now.join(row["bytes"].rsplit(was, 1))
    hash_again(tampered)

    assert {fault.field for fault in tampered.faults()} == {"bytes"}
    assert doubts_what_is_named(tampered)


def _later(row: dict[str, Any]) -> bool:
    """Tell whether an entry has others before it, and covers something if it is a wage."""
    return row["entry_no"] > 2 and (row["covered_ore"] is None or row["covered_ore"] != 0)


def _other_balance(data: st.DataObject, tampered: Tables) -> None:
    key = data.draw(st.sampled_from(sorted(tampered.balances)))
    kept = tampered.balances.pop(key)
    name = data.draw(st.sampled_from([*kept._fields, "none"]))
    if name == "covered_to":
        tampered.balances[key] = kept._replace(covered_to="2023-04-02")
    elif name != "none":
        other = kept._asdict()[name] + data.draw(st.integers(-1, 1))
        tampered.balances[key] = kept._replace(**{name: other})


@pytest.mark.parametrize("number", range(len(LEDGER.journal)))
def test_the_properties_do_damage_that_is_named(number: int) -> None:
    """So the properties above do not pass for want of damage."""
    for column in ("municipality_code", "source_version", "known_at"):
        tampered = damaged()
        value = tampered.journal[number][column]
        other = value + dt.timedelta(1) if isinstance(value, dt.datetime) else 999
        tampered.journal[number][column] = str(other) if isinstance(value, str) else other
        assert doubts_what_is_named(tampered)


def hash_again(tampered: Tables) -> None:
    head, last = GENESIS, ""
    for row in tampered.journal:
        head = chain_hash(GENESIS if row["citizen_id"] != last else head, row["bytes"])
        last, row["hash"] = row["citizen_id"], head
        entry_no, _ = tampered.heads.get(last, (0, head))
        if last in tampered.heads:
            tampered.heads[last] = (entry_no, head)


class ProofMachine(ReplayMachine):
    """Whatever the ledger has entered is proved, in bulk and one by one."""

    @invariant()
    def nothing_is_wrong_and_nothing_in_doubt(self) -> None:
        kept = tables([e for entries in self.entries.values() for e in entries], self.pages)
        if kept.journal:
            checked = kept.checked()
            assert kept.faults() == []
            assert checked.doubted == _late(kept)


def _late(kept: Tables) -> set[str]:
    """Name whose wages waited for a cap while later ones did not: those are gone through."""
    found, reached = set(), dict[tuple[str, str], int]()
    for row in kept.journal:
        lane = (row["citizen_id"], row["source_topic"])
        if row["source_version"] <= reached.get(lane, 0):
            found.add(row["citizen_id"])
        reached[lane] = max(row["source_version"], reached.get(lane, 0))
    return found


def test_any_history_is_proved() -> None:
    run_state_machine_as_test(
        ProofMachine,
        settings=settings(
            max_examples=12,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
