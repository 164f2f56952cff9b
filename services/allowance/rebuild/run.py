"""A rebuild from beginning to end: fold, catch up, compare, switch."""

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, ClassVar, Final, TypeAlias

import asyncpg

from frikort_contracts.rebuilds import Phase, RebuildLine, RebuildOutcome, RebuildProgress
from frikort_contracts.topics import PARTITIONS
from services.allowance import store
from services.allowance.fold import CitizenFold
from services.allowance.rebuild import beside, switch
from services.chassis.database import Connection
from services.chassis.errors import StateRejection

TURN: Final = 0x72656275696C64
"""Held by the one rebuild that is under way; the word "rebuild"."""
TURN_WAIT_MS: Final = 10_000
"""One that was killed is gone from the server by then."""
SWITCH_MS_MAX: Final = 300_000
"""Who writes waits for the switch, and gives up sooner; then it is tried again."""
CATCH_UPS_MAX: Final = 5
CITIZENS_PER_FOLD: Final = 500
FEW: Final = 100
"""So few citizens may be folded while those who write wait."""
NOBODY: Final = "00000000-0000-0000-0000-000000000000"

Report: TypeAlias = Callable[[RebuildLine], None]
NextPage: TypeAlias = Callable[[str, int], Awaitable[list[Any]]]


class RebuildRunning(StateRejection):
    """Another rebuild of the same database is under way."""

    code: ClassVar[str] = "rebuild-running"


class NotAsTheJournal(Exception):  # noqa: N818 - the fact: the switch did not do what it must
    """After the switch the rows still differ; it was taken back."""


@dataclass(slots=True, kw_only=True)
class Rebuild:
    """One rebuild, on a connection of its own; `report` is told how far it is."""

    connection: Connection
    report: Report
    entries: int = 0

    async def run(self, *, dry_run: bool) -> RebuildOutcome:
        """Fold everything beside what is kept, compare, and switch unless it is a dry run.

        The switch is one transaction: whoever reads sees the old rows or the new ones.

        Raises:
            RebuildRunning: another one is under way.
            ChainBroken: the journal itself does not hold; nothing was touched.
        """
        began = time.monotonic()
        await self._take_turn()
        await beside.make_tables(self.connection)
        ends: Mapping[int, int] = await beside.journal_ends(self.connection)
        await self._fold_all(sum(ends.values()))
        ends = await self._catch_up(ends)
        await beside.analyse(self.connection)
        if dry_run:
            # In one snapshot, in which rows and journal agree: nobody waits.
            async with self.connection.transaction(isolation="repeatable_read"):
                differing = await self._compare(ends)
            waited_s = 0.0
        else:
            differing, waited_s = await self._switch(ends)
        rows = await beside.count_rows(self.connection)
        return RebuildOutcome(
            switched=not dry_run,
            entries=self.entries,
            citizens=rows["citizens"],
            rows=rows,
            differing=differing,
            seconds=round(time.monotonic() - began, 3),
            writers_waited_s=round(waited_s, 3),
        )

    async def _take_turn(self) -> None:
        await self.connection.execute(f"SET lock_timeout = {TURN_WAIT_MS}")
        try:
            await self.connection.execute(f"SELECT pg_advisory_lock({TURN})")
        except asyncpg.LockNotAvailableError as error:
            raise RebuildRunning("another rebuild is under way; wait for its end") from error
        await self.connection.execute("SET lock_timeout = 0")

    async def _fold_all(self, total: int) -> None:
        def page(citizen_id: str, entry_no: int) -> Awaitable[list[Any]]:
            return beside.next_entries(self.connection, citizen_id, entry_no)

        self.entries = await self._fold(page, "fold", total)

    async def _catch_up(self, ends: Mapping[int, int]) -> Mapping[int, int]:
        """Fold again who has new entries, until few are left; give how far that reaches."""
        for _ in range(CATCH_UPS_MAX):
            reached = await beside.journal_ends(self.connection)
            moved = await beside.citizens_since(self.connection, ends)
            await self._fold_again(moved)
            ends = reached
            if len(moved) <= FEW:
                break
        return ends

    async def _switch(self, ends: Mapping[int, int]) -> tuple[dict[str, int], float]:
        """Hold those who write, fold the last entries, compare, and let the new rows take over."""
        async with self.connection.transaction():
            await self.connection.execute(f"SET LOCAL transaction_timeout = {SWITCH_MS_MAX}")
            held_since = time.monotonic()
            await store.lock_partitions(self.connection, range(PARTITIONS))
            differing = await self._compare(ends)
            await switch.take_over(self.connection)
            if differing and await switch.compare(self.connection):
                raise NotAsTheJournal("after the switch rows differ; it was taken back")
            self._tell("switch", 1, 1)  # to nobody, if it was interrupted: it is taken back
        return differing, time.monotonic() - held_since

    async def _compare(self, ends: Mapping[int, int]) -> dict[str, int]:
        """Compare every row as it is in this transaction, and tell each that differs."""
        await self._fold_again(await beside.citizens_since(self.connection, ends))
        await beside.add_held(self.connection)
        differing = await switch.compare(self.connection)
        async for difference in switch.read_differences(self.connection):
            for line in switch.to_lines(difference):
                self.report(RebuildLine(difference=line))
        return differing

    async def _fold_again(self, citizen_ids: Sequence[str]) -> None:
        """Fold some citizens from their first entry on: their new rows are as of now."""
        remaining = iter(citizen_ids)
        while chosen := list(islice(remaining, CITIZENS_PER_FOLD)):

            def page(
                citizen_id: str, entry_no: int, chosen: Sequence[str] = tuple(chosen)
            ) -> Awaitable[list[Any]]:
                return beside.entries_of(self.connection, chosen, citizen_id, entry_no)

            await beside.forget(self.connection, chosen)
            await self._fold(page, "catch-up", 0)

    async def _fold(self, next_page: NextPage, phase: Phase, total: int) -> int:
        """Fold entries page by page, each citizen's as a whole; give how many there were."""
        entries = 0
        fold = CitizenFold(NOBODY, 0)
        while rows := await next_page(fold.citizen_id, fold.entry_no):
            ended = []
            for row in map(beside.to_entry, rows):
                if fold.citizen_id != row.citizen_id:
                    ended.append(fold)
                    fold = CitizenFold(row.citizen_id, row.partition)
                fold.take(row)
            entries += len(rows)
            await beside.keep(self.connection, [done for done in ended if done.entry_no])
            self._tell(phase, entries, total)
        if fold.entry_no:
            await beside.keep(self.connection, [fold])
        return entries

    def _tell(self, phase: Phase, done: int, total: int) -> None:
        self.report(RebuildLine(progress=RebuildProgress(phase=phase, done=done, total=total)))
