"""What a rebuild of the ledger's read models says: JSON lines, one `RebuildLine` each.

`python -m services.allowance.rebuild [--dry-run]` writes them to standard output, in this order:
how far it is, every difference, then what came of it, or why it was refused.
"""

from typing import Literal

from frikort_contracts.types import Contract

Phase = Literal["fold", "catch-up", "switch"]
"""All entries are folded; then those that came meanwhile; then the new rows take over."""


class RebuildProgress(Contract):
    """How far a phase is, in entries."""

    phase: Phase
    done: int
    total: int


class RebuildDifference(Contract):
    """One column of a row that is not as the journal folds; of a whole row, `column` is `row`.

    `key` names the row: its key's columns as `name=value`. `found` is what was kept, None where
    nothing was; `expected` is what the journal gives, None where it gives nothing.
    """

    table: str
    key: str
    column: str
    found: str | None = None
    expected: str | None = None


class RebuildOutcome(Contract):
    """What came of a rebuild: what it read, what it compared, and whether its rows took over.

    `rows`: by table, as the journal gives them; `differing`: rows that were not so.
    `writers_waited_s`: how long what writes in the ledger was held back.
    """

    switched: bool
    entries: int
    citizens: int
    rows: dict[str, int]
    differing: dict[str, int]
    seconds: float
    writers_waited_s: float


class RebuildRefusal(Contract):
    """Why a rebuild ended without touching anything; `code` is stable."""

    code: str
    message: str


class RebuildLine(Contract):
    """One line: exactly one of them."""

    progress: RebuildProgress | None = None
    difference: RebuildDifference | None = None
    outcome: RebuildOutcome | None = None
    refusal: RebuildRefusal | None = None
