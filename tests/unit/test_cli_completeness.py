"""The journal against its sources' topics, in memory: each damage to a topic is found and named."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from cli.completeness import Completeness, Entered, Lane, Said, Sent, sha256
from tests.unit.ledger_cases import identity

CITIZEN, OTHER = identity("anna"), identity("bo")
Records = list[Sent]
Damage = Callable[[Records], Records]


def sent(number: int, citizen_id: str = CITIZEN, version: int | None = None) -> Sent:
    return Sent(
        offset=number + 10,
        number=number,
        event_id=identity(f"event-{number}"),
        said=Said(
            citizen_id=citizen_id,
            type="wage-paid",
            version=number if version is None else version,
            municipality_code="751",
            bytes=sha256(f"bytes-{number}".encode()),
        ),
    )


def entered(record: Sent) -> Entered:
    return Entered(record.said.version, record.said)


RECORDS = [sent(1), sent(2), sent(3), sent(4, OTHER, 1), sent(5), sent(6)]
"""Of these the first four are entered, the fifth waits, and the sixth is not yet read."""
LANE = Lane(
    topic="frikort-payroll",
    partition=3,
    last_number=5,
    next_offset=16,
    passed_over=0,
    entries={record.event_id: entered(record) for record in RECORDS[:4]},
    held={RECORDS[4].event_id: RECORDS[4].said.bytes},
)


def found(lane: Lane, records: Records) -> list[tuple[str, str]]:
    compared = Completeness()
    compared.compare(lane, records)
    return [(fault.where, fault.field) for fault in compared.faults]


def record(number: int) -> str:
    return f"frikort-payroll:3 record {number}"


def without(number: int) -> Damage:
    return lambda records: [each for each in records if each.number != number]


def swapped(records: Records) -> Records:
    return [records[0], records[2], records[1], *records[3:]]


def with_other(number: int, event_id: str | None = None, **changed: Any) -> Damage:
    def damage(records: Records) -> Records:
        return [
            each._replace(event_id=event_id or each.event_id, said=each.said._replace(**changed))
            if each.number == number
            else each
            for each in records
        ]

    return damage


def numbers_swapped(records: Records) -> Records:
    """Swap the contents of two records, each in the other's place and under its number."""
    one, two = records[1], records[2]
    changed = list(records)
    changed[1] = two._replace(offset=one.offset, number=one.number)
    changed[2] = one._replace(offset=two.offset, number=two.number)
    return changed


DAMAGE: dict[str, tuple[Damage, list[tuple[str, str]]]] = {
    "a missing record": (
        without(2),
        [(record(2), "number"), (f"citizen {CITIZEN} entry 2", "source")],
    ),
    "a missing record that waits": (without(5), [(record(5), "number")]),
    "a cut tail": (
        lambda records: records[:2],
        [
            (record(3), "number"),
            (f"citizen {CITIZEN} entry 3", "source"),
            (f"citizen {OTHER} entry 1", "source"),
        ],
    ),
    "an empty topic": (
        lambda _: [],
        [
            (record(1), "number"),
            *[(f"citizen {CITIZEN} entry {n}", "source") for n in (1, 2, 3)],
            (f"citizen {OTHER} entry 1", "source"),
        ],
    ),
    "other bytes": (with_other(2, bytes=sha256(b"other")), [(record(2), "bytes")]),
    "other bytes of what waits": (with_other(5, bytes=sha256(b"other")), [(record(5), "bytes")]),
    "another municipality": (
        with_other(2, municipality_code="101"),
        [(record(2), "municipality_code")],
    ),
    "another citizen": (with_other(2, citizen_id=OTHER), [(record(2), "citizen_id")]),
    "another type": (with_other(2, type="wage-reversed"), [(record(2), "type")]),
    "another version": (with_other(2, version=3), [(record(2), "version")]),
    "two swapped records": (swapped, [(record(2), "number"), (record(2), "number")]),
    "another event": (
        with_other(2, event_id=identity("forged"), citizen_id=identity("nobody")),
        [(record(2), "entry"), (f"citizen {CITIZEN} entry 2", "source")],
    ),
    "another event of the same citizen and version": (
        with_other(2, event_id=identity("forged")),
        [(record(2), "entry"), (f"citizen {CITIZEN} entry 2", "source")],
    ),
    "a record put between": (
        lambda records: [*records[:2], sent(2)._replace(event_id="forged"), *records[2:]],
        [(record(2), "bytes")],
    ),
    "a record that no relay numbered": (
        lambda records: [*records, sent(9, identity("nobody"))._replace(number=None, offset=3)],
        [("frikort-payroll:3 record offset 3", "entry")],
    ),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_to_a_topic_is_found_and_named(name: str) -> None:
    damage, named = DAMAGE[name]

    assert sorted(found(LANE, damage(RECORDS))) == sorted(named)


def test_what_is_sent_and_entered_or_waits_is_complete_and_what_is_not_read_is_no_fault() -> None:
    compared = Completeness()

    compared.compare(LANE, RECORDS)

    assert (compared.faults, compared.records) == ([], 5)


def test_all_sent_again_from_the_store_is_no_fault() -> None:
    again = [each._replace(offset=each.offset + 100) for each in RECORDS]

    assert found(LANE, [*RECORDS, *again]) == []


def test_two_records_that_changed_places_with_their_numbers_are_no_news_to_the_journal() -> None:
    """The order between citizens is not the journal's; a citizen's own is in the versions."""
    assert found(LANE, numbers_swapped(RECORDS)) == []


def test_a_repetition_under_another_id_was_passed_over_as_often_as_is_counted() -> None:
    again = sent(6, CITIZEN, 2)
    lane = replace(LANE, last_number=6, next_offset=17, passed_over=1)

    assert found(lane, [*RECORDS[:5], again]) == []
    assert found(replace(lane, passed_over=0), [*RECORDS[:5], again]) == [(record(6), "entry")]


def test_an_entry_that_was_taken_out_leaves_its_record_without_one() -> None:
    entries = {k: v for k, v in LANE.entries.items() if k != RECORDS[2].event_id}

    assert found(replace(LANE, entries=entries), RECORDS) == [(record(3), "entry")]


def test_an_entry_that_nobody_sent_is_named() -> None:
    forged = {identity("forged"): Entered(4, RECORDS[0].said._replace(version=4))}

    assert found(replace(LANE, entries={**LANE.entries, **forged}), RECORDS) == [
        (f"citizen {CITIZEN} entry 4", "source")
    ]


def test_a_position_moved_on_shows_what_was_never_there() -> None:
    assert (record(7), "number") in found(replace(LANE, last_number=9), RECORDS)
