"""The judge of a storm, judged: whatever is lost, double or wrong is named."""

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from frikort_contracts.topics import (
    ALLOWANCE,
    BALANCES,
    CHECKPOINTS,
    GRANTS,
    PAYROLL,
    RULES,
)
from tests.chaos.commands import Answered, Book, Command, Service
from tests.chaos.evidence import Evidence, Published
from tests.chaos.judge import judge
from tests.chaos.oracle import Decision, Year, expect

CITIZEN = "6f1c0d1e-0000-4000-8000-000000000001"
NOW = dt.datetime(2026, 1, 5, 12, tzinfo=dt.UTC)
PARTITION = 4


def test_a_stack_where_all_is_right_is_let_through() -> None:
    book = _book()

    assert judge(book, expect(book, NOW), _evidence()) == []


def test_what_is_expected_is_the_naive_ledgers() -> None:
    expected = expect(_book(), NOW)

    assert expected.decisions == {
        "wage-1": Decision(40_000_00, 5_000_00, "over-cap"),
        "wage-2": Decision(0, 1_00, "before-grant"),
    }
    assert expected.years == {
        (CITIZEN, 2023): Year(40_000_00, 5_000_00, 1),
        (CITIZEN, 2022): Year(0, 0, 2),
    }


def _lose_a_stored_event(evidence: Evidence) -> None:
    evidence.stored["payroll"].pop(1)


def _store_an_event_nobody_sent(evidence: Evidence) -> None:
    evidence.stored["grants"].append((CITIZEN, 2, "g-2", "grant-reviewed"))


def _lose_a_record(evidence: Evidence) -> None:
    evidence.topics[PAYROLL.name].pop()


def _publish_twice(evidence: Evidence) -> None:
    again = evidence.topics[PAYROLL.name][-1]
    evidence.topics[PAYROLL.name].append(again._replace(partition_seq=again.partition_seq + 1))


def _number_twice(evidence: Evidence) -> None:
    records = evidence.topics[PAYROLL.name]
    records[-1] = records[-1]._replace(partition_seq=records[-2].partition_seq)


def _swap_records(evidence: Evidence) -> None:
    records = evidence.topics[PAYROLL.name]
    first, second = records[1], records[2]
    records[1] = second._replace(partition_seq=first.partition_seq)
    records[2] = first._replace(partition_seq=second.partition_seq)


def _miscount(evidence: Evidence) -> None:
    topic, partition, produced, applied, *rest = evidence.accounts["allowance"][0]
    evidence.accounts["allowance"][0] = (topic, partition, produced, applied - 1, *rest)


def _read_too_little(evidence: Evidence) -> None:
    topic, partition, produced, applied, *rest = evidence.accounts["payroll"][0]
    evidence.accounts["payroll"][0] = (topic, partition, produced - 1, applied - 1, *rest)


def _leave_one_waiting(evidence: Evidence) -> None:
    topic, partition, produced, applied, ignored, duplicate, _, parked = evidence.accounts[
        "allowance"
    ][0]
    evidence.accounts["allowance"][0] = (
        *(topic, partition, produced, applied - 1),
        *(ignored, duplicate, 1, parked),
    )


def _enter_twice(evidence: Evidence) -> None:
    evidence.entered.append(evidence.entered[-1])


def _cover_an_oere_more(evidence: Evidence) -> None:
    source, wage_id, kind, covered, excess, reason = evidence.entered[2]
    evidence.entered[2] = (source, wage_id, kind, covered + 1, excess - 1, reason)


def _keep_a_wrong_balance(evidence: Evidence) -> None:
    evidence.balances[CITIZEN, 2023] = Year(40_000_01, 4_999_99, 1)


def _tell_an_old_balance(evidence: Evidence) -> None:
    evidence.topics[BALANCES.name].pop()


def _text_twice(evidence: Evidence) -> None:
    evidence.texts_sent.append(evidence.texts_sent[0])


def _text_for_nothing(evidence: Evidence) -> None:
    evidence.texts_sent.append("of-nothing")


def _forget_a_text(evidence: Evidence) -> None:
    del evidence.texts_wanted["text-2"]
    evidence.texts_sent.remove("text-2")


def _lose_a_text(evidence: Evidence) -> None:
    evidence.texts_sent.remove("text-2")


FLAWS: dict[Callable[[Evidence], None], str] = {
    _lose_a_stored_event: "payroll lost",
    _store_an_event_nobody_sent: "which nobody was answered",
    _lose_a_record: "has not published",
    _publish_twice: "twice",
    _number_twice: "is numbered",
    _swap_records: "out of order",
    _miscount: "accounts: allowance",
    _read_too_little: "has seen",
    _leave_one_waiting: "1 wait",
    _enter_twice: "is entered 2 times",
    _cover_an_oere_more: "decisions: wage-1",
    _keep_a_wrong_balance: "balances:",
    _tell_an_old_balance: "balances told",
    _text_twice: "went 2 times",
    _text_for_nothing: "is nobody's",
    _forget_a_text: "texts 0",
    _lose_a_text: "sent 0 times",
}


@pytest.mark.parametrize("flaw", FLAWS, ids=lambda flaw: flaw.__name__.strip("_"))
def test_each_flaw_is_named(flaw: Callable[[Evidence], None]) -> None:
    book, evidence = _book(), _evidence()

    flaw(evidence)

    assert any(FLAWS[flaw] in words for words in judge(book, expect(book, NOW), evidence))


def test_a_command_that_the_book_forgot_is_missed() -> None:
    book = _book()
    wages = [one for one in book.answered if one.command.kind == "wage"]
    book.answered.remove(wages[0])

    wrong = judge(book, expect(book, NOW), _evidence())

    assert any("which nobody was answered" in words for words in wrong)
    assert any(words.startswith("balances:") for words in wrong)


@pytest.mark.parametrize("seen", [0, 2])
def test_a_wage_that_has_seen_what_was_not_there_is_told(seen: int) -> None:
    book = _book()
    expected = expect(book, NOW)
    wage = book.answered[2]
    book.answered[2] = replace(wage, answer={**wage.answer, "grants_version": seen})

    wrong = judge(book, expected, _evidence())

    assert any(words.startswith("grants seen:") for words in wrong)


def test_a_contradicted_answer_is_told() -> None:
    book = _book()
    book.contradict("wage W-1: 201, then 409")

    assert judge(book, expect(book, NOW), _evidence()) == ["wage W-1: 201, then 409"]


def _book() -> Book:
    book = Book()
    book.note(_answered("grants", "grant", 1, "g-1", {"valid_from": "2022-03-01"}))
    employment = {"employment_ref": "E-1", "starts_on": "2022-03-01"}
    book.note(_answered("payroll", "employment", 1, "p-1", employment))
    book.note(_wage(2, "W-1", "wage-1", "2023-05-05", 45_000_00))
    book.note(_wage(3, "W-2", "wage-2", "2022-02-01", 1_00))
    book.note(_answered("payroll", "reversal", 4, "p-4", {}, path="/v1/wages/W-2/reversal"))
    return book


def _wage(version: int, ref: str, wage_id: str, paid_on: str, amount_ore: int) -> Answered:
    body = {
        "wage_ref": ref,
        "employment_ref": "E-1",
        "paid_on": paid_on,
        "amount_ore": amount_ore,
    }
    return _answered("payroll", "wage", version, f"p-{version}", body, wage_id=wage_id)


def _answered(
    service: Service,
    kind: str,
    version: int,
    event_id: str,
    body: dict[str, Any],
    *,
    path: str = "",
    wage_id: str = "",
) -> Answered:
    position = {"service": service, "citizen_id": CITIZEN, "version": version}
    answer = {"id": event_id, "position": position, "grants_version": 1, "wage_id": wage_id}
    command = Command(service=service, kind=kind, path=path, body=body, key=event_id)
    return Answered(command=command, status=201, answer=answer, sent=1)


def _stored() -> dict[str, list[tuple[str, int, str, str]]]:
    """Give what stands in the services' stores, as (stream, version, id, type)."""
    return {
        "grants": [(CITIZEN, 1, "g-1", "grant-issued")],
        "payroll": [
            (CITIZEN, 1, "p-1", "employment-registered"),
            (CITIZEN, 2, "p-2", "wage-paid"),
            (CITIZEN, 3, "p-3", "wage-paid"),
            (CITIZEN, 4, "p-4", "wage-reversed"),
        ],
        "notifications": [(CITIZEN, 1, "n-1", "notification-requested")],
    }


def _topics() -> dict[str, list[Published]]:
    """Give what stands on the topics."""
    topics = {
        f"frikort-{service}": [
            _record(event_id, kind, version) for _, version, event_id, kind in rows
        ]
        for service, rows in _stored().items()
    }
    topics[ALLOWANCE.name] = [
        _record("a-1", "wage-apportioned", 3, 1, _told("wage-1", 40_000_00, 5_000_00)),
        _record("a-2", "allowance-exhausted", 3, 2),
        _record("a-3", "wage-apportioned", 4, 3, _told("wage-2", 0, 1_00)),
    ]
    topics |= {RULES.name: [], CHECKPOINTS.name: []}
    topics[BALANCES.name] = [
        _balance(2022, 0, 1_00),
        _balance(2023, 40_000_00, 5_000_00),
        _balance(2022, 0, 0),
    ]
    return topics


def _evidence() -> Evidence:
    """What a stack has that did all of that once."""
    return Evidence(
        stored=_stored(),
        topics=_topics(),
        accounts={
            "payroll": [(GRANTS.name, PARTITION, 1, 1, 0, 0, 0, 0)],
            "allowance": [
                (PAYROLL.name, PARTITION, 4, 4, 0, 0, 0, 0),
                (GRANTS.name, PARTITION, 1, 1, 0, 0, 0, 0),
            ],
            "notifications": [(ALLOWANCE.name, PARTITION, 3, 1, 2, 0, 0, 0)],
        },
        entered=[
            ("g-1", None, "grant-issued", None, None, None),
            ("p-1", None, "employment-registered", None, None, None),
            ("p-2", "wage-1", "wage-paid", 40_000_00, 5_000_00, "over-cap"),
            ("p-3", "wage-2", "wage-paid", 0, 1_00, "before-grant"),
            ("p-4", "wage-2", "wage-reversed", 0, -1_00, "wage-reversed"),
        ],
        balances={
            (CITIZEN, 2023): Year(40_000_00, 5_000_00, 1),
            (CITIZEN, 2022): Year(0, 0, 2),
        },
        texts_wanted={
            "text-1": ("g-1", "card-issued", "delivered", None),
            "text-2": ("a-2", "allowance-exhausted", "delivered", None),
        },
        texts_sent=["text-1", "text-2"],
    )


def _record(
    event_id: str, kind: str, version: int, seq: int | None = None, value: Any = None
) -> Published:
    return Published(PARTITION, CITIZEN, event_id, kind, version, seq or version, value or {})


def _told(wage_id: str, covered_ore: int, excess_ore: int) -> dict[str, Any]:
    return {"wage_id": wage_id, "covered_ore": covered_ore, "excess_ore": excess_ore}


def _balance(year: int, covered_ore: int, excess_ore: int) -> Published:
    value = {"covered_ore": covered_ore, "excess_ore": excess_ore}
    return _record(f"b-{year}", "balance", 1, 0, value)._replace(key=f"{CITIZEN}:{year}")
