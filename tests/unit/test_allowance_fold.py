"""The fold of a citizen's entries is the page they were made from, whatever came when."""

import dataclasses
import datetime as dt
from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from frikort_contracts.topics import GRANTS, PAYROLL
from services.allowance.entry import GENESIS, chain_hash
from services.allowance.fold import (
    ChainBroken,
    CitizenFold,
    HeldPayroll,
    JournalEntry,
    read_up_to,
)
from services.allowance.pages import Page
from services.allowance.picture import CardChangeRow, CardRow, EmploymentRow
from services.allowance.posting import Entry, Posting
from services.allowance.redrive import read_again, redrive
from services.allowance.translate import read
from services.chassis.errors import ContractError
from services.chassis.inbox import Message
from tests.unit.attention_cases import Tale
from tests.unit.ledger_cases import CAP_ORE, NOW, caps, identity, post, posting

RULES = caps(2022, 2023)
BROKEN = b"{not JSON"


def journal_row(entry: Entry) -> JournalEntry:
    """Give an entry as the fold reads it from the journal."""
    page = entry.page
    topic = entry.received.message.topic
    return JournalEntry(
        page.citizen_id, entry.entry_no, page.partition, entry.hash, entry.content, topic
    )


def take_all(citizen_id: str, rows: Iterable[JournalEntry]) -> CitizenFold:
    fold = CitizenFold(citizen_id, 0)
    for row in rows:
        fold.take(row)
    return fold


def folded(entries: Sequence[Entry], page: Page) -> CitizenFold:
    return take_all(page.citizen_id, map(journal_row, entries))


def held(page: Page) -> list[HeldPayroll]:
    return [
        HeldPayroll(w.message.version, w.parked)
        for w in page.waiting
        if w.message.topic == PAYROLL.name
    ]


def assert_folds_to(done: Posting, page: Page) -> None:
    fold = folded(done.entries, page)
    assert (fold.entry_no, fold.head) == (page.entry_no, page.head)
    assert fold.recorded_at == page.recorded_at
    assert fold.grants_version == page.state.grants_version
    assert tuple(fold.changes) == page.state.changes
    assert fold.years == page.state.years
    read = page.payroll_version
    known = read if page.is_parked(PAYROLL.name) else 0  # else it follows from what is held
    assert read_up_to(fold.payroll_version, held(page), known) == read
    days = {key: (row.starts_on, row.ends_on) for key, (row, _) in fold.employments.items()}
    assert days == {key: tuple(known) for key, known in page.employments.items()}


def messages_of(tale: Tale) -> list[Message]:
    return [
        tale.issued("2022-02-01"),
        tale.employed("2022-01-01"),
        tale.wage("a", "2022-03-01", CAP_ORE - 5),
        tale.wage("b", "2022-04-01", 10),
        tale.deactivated("2022-06-01"),
        tale.wage("c", "2022-07-01", 7, rests_on=2),
        tale.wage("early", "2025-01-01", 13),
        tale.reversal("a", "2022-03-01", CAP_ORE - 5, rests_on=2),
        tale.appeal("2022-06-01"),
        tale.ended("2022-10-01"),
        tale.wage("d", "2022-09-01", 11, rests_on=3),
        tale.reversal("early", "2025-01-01", 13, rests_on=3),
        tale.reversal("nobody's", "2022-09-01", 11, rests_on=3),
        tale.other_grant("dispensation-granted"),
        tale.misreported("d"),
        tale.closed("2022-11-01"),
        tale.wage("e", "2023-01-01", 5, rests_on=4),
    ]


def deliver(messages: Sequence[Message]) -> Posting:
    """Post as a service does: what cannot be read is parked, and holds back its citizen."""
    under_way = posting(RULES)
    for message in messages:
        page = under_way.pages.setdefault(message.stream_id, Page(message.stream_id, 0))
        under_way.wages.setdefault(message.stream_id, {})
        try:
            under_way.receive(read(message))
        except ContractError as error:
            under_way.park(page, message, error.reason)
    return under_way


@settings(deadline=None)  # a busy machine fails nothing
@given(st.data())
def test_a_fold_is_its_page_whatever_is_late_broken_missing_or_redriven(
    data: st.DataObject,
) -> None:
    tale = Tale()
    messages = messages_of(tale)
    places = range(len(messages))
    broken = data.draw(st.sets(st.sampled_from(places), max_size=3), label="broken")
    values = {place: messages[place].value for place in broken}
    for place in broken:
        messages[place].value = BROKEN
    arrival = data.draw(st.permutations([m.topic for m in messages]), label="arrival")
    queues = {topic: [m for m in messages if m.topic == topic] for topic in set(arrival)}
    arrived = [queues[topic].pop(0) for topic in arrival]
    late = data.draw(st.sets(st.sampled_from(places), max_size=3), label="late")
    done = deliver([m for place, m in enumerate(arrived) if place not in late])
    page = done.pages[tale.citizen_id]

    assert_folds_to(done, page)
    for place in sorted(late):
        try:
            done.receive(read(arrived[place]))
        except ContractError as error:
            done.park(page, arrived[place], error.reason)
        assert_folds_to(done, page)
    for place, value in sorted(values.items()):
        messages[place].value = value
        for topic in (GRANTS.name, PAYROLL.name):
            read_again(page)
            redrive(done, page, topic)
            assert_folds_to(done, page)


def test_a_fold_gives_the_citizens_part_of_the_picture() -> None:
    tale = Tale(card_no="00042")
    done = post(
        [
            tale.issued("2023-01-01"),
            tale.employed("2023-01-15", consultant="k-7"),
            tale.deactivated("2023-06-01"),
            tale.appeal("2023-06-01", outcome="upheld"),
            tale.appeal("2023-06-01"),
            tale.ended("2023-09-30"),
            tale.closed("2023-12-01"),
        ],
        RULES,
    )
    fold = folded(done.entries, done.pages[tale.citizen_id])
    me, work = tale.citizen_id, identity("employment")

    def day(text: str) -> dt.date:
        return dt.date.fromisoformat(text)

    def change(version: int, kind: str, on: str, decided_on: str) -> CardChangeRow:
        code = "751" if kind == "issued" else None
        return CardChangeRow("00042", version, kind, day(on), day(decided_on), code)

    card = CardRow("00042", me, "751", day("2023-01-01"), "none", "30-plus")
    employment = EmploymentRow(
        work, "00042", "shop", day("2023-01-15"), day("2023-09-30"), "k-7", day("2019-01-01"), me
    )
    assert fold.cards == {"00042": (card, NOW)}
    assert [row for row, _ in fold.card_changes] == [
        change(1, "issued", "2023-01-01", "2023-01-01"),
        change(2, "deactivated", "2023-06-01", "2023-06-01"),
        change(4, "overturned", "2023-06-01", "2023-11-20"),
        change(5, "closed", "2023-12-01", "2023-12-01"),
    ]
    assert fold.employments == {work: (employment, NOW)}


def damaged(rows: list[JournalEntry]) -> dict[str, list[JournalEntry]]:
    first, second, third = rows
    other = second._replace(content=second.content.replace(b"1900000", b"1900001"))
    return {
        "a changed byte": [first, other, third],
        "a hash of its own": [first, second._replace(hash=bytes(32)), third],
        "a missing entry": [first, third],
        "no first entry": [second, third],
        "two swapped": [first, third, second],
        "one twice": [first, second, second, third],
    }


@pytest.mark.parametrize("damage", damaged([JournalEntry("", 1, 0, b"", b"", "")] * 3))
def test_nothing_is_folded_of_a_chain_that_does_not_hold(damage: str) -> None:
    tale = Tale()
    messages = [tale.issued(), tale.wage("a", "2023-02-01", 19_000_00)]
    done = post([*messages, tale.wage("b", "2023-03-01", 5)], RULES)
    rows = [journal_row(entry) for entry in done.entries]

    with pytest.raises(ChainBroken, match=f"of citizen {tale.citizen_id} does not hold"):
        take_all(tale.citizen_id, damaged(rows)[damage])


def test_an_entry_that_holds_and_cannot_be_read_is_named_too() -> None:
    tale = Tale()
    done = post([tale.issued()], RULES)
    row = journal_row(done.entries[0])
    twisted = dataclasses.replace(done.entries[0], content=b"{}")

    forged = journal_row(twisted)._replace(hash=chain_hash(GENESIS, b"{}"))

    with pytest.raises(ChainBroken, match="entry 1 of"):
        CitizenFold(tale.citizen_id, row.partition).take(forged)


WALKS: dict[str, tuple[list[tuple[int | None, bool]], int, int]] = {
    "nothing held": ([], 9, 4),
    "in its place": ([(5, False), (6, False)], 0, 6),
    "held before what is applied": ([(3, False)], 4, 4),
    "parked, and as it is kept": ([(5, True), (6, False), (7, False)], 6, 6),
    "parked, and nothing is kept": ([(5, True), (6, False)], 0, 4),
    "parked, and further than there is": ([(5, True), (6, False)], 8, 6),
    "behind one that is missing": ([(6, True), (7, False)], 7, 4),
    "behind one without a version": ([(None, True), (6, False)], 6, 4),
}
"""What is held as (version, parked), how far was kept, how far it was; applied up to 4."""


@pytest.mark.parametrize("walk", WALKS)
def test_payroll_is_read_up_to_what_is_applied_or_held_in_its_place(walk: str) -> None:
    messages, kept, expected = WALKS[walk]

    assert read_up_to(4, [HeldPayroll(*one) for one in messages], kept) == expected
