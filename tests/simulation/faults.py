"""Faults that others shipped, each as a patch of the real code that the simulation must find.

A fault is a context in which a run shows it; `RUNS_MAX` is how many runs it may take.
"""

import itertools
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any
from unittest import mock
from weakref import WeakKeyDictionary

from aiokafka import TopicPartition

from services.allowance import outbox, store
from services.allowance.handlers import Ledger
from services.allowance.pages import Page, PageMemory
from services.allowance.posting import Posting
from services.allowance.translate import Received
from services.chassis import inbox
from services.chassis.consumer import ATTEMPTS_MAX, Consumer
from services.chassis.database import transaction
from services.chassis.errors import ConflictError, TransientError
from services.chassis.inbox import Inbox
from services.chassis.relay import Mark, Relay, Source
from services.chassis.sending import Batch
from tests.simulation.database import Connection, Pool
from tests.simulation.kafka import Record
from tests.simulation.world import Process

RUNS_MAX = 150
Fault = Callable[[], Iterator[None]]
CACHED = 1000


@contextmanager
def patched(*patches: Any) -> Iterator[None]:
    with ExitStack() as stack:
        for patch in patches:
            stack.enter_context(patch)
        yield


def commit_before_effect() -> Any:
    """The position is committed, and the effect in another transaction after it."""
    take = Inbox.take

    async def take_first(connection: Connection, records: Any, **told: Any) -> Inbox:
        async with transaction(Pool(connection.database, connection.process)) as first:
            taken = await take(first, records, **told)
        lanes = sorted({(message.topic, message.partition) for message in taken.fresh})
        opened = await Inbox.open(connection, lanes)
        opened.fresh = taken.fresh
        return opened

    return patched(mock.patch.object(Inbox, "take", take_first))


def effect_without_position() -> Any:
    """The effect is committed, and the position in another transaction after it."""
    move, post = inbox._move_positions, Ledger._post  # noqa: SLF001 - what is patched
    moved: WeakKeyDictionary[Process, Any] = WeakKeyDictionary()

    async def remember(connection: Connection, positions: Any) -> None:
        moved[connection.process] = positions

    async def post_and_move(self: Ledger, records: Any) -> None:
        await post(self, records)
        async with transaction(self.pool) as connection:
            await move(connection, moved[connection.process])

    return patched(
        mock.patch.object(inbox, "_move_positions", remember),
        mock.patch.object(Ledger, "_post", post_and_move),
    )


def rewind_of_one_partition() -> Any:
    """A batch that failed is read again, but of its partitions only the first."""

    async def apply_or_rewind(self: Consumer, records: Sequence[Any]) -> None:
        first = records[0]
        try:
            await self._apply(records)
        except (TransientError, ConflictError):
            if self.reads(first.topic, first.partition):
                self.client.seek(TopicPartition(first.topic, first.partition), first.offset)

    return patched(mock.patch.object(Consumer, "_apply_or_retry", apply_or_rewind))


def cached_sequence() -> Any:
    """Each process numbers the journal from a block that it took in advance."""
    lock, move = store.lock_partitions, store.move_partitions
    last: WeakKeyDictionary[Process, dict[int, int]] = WeakKeyDictionary()

    async def lock_and_number(connection: Connection, partitions: Iterable[int]) -> Any:
        locked = await lock(connection, partitions)
        mine = last.setdefault(connection.process, {})
        for partition in locked.keys() - mine.keys():
            taken = connection.database.sequences.get(partition, 0)
            connection.database.sequences[partition] = taken + CACHED
            mine[partition] = taken
        return {p: (mine[p], change_no) for p, (_, change_no) in locked.items()}

    async def move_and_keep(connection: Connection, moved: Mapping[int, tuple[int, int]]) -> None:
        last[connection.process] |= {p: seq for p, (seq, _) in moved.items()}
        await move(connection, moved)

    return patched(
        mock.patch.object(store, "lock_partitions", lock_and_number),
        mock.patch.object(store, "move_partitions", move_and_keep),
    )


def keys_spread_over_partitions() -> Any:
    """A batch goes to the relay's partitions in turn, whatever its keys."""
    make = outbox.journal_source

    def make_spreading(pool: Any) -> Source:
        read = make(pool)

        async def read_and_spread(after: Mapping[int, int]) -> Batch:
            batch = await read(after)
            turns = itertools.cycle(after)
            return replace(
                batch, records=[r._replace(partition=next(turns)) for r in batch.records]
            )

        return read_and_spread

    return patched(mock.patch.object(outbox, "journal_source", make_spreading))


def retry_without_key() -> Any:
    """What is tried again bears new identities: another id, number and version."""

    async def apply_under_new_names(self: Consumer, records: Sequence[Record]) -> None:
        for attempt in range(ATTEMPTS_MAX):
            try:
                await self._apply(records)
            except (TransientError, ConflictError):
                records = [_renamed(record, records, attempt) for record in records]
            else:
                return

    return patched(mock.patch.object(Consumer, "_apply_or_retry", apply_under_new_names))


def _renamed(record: Record, batch: Sequence[Record], attempt: int) -> Record:
    headers = {name: value or b"" for name, value in record.headers}
    more = sum(other.key == record.key and other.topic == record.topic for other in batch)
    name = f"{headers['ce_id'].decode()} {attempt}"
    headers["ce_id"] = str(uuid.uuid5(uuid.NAMESPACE_OID, name)).encode()
    headers["ce_streamversion"] = b"%d" % (int(headers["ce_streamversion"]) + more)
    in_lane = sum((o.topic, o.partition) == (record.topic, record.partition) for o in batch)
    headers["ce_partitionseq"] = b"%d" % (int(headers["ce_partitionseq"]) + in_lane)
    return replace(record, headers=[*headers.items()])


def dedupe_by_time() -> Any:
    """What was recorded at the moment of the record before it is taken for the same."""
    sort_out = inbox._sort_out  # noqa: SLF001 - what is patched

    def sort_out_by_time(
        lane: Any, records: Iterable[Any], next_offset: int, last_seq: int, fresh: list[Any]
    ) -> tuple[int, int, int]:
        taken: list[Any] = []
        moved = sort_out(lane, records, next_offset, last_seq, taken)
        times: set[tuple[str, bytes]] = set()
        for message in taken:
            moment = (message.stream_id, message.headers["ce_time"])
            if moment not in times:
                fresh.append(message)
            times.add(moment)
        return moved

    return patched(mock.patch.object(inbox, "_sort_out", sort_out_by_time))


def relay_without_fencing() -> Any:
    """Each start of a relay has a transactional id of its own, so that it fences nobody."""
    session = Relay._session  # noqa: SLF001 - what is patched
    starts = itertools.count()

    async def session_of_its_own(self: Relay, lease: Any) -> None:
        slot = self.slot
        self.slot = f"{slot}-{next(starts)}"
        try:
            await session(self, lease)
        finally:
            self.slot = slot

    return patched(mock.patch.object(Relay, "_session", session_of_its_own))


def wage_before_its_grant() -> Any:
    """A wage is decided when it comes, with what grants there are."""
    apply = Posting._apply_payroll  # noqa: SLF001 - what is patched

    def apply_at_once(self: Posting, page: Page, received: Received) -> None:
        received.grants_version = min(received.grants_version, page.state.grants_version)
        apply(self, page, received)

    return patched(mock.patch.object(Posting, "_apply_payroll", apply_at_once))


def stale_memory() -> Any:
    """A remembered page is trusted although another instance has written in its partition."""
    recall = PageMemory.recall

    def recall_whatever_changed(
        self: PageMemory, citizen_ids: Iterable[str], _: Mapping[int, int]
    ) -> dict[str, Page]:
        return recall(self, citizen_ids, {})

    return patched(mock.patch.object(PageMemory, "recall", recall_whatever_changed))


def position_in_its_own_transaction() -> Any:
    """The relay commits the records, and where it stands in another transaction."""
    send = Relay._send  # noqa: SLF001 - what is patched

    async def send_twice(self: Relay, producer: Any, batch: Batch) -> None:
        await send(self, producer, replace(batch, positions={}))
        await send(self, producer, Batch([], batch.positions))

    return patched(mock.patch.object(Relay, "_send", send_twice))


def marks_kept_from_before() -> Any:
    """A relay that leads again goes on from where it once stood, without reading its marks."""
    read = Relay._read_marks  # noqa: SLF001 - what is patched

    async def read_once(self: Relay) -> dict[int, Mark]:
        return self.marks or await read(self)

    return patched(mock.patch.object(Relay, "_read_marks", read_once))


def gap_taken_for_waiting() -> Any:
    """What comes with one missing before it waits with the others, and goes with them."""
    return patched(mock.patch.object(Page, "is_parked", Page.is_blocked))


FAULTS: dict[str, Callable[[], Any]] = {
    fault.__name__.replace("_", "-"): fault
    for fault in (
        commit_before_effect,
        effect_without_position,
        rewind_of_one_partition,
        cached_sequence,
        keys_spread_over_partitions,
        retry_without_key,
        dedupe_by_time,
        relay_without_fencing,
        wage_before_its_grant,
        stale_memory,
        position_in_its_own_transaction,
        marks_kept_from_before,
        gap_taken_for_waiting,
    )
}
