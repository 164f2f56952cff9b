"""Sweeps and missing caps: what a rule calls for, from the rules and the date alone."""

import datetime as dt
import json
from collections.abc import Mapping
from typing import Any

import pytest

from cli.proof import Proof, Stored
from services.allowance import posting, store
from services.allowance.domain import Cap
from services.allowance.entry import GENESIS, chain_hash
from services.allowance.missing_caps import years_to_tell
from services.allowance.posting import Posting
from services.allowance.status import Picture, StatusQuestion, count
from services.allowance.sweep import CapChange, due_change
from services.allowance.sweeps import Sweep
from services.chassis.inbox import Message
from tests.unit.attention_cases import Tale, raised, two_caps
from tests.unit.ledger_cases import CAP_ORE, caps, post, sent

RULE: dict[str, Any] = {
    "id": "11111111-2222-4333-8444-555555555555",
    "key": "cap:2023",
    "type": "annual-cap-set",
    "version": 2,
    "known_at": "2023-06-01T00:00:00.000000Z",
    "payload": {
        "known_at": "2023-06-01T00:00:00.000000Z",
        "year": 2023,
        "amount_ore": 2 * CAP_ORE,
        "in_force_from": "2023-07-01",
        "legal_basis": "L 119 § 1 (ændring)",
    },
}
RAISED = CapChange(2, 2023, CAP_ORE, 2 * CAP_ORE)
SWEEP = Sweep(
    change=RAISED,
    rule=json.loads(json.dumps(RULE, sort_keys=True)),  # as it is read from the chain
    known_at=dt.datetime(2023, 6, 1, tzinfo=dt.UTC),
    reached=None,
)


def swept(messages: list[Message]) -> Posting:
    done = post(messages, caps(2023))
    (page,) = done.pages.values()
    done.enter_cap(page, SWEEP.to_received(page, "751"), RAISED)
    return done


def test_r22_a_sweep_gives_room_back_and_raises_the_excess_that_stands() -> None:
    tale = Tale()

    done = swept([tale.issued(), tale.wage("a", "2023-05-01", CAP_ORE + 70)])

    entry = done.entries[-1]
    assert sent(entry) == ["allowance-restored", "attention-raised"]
    assert raised(entry) == [{"code": "cap-changed-excess", "card_no": tale.card_no, "year": 2023}]
    assert (entry.limit_ore, entry.year_covered_ore, entry.year_excess_ore) == (
        2 * CAP_ORE,
        CAP_ORE,
        70,
    )
    content = json.loads(entry.content)
    assert content["events"][0]["card_no"] == tale.card_no
    assert "decision" not in content
    assert content["postings"] == []
    assert content["source"]["payload"] == RULE["payload"]


def test_r22_a_sweep_of_a_year_with_room_and_no_excess_sends_the_balance_alone() -> None:
    tale = Tale()

    done = swept([tale.issued(), tale.wage("a", "2023-05-01", CAP_ORE - 1)])

    assert (sent(done.entries[-1]), done.entries[-1].year) == ([], 2023)


def test_a_sweep_changes_no_balance_and_the_chain_goes_on() -> None:
    tale = Tale()
    messages = [tale.issued(), tale.wage("a", "2023-05-01", 5)]
    before = post(messages, caps(2023)).pages[tale.citizen_id].state

    done = swept(messages)

    assert done.pages[tale.citizen_id].state == before
    assert [entry.entry_no for entry in done.entries] == [1, 2, 3]


def test_excess_that_the_cap_did_not_make_is_no_case_of_a_changed_cap() -> None:
    tale = Tale()

    done = swept([tale.issued("2023-04-01"), tale.wage("a", "2023-03-01", 5)])

    assert sent(done.entries[-1]) == []


def test_a_lower_cap_that_leaves_nothing_gives_no_room_back() -> None:
    tale = Tale()
    done = post([tale.issued(), tale.wage("a", "2023-05-01", CAP_ORE)], caps(2023))
    (page,) = done.pages.values()
    lowered = CapChange(2, 2023, CAP_ORE - 5, CAP_ORE)

    done.enter_cap(page, SWEEP.to_received(page, "751"), lowered)

    assert sent(done.entries[-1]) == []


def rule_row(rule: dict[str, Any]) -> dict[str, Any]:
    """Make the row of the table `rules` that says a rule."""
    content = canonical(rule)
    payload = rule["payload"]
    return {
        "version": 1,
        "hash": chain_hash(GENESIS, content),
        "bytes": content,
        "rule_key": rule["key"],
        "type": rule["type"],
        "event_id": rule["id"],
        "known_at": dt.datetime.fromisoformat(rule["known_at"]),
        "recorded_at": dt.datetime.fromisoformat(rule["recorded_at"]),
        "year": payload["year"],
        "amount_ore": payload["amount_ore"],
        "income_limit_ore": None,
        "in_force_from": payload["in_force_from"],
        "legal_basis": payload["legal_basis"],
    }


def canonical(value: dict[str, Any]) -> bytes:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode()


def proved(done: Posting, **rule: Any) -> list[str]:
    """Prove a posting with its rule, and name the fields at fault in the last entry."""
    proof = Proof()
    proof.take_rule(rule_row(RULE | {"version": 1, "recorded_at": RULE["known_at"]} | rule))
    stored = Stored(heads={}, balances={}, partitions={}, lanes=[])
    where = ""
    for entry in done.entries:
        row = dict(zip(store.JOURNAL_COLUMNS, store._journal_row(entry), strict=True))  # noqa: SLF001
        proof.take_entry(row, stored)
        where = f"citizen {row['citizen_id']} entry {row['entry_no']}"
    return [fault.field for fault in proof.faults if fault.where == where]


def with_excess() -> Posting:
    tale = Tale()
    return swept([tale.issued(), tale.wage("a", "2023-05-01", CAP_ORE + 70)])


def test_the_proof_takes_an_entry_of_a_sweep_whose_rule_it_has_seen() -> None:
    assert proved(with_excess(), version=2) == []


def test_the_proof_names_an_entry_of_a_rule_that_is_not_there() -> None:
    other = "99999999-2222-4333-8444-555555555555"

    assert "source" in proved(with_excess(), version=2, id=other)


def test_the_proof_names_another_amount_than_the_rules() -> None:
    payload = RULE["payload"] | {"amount_ore": 5}

    found = proved(with_excess(), version=2, payload=payload)

    assert found == ["source.payload", "source.sha256"]


def test_the_proof_names_a_second_entry_of_a_rule() -> None:
    done = with_excess()
    (page,) = done.pages.values()
    done.enter_cap(page, SWEEP.to_received(page, "751"), RAISED)

    assert proved(done, version=2) == ["source"]


def test_the_proof_names_a_case_that_was_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posting, "turned_by_cap", lambda *_: [])

    assert proved(with_excess(), version=2) == ["events"]


def test_the_proof_names_a_sweep_of_a_year_that_is_not_open() -> None:
    assert proved(swept([Tale().issued()]), version=2) == ["year"]


def cap(version: int, amount_ore: int, in_force_from: str, *, year: int = 2023) -> Cap:
    return Cap(
        version=version,
        year=year,
        amount_ore=amount_ore,
        in_force_from=dt.date.fromisoformat(in_force_from),
        known_at=dt.datetime(2022, 12, version, tzinfo=dt.UTC),
    )


@pytest.mark.parametrize(
    ("on", "done", "expected"),
    [
        ("2023-06-30", [], None),
        ("2023-07-01", [], RAISED),
        ("2023-07-01", [2], None),
    ],
    ids=["before it is in force", "on its first day", "once it was swept"],
)
def test_r22_a_changed_cap_is_swept_once_it_is_in_force(
    on: str, done: list[int], expected: CapChange | None
) -> None:
    date = dt.date.fromisoformat(on)
    now = dt.datetime.combine(date, dt.time(12), dt.UTC)

    assert due_change(two_caps().caps, done, on=date, now=now) == expected


def test_the_first_cap_of_a_year_sweeps_nobody() -> None:
    now = dt.datetime(2023, 8, 1, tzinfo=dt.UTC)

    assert due_change({2023: [cap(1, 5, "2023-01-01")]}, [], on=now.date(), now=now) is None


def test_a_cap_replaced_before_it_was_swept_is_passed_over_with_its_successor() -> None:
    of_year = [cap(1, 5, "2023-01-01"), cap(2, 6, "2023-07-01"), cap(3, 7, "2023-07-01")]
    now = dt.datetime(2023, 8, 1, tzinfo=dt.UTC)

    first = due_change({2023: of_year}, [], on=now.date(), now=now)

    assert first == CapChange(3, 2023, 5, 7)
    assert due_change({2023: of_year}, [3], on=now.date(), now=now) is None


def test_a_cap_set_for_a_time_that_another_rules_already_sweeps_nobody() -> None:
    of_year = [cap(1, 5, "2023-07-01"), cap(2, 6, "2023-01-01")]
    now = dt.datetime(2023, 8, 1, tzinfo=dt.UTC)

    assert due_change({2023: of_year}, [], on=now.date(), now=now) is None


@pytest.mark.parametrize(
    ("on", "active"), [("2023-05-31", 1), ("2023-06-15", 1), ("2023-07-01", 1)]
)
def test_r14_the_status_counts_a_card_whose_deactivation_was_overturned(
    on: str, active: int
) -> None:
    kinds = [("issued", "2023-01-01"), ("deactivated", "2023-06-01"), ("overturned", "2023-06-01")]
    changes: list[Mapping[str, Any]] = [
        {
            "card_no": "00123",
            "version": version,
            "kind": kind,
            "effective_on": dt.date.fromisoformat(effective_on),
            "decided_on": dt.date(2023, 11, 20),
            "municipality_code": None,
        }
        for version, (kind, effective_on) in enumerate(kinds, start=1)
    ]
    card = {
        "card_no": "00123",
        "citizen_id": "a",
        "municipality_code": "751",
        "valid_from": dt.date(2023, 1, 1),
        "benefit": "none",
        "age_group": "30-plus",
    }
    picture = Picture(
        cards=[card],
        changes={"00123": changes},
        employments=[],
        used=[],
        covered=[],
        rules=caps(2023),
        now=dt.datetime(2024, 1, 1, tzinfo=dt.UTC),
    )

    question = StatusQuestion(on=dt.date.fromisoformat(on))

    assert count(picture, question).active == active


@pytest.mark.parametrize(
    ("on", "with_cap", "waited_for", "told", "expected"),
    [
        ("2025-10-31", [2025], [], [], []),
        ("2025-11-01", [2025], [], [], [2026]),
        ("2025-11-01", [2025, 2026], [], [], []),
        ("2025-11-01", [2025], [], [2026], []),
        ("2026-03-01", [2025], [], [], [2026]),
        ("2025-03-01", [2025], [2026, 2024], [2024], [2026]),
        ("2025-03-01", [2025], [2018], [], []),
    ],
    ids=[
        "not before November",
        "from 1 November",
        "not if there is one",
        "not twice",
        "still missing when the year has begun",
        "earlier if a wage waits",
        "not before the scheme",
    ],
)
def test_r23_a_missing_cap_is_told_once_from_november_or_when_a_wage_waits(
    on: str, with_cap: list[int], waited_for: list[int], told: list[int], expected: list[int]
) -> None:
    found = years_to_tell(
        dt.date.fromisoformat(on), with_cap=with_cap, waited_for=waited_for, told=told
    )

    assert found == expected
