"""Takes staged files in: checked whole, then appended in short transactions.

Nothing is taken before every row is checked, unless the caller asks for the good ones only.
Each row is a command under its own key, so an import that was interrupted goes on by itself,
and a file sent again changes nothing.
"""

import asyncio
import contextlib
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

import orjson
import structlog
from pydantic import ValidationError

from frikort_contracts.imports import RowProblem, RowWarning
from frikort_contracts.requests import FILE_KINDS, row_key
from services.chassis.database import (
    PASSING,
    Connection,
    Pool,
    deciding_again,
    may_pass,
    transaction,
)
from services.chassis.errors import Rejection, describe
from services.chassis.identifiers import traceparent
from services.chassis.vault import Vault
from services.chassis.workspace import Answer, Command

CHUNK_ROWS = 500
POLL_S = 1.0
RECHECK_S = 0.5
RECHECKS_MAX = 20
"""A row may rest on events that are on their way; it is checked again this many times."""

log = structlog.get_logger()
Remark: TypeAlias = tuple[str, RowProblem | RowWarning]


class Rehearsal(Protocol):
    """What an import needs of a workspace."""

    def go_on_from(self, earlier: Any) -> None:
        """Take over what an earlier workspace has loaded and flushed."""

    async def load(self, connection: Connection, commands: Sequence[Command]) -> None:
        """Load what the commands need."""

    def handle(self, command: Command) -> Answer:
        """Decide one command in memory."""

    async def flush(self, connection: Connection) -> None:
        """Append what was decided."""


@dataclass(frozen=True, slots=True)
class _Row:
    row_no: int
    line: int
    command: Command


@dataclass(slots=True)
class _Chunk:
    """Some unsettled rows; `malformed` are those that are no request at all."""

    rows: list[_Row]
    malformed: list[tuple[int, list[RowProblem]]]
    next_row_no: int


@dataclass(slots=True)
class _Rehearsed:
    remarks: list[Remark] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)
    appended: int = 0
    repeated: int = 0
    may_pass_later: bool = False

    def try_row(self, workspace: Rehearsal, row: _Row) -> None:
        try:
            answer = workspace.handle(row.command)
        except Rejection as rejection:
            self.remarks.append(("problem", _problem(row, rejection)))
            self.refused.append(row.row_no)
            self.may_pass_later |= rejection.retry
            return
        self.appended += not answer.repeated
        self.repeated += answer.repeated
        if answer.repeated:
            return  # warned of when it was recorded
        self.remarks += [
            ("warning", RowWarning(line=row.line, code=code, message=_WARNINGS.get(code, code)))
            for code in answer.warnings
        ]


_WARNINGS = {
    "likely-duplicate": "the same card, employer, date and amount is registered already",
    "before-grant": "paid before the card is valid: recorded, nothing is covered",
    "grant-inactive": "paid while the card is not active: recorded, nothing is covered",
    "registered-late": "registered long after it was paid",
    "outside-employment": "paid outside the employment's dates",
    "work-before-grant": "the work may lie before the card is valid: paid_on alone decides",
    "work-before-deactivation": "the work may lie in the card's active time: paid_on alone decides",
    "holiday-pay-after-deactivation": "holiday pay of work before the card was deactivated",
    "year-crossing": "the work may lie in another year: it counts in the year of paid_on",
    "employment-late": "registered after the work began",
    "attestation-missing": "the employer has not attested that the work is unsubsidised",
}


@dataclass(slots=True, kw_only=True)
class ImportRunner:
    """Works through one service's started imports, one instance at a time per import."""

    pool: Pool
    vault: Vault
    make: Callable[[], Rehearsal]
    wake: asyncio.Event

    async def run(self) -> None:
        """Work until cancelled, oldest first, those interrupted before included.

        What the database fails at for a moment is tried again; any other fault ends the run.
        """
        while True:
            self.wake.clear()
            try:
                await self._work_all()
            except Exception as error:
                if not may_pass(error):
                    raise
                log.warning("import_interrupted", error=describe(error))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(POLL_S):
                    await self.wake.wait()

    async def _work_all(self) -> None:
        async with self.pool.acquire() as lease:
            started = await lease.fetch(
                """
                SELECT import_id
                FROM imports
                WHERE state IN ('checking', 'appending')
                ORDER BY opened_at
                """
            )
            for row in started:
                await self._work(lease, str(row["import_id"]))

    async def _work(self, lease: Connection, import_id: str) -> None:
        lock = zlib.crc32(f"import/{import_id}".encode())
        if not await lease.fetchval("SELECT pg_try_advisory_lock($1)", lock):
            return  # another instance works on it
        find = "SELECT * FROM imports WHERE import_id = $1"
        try:
            announced = await lease.fetchrow(find, import_id)
            if announced["state"] == "checking":
                await self._check(import_id, announced)
                announced = await lease.fetchrow(find, import_id)
            if announced["state"] == "appending":
                await self._append(import_id, announced)
            log.info("import_ended", import_id=import_id, kind=announced["kind"])
        finally:
            with contextlib.suppress(*PASSING):  # a lost connection has lost the lock
                await lease.fetchval("SELECT pg_advisory_unlock($1)", lock)

    async def _check(self, import_id: str, announced: Mapping[str, Any]) -> None:
        for _ in range(RECHECKS_MAX):
            rehearsed = await self._rehearse(import_id, announced["kind"])
            if not rehearsed.may_pass_later:
                break
            await asyncio.sleep(RECHECK_S)
        refused = bool(rehearsed.refused) and not announced["partial"]
        ended = refused or announced["dry_run"]
        async with transaction(self.pool) as connection:
            await self._remark(connection, import_id, rehearsed.remarks)
            await connection.execute(
                """
                UPDATE import_rows
                SET
                  settled = CASE WHEN row_no = ANY($2) THEN 'refused' ELSE 'dropped' END,
                  sealed = NULL
                WHERE import_id = $1
                  AND (row_no = ANY($2) OR $3)
                """,
                import_id,
                rehearsed.refused,
                ended,
            )
            await connection.execute(
                """
                UPDATE imports
                SET state = $2, appended = $3, repeated = $4
                WHERE import_id = $1
                """,
                import_id,
                "refused" if refused else "done" if ended else "appending",
                rehearsed.appended if ended and not refused else 0,
                rehearsed.repeated if ended and not refused else 0,
            )

    async def _rehearse(self, import_id: str, kind: str) -> _Rehearsed:
        workspace = self.make()
        rehearsed = _Rehearsed()
        first = 0
        while True:
            async with transaction(self.pool) as connection:
                chunk = await self._chunk(connection, import_id, kind, first)
                await workspace.load(connection, [row.command for row in chunk.rows])
            if chunk.next_row_no == first:
                return rehearsed
            for row_no, problems in chunk.malformed:
                rehearsed.refused.append(row_no)
                rehearsed.remarks += [("problem", problem) for problem in problems]
            for row in chunk.rows:
                rehearsed.try_row(workspace, row)
            first = chunk.next_row_no
            async with transaction(self.pool) as connection:
                await connection.execute(
                    "UPDATE imports SET checked = $2 WHERE import_id = $1", import_id, first
                )

    async def _append(self, import_id: str, announced: Mapping[str, Any]) -> None:
        """Append chunk by chunk; what one has loaded serves the next, until a conflict."""
        flushed: list[Rehearsal] = []

        async def append_next() -> bool:
            workspace = self.make()
            if flushed:
                workspace.go_on_from(flushed.pop())
            more = await self._append_chunk(import_id, announced, workspace)
            flushed.append(workspace)
            return more

        while await deciding_again(append_next):
            pass

    async def _append_chunk(
        self, import_id: str, announced: Mapping[str, Any], workspace: Rehearsal
    ) -> bool:
        settled: list[tuple[object, ...]] = []
        problems: list[Remark] = []
        async with transaction(self.pool) as connection:
            chunk = await self._chunk(connection, import_id, announced["kind"], 0)
            await workspace.load(connection, [row.command for row in chunk.rows])
            for row_no, faults in chunk.malformed:  # a newer version may refuse what one checked
                problems += [("problem", fault) for fault in faults]
                settled.append((row_no, "refused", None, None))
            for row in chunk.rows:
                try:
                    answer = workspace.handle(row.command)
                except Rejection as rejection:
                    problems.append(("problem", _problem(row, rejection)))
                    settled.append((row.row_no, "refused", None, None))
                else:
                    outcome = "repeated" if answer.repeated else "appended"
                    position = answer.position
                    settled.append((row.row_no, outcome, position.citizen_id, position.version))
            await workspace.flush(connection)
            await self._remark(connection, import_id, problems)
            await _settle(connection, import_id, settled)
        return bool(settled)

    async def _chunk(self, connection: Connection, import_id: str, kind: str, first: int) -> _Chunk:
        stored = await connection.fetch(
            """
            SELECT row_no, line, sealed
            FROM import_rows
            WHERE import_id = $1
              AND row_no >= $2
              AND settled IS NULL
            ORDER BY row_no
            LIMIT $3
            """,
            import_id,
            first,
            CHUNK_ROWS,
        )
        chunk = _Chunk([], [], stored[-1]["row_no"] + 1 if stored else first)
        trace = traceparent(None)
        for row in stored:
            place = f"{import_id}/{row['row_no']}"
            values = orjson.loads(self.vault.unstage(place, row["sealed"]))
            try:
                request = FILE_KINDS[kind].model_validate(values)
            except ValidationError as error:
                chunk.malformed.append((row["row_no"], _malformed(row["line"], error)))
            else:
                command = Command(
                    operation=kind, request=request, key=row_key(kind, request), traceparent=trace
                )
                chunk.rows.append(_Row(row["row_no"], row["line"], command))
        return chunk

    async def _remark(
        self, connection: Connection, import_id: str, remarks: Sequence[Remark]
    ) -> None:
        await connection.execute(
            """
            INSERT INTO import_remarks (import_id, line, kind, remark)
            SELECT $1, * FROM unnest($2::INT[], $3::TEXT[], $4::BYTEA[])
            """,
            import_id,
            [remark.line for _, remark in remarks],
            [kind for kind, _ in remarks],
            [
                self.vault.stage(import_id, remark.model_dump_json().encode())
                for _, remark in remarks
            ],
        )


async def _settle(
    connection: Connection, import_id: str, settled: Sequence[tuple[object, ...]]
) -> None:
    row_numbers, outcomes, streams, versions = zip(*settled, strict=True) if settled else [()] * 4
    await connection.execute(
        """
        UPDATE import_rows AS r
        SET settled = s.settled, stream_id = s.stream_id, version = s.version, sealed = NULL
        FROM unnest($2::INT[], $3::TEXT[], $4::TEXT[], $5::INT[])
          AS s (row_no, settled, stream_id, version)
        WHERE r.import_id = $1
          AND r.row_no = s.row_no
        """,
        import_id,
        row_numbers,
        outcomes,
        streams,
        versions,
    )
    await connection.execute(
        """
        UPDATE imports
        SET
          appended = appended + $2,
          repeated = repeated + $3,
          state = CASE WHEN $4 THEN 'done' ELSE state END
        WHERE import_id = $1
        """,
        import_id,
        sum(row[1] == "appended" for row in settled),
        sum(row[1] == "repeated" for row in settled),
        not settled,
    )


def _problem(row: _Row, rejection: Rejection) -> RowProblem:
    """Word a refusal for a file: where HTTP speaks of a field, the file has a column."""
    message, column, value = str(rejection), _column(rejection.field), rejection.value
    if rejection.field is not None and column is not None:
        message = message.replace(rejection.field, column)
        if value is None:
            value = getattr(row.command.request, rejection.field, None)
    return RowProblem(
        line=row.line,
        column=column,
        value=None if value is None else str(value),
        code=rejection.code,
        message=message,
    )


def _malformed(line: int, error: ValidationError) -> list[RowProblem]:
    return [
        RowProblem(
            line=line,
            column=_column(str(fault["loc"][0])) if fault["loc"] else None,
            value=str(fault["input"]) if isinstance(fault["input"], str | int) else None,
            code=fault["type"].replace("_", "-"),
            message=fault["msg"],
        )
        for fault in error.errors(include_url=False)
    ]


def _column(field_name: str | None) -> str | None:
    """Name the file's column of a request's field: amounts stand there in kroner."""
    return None if field_name is None else field_name.replace("_ore", "_kr")
