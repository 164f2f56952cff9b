"""Judges a stack after chaos: zero lost, zero double, every balance right to the øre.

Each check names what is wrong in words; an empty list is the only good news.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from frikort_contracts.topics import ALLOWANCE, BALANCES, GRANTS, NOTIFICATIONS, PAYROLL, RULES
from tests.chaos.commands import Book, Service
from tests.chaos.evidence import Evidence, Published
from tests.chaos.oracle import Expected

SHOWN_MAX = 5
NUMBERED = (GRANTS.name, PAYROLL.name, ALLOWANCE.name, NOTIFICATIONS.name, RULES.name)
SOURCES: tuple[Service, ...] = ("grants", "payroll")
TEXTED = {"grant-issued", "allowance-low", "allowance-exhausted"}
SETTLED = {"delivered", "failed", "suppressed", "submitted"}
"""A text whose delivery report came while its reader was away stays submitted."""


def judge(book: Book, expected: Expected, evidence: Evidence) -> list[str]:
    """Give all that is wrong."""
    return [
        *book.contradictions,
        *_shortened("commands", _commands(book, evidence)),
        *_shortened("grants seen", _grants_seen(book)),
        *_shortened("topics", _topics(evidence)),
        *_shortened("published", _published(evidence)),
        *_shortened("accounts", _accounts(evidence)),
        *_shortened("journal", _journal(book, evidence)),
        *_shortened("decisions", _compare(expected.decisions, evidence.decisions())),
        *_shortened("balances", _compare(expected.years, evidence.balances)),
        *_shortened("balances told", _balances_told(expected, evidence)),
        *_shortened("texts", _texts(evidence)),
    ]


def _commands(book: Book, evidence: Evidence) -> Iterator[str]:
    """Every accepted command has one event, at its place; there is no event beside them."""
    for service in SOURCES:
        answered = book.accepted(service)
        claimed = Counter((one.citizen_id, one.version, one.answer["id"]) for one in answered)
        stored = Counter((row[0], row[1], row[2]) for row in evidence.stored[service])
        yield from (f"{service} lost {one}" for one in claimed - stored)
        yield from (f"{service} has {one}, which nobody was answered" for one in stored - claimed)
        versions = defaultdict(list)
        for stream, version, *_ in evidence.stored[service]:
            versions[stream].append(version)
        for stream, found in versions.items():
            if sorted(found) != list(range(1, len(found) + 1)):
                yield f"{service} {stream}: versions {sorted(found)}"


def _grants_seen(book: Book) -> Iterator[str]:
    """What payroll says it had seen of a citizen's grants never falls, and had been recorded."""
    granted = Counter(one.citizen_id for one in book.accepted("grants"))
    seen: dict[str, int] = {}
    for one in sorted(book.accepted("payroll"), key=lambda one: one.version):
        sees, before = one.answer["grants_version"], seen.get(one.citizen_id, 1)
        if not before <= sees <= granted[one.citizen_id]:
            yield f"{one.command.key} has seen {sees} of the grants, before it {before}"
        seen[one.citizen_id] = sees


def _topics(evidence: Evidence) -> Iterator[str]:
    """No event twice; each partition numbered from 1 without gap or repeat; streams in order."""
    for topic in NUMBERED:
        records = evidence.topics[topic]
        twice = [found for found, n in Counter(r.event_id for r in records).items() if n > 1]
        yield from (f"{topic}: event {found} twice" for found in twice)
        numbers: defaultdict[int, list[int]] = defaultdict(list)
        versions: defaultdict[str, list[int]] = defaultdict(list)
        for record in records:
            numbers[record.partition].append(record.partition_seq)
            versions[record.key].append(record.version)
        for partition, found in numbers.items():
            if found != list(range(1, len(found) + 1)):
                yield f"{topic}:{partition} is numbered {_breaks(found)}"
        for key, found in versions.items():
            if topic != RULES.name and found != sorted(found):
                yield f"{topic}: {key} is out of order, {_breaks(found)}"


def _published(evidence: Evidence) -> Iterator[str]:
    """What is stored is what is published, event by event."""
    for service, rows in evidence.stored.items():
        sent = Counter(r.event_id for r in evidence.topics[f"frikort-{service}"])
        stored = Counter(row[2] for row in rows)
        yield from (f"{service} has not published {one}" for one in stored - sent)
        yield from (f"{service} published {one}, which it has not" for one in sent - stored)


def _accounts(evidence: Evidence) -> Iterator[str]:
    """Per partition and reader: produced = applied + ignored + duplicate, and nothing is held."""
    for reader, lanes in evidence.accounts.items():
        for topic, partition, produced, applied, ignored, duplicate, waiting, parked in lanes:
            where = f"{reader} of {topic}:{partition}"
            numbers = [r.partition_seq for r in evidence.topics[topic] if r.partition == partition]
            if produced != max(numbers, default=0):
                yield f"{where} has seen {produced} of {max(numbers, default=0)}"
            if produced != applied + ignored + duplicate + waiting + parked:
                yield f"{where}: {produced} ≠ {(applied, ignored, duplicate, waiting, parked)}"
            if waiting or parked:
                yield f"{where}: {waiting} wait, {parked} are parked"


def _journal(book: Book, evidence: Evidence) -> Iterator[str]:
    """Each source event is entered once."""
    entered = Counter(row[0] for row in evidence.entered)
    for service in SOURCES:
        for one in book.accepted(service):
            times = entered[one.answer["id"]]
            if times != 1:
                yield f"{one.command.kind} {one.command.key} is entered {times} times"
    told = {r.value["wage_id"]: r.value for r in _of(evidence, ALLOWANCE.name, "wage-apportioned")}
    decided = {wage_id: d[:2] for wage_id, d in evidence.decisions().items()}
    heard = {wage_id: (v["covered_ore"], v["excess_ore"]) for wage_id, v in told.items()}
    yield from _compare(decided, heard)


def _balances_told(expected: Expected, evidence: Evidence) -> Iterator[str]:
    """The latest balance of each citizen's year on its topic is the expected one."""
    latest = {r.key: r.value for r in evidence.topics[BALANCES.name]}
    told = {key: (v["covered_ore"], v["excess_ore"]) for key, v in latest.items()}
    due = {f"{citizen}:{year}": found[:2] for (citizen, year), found in expected.years.items()}
    yield from _compare(due, told)


def _texts(evidence: Evidence) -> Iterator[str]:
    """Each fact that calls for a text asks for one; the gateway has it at most once."""
    facts = [r for topic in evidence.topics.values() for r in topic if r.kind in TEXTED]
    asked = Counter(cause for cause, *_ in evidence.texts_wanted.values())
    yield from (
        f"{r.kind} {r.event_id}: texts {asked[r.event_id]}" for r in facts if asked[r.event_id] != 1
    )
    sent = Counter(evidence.texts_sent)
    yield from (f"text {each} went {n} times" for each, n in sent.items() if n > 1)
    yield from (f"text {each} is nobody's" for each in sent if each not in evidence.texts_wanted)
    for each, (cause, template, state, reason) in evidence.texts_wanted.items():
        if state == "requested":
            continue  # its citizen has no number yet
        went = sent[each]
        unsure = state == "failed" and reason == "outcome-unknown"
        if state not in SETTLED or (went == 0 and state != "suppressed" and not unsure):
            yield f"text {each} of {cause} ({template}): {state} {reason}, sent {went} times"


def _of(evidence: Evidence, topic: str, kind: str) -> list[Published]:
    return [record for record in evidence.topics[topic] if record.kind == kind]


def _compare(due: Mapping[Any, Any], found: Mapping[Any, Any]) -> Iterator[str]:
    for key in sorted({*due, *found}, key=str):
        if due.get(key) != found.get(key):
            yield f"{key}: {found.get(key)}, due is {due.get(key)}"


def _breaks(numbers: list[int]) -> str:
    """Show where numbers first do not follow one another."""
    for index, (before, after) in enumerate(zip([0, *numbers], numbers, strict=False)):
        if after != before + 1:
            return f"…{before}, {after}… (record {index + 1} of {len(numbers)})"
    return "…"


def _shortened(what: str, wrong: Iterable[str]) -> list[str]:
    found = list(wrong)
    rest = [f"{what}: and {len(found) - SHOWN_MAX} more"] if len(found) > SHOWN_MAX else []
    return [*(f"{what}: {words}" for words in found[:SHOWN_MAX]), *rest]
