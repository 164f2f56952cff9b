"""How a file is taken in: the same four calls at every service that takes files.

1. `POST /v1/imports` with `OpenImport` → 201 `ImportState`.
2. `PUT /v1/imports/{import_id}/rows/{first}` with `StageRows` (`first` counts rows from 0,
   at most `ROWS_PER_CALL` rows a call; sent again it changes nothing) → 204.
3. `POST /v1/imports/{import_id}/start` → 202 `ImportState`: checked whole, then appended.
4. `GET /v1/imports/{import_id}` → 200 `ImportState` until `state` is `refused` or `done`;
   then `GET /v1/imports/{import_id}/outcomes?after=N` → `OutcomePage`, one row outcome each,
   in order of the rows.

An import that was interrupted goes on by itself when its service is back.
"""

from typing import Literal

from pydantic import JsonValue

from frikort_contracts.types import Contract

ROWS_PER_CALL = 1000
OUTCOMES_PER_CALL = 1000


class OpenImport(Contract):
    """Announce a file. `partial` takes the good rows even if others are bad."""

    kind: str
    rows_total: int
    dry_run: bool = False
    partial: bool = False


class StagedRow(Contract):
    """One parsed row: the line it stands on in the file, and its values by request field."""

    line: int
    values: dict[str, JsonValue]


class StageRows(Contract):
    """A run of rows, in the order of the file."""

    rows: tuple[StagedRow, ...]


class RowProblem(Contract):
    """Why a row was refused: column and value as in the file, a code, what would be right."""

    line: int
    column: str | None
    value: str | None
    code: str
    message: str


class RowWarning(Contract):
    """What looks odd about a row that was taken."""

    line: int
    code: str
    message: str


class ImportState(Contract):
    """How far an import is. `repeated` rows were known before and changed nothing.

    `refused` means nothing was taken; `done` with problems means that the rest was taken.
    In a dry run `appended` counts the rows that would be taken.
    """

    import_id: str
    kind: str
    state: Literal["staging", "checking", "refused", "appending", "done"]
    rows_total: int
    checked: int
    appended: int
    repeated: int
    problems_total: int
    problems: tuple[RowProblem, ...]
    """The first thousand."""
    warnings_total: int
    warnings: tuple[RowWarning, ...]
    """The first thousand."""


class Position(Contract):
    """Where a fact was recorded: the service, the stream and the stream's version.

    `citizen_id` holds the citizen; for a contact, the card number.
    """

    service: str
    citizen_id: str
    version: int


class RowOutcome(Contract):
    """Where a row's fact was recorded."""

    line: int
    position: Position


class OutcomePage(Contract):
    """Some outcomes; `next_after` is None on the last page."""

    outcomes: tuple[RowOutcome, ...]
    next_after: int | None


class ProgressRequest(Contract):
    """Ask a service how far it has read. Waits up to `wait_s` for all to be settled."""

    positions: tuple[Position, ...]
    wait_s: float = 0


class PositionProgress(Contract):
    """`waiting` names its code (`grants-behind`, `cap-unknown`), `parked` its dead letter."""

    position: Position
    state: Literal["applied", "pending", "waiting", "parked"]
    code: str | None = None
    dead_letter_id: str | None = None


class ProgressResponse(Contract):
    """One answer per position asked, in the same order."""

    progress: tuple[PositionProgress, ...]


POSITIONS_PER_CALL = 1000
