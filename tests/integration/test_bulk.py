"""Posting and telling in bulk leave and send what going one by one does, on real servers."""

import asyncio
import dataclasses
import datetime as dt
import random
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from types import ModuleType, SimpleNamespace
from typing import Any, NoReturn, cast

import pytest

from frikort_contracts.topics import PARTITIONS
from services.allowance import bulk_posting, bulk_telling, projections, store
from services.allowance.bulk_loading import BULK_FROM, BulkLoader
from services.allowance.handlers import Ledger
from services.allowance.outbox import journal_source
from services.allowance.rules import SetCap
from services.chassis.database import Pool
from services.chassis.errors import ConflictError
from services.chassis.inbox import Message
from tests.bench.history import YEARS, History
from tests.integration.chassis_cases import make_database, pool_of
from tests.integration.servers import Servers
from tests.simulation.kafka import Record
from tests.simulation.service import ChosenIdentifiers, set_rule
from tests.unit.attention_cases import Tale
from tests.unit.ledger_cases import CAP_ORE, NOW
from tests.unit.telling_cases import outcome_of

pytestmark = pytest.mark.slow

CAPPED = (2023, *YEARS)
TABLES = (
    *("inbox_positions", "held_messages", "ledger_partitions", "journal", "citizens", "balances"),
    *("cards", "card_changes", "employments"),
)
NUMBERS = "numbers"
"""The journal's, apart from its rows: in bulk, what is plain of a batch comes before the rest."""
TALES, WAGES = 40, 30
PLAIN = (TALES - 1) * WAGES
"""The first works before its employment too: its wages are left to go one by one."""
START = dict.fromkeys(range(PARTITIONS), 0)

Tables = dict[str, list[dict[str, Any]]]


class Noon:
    """A clock that stands."""

    def now(self) -> dt.datetime:
        return NOW


class CountingLoader(BulkLoader):
    """Counts what is posted and told in bulk."""

    posted = told = 0

    def posting(self, messages: int) -> ModuleType | None:
        found = super().posting(messages)
        return found and cast("ModuleType", SimpleNamespace(post_plain=self._post_plain))

    def telling(self, entries: int) -> ModuleType | None:
        found = super().telling(entries)
        return found and cast("ModuleType", SimpleNamespace(tell_rows=self._tell_rows))

    def _post_plain(self, messages: Sequence[Message], *given: Any, **named: Any) -> Any:
        posted = bulk_posting.post_plain(messages, *given, **named)
        self.posted += len(messages) - len(posted.rest)
        return posted

    def _tell_rows(self, sent: bytes) -> Any:
        batch, rows = bulk_telling.tell_rows(sent)
        self.told += rows
        return batch, rows


@dataclasses.dataclass
class Both:
    """Two ledgers that are given the same: one posts in bulk, the other has never heard of it."""

    bulk: Ledger
    plain: Ledger
    loader: CountingLoader

    async def post(self, records: Sequence[Record]) -> None:
        await self.bulk.post(records)
        await self.plain.post(records)

    async def kept(self) -> Tables:
        """Give what both have kept, which is the same."""
        in_bulk, plainly = await _kept(self.bulk.pool), await _kept(self.plain.pool)
        for table in (*TABLES, NUMBERS):
            assert in_bulk[table] == plainly[table], table
        return in_bulk


async def _kept(pool: Pool) -> Tables:
    found = {}
    async with pool.acquire() as connection:
        for table in TABLES:
            rows = await connection.fetch(f"SELECT * FROM {table}")  # noqa: S608 - our own name
            found[table] = sorted(map(dict, rows), key=lambda row: str(list(row.values())))
    numbers = [(row["partition"], row.pop("journal_seq")) for row in found["journal"]]
    return found | {NUMBERS: [{"number": number} for number in sorted(numbers)]}


@pytest.fixture
async def both(servers: Servers) -> AsyncIterator[Both]:
    loader = CountingLoader()
    await asyncio.to_thread(loader.load)
    async with AsyncExitStack() as stack:
        ledgers = []
        for bulk in (loader, None):
            url = await asyncio.to_thread(make_database, servers, "allowance")
            pool = await stack.enter_async_context(pool_of(url, size_max=2))
            ids = ChosenIdentifiers(random.Random(1))  # noqa: S311 - the same in both
            for year in CAPPED:
                await set_rule(pool, Noon(), ids, _cap(year))
            ledgers.append(Ledger(pool=pool, clock=Noon(), bulk=bulk))
        yield Both(ledgers[0], ledgers[1], loader)


def _cap(year: int) -> SetCap:
    known_at = dt.datetime(2018, 6, 8, tzinfo=dt.UTC)
    return SetCap(
        year=year,
        amount_ore=CAP_ORE,
        in_force_from=dt.date(year, 1, 1),
        known_at=known_at,
        legal_basis="LOV 689",
    )


class Topics:
    """Numbers messages as the relays of grants and payroll would, and Kafka after them."""

    def __init__(self) -> None:
        self._sent = Counter[tuple[str, int]]()

    def records(self, messages: Iterable[Message]) -> list[Record]:
        found = []
        for message in messages:
            lane = (message.topic, message.partition)
            self._sent[lane] += 1
            headers = [*message.headers.items(), ("ce_partitionseq", b"%d" % self._sent[lane])]
            record = Record(*lane, self._sent[lane] - 1, message.key, message.value, headers)
            found.append(record)
        return found


def tales() -> list[Tale]:
    return [Tale(f"bulk {number}", card_no=f"{number:05d}") for number in range(TALES)]


def wages(told: Sequence[Tale], round_no: int = 0) -> list[Message]:
    """Give wages of all, in turn; of some, more than the cap."""
    return [
        tale.wage(
            f"{tale.citizen_id} {round_no} {number}",
            f"2023-{1 + number % 12:02d}-15",
            (1 + place) * 40_00,
        )
        for number in range(WAGES)
        for place, tale in enumerate(told)
    ]


def begun(told: Sequence[Tale]) -> list[Message]:
    """Give what comes before the wages: cards, and one employment later than a few wages."""
    return [*(tale.issued() for tale in told), told[0].employed("2023-03-01")]


async def test_a_large_batch_is_posted_as_one_by_one(both: Both) -> None:
    records = [
        dataclasses.replace(record, offset=offset)
        for offset, record in enumerate(
            Record(s.topic, s.partition, 0, s.key, s.value, s.headers)
            for s in History(1, 50).records(2 * BULK_FROM)
        )
    ]
    for start, end in ((0, 50), (50, 50 + BULK_FROM), (50 + BULK_FROM, None)):
        await both.post(records[start:end])

    kept = await both.kept()
    assert both.loader.posted == 2 * BULK_FROM
    assert len(kept["journal"]) == len(records)
    assert sum(row["applied"] for row in kept["inbox_positions"]) == len(records)


async def test_cases_and_wages_over_the_cap_are_posted_as_one_by_one(both: Both) -> None:
    told, topics = tales(), Topics()
    await both.post(topics.records(begun(told)))
    await both.post(topics.records(wages(told)))

    kept = await both.kept()
    assert both.loader.posted == PLAIN
    assert any(row["excess_ore"] for row in kept["balances"])
    assert any(b"outside-employment" in row["bytes"] for row in kept["journal"])


async def test_a_grant_of_the_same_batch_is_there_before_its_wages(both: Both) -> None:
    told, topics = tales(), Topics()
    known, new = told[:-2], told[-2:]
    await both.post(topics.records(begun(known)))
    await both.post(topics.records([*wages(told), *(tale.issued() for tale in new)]))

    kept = await both.kept()
    assert both.loader.posted == PLAIN - 2 * WAGES
    assert kept["held_messages"] == []
    assert len([row for row in kept["journal"] if row["wage_id"]]) == TALES * WAGES


async def test_a_wage_of_the_same_batch_is_given_back(both: Both) -> None:
    told, topics = tales(), Topics()
    await both.post(topics.records(begun(told)))
    batch = wages(told)
    batch += [tale.reversal(f"{tale.citizen_id} 0 4", "2023-05-15", 40_00) for tale in told[:5]]
    batch += [tale.wage(f"{tale.citizen_id} more", "2023-05-15", 70_00) for tale in told[:5]]
    await both.post(topics.records(batch))

    kept = await both.kept()
    reversals = [row for row in kept["journal"] if row["source_type"] == "wage-reversed"]
    assert both.loader.posted >= PLAIN - 5 * WAGES
    assert len(reversals) == 5
    assert all(row["amount_ore"] < 0 for row in reversals)
    assert kept["held_messages"] == []


async def test_what_waits_and_what_cannot_be_read_is_set_aside_as_one_by_one(both: Both) -> None:
    told, topics = tales(), Topics()
    await both.post(topics.records(begun(told)))
    batch = wages(told[6:])
    for tale, odd in zip(told, ("2022-05-01", "2023-05-01", "2023-05-01"), strict=False):
        batch.append(tale.wage(f"{tale.citizen_id} odd", odd, 500, rests_on=1 + (tale is told[1])))
    batch[-1] = dataclasses.replace(batch[-1], value=b"{")
    batch += wages(told[:6], 1)
    await both.post(topics.records(batch))

    kept = await both.kept()
    assert both.loader.posted >= PLAIN - 6 * WAGES
    assert len(kept["held_messages"]) == 1 + 2 * (1 + WAGES)


async def test_a_batch_given_twice_is_posted_once(both: Both) -> None:
    told, topics = tales(), Topics()
    await both.post(topics.records(begun(told)))
    first, second = topics.records(wages(told)), topics.records(wages(told, 1))
    await both.post(first)
    once = await both.kept()
    await both.post(first)

    assert await both.kept() == once
    await both.post([*first[-TALES:], *second])
    await both.kept()
    assert both.loader.posted == 2 * PLAIN


@pytest.mark.parametrize("place", [(store, "append_entries"), (projections, "project")])
async def test_a_batch_that_fails_leaves_nothing_and_is_posted_when_given_again(
    both: Both, place: tuple[ModuleType, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def conflict(*_: object, **__: object) -> NoReturn:
        raise ConflictError("another was first")

    told, topics = tales(), Topics()
    await both.post(topics.records(begun(told)))
    before = await both.kept()
    batch = topics.records(wages(told))
    with monkeypatch.context() as failing:
        failing.setattr(*place, conflict)
        with pytest.raises(ConflictError):
            await both.bulk.post(batch)

    assert both.loader.posted == PLAIN
    assert await both.kept() == before
    await both.post(batch)
    assert len((await both.kept())["journal"]) == len(before["journal"]) + TALES * WAGES
    assert both.loader.posted == 2 * PLAIN


async def test_what_was_posted_is_told_in_bulk_as_one_by_one(both: Both) -> None:
    told, topics = tales(), Topics()
    await both.post(topics.records(begun(told)))
    batch = wages(told)
    batch += [tale.reversal(f"{tale.citizen_id} 0 4", "2023-05-15", 40_00) for tale in told[:5]]
    await both.post(topics.records(batch))
    entries = len((await both.kept())["journal"])
    in_bulk = journal_source(both.bulk.pool, both.loader)
    plainly = journal_source(both.bulk.pool)

    first = await in_bulk(START)
    assert both.loader.told == 0
    again = await in_bulk(START)
    assert both.loader.told == entries
    assert outcome_of(again) == outcome_of(first) == outcome_of(await plainly(START))
    await _read_on(in_bulk, plainly, {number: 10 * number for number in START})


async def _read_on(in_bulk: Any, plainly: Any, after: Mapping[int, int]) -> None:
    """Read from another place, in bulk still, and then where nothing is left."""
    batch = await in_bulk(after)
    assert outcome_of(batch) == outcome_of(await plainly(after))
    assert len(await in_bulk(dict(after) | dict(batch.positions))) == 0
