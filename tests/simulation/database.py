"""A PostgreSQL in memory, as far as the ledger uses it, behind asyncpg's calls.

READ COMMITTED: a transaction sees what was committed when its statement began, and its own
writes; rows it writes or reads FOR UPDATE are locked until it ends; a unique key that another
writes is waited for. `test_conformance` compares it with the real one. It answers only the
statements it knows (`statements`), and raises on any other text.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from tests.simulation import dead_letter_statements, ledger_statements  # noqa: F401 - registers
from tests.simulation.statements import Key, Row, Statement, find_statement
from tests.simulation.world import Process, World

TRANSACTION_TIMEOUT_S = 30.0
AWAY_S = 0.5


class Lock:
    """Who holds a lock, and who waits for it, in order. Shared holders exclude the others."""

    __slots__ = ("holders", "waiters")

    def __init__(self) -> None:
        self.holders: dict[Connection, bool] = {}
        self.waiters: list[asyncio.Future[None]] = []

    def keeps_out(self, connection: "Connection", *, shared: bool) -> list["Connection"]:
        return [
            c
            for c, theirs in self.holders.items()
            if c is not connection and not (shared and theirs)
        ]


class Database:
    """The server: committed rows by table and key, locks, connections."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.tables: dict[str, dict[Key, Row]] = {}
        self.locks: dict[Key, Lock] = {}
        self.connections: dict[Connection, None] = {}
        self.sequences: dict[Any, int] = {}
        self.away_until = 0.0
        self.committed: Callable[[dict[str, dict[Key, Row | None]]], None] = lambda _: None
        for partition in range(12):
            row = {"partition": partition, "journal_seq": 0, "change_no": 0}
            self.table("ledger_partitions")[partition,] = row

    def table(self, name: str) -> dict[Key, Row]:
        return self.tables.setdefault(name, {})

    def rows(self, name: str) -> list[Row]:
        """Give a table's committed rows."""
        return list(self.table(name).values())

    def restart(self) -> None:
        """Break every connection; for a moment no new one is taken."""
        self.world.note("the database restarts")
        self.away_until = self.world.loop.time() + self.world.chance.uniform(0, AWAY_S)
        for connection in list(self.connections):
            connection.drop()

    def notify(self) -> None:
        for connection in self.connections:
            for listener in connection.listeners:
                delay = self.world.chance.uniform(0, 0.01)
                self.world.loop.call_later(delay, listener)


class Pool:
    """One process's connections."""

    def __init__(self, database: Database, process: Process) -> None:
        self._database = database
        self._process = process

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator["Connection"]:
        database = self._database
        self._process.require_alive()
        if database.world.loop.time() < database.away_until:
            await database.world.travel(self._process, "connect")
            raise ConnectionRefusedError("the database is away")
        connection = Connection(database, self._process)
        try:
            yield connection
        finally:
            if self._process.alive:
                connection.drop()


class Connection:
    """A session: its transaction's changes, its locks, its listeners."""

    def __init__(self, database: Database, process: Process) -> None:
        self.process = process
        self.closed = False
        self.listeners: list[Callable[[], None]] = []
        self.database = database
        self._world = database.world
        self._changes: dict[str, dict[Key, Row | None]] = {}
        self._held: dict[Key, None] = {}
        self._waits_for: tuple[Lock, bool, asyncio.Future[None]] | None = None
        self._in_transaction = self._failed = self._notifies = False
        self._timeout: asyncio.TimerHandle | None = None
        database.connections[self] = None
        process.at_end_of_line.append(self._hang_up)

    async def fetch(self, sql: str, *args: Any) -> list[Row]:
        rows: list[Row] = await self._request(sql, lambda s: self._run(s, [args]))
        return rows

    async def fetchrow(self, sql: str, *args: Any) -> Row | None:
        rows = await self.fetch(sql, *args)
        return rows[0] if rows else None

    async def fetchval(self, sql: str, *args: Any) -> Any:
        row = await self.fetchrow(sql, *args)
        return None if row is None else next(iter(row.values()))

    async def execute(self, sql: str, *args: Any) -> None:
        await self._request(sql, lambda s: self._run(s, [args]))

    async def executemany(self, sql: str, args: Iterable[Sequence[Any]]) -> None:
        every = list(args)
        await self._request(sql, lambda s: self._run(s, every))

    async def copy_records_to_table(
        self, table: str, *, columns: Sequence[str], records: Iterable[Sequence[Any]]
    ) -> None:
        rows = [dict(zip(columns, record, strict=True)) for record in records]
        await self._request(f"COPY {table}", lambda s: self._run(s, [(row,) for row in rows]))

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        await self._talk("BEGIN", self._begin)
        try:
            yield
        except BaseException:
            self.process.require_alive()
            if self.closed:
                raise asyncpg.InterfaceError("the underlying connection is closed") from None
            await self._talk("ROLLBACK", self._roll_back)
            raise
        await self._talk("COMMIT", self._commit)

    async def add_listener(self, channel: str, callback: Callable[..., None]) -> None:
        await self._talk(
            f"LISTEN {channel}",
            lambda: self.listeners.append(lambda: callback(self, 0, channel, "")),
        )

    async def remove_listener(self, channel: str, _: Callable[..., None]) -> None:
        await self._talk(f"UNLISTEN {channel}", self.listeners.clear)

    # What statements work with.

    def get(self, table: str, key: Key) -> Row | None:
        changed = self._changes.get(table)
        if changed is not None and key in changed:
            return changed[key]
        return self.database.table(table).get(key)

    def scan(self, table: str) -> list[Row]:
        rows = self.database.table(table)
        changed = self._changes.get(table)
        if changed:
            rows = {**rows, **changed}  # type: ignore[dict-item]  # None is a deleted row
            return [row for row in rows.values() if row is not None]
        return list(rows.values())

    def put(self, table: str, key: Key, row: Row | None) -> None:
        self._changes.setdefault(table, {})[key] = row

    def notify(self) -> None:
        self._notifies = True

    def try_lock(self, key: Key) -> bool:
        """Take a lock of the session's unless another has it."""
        lock = self.database.locks.setdefault(key, Lock())
        if lock.keeps_out(self, shared=False):
            return False
        lock.holders[self] = False
        return True

    def unlock(self, key: Key) -> bool:
        lock = self.database.locks.get(key)
        if lock is None or self not in lock.holders:
            return False
        self._let_go(key)
        return True

    # The session itself.

    def drop(self) -> None:
        """End the session as the server does when the client is gone."""
        if self.closed:
            return
        self.closed = True
        if self._waits_for is not None and not self._waits_for[2].done():
            self._waits_for[2].set_exception(_gone())
        self._roll_back()
        for key in [k for k, lock in self.database.locks.items() if self in lock.holders]:
            self._let_go(key)
        self.listeners.clear()
        self.database.connections.pop(self, None)

    def _hang_up(self) -> None:
        delay = self._world.chance.uniform(0, 0.2)
        self._world.loop.call_later(delay, self.drop)

    async def _request(self, sql: str, act: Callable[[Statement], Awaitable[Any]]) -> Any:
        statement = find_statement(sql)
        if self._failed:
            raise asyncpg.InFailedSQLTransactionError("the transaction is aborted")
        try:
            return await self._talk(statement.name, lambda: act(statement))
        except asyncpg.PostgresError:
            self._failed = self._in_transaction
            self._let_all_go()  # at once, though the transaction is yet to be ended
            raise

    async def _talk(self, what: str, act: Callable[[], Any]) -> Any:
        self.process.require_alive()
        if self.closed:
            raise asyncpg.InterfaceError("connection is closed")
        mishap = await self._world.travel(self.process, what)
        if mishap == "restart-server":
            self.database.restart()
        if mishap == "lose-request":
            self.drop()
        if self.closed:
            raise _gone()
        answer = act()
        if asyncio.iscoroutine(answer):
            answer = await answer
        if mishap == "lose-answer":
            self.drop()
            raise _gone()
        await self._world.answer(self.process)
        return answer

    async def _run(self, statement: Statement, every: Sequence[Sequence[Any]]) -> list[Row]:
        alone = not self._in_transaction
        rows: list[Row] = []
        for args in every:
            for key, shared in statement.locks(self, *args):
                await self._take(key, shared=shared)
            rows = statement.run(self, *args)
        if alone:
            self._commit()
        return rows

    async def _take(self, key: Key, *, shared: bool) -> None:
        """Take a lock until the transaction ends, once nobody keeps this session out."""
        locks = self.database.locks
        while (lock := locks.setdefault(key, Lock())).keeps_out(self, shared=shared):
            waiting = self._world.loop.create_future()
            lock.waiters.append(waiting)
            self._waits_for = (lock, shared, waiting)
            try:
                self._world.met["lock wait"] += 1
                if self in self._those_before():
                    self._world.met["deadlock"] += 1
                    raise asyncpg.DeadlockDetectedError("deadlock detected")
                await waiting
            finally:
                self._waits_for = None
            if self.closed:  # it was let in and dropped at the same moment
                raise _gone()
        lock.holders[self] = lock.holders.get(self, True) and shared
        self._held[key] = None

    def _those_before(self) -> dict["Connection", None]:
        """Give whom this session waits for, and whom those wait for."""
        found: dict[Connection, None] = {}
        todo: list[Connection] = [self]
        while todo:
            connection = todo.pop()
            if connection._waits_for is None:  # noqa: SLF001 - another of its own kind
                continue
            lock, shared, _ = connection._waits_for  # noqa: SLF001 - another of its own kind
            fresh = [c for c in lock.keeps_out(connection, shared=shared) if c not in found]
            found |= dict.fromkeys(fresh)
            todo += fresh
        return found

    def _begin(self) -> None:
        self._in_transaction = True
        self._timeout = self._world.loop.call_later(TRANSACTION_TIMEOUT_S, self.drop)

    def _commit(self) -> None:
        if self._failed:
            self._roll_back()  # as COMMIT of a failed transaction does
            return
        for table, changed in self._changes.items():
            rows = self.database.table(table)
            for key, row in changed.items():
                if row is None:
                    rows.pop(key, None)
                else:
                    rows[key] = row
        changes, notifies = self._changes, self._notifies
        self._end()
        if changes:
            self.database.committed(changes)
        if notifies:
            self.database.notify()

    def _roll_back(self) -> None:
        self._end()

    def _end(self) -> None:
        self._in_transaction = self._failed = False
        if self._timeout is not None:
            self._timeout.cancel()
            self._timeout = None
        self._let_all_go()

    def _let_all_go(self) -> None:
        """Forget what is not committed, and let others in."""
        self._changes, self._notifies = {}, False
        held, self._held = self._held, {}
        for key in held:
            self._let_go(key)

    def _let_go(self, key: Key) -> None:
        lock = self.database.locks[key]
        lock.holders.pop(self, None)
        waiters, lock.waiters = lock.waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)
        if not lock.holders:
            del self.database.locks[key]


def _gone() -> asyncpg.PostgresError:
    error: asyncpg.PostgresError = asyncpg.ConnectionDoesNotExistError(
        "connection was closed in the middle of operation"
    )
    return error
