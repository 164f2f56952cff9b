"""The topics alone give the same decisions, and a decision announced otherwise is named."""

import json
from collections.abc import Sequence
from typing import Any

from cli.replay_fold import Replayed, Selection
from cli.replay_topics import DECISIONS, Event, Partition, Rules
from frikort_contracts.topics import GRANTS, PAYROLL
from services.chassis.inbox import Message
from tests.unit.test_replay import BOOK, ENTERED, HISTORY, STORY


def told(*, without: Sequence[int] = (), **changed: Any) -> Replayed:
    """Replay what the topics say of the history; `without` some decisions, the last changed."""
    rules = Rules(BOOK, ["2018-06-08T00:00:00.000000Z"] * BOOK.version)
    partition = Partition(rules, Selection())
    last = json.loads(ENTERED[-1])
    for content in ENTERED:
        entry = json.loads(content)
        decision = entry.get("decision")
        if decision is None or entry["entry_no"] in without:
            continue
        figures = {name: abs(decision[name]) for name in ("covered_ore", "excess_ore")}
        payload = {**decision, **figures, "entry_no": entry["entry_no"]}
        if entry["entry_no"] == last["entry_no"]:
            payload |= changed
        own = next(e for e in entry["events"] if e["type"] in DECISIONS.values())
        place = (STORY.citizen_id, 1, entry["recorded_at"], "751", entry["source"]["id"])
        partition.take_announced(Event(own["type"], own["id"], *place, payload))
    for message in HISTORY:
        if message.topic == GRANTS.name:
            partition.take_grant(_event_of(message))
    for message in HISTORY:
        if message.topic == PAYROLL.name:
            partition.take_payroll(_event_of(message))
    return partition.end()


def _event_of(message: Message) -> Event:
    headers = {name: value.decode() for name, value in message.headers.items()}
    return Event(
        headers["ce_type"],
        headers["ce_id"],
        headers["ce_subject"],
        int(headers["ce_streamversion"]),
        headers["ce_time"],
        headers["ce_municipality"],
        "",
        json.loads(message.value),
    )


def test_the_topics_alone_give_the_same_decisions() -> None:
    found = told()

    assert (found.decisions, found.covered_ore.total(), found.differences) == (6, 1200, [])


def test_a_decision_announced_otherwise_is_named() -> None:
    (found,) = told(covered_ore=699).differences

    assert (found.entry_no, found.field, found.decided, found.replayed) == (
        8,
        "covered_ore",
        "699",
        "700",
    )


def test_a_wage_passed_over_is_named_and_one_that_waits_is_counted() -> None:
    waits, passed_over = told(without=[8]), told(without=[6])

    assert (waits.waiting, waits.differences) == (1, [])
    assert [(d.field, d.decided) for d in passed_over.differences] == [("decision", "none")]
