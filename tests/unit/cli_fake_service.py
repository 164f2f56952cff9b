"""A service as the command sees one: a real HTTP server that keeps what it takes in memory.

It speaks the import calls, progress, balances, status and caps; tests say what it answers. It
can go away and come back on its port, with all it had taken.
"""

import json
import socket
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import JSONResponse
from typer.testing import CliRunner, Result

from cli.main import app
from frikort_contracts.imports import (
    ImportState,
    OpenImport,
    OutcomePage,
    Position,
    PositionProgress,
    ProgressRequest,
    ProgressResponse,
    RowOutcome,
    RowProblem,
    RowWarning,
    StagedRow,
    StageRows,
)
from frikort_contracts.requests import FILE_KINDS, row_key

START_MAX_S = 10.0
OUTCOMES_PER_PAGE = 2


@dataclass(slots=True)
class FakeImport:
    """One import: what was announced, and its rows by number."""

    announced: OpenImport
    rows: dict[int, StagedRow] = field(default_factory=dict)
    state: str = "staging"
    appended: int = 0
    repeated: int = 0
    problems: list[RowProblem] = field(default_factory=list)
    warnings: list[RowWarning] = field(default_factory=list)
    outcomes: list[RowOutcome] = field(default_factory=list)


def _applied(position: Position, _times: int) -> PositionProgress:
    return PositionProgress(position=position, state="applied")


@dataclass(slots=True)
class FakeService:
    """What the service keeps, and what a test may change about its answers."""

    name: str = "fake"
    judge: Callable[[StagedRow], RowProblem | None] = lambda _row: None
    warn: Callable[[StagedRow], RowWarning | None] = lambda _row: None
    progress: Callable[[Position, int], PositionProgress] = _applied
    answers: dict[str, tuple[int, Any]] = field(default_factory=dict)
    """Of `METHOD /path` that is no import call: status and JSON."""
    before_call: Callable[[str], Response | None] = lambda _call: None
    """Told each call before it is handled; a response given here is the answer."""
    after_call: Callable[[str], Response | None] = lambda _call: None
    """Told each call when it is handled; a response given here is sent instead."""
    calls: list[str] = field(default_factory=list)
    requests: list[tuple[str, dict[str, str], dict[str, str], bytes]] = field(default_factory=list)
    taken: dict[str, dict[str, Any]] = field(default_factory=dict)
    imports: dict[str, FakeImport] = field(default_factory=dict)
    asked: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def step(self, one: FakeImport) -> None:
        """Move an import one state on."""
        if one.state == "checking":
            self._check(one)
        elif one.state == "appending":
            self._append(one)

    def _check(self, one: FakeImport) -> None:
        bad = set()
        for number, row in sorted(one.rows.items()):
            if problem := self.judge(row):
                one.problems.append(problem)
                bad.add(number)
            if warning := self.warn(row):
                one.warnings.append(warning)
        if one.announced.dry_run:
            one.state = "refused" if bad and not one.announced.partial else "done"
            one.appended = len(one.rows) - len(bad)
        elif bad and not one.announced.partial:
            one.state = "refused"
        else:
            one.rows = {number: row for number, row in one.rows.items() if number not in bad}
            one.state = "appending"

    def _append(self, one: FakeImport) -> None:
        kind = one.announced.kind
        for number, row in sorted(one.rows.items()):
            request = FILE_KINDS[kind].model_validate(row.values)
            key = row_key(kind, request) or f"{kind}/{number}"
            one.repeated += key in self.taken
            one.appended += key not in self.taken
            self.taken[key] = row.values
            position = Position(service=self.name, citizen_id=key, version=1)
            one.outcomes.append(RowOutcome(line=row.line, position=position))
        one.state = "done"

    def state_of(self, import_id: str) -> ImportState:
        """Give an import's state as the contract has it."""
        one = self.imports[import_id]
        return ImportState.model_validate(
            {
                "import_id": import_id,
                "kind": one.announced.kind,
                "state": one.state,
                "rows_total": one.announced.rows_total,
                "checked": len(one.rows),
                "appended": one.appended,
                "repeated": one.repeated,
                "problems_total": len(one.problems),
                "problems": one.problems,
                "warnings_total": len(one.warnings),
                "warnings": one.warnings,
            }
        )


def make_app(fake: FakeService) -> FastAPI:
    """Serve the fake over HTTP."""
    served = FastAPI()

    @served.middleware("http")
    async def hooks(request: Request, call_next: Callable[[Request], Any]) -> Response:
        call = f"{request.method} {request.url.path}"
        fake.calls.append(call)
        body = await request.body()
        fake.requests.append((call, dict(request.query_params), dict(request.headers), body))
        if (instead := fake.before_call(call)) is not None:
            return instead
        if call in fake.answers:
            status, value = fake.answers[call]
            return JSONResponse(value, status_code=status)
        response: Response = await call_next(request)
        return fake.after_call(call) or response

    served.include_router(_import_routes(fake))
    return served


def _import_routes(fake: FakeService) -> APIRouter:
    routes = APIRouter()

    @routes.post("/v1/imports", status_code=201)
    def open_import(announced: OpenImport) -> ImportState:
        import_id = f"import-{len(fake.imports) + 1}"
        fake.imports[import_id] = FakeImport(announced)
        return fake.state_of(import_id)

    @routes.put("/v1/imports/{import_id}/rows/{first}", status_code=204)
    def stage(import_id: str, first: int, page: StageRows) -> None:
        for place, row in enumerate(page.rows):
            fake.imports[import_id].rows[first + place] = row

    @routes.post("/v1/imports/{import_id}/start", status_code=202)
    def start(import_id: str) -> ImportState:
        one = fake.imports[import_id]
        assert len(one.rows) == one.announced.rows_total
        if one.state == "staging":
            one.state = "checking"
        return fake.state_of(import_id)

    @routes.get("/v1/imports/{import_id}")
    def state(import_id: str) -> ImportState:
        fake.step(fake.imports[import_id])
        return fake.state_of(import_id)

    @routes.get("/v1/imports/{import_id}/outcomes")
    def outcomes(import_id: str, after: int = 0) -> OutcomePage:
        found = fake.imports[import_id].outcomes
        following = after + OUTCOMES_PER_PAGE
        return OutcomePage(
            outcomes=tuple(found[after:following]),
            next_after=following if following < len(found) else None,
        )

    @routes.post("/v1/progress")
    def progress(request: ProgressRequest) -> ProgressResponse:
        answers = []
        for position in request.positions:
            fake.asked[position.citizen_id] += 1
            answers.append(fake.progress(position, fake.asked[position.citizen_id]))
        return ProgressResponse(progress=tuple(answers))

    return routes


def _hold_port() -> socket.socket:
    """Take a port that the system gives to nobody else, though a server of ours may listen on it.

    While a server is away, another test's or a client could else be given its port.
    """
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.bind(("127.0.0.1", 0))
    return held


class Server:
    """A real server on a port of its own, in its own thread; it may end and start again."""

    def __init__(self, fake: FakeService) -> None:
        self.fake = fake
        self._held = _hold_port()
        self.port = self._held.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._restarts: list[threading.Thread] = []
        self.start()

    def start(self) -> None:
        """Begin to listen, and return when it does."""
        config = uvicorn.Config(
            make_app(self.fake),
            host="127.0.0.1",
            port=self.port,
            log_config=None,
            lifespan="off",
            ws="none",
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        deadline = time.monotonic() + START_MAX_S
        while not self._server.started:
            assert self._thread.is_alive(), f"the fake service cannot listen on {self.port}"
            assert time.monotonic() < deadline, "the fake service does not start"
            time.sleep(0.005)

    def stop(self) -> None:
        """End without waiting for anybody, as a killed service does."""
        self._server.should_exit = True
        self._server.force_exit = True
        self._thread.join(START_MAX_S)

    def go_away_for(self, seconds: float) -> None:
        """Go away now and come back by itself; may be called from within a call."""

        def absence() -> None:
            self.stop()
            time.sleep(seconds)
            self.start()

        restart = threading.Thread(target=absence, daemon=True)
        self._restarts.append(restart)
        restart.start()

    def close(self) -> None:
        """End for good."""
        for restart in self._restarts:
            restart.join(START_MAX_S)
        self.stop()
        self._held.close()


@dataclass(slots=True)
class Bench:
    """A fake service for every role, and the command to try on it."""

    server: Server
    folder: Path

    @property
    def fake(self) -> FakeService:
        """The service behind all addresses."""
        return self.server.fake

    def import_text(
        self,
        content: str,
        *options: str,
        kind: str = "wages",
        settings: Mapping[str, str] | None = None,
    ) -> Result:
        """Run `frikort import` on a file with this content."""
        file = self.folder / f"{kind}.csv"
        file.write_text(content, newline="")
        return self.run("import", kind, str(file), *options, settings=settings)

    def run(self, *arguments: str, settings: Mapping[str, str] | None = None) -> Result:
        """Run the command; settings win over the fake's addresses."""
        services = ("GRANTS", "PAYROLL", "ALLOWANCE", "NOTIFICATIONS")
        addresses = {f"FRIKORT_{service}_URL": self.server.url for service in services}
        return CliRunner().invoke(app, arguments, env=addresses | dict(settings or {}))


def open_bench(folder: Path) -> Iterator[Bench]:
    """Serve as a pytest fixture: a bench whose server ends with the test."""
    server = Server(FakeService())
    yield Bench(server, folder)
    server.close()


HEADER = "wage_ref;employment_ref;card_no;cvr;paid_on;amount_kr\n"
SHAPE = {
    "kind",
    "file",
    "dry_run",
    "partial",
    "state",
    "rows",
    "appended",
    "repeated",
    "problems_total",
    "problems",
    "warnings_total",
    "warnings",
    "waiting",
}


def wages(count: int) -> str:
    """Write a file of so many good wages, W0 on line 2."""
    return HEADER + "".join(f"W{n};E1;00042;13748136;2023-01-31;100\n" for n in range(count))


def report(result: Result) -> dict[str, Any]:
    """Read the JSON of an import and check its names."""
    value = json.loads(result.stdout)
    assert set(value) == SHAPE
    return dict(value)
