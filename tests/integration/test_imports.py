"""Files on their way in, on a real PostgreSQL: what is remarked, dropped and gone on with."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from frikort_contracts.imports import ImportState, OpenImport, StagedRow
from services.chassis.clock import SystemClock
from services.chassis.database import Pool
from services.chassis.errors import Rejection
from services.chassis.identifiers import RandomIdentifiers
from services.chassis.import_runner import CHUNK_ROWS, ImportRunner
from services.chassis.imports import REMARKS_SHOWN, Importer
from services.chassis.vault import Vault
from services.chassis.workspace import Answer, Command, Tools
from services.grants.handlers import GrantsWorkspace
from tests.integration import payroll_cases as cases
from tests.integration.chassis_cases import eventually, make_database, pool_of
from tests.integration.servers import Servers

pytestmark = pytest.mark.slow

VAULT = Vault(bytes(32))
WARN, REFUSE = "warn", "refuse"


class TooOften(Rejection):
    code = "too-often"


class RemarkingWorkspace(GrantsWorkspace):
    """Warns of, or refuses, the rows whose reference says so."""

    def decide(self, command: Command, now: Any) -> Answer:
        reference = command.request.model_dump()["decision_ref"]
        if reference == REFUSE:
            raise TooOften("once is enough")
        answer = super().decide(command, now)
        warnings = ("registered-late",) if reference == WARN else ()
        return Answer(body=answer.body, position=answer.position, warnings=warnings)


@dataclass(slots=True)
class Desk:
    """Where files are handed in, with the runner that works on them."""

    pool: Pool
    importer: Importer
    ids: RandomIdentifiers

    async def hand_in(self, rows: Sequence[dict[str, Any]], **options: bool) -> str:
        import_id = self.ids.new()
        announced = OpenImport(kind="grants", rows_total=len(rows), **options)
        await self.importer.open(import_id, announced)
        for first in range(0, len(rows), 1000):
            part = rows[first : first + 1000]
            staged = [StagedRow(line=first + i + 2, values=row) for i, row in enumerate(part)]
            await self.importer.stage(import_id, first, staged)
        await self.importer.start(import_id)
        return import_id

    async def ended(self, import_id: str) -> ImportState:
        async def has_ended() -> bool:
            return (await self.importer.state(import_id)).state in {"done", "refused"}

        await eventually(has_ended, what="the import's end")
        return await self.importer.state(import_id)

    async def settled(self, import_id: str) -> list[str]:
        async with self.pool.acquire() as connection:
            rows = await connection.fetch(
                "SELECT settled, sealed FROM import_rows WHERE import_id = $1 ORDER BY row_no",
                import_id,
            )
        assert all(row["sealed"] is None for row in rows)
        return [row["settled"] for row in rows]


@pytest.fixture
async def desk(servers: Servers) -> AsyncIterator[Desk]:
    wake, clock, ids = asyncio.Event(), SystemClock(), RandomIdentifiers()
    tools = Tools(clock=clock, ids=ids, vault=VAULT, production=False)
    database_url = await asyncio.to_thread(make_database, servers)
    async with pool_of(database_url) as pool:
        importer = Importer(
            pool=pool, vault=VAULT, clock=clock, service="grants", kinds=("grants",), wake=wake
        )
        runner = ImportRunner(
            pool=pool, vault=VAULT, make=lambda: RemarkingWorkspace(tools), wake=wake
        )
        running = asyncio.create_task(runner.run())
        yield Desk(pool, importer, ids)
        assert not running.done(), "the runner has ended by itself"
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def grants(count: int, **changed: Any) -> list[dict[str, Any]]:
    return [cases.grant(*cases.new_card(), **changed) for _ in range(count)]


async def test_many_warnings_hide_no_problem(desk: Desk) -> None:
    rows = grants(REMARKS_SHOWN + 3, decision_ref=WARN)
    refused = grants(2, decision_ref=REFUSE) + grants(1, valid_from="31-05-2023")
    state = await desk.ended(await desk.hand_in([*rows, *refused]))

    assert (state.state, state.problems_total, state.warnings_total) == (
        "refused",
        3,
        REMARKS_SHOWN + 3,
    )
    assert [(p.line - len(rows), p.code) for p in state.problems] == [
        (2, "too-often"),
        (3, "too-often"),
        (4, "date-format"),
    ]
    assert [w.line for w in state.warnings] == list(range(2, REMARKS_SHOWN + 2))


@pytest.mark.parametrize(
    ("options", "settled"),
    [
        ({}, ["dropped", "refused", "dropped"]),
        ({"dry_run": True, "partial": True}, ["dropped", "refused", "dropped"]),
        ({"partial": True}, ["appended", "refused", "appended"]),
    ],
)
async def test_good_rows_of_a_file_that_is_not_taken_are_dropped_not_refused(
    desk: Desk, options: dict[str, bool], settled: list[str]
) -> None:
    rows = [*grants(1), *grants(1, decision_ref=REFUSE), *grants(1)]
    import_id = await desk.hand_in(rows, **options)
    state = await desk.ended(import_id)

    assert await desk.settled(import_id) == settled
    assert state.appended == (2 if options.get("partial") else 0)


async def test_row_known_before_warns_no_more(desk: Desk) -> None:
    rows = grants(2, decision_ref=WARN)
    first, second = [await desk.ended(await desk.hand_in(rows)) for _ in range(2)]

    assert (first.appended, first.repeated, first.warnings_total) == (2, 0, 2)
    assert (second.appended, second.repeated, second.warnings_total) == (0, 2, 0)


async def test_import_goes_on_when_every_connection_was_lost(desk: Desk) -> None:
    rows = grants(6 * CHUNK_ROWS)
    import_id = await desk.hand_in(rows)
    for state in ("checking", "appending"):

        async def is_under_way(state: str = state) -> bool:
            found = await desk.importer.state(import_id)
            count = found.checked if state == "checking" else found.appended
            return found.state == state and count > 0

        await eventually(is_under_way, what=state)
        async with desk.pool.acquire() as connection:
            ended = await connection.fetch(
                """
                SELECT pg_terminate_backend(pid)
                FROM pg_stat_activity
                WHERE datname = current_database()
                  AND pid <> pg_backend_pid()
                """
            )
        assert ended
    ended = await desk.ended(import_id)
    async with desk.pool.acquire() as connection:
        events = await connection.fetchval("SELECT count(*) FROM events")

    assert (ended.state, ended.appended, ended.repeated) == ("done", len(rows), 0)
    assert events == len(rows)
