"""The judge of a run: an independent reading of what the ledger left behind.

It knows what was written upstream, recomputes every chain, has the naive ledger decide in the
order in which the journal says that things came, and reads the topics as a consumer would.
"""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

from aiokafka import TopicPartition

from frikort_contracts.topics import ALLOWANCE, BALANCES, GRANTS, PARTITIONS, partition_of
from tests.simulation.database import Database
from tests.simulation.kafka import Broker
from tests.simulation.statements import Row
from tests.simulation.workload import Workload, Written
from tests.unit.ledger_machine import JUDGED
from tests.unit.naive_ledger import NaiveCitizen, NaiveReversal, NaiveWage

Problems = Iterator[str]


def judge(
    workload: Workload,
    produced: dict[TopicPartition, int],
    database: Database,
    broker: Broker,
) -> list[str]:
    """Say everything that is wrong, nothing if all is well."""
    by_citizen: dict[str, list[Row]] = defaultdict(list)
    for row in database.rows("journal"):
        by_citizen[row["citizen_id"]].append(row)
    for rows in by_citizen.values():
        rows.sort(key=lambda row: row["entry_no"])
    return [
        *_judge_sources(workload, by_citizen),
        *(problem for rows in by_citizen.values() for problem in _judge_chain(rows)),
        *(
            problem
            for writer in workload.writers
            for problem in _judge_decisions(workload, by_citizen[writer.citizen_id])
        ),
        *_judge_balances(by_citizen, database),
        *_judge_events(database, broker),
        *_judge_account(produced, database),
    ]


def account_problem(row: Row, held: int) -> str | None:
    """Say whether a partition's account does not add up: produced = what became of it (I8)."""
    seen = row["last_seq"] + row["unnumbered"]
    became = row["applied"] + row["ignored"] + row["duplicate"] + held
    lane = f"{row['topic']}:{row['partition']}"
    return None if seen == became else f"{lane}: seen {seen}, accounted for {became}"


def _judge_sources(workload: Workload, by_citizen: dict[str, list[Row]]) -> Problems:
    """Every source event is one entry, of its citizen, in its order (I4)."""
    expected: dict[str, Counter[str]] = defaultdict(Counter)
    order: dict[tuple[str, str, object], list[int]] = defaultdict(list)
    for source_id, written in workload.by_source().items():
        expected[written.writer.citizen_id][source_id] += 1
    for citizen_id in expected.keys() | by_citizen.keys():
        rows = by_citizen.get(citizen_id, [])
        found = Counter(row["source_id"] for row in rows)
        if lost := expected[citizen_id] - found:
            yield f"{citizen_id}: {len(lost)} events have no entry"
        if more := found - expected[citizen_id]:
            yield f"{citizen_id}: {sum(more.values())} entries rest on nothing, or are repeated"
        for row in rows:
            year = row["year"] if workload.late_caps else None
            order[citizen_id, row["source_topic"], year].append(row["source_version"])
    for lane, versions in order.items():
        if versions != sorted(versions):
            yield f"{lane}: entered in the order {versions}"


def _judge_chain(rows: list[Row]) -> Problems:
    """Numbers run without gaps, hashes chain, columns repeat the bytes, postings sum to zero."""
    head, recorded_at = bytes(32), ""
    for number, row in enumerate(rows, start=1):
        content = json.loads(row["bytes"])
        head = hashlib.sha256(b"frikort-entry-1" + head + row["bytes"]).digest()
        place = f"{row['citizen_id']} entry {row['entry_no']}"
        if (row["entry_no"], content["entry_no"]) != (number, number):
            yield f"{place}: is the {number}th"
        if row["hash"] != head:
            yield f"{place}: the chain is broken"
        if content["recorded_at"] < recorded_at:
            yield f"{place}: recorded before the one before it"
        recorded_at = content["recorded_at"]
        source = content["source"]
        if (source["id"], source["type"], source["version"], content["citizen_id"]) != (
            row["source_id"],
            row["source_type"],
            row["source_version"],
            row["citizen_id"],
        ):
            yield f"{place}: columns and bytes differ"
        if sum(posting["amount_ore"] for posting in content["postings"]):
            yield f"{place}: its postings do not sum to zero"


def _judge_decisions(workload: Workload, rows: list[Row]) -> Problems:
    """Decide everything again, in the order of the journal; compare (I1, I2, I3, I12)."""
    written_by_source = workload.by_source()
    naive = NaiveCitizen()
    raised: Counter[tuple[str, str]] = Counter()
    covered: Counter[int] = Counter()
    caps = {cap.year: cap.amount for cap in workload.law.caps}
    for row in rows:
        written = written_by_source.get(row["source_id"])
        if written is None:
            continue  # said already
        content = json.loads(row["bytes"])
        if written.message.topic == GRANTS.name:
            naive.receive_grant(written.meant)
        else:
            naive.payroll.append(written.meant)
        naive.settle(workload.law)
        yield from _judge_decision(written, content)
        decision = content.get("decision")
        if decision is not None:
            covered[decision["year"]] += decision["covered_ore"]
            if not 0 <= covered[decision["year"]] <= caps[decision["year"]]:
                yield f"{row['citizen_id']}: covers {covered} of {caps}"
        for event in content["events"]:
            if event.get("code") in JUDGED:
                raised[event["code"], event.get("wage_id", "")] += 1
    if rows:
        writer = next(w for w in workload.writers if w.citizen_id == rows[0]["citizen_id"])
        called = Counter((code, wage and writer.wage_id(wage)) for code, wage in naive.attention)
        if raised != called:
            said = f"called a person for {raised - called}, not {called - raised}"
            yield f"{writer.citizen_id}: {said}"


def _judge_decision(written: Written, content: dict[str, Any]) -> Problems:
    meant, found = written.meant, content.get("decision")
    place = f"{written.writer.citizen_id} entry {content['entry_no']}"
    if content["municipality_code"].encode() != written.message.headers["ce_municipality"]:
        yield f"{place}: names another municipality"
    if isinstance(meant, NaiveWage):
        if meant.covered is None:
            yield f"{place}: decided before what it rests on"
            return
        right = _decision(meant, 1, meant.reason)
    elif isinstance(meant, NaiveReversal):
        wage = written.writer.wages[meant.name]
        if not meant.done or wage.covered is None:
            yield f"{place}: taken back before what it rests on"
            return
        right = _decision(wage, -1, "wage-reversed")
    else:
        right = None
    if found != right:
        yield f"{place}: {found}, and right is {right}"


def _decision(wage: NaiveWage, sign: int, reason: str) -> dict[str, object]:
    covered = wage.covered or 0
    return {
        "year": wage.paid_on.year,
        "covered_ore": sign * covered,
        "excess_ore": sign * (wage.amount - covered),
        "reason": reason,
    }


def _judge_balances(by_citizen: dict[str, list[Row]], database: Database) -> Problems:
    """What is kept beside the journal is its fold."""
    sums: dict[tuple[str, int], list[int]] = defaultdict(lambda: [0, 0, 0])
    for citizen_id, rows in by_citizen.items():
        for row in rows:
            if row["year"] is not None:
                sums[citizen_id, row["year"]][0] += row["covered_ore"]
                sums[citizen_id, row["year"]][1] += row["excess_ore"]
                sums[citizen_id, row["year"]][2] += 1
    kept = {
        (row["citizen_id"], row["year"]): [row["covered_ore"], row["excess_ore"], row["entries"]]
        for row in database.rows("balances")
    }
    if kept != dict(sums):
        yield f"balances are {kept}, and the journal folds to {dict(sums)}"
    heads = {row["citizen_id"]: (row["entry_no"], row["head"]) for row in database.rows("citizens")}
    ends = {c: (len(rows), rows[-1]["hash"]) for c, rows in by_citizen.items() if rows}
    if heads != ends:
        yield "a page does not end where its chain does"


def _judge_events(database: Database, broker: Broker) -> Problems:
    """A `read_committed` reader gets every event once, in order, numbered without gaps (I5)."""
    expected: dict[int, list[tuple[str, ...]]] = defaultdict(list)
    seqs: dict[int, list[int]] = defaultdict(list)
    balances: dict[str, tuple[int, int]] = {}
    for row in sorted(database.rows("journal"), key=lambda row: row["journal_seq"]):
        content = json.loads(row["bytes"])
        seqs[row["partition"]].append(row["journal_seq"])
        for event in content["events"]:
            about = (event["id"], event["type"], row["citizen_id"], str(row["entry_no"]))
            expected[partition_of(row["citizen_id"])].append(about)
        if row["year"] is not None:
            key = f"{row['citizen_id']}:{row['year']}"
            balances[key] = (row["entry_no"], row["year_covered_ore"])
    for partition, numbers in seqs.items():
        if numbers != [*range(1, len(numbers) + 1)]:
            yield f"the journal's partition {partition} is numbered {numbers}"
    names = ("ce_id", "ce_type", "ce_subject", "ce_streamversion")
    for partition in range(PARTITIONS):
        records = [
            {name: (value or b"").decode() for name, value in record.headers}
            for record in broker.committed(TopicPartition(ALLOWANCE.name, partition))
        ]
        found = [tuple(headers[name] for name in names) for headers in records]
        if found != expected[partition]:
            yield _differs(partition, found, expected[partition])
        if [h["ce_partitionseq"] for h in records] != [str(n + 1) for n in range(len(records))]:
            yield f"{ALLOWANCE.name}:{partition} is not numbered without gaps"
    yield from _judge_published_balances(broker, balances)


def _differs(partition: int, found: list[tuple[str, ...]], expected: list[tuple[str, ...]]) -> str:
    lost, more = Counter(expected) - Counter(found), Counter(found) - Counter(expected)
    what = f"lost {sum(lost.values())}, too many {sum(more.values())}" if lost or more else "order"
    return f"{ALLOWANCE.name}:{partition}: {what}"


def _judge_published_balances(broker: Broker, expected: dict[str, tuple[int, int]]) -> Problems:
    latest: dict[str, tuple[int, int]] = {}
    for partition in range(PARTITIONS):
        for record in broker.committed(TopicPartition(BALANCES.name, partition)):
            balance = json.loads(record.value or b"")
            key = (record.key or b"").decode()
            if balance["entry_no"] < latest.get(key, (0, 0))[0]:
                yield f"{BALANCES.name}: {key} goes back to entry {balance['entry_no']}"
            latest[key] = (balance["entry_no"], balance["covered_ore"])
    if latest != expected:
        yield f"{BALANCES.name} tells {latest}, and right is {expected}"


def _judge_account(produced: dict[TopicPartition, int], database: Database) -> Problems:
    held = Counter((row["topic"], row["partition"]) for row in database.rows("held_messages"))
    if held:
        yield f"still held: {dict(held)}"
    seen = {}
    for row in database.rows("inbox_positions"):
        lane = TopicPartition(row["topic"], row["partition"])
        problem = account_problem(row, held[lane])
        if problem:
            yield problem
        if row["last_seq"]:
            seen[lane] = row["last_seq"]
    if seen != produced:
        yield f"read to {seen}, and produced is {produced}"
