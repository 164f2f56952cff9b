"""The journal in pieces of whole citizens, read from one snapshot by as many processes as cores.

Reads the ledger's database as the auditor's role: a proof must not pass through the service it
is about.
"""

import multiprocessing
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from cli.errors import TransientError
from cli.settings import auditor_database_url

if TYPE_CHECKING:
    import psycopg

ENTRIES_PER_PIECE: Final = 20_000
ENTRIES_WORTH_COMPILING: Final = 200_000
"""Fewer are gone through one by one before what works in bulk is loaded, or compiled."""
PIECES_WORTH_A_PROCESS: Final = 4
"""Of fewer, starting processes costs more than they save."""
PIECES_AHEAD: Final = 2
"""Per process: enough to never wait, few enough that results do not pile up."""
FIRST_ID: Final = "00000000-0000-0000-0000-000000000000"
LAST_ID: Final = "ffffffff-ffff-ffff-ffff-ffffffffffff"

_Piece = TypeVar("_Piece")
_Result = TypeVar("_Result")


class Citizens(NamedTuple):
    """The citizens with an id after `after`, up to and with `last`; of one alone both are it."""

    after: str
    last: str

    def of(self, query: str) -> str:
        """Put the bounds into a query, in which they stand as {here}."""
        bound = ">=" if self.after in {FIRST_ID, self.last} else ">"
        here = f"citizen_id {bound} '{self.after}' AND citizen_id <= '{self.last}'"
        return query.format(here=here)


@contextmanager
def auditor(
    environment: Mapping[str, str],
) -> "Iterator[psycopg.Connection[dict[str, Any]]]":
    """Open one snapshot of the ledger's database, to read only.

    Raises:
        TransientError: the database is not known or does not answer.
    """
    import psycopg  # noqa: PLC0415 - slow to load, and no other command opens a database
    from psycopg.rows import dict_row  # noqa: PLC0415 - as above

    url = auditor_database_url(environment)
    if url is None:
        raise TransientError(
            "where the ledger's database is, is not known: start the stack with `frikort up`, or "
            "set FRIKORT_ALLOWANCE_AUDITOR_DATABASE_URL"
        )
    try:
        connection = psycopg.connect(url, row_factory=dict_row, connect_timeout=5)
    except psycopg.OperationalError as error:
        raise TransientError(
            "the ledger's database does not answer; is the stack up? (`frikort up`)"
        ) from error
    with connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        yield connection


def export_snapshot(connection: "psycopg.Connection[dict[str, Any]]") -> str:
    """Name this connection's snapshot, for others to read the same while it stays open."""
    row = connection.execute("SELECT pg_export_snapshot() AS name").fetchone()
    return str(row["name"]) if row else ""


@contextmanager
def same_snapshot(
    environment: Mapping[str, str], snapshot: str
) -> "Iterator[psycopg.Connection[dict[str, Any]]]":
    """Open another connection that sees what the one which exported the snapshot sees.

    Raises:
        TransientError: the database is not known or does not answer.
    """
    from psycopg import sql  # noqa: PLC0415 - as above

    with auditor(environment) as connection:
        statement = sql.SQL("SET TRANSACTION SNAPSHOT {}").format(sql.Literal(snapshot))
        connection.execute(statement)
        yield connection


def copy_out(connection: "psycopg.Connection[dict[str, Any]]", query: str) -> bytes:
    """Read a result in PostgreSQL's own binary form.

    Straight from libpq: a cursor's `copy` takes twice as long for the same bytes.

    Raises:
        OperationalError: the database answers with an error, or no longer.
    """
    from psycopg import OperationalError, pq  # noqa: PLC0415 - as above

    server = connection.pgconn
    started = server.exec_(f"COPY ({query}) TO STDOUT (FORMAT binary)".encode())
    if started.status != pq.ExecStatus.COPY_OUT:
        raise OperationalError(started.get_error_message())
    sent = []
    size, data = server.get_copy_data(0)
    while size > 0:
        sent.append(bytes(data))
        size, data = server.get_copy_data(0)
    ended = server.get_result()
    while ended is not None and server.get_result() is not None:
        pass  # what is left must be read before anything else is asked
    if ended is None or ended.status != pq.ExecStatus.COMMAND_OK:
        raise OperationalError(server.get_error_message())
    return b"".join(sent)


def pieces(
    connection: "psycopg.Connection[dict[str, Any]]", entries: int = ENTRIES_PER_PIECE
) -> list[Citizens]:
    """Cut the journal into pieces of about so many entries, every id in exactly one of them.

    Where the cuts are follows what the citizens' rows say: if they are wrong, so is the size.
    """
    rows = connection.execute(
        """
        SELECT max(citizen_id::TEXT) AS last
        FROM (
          SELECT citizen_id, sum(entry_no) OVER (ORDER BY citizen_id) / %s AS piece
          FROM citizens
        ) AS counted
        GROUP BY trunc(piece)
        ORDER BY 1
        """,
        [entries],
    )
    lasts = [row["last"] for row in rows]
    lasts = [*lasts[:-1], LAST_ID]
    return [
        Citizens(after, last) for after, last in zip([FIRST_ID, *lasts[:-1]], lasts, strict=True)
    ]


def work_through(
    task: Callable[[_Piece], _Result],
    work: Sequence[_Piece],
    *,
    processes: int | None = None,
) -> Iterator[_Result]:
    """Do every piece, on all cores if there are enough, and give the results in their order.

    `task` and the pieces travel to other processes: they are pickled.
    """
    processes = min(processes or os.cpu_count() or 1, len(work) // PIECES_WORTH_A_PROCESS)
    if processes < 2:  # noqa: PLR2004 - one is this one
        yield from map(task, work)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        under_way: list[Future[_Result]] = []
        try:
            for piece in work:
                under_way.append(pool.submit(task, piece))
                if len(under_way) >= processes * PIECES_AHEAD:
                    yield under_way.pop(0).result()
            while under_way:
                yield under_way.pop(0).result()
        finally:
            pool.shutdown(cancel_futures=True)
