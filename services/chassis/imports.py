"""Files on their way in: announced, staged row by row, started, and asked how far they are.

Staged rows and remarks are sealed, for they hold what the file holds; rows go when the import
has ended. `import_runner.py` checks and takes them.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from frikort_contracts.imports import (
    OUTCOMES_PER_CALL,
    ImportState,
    OpenImport,
    OutcomePage,
    Position,
    RowOutcome,
    RowProblem,
    RowWarning,
    StagedRow,
)
from services.chassis.clock import Clock
from services.chassis.database import Connection, Pool, transaction
from services.chassis.errors import NotFound, Rejection, StateRejection
from services.chassis.vault import Vault

REMARKS_SHOWN = 1000


class ImportUnknown(NotFound):
    """No such import is under way here."""

    code = "import-unknown"


class KindUnknown(Rejection):
    """This service takes in other kinds."""

    code = "import-kind-unknown"
    field = "kind"


class ImportIncomplete(StateRejection):
    """Started before all its rows were staged."""

    code = "import-incomplete"


@dataclass(slots=True, kw_only=True)
class Importer:
    """Takes in files for one service; `kinds` are those it owns."""

    pool: Pool
    vault: Vault
    clock: Clock
    service: str
    kinds: Sequence[str]
    wake: asyncio.Event
    """Set when there is work for the `ImportRunner`."""

    async def open(self, import_id: str, announced: OpenImport) -> ImportState:
        """Begin an import.

        Raises:
            KindUnknown: another service takes in this kind.
        """
        if announced.kind not in self.kinds:
            raise KindUnknown(f"{self.service} takes in {', '.join(self.kinds)}")
        async with transaction(self.pool) as connection:
            await connection.execute(
                """
                INSERT INTO imports (
                  import_id, kind, state, dry_run, partial, rows_total, opened_at
                )
                VALUES ($1, $2, 'staging', $3, $4, $5, $6)
                """,
                import_id,
                announced.kind,
                announced.dry_run,
                announced.partial,
                announced.rows_total,
                self.clock.now(),
            )
        return await self.state(import_id)

    async def stage(self, import_id: str, first: int, rows: Sequence[StagedRow]) -> None:
        """Keep some rows, sealed; the same rows again change nothing."""
        await self.state(import_id)
        values = [
            (
                import_id,
                first + index,
                row.line,
                self.vault.stage(f"{import_id}/{first + index}", orjson.dumps(row.values)),
            )
            for index, row in enumerate(rows)
        ]
        async with transaction(self.pool) as connection:
            await connection.executemany(
                """
                INSERT INTO import_rows (import_id, row_no, line, sealed)
                VALUES ($1, $2, $3, $4)
                ON CONFLICT DO NOTHING
                """,
                values,
            )

    async def start(self, import_id: str) -> ImportState:
        """Have the staged rows checked and taken; a second start changes nothing.

        Raises:
            ImportIncomplete: rows are missing.
        """
        state = await self.state(import_id)
        async with transaction(self.pool) as connection:
            staged = await connection.fetchval(
                "SELECT count(*) FROM import_rows WHERE import_id = $1", import_id
            )
            if staged != state.rows_total:
                raise ImportIncomplete(f"{staged} of {state.rows_total} rows are staged")
            await connection.execute(
                """
                UPDATE imports
                SET state = 'checking'
                WHERE import_id = $1
                  AND state = 'staging'
                """,
                import_id,
            )
        self.wake.set()
        return await self.state(import_id)

    async def state(self, import_id: str) -> ImportState:
        """Tell how far an import is; problems and warnings one by one once it has ended.

        Raises:
            ImportUnknown: there is none of that id.
        """
        async with self.pool.acquire() as connection:
            row = await connection.fetchrow("SELECT * FROM imports WHERE import_id = $1", import_id)
            if row is None:
                raise ImportUnknown("open the import again: it is not known here")
            totals = await connection.fetch(
                """
                SELECT kind, count(*)
                FROM import_remarks
                WHERE import_id = $1
                GROUP BY kind
                """,
                import_id,
            )
            ended = row["state"] in {"refused", "done"}
            remarks = await _remarks(connection, import_id) if ended else []
        total = {counted["kind"]: counted["count"] for counted in totals}
        shown: dict[str, list[dict[str, Any]]] = {"problem": [], "warning": []}
        for remark in remarks:
            text = self.vault.unstage(import_id, remark["remark"])
            shown[remark["kind"]].append(orjson.loads(text))
        return ImportState(
            import_id=import_id,
            **{
                name: row[name]
                for name in ("kind", "state", "rows_total", "checked", "appended", "repeated")
            },
            problems_total=total.get("problem", 0),
            problems=tuple(RowProblem(**problem) for problem in shown["problem"]),
            warnings_total=total.get("warning", 0),
            warnings=tuple(RowWarning(**warning) for warning in shown["warning"]),
        )

    async def outcomes(self, import_id: str, after: int) -> OutcomePage:
        """Give where rows were recorded, in order, from row number `after` on."""
        async with self.pool.acquire() as connection:
            rows = await connection.fetch(
                """
                SELECT row_no, line, stream_id, version
                FROM import_rows
                WHERE import_id = $1
                  AND row_no >= $2
                  AND version IS NOT NULL
                ORDER BY row_no
                LIMIT $3
                """,
                import_id,
                after,
                OUTCOMES_PER_CALL,
            )
        full = len(rows) == OUTCOMES_PER_CALL
        return OutcomePage(
            outcomes=tuple(
                RowOutcome(
                    line=row["line"],
                    position=Position(
                        service=self.service, citizen_id=row["stream_id"], version=row["version"]
                    ),
                )
                for row in rows
            ),
            next_after=rows[-1]["row_no"] + 1 if full else None,
        )


async def _remarks(connection: Connection, import_id: str) -> list[Mapping[str, Any]]:
    """Give the first problems and the first warnings, each in order of the lines."""
    rows: list[Mapping[str, Any]] = await connection.fetch(
        """
        SELECT kind, remark
        FROM (
          SELECT
            kind,
            remark,
            line,
            row_number() OVER (PARTITION BY kind ORDER BY line) AS place
          FROM import_remarks
          WHERE import_id = $1
        ) AS placed
        WHERE place <= $2
        ORDER BY line
        """,
        import_id,
        REMARKS_SHOWN,
    )
    return rows
