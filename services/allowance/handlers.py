"""Take a batch of records into the ledger: load the pages, post, write, in one transaction."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from frikort_contracts.topics import GRANTS, PAYROLL
from services.allowance import projections, store, sweeps
from services.allowance.bulk_loading import BulkLoader
from services.allowance.missing_caps import read_years_to_tell
from services.allowance.pages import CAP_UNKNOWN, Page, PageMemory
from services.allowance.posting import Posting
from services.allowance.redrive import read_again, redrive
from services.allowance.sweeps import Swept
from services.allowance.translate import Received, is_citizen_id, read, to_card_change
from services.chassis.clock import Clock, business_date
from services.chassis.database import Connection, Pool, transaction
from services.chassis.errors import ContractError
from services.chassis.held import Held, hold
from services.chassis.inbox import Inbox, Lane, Message, RawRecord

SWEEP_CITIZENS_MAX = 500
"""Citizens in one transaction of a sweep, which holds their partitions meanwhile."""


@dataclass(slots=True, kw_only=True)
class Ledger:
    """Posts batches. One batch at a time per instance; instances share the partitions."""

    pool: Pool
    clock: Clock
    memory: PageMemory = field(default_factory=PageMemory)
    bulk: BulkLoader | None = None
    _one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def post(self, records: Sequence[RawRecord]) -> None:
        """Apply a batch once, however often it is given.

        Raises:
            TransientError, ConflictError: nothing was written; give it again.
            PartitionGapError: records are missing.
        """
        async with self._one_at_a_time:
            try:
                await self._post(records)
            except BaseException:
                self.memory.forget()
                raise

    async def redrive(self, connection: Connection, lane: Lane, subject: str) -> None:
        """Take what is held of a citizen's topic again, in the caller's transaction.

        Pages that are remembered are left alone: the partition's change outdates them.
        """
        topic, partition = lane
        if not is_citizen_id(subject):
            return  # nobody's message: it stays where it is, and nothing waits behind it
        taken = await Inbox.open(connection, [(own, partition) for own in store.TOPICS])
        locked = await store.lock_partitions(connection, [partition])
        pages = await store.load_pages(connection, {subject: partition}, with_waiting=True)
        read_again(pages[subject])
        posting = await self._posting(connection, taken, pages, _journal_seq(locked), [])
        redrive(posting, pages[subject], topic)
        await self._write(connection, posting, locked)

    async def release_years(self) -> int:
        """Apply the wages that waited for a cap that is there now; give how many pages had some."""
        released = 0
        for partition, citizen_ids in (await self._waiting_for_known_caps()).items():
            async with self._one_at_a_time:
                try:
                    await self._release(partition, citizen_ids)
                except BaseException:
                    self.memory.forget()
                    raise
            released += len(citizen_ids)
        return released

    async def missing_caps(self) -> list[int]:
        """Name the years that need a cap and have none, of which nobody has been told."""
        async with self.pool.acquire() as connection:
            rules = await store.read_rules(connection)
            today = business_date(self.clock.now())
            return await read_years_to_tell(connection, rules, today)

    async def sweep_cap(self) -> Swept | None:
        """Bring a changed cap to a page of those whose year is open (R22); None if none is due.

        May be called again after a kill: it goes on behind the last page that was committed.
        """
        async with self._one_at_a_time:
            try:
                return await self._sweep()
            except BaseException:
                self.memory.forget()
                raise

    async def _sweep(self) -> Swept | None:
        async with transaction(self.pool) as connection:
            sweep = await sweeps.take(connection, now=self.clock.now())
            if sweep is None:
                return None
            citizens = await sweeps.next_page(connection, sweep, citizens_max=SWEEP_CITIZENS_MAX)
            locked = await store.lock_partitions(connection, set(citizens.values()))
            pages = await self._pages(connection, citizens, locked)
            taken = await Inbox.open(connection, [])
            posting = await self._posting(connection, taken, pages, _journal_seq(locked), [])
            municipalities = await sweeps.read_municipalities(connection, list(citizens))
            for citizen_id, page in pages.items():
                received = sweep.to_received(page, municipalities[citizen_id])
                posting.enter_cap(page, received, sweep.change)
            change_no = await self._write(connection, posting, locked)
            swept = await sweeps.move(
                connection,
                sweep,
                list(citizens),
                finished=len(citizens) < SWEEP_CITIZENS_MAX,
                now=posting.now,
            )
        self.memory.keep(pages.values(), change_no)
        return swept

    async def _post(self, records: Sequence[RawRecord]) -> None:
        async with transaction(self.pool) as connection:
            taken = await Inbox.take(connection, records, co_partitioned=store.TOPICS)
            taken.fresh.sort(key=_grants_first)
            partitions = {message.partition for message in taken.fresh}
            locked = await store.lock_partitions(connection, partitions)
            journal_seq = _journal_seq(locked)
            pages, rest = await self._post_plain(connection, taken, locked, journal_seq)
            received, unreadable = _read_all(rest)
            citizens = {r.citizen_id: r.message.partition for r in received}
            citizens |= {
                m.stream_id: m.partition for m, _ in unreadable if is_citizen_id(m.stream_id)
            }
            missing = {c: partition for c, partition in citizens.items() if c not in pages}
            pages |= await self._pages(connection, missing, locked)
            posting = await self._posting(connection, taken, pages, journal_seq, received)
            await self._park_strangers(connection, posting, unreadable)
            if unreadable:
                _receive_in_order(posting, rest, received, unreadable)
            else:
                for one in received:
                    posting.receive(one)
            change_no = await self._write(connection, posting, locked)
        self.memory.keep(pages.values(), change_no)

    async def _post_plain(
        self,
        connection: Connection,
        taken: Inbox,
        locked: Mapping[int, tuple[int, int]],
        journal_seq: dict[int, int],
    ) -> tuple[dict[str, Page], Sequence[Message]]:
        """Post in bulk what is plain of a large batch; give the pages, and what is left."""
        bulk = self.bulk.posting(len(taken.fresh)) if self.bulk else None
        if bulk is None:
            return {}, taken.fresh
        pages = await self._pages(connection, _citizens(taken.fresh), locked)
        await store.hold_rules(connection)
        rules = await store.read_rules(connection)
        now = self.clock.now()
        posted = bulk.post_plain(taken.fresh, pages, rules, now=now, journal_seq=journal_seq)
        # Before anything else is read: a reversal that is left may be of a wage among them.
        await store.append_rows(connection, posted.rows)
        for partition, wages in posted.applied.items():
            taken.count(PAYROLL.name, partition, "applied", wages)
        return pages, posted.rest

    async def _release(self, partition: int, citizen_ids: Sequence[str]) -> None:
        async with transaction(self.pool) as connection:
            taken = await Inbox.open(connection, [(topic, partition) for topic in store.TOPICS])
            locked = await store.lock_partitions(connection, [partition])
            self.memory.recall(citizen_ids, {partition: locked[partition][1]})
            citizens = dict.fromkeys(citizen_ids, partition)
            pages = await store.load_pages(connection, citizens, with_waiting=True)
            posting = await self._posting(connection, taken, pages, _journal_seq(locked), [])
            for page in pages.values():
                posting.release(page)
            change_no = await self._write(connection, posting, locked)
        self.memory.keep(pages.values(), change_no)

    async def _pages(
        self,
        connection: Connection,
        citizens: Mapping[str, int],
        locked: Mapping[int, tuple[int, int]],
    ) -> dict[str, Page]:
        pages = self.memory.recall(citizens, {p: change for p, (_, change) in locked.items()})
        missing = {c: partition for c, partition in citizens.items() if c not in pages}
        if missing:
            with_waiting = await store.anything_held(connection)
            pages |= await store.load_pages(connection, missing, with_waiting=with_waiting)
        return pages

    async def _posting(
        self,
        connection: Connection,
        taken: Inbox,
        pages: dict[str, Page],
        journal_seq: dict[int, int],
        received: Iterable[Received],
    ) -> Posting:
        waiting = [w.received for page in pages.values() for w in page.waiting if w.received]
        asked = {r.citizen_id for r in (*received, *waiting) if _looks_back(r)}
        wages, reversed_wages = await store.load_wages(connection, asked)
        await store.hold_rules(connection)
        return Posting(
            pages=pages,
            rules=await store.read_rules(connection),
            inbox=taken,
            now=self.clock.now(),
            journal_seq=journal_seq,
            originals={
                (citizen_id, wage_id): wage.apportionment
                for citizen_id, of_citizen in wages.items()
                for wage_id, wage in of_citizen.items()
            },
            reversed_wages=reversed_wages,
            wages={
                citizen_id: {
                    wage_id: wage
                    for wage_id, wage in of_citizen.items()
                    if (citizen_id, wage_id) not in reversed_wages
                }
                for citizen_id, of_citizen in wages.items()
            },
        )

    async def _park_strangers(
        self,
        connection: Connection,
        posting: Posting,
        unreadable: Sequence[tuple[Message, str]],
    ) -> None:
        """Set aside what names no citizen: nothing can wait behind it."""
        strangers = [
            Held(message=message, parked=True, reason=reason)
            for message, reason in unreadable
            if message.stream_id not in posting.pages
        ]
        if strangers:
            await hold(connection, strangers, now=posting.now, reads_on=posting.inbox.reads_on)

    async def _write(
        self, connection: Connection, posting: Posting, locked: Mapping[int, tuple[int, int]]
    ) -> dict[int, int]:
        pages = [page for page in posting.pages.values() if page.touched]
        await store.append_entries(connection, posting.entries)
        await store.store_pages(connection, pages)
        await store.store_waiting(connection, posting, pages)
        await projections.project(connection, posting.entries)
        moved = {p: (posting.journal_seq[p], change + 1) for p, (_, change) in locked.items()}
        await store.move_partitions(connection, moved)
        await posting.inbox.close()
        return {partition: change for partition, (_, change) in moved.items()}

    async def _waiting_for_known_caps(self) -> dict[int, list[str]]:
        async with self.pool.acquire() as connection:
            rows = await connection.fetch(
                """
                SELECT DISTINCT partition, stream_id
                FROM held_messages
                WHERE reason = $1
                  AND year IN (SELECT year FROM rules WHERE type = 'annual-cap-set')
                ORDER BY partition, stream_id
                """,
                CAP_UNKNOWN,
            )
        found: dict[int, list[str]] = {}
        for row in rows:
            found.setdefault(row["partition"], []).append(row["stream_id"])
        return found


def _journal_seq(locked: Mapping[int, tuple[int, int]]) -> dict[int, int]:
    return {partition: journal_seq for partition, (journal_seq, _) in locked.items()}


def _citizens(messages: Iterable[Message]) -> dict[str, int]:
    """Name the citizens whom messages are about, each with their partition."""
    by_subject = {message.headers.get("ce_subject"): message for message in messages}
    streams = {message.stream_id: message.partition for message in by_subject.values()}
    return {stream: at for stream, at in streams.items() if is_citizen_id(stream)}


def _receive_in_order(
    posting: Posting,
    fresh: Iterable[Message],
    received: Iterable[Received],
    unreadable: Iterable[tuple[Message, str]],
) -> None:
    """Apply what can be read and park what cannot, in the batch's order."""
    reasons = {id(message): reason for message, reason in unreadable}
    readable = iter(received)
    for message in fresh:
        reason = reasons.get(id(message))
        if reason is None:
            posting.receive(next(readable))
        elif message.stream_id in posting.pages:
            posting.park(posting.pages[message.stream_id], message, reason)


def _looks_back(received: Received) -> bool:
    """Whether an event is about wages decided before: a reversal, or a card's later change."""
    if received.message.topic == GRANTS.name:
        return received.source.version > 1 and to_card_change(received) is not None
    return received.source.type == "wage-reversed"


def _grants_first(message: Message) -> bool:
    """Order grants before wages: what rests on a grant of the same batch need not wait for it.

    The sort keeps the order within each; between the topics there is none to keep.
    """
    return message.topic != GRANTS.name


def _read_all(
    messages: Iterable[Message],
) -> tuple[list[Received], list[tuple[Message, str]]]:
    received, unreadable = [], []
    for message in messages:
        try:
            received.append(read(message))
        except ContractError as error:
            unreadable.append((message, error.reason))
    return received, unreadable
