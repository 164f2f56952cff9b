"""The four families of errors, each an instruction to its caller. Anything else crashes.

`Rejection`: answer, do not retry. `ContractError`: park. `ConflictError`: reload and decide
again. `TransientError`: back off, then stop the consumer.
"""

from typing import ClassVar

_OUTSPOKEN = ("services", "frikort_contracts", "aiokafka", "httpx", "httpcore")
"""Packages whose errors quote no value of what they failed on."""
_SQLSTATES_OUTSPOKEN = ("08", "28", "3D", "40", "42", "53", "55", "57", "58")
"""Classes of PostgreSQL's errors that tell of the server, not of a row."""


class Rejection(Exception):  # noqa: N818 - the business word: a refusal is an answer, no error
    """A command was refused; `code` is stable, the message says what would be right.

    `kept` refusals follow from the request alone and are the answer for ever; the others rest
    on what the service has seen so far, so the same key may succeed later. `retry` ones pass
    by themselves once events that are on their way arrive.
    """

    code: ClassVar[str]
    kept: ClassVar[bool] = True
    retry: ClassVar[bool] = False
    status: ClassVar[int] = 422
    field: ClassVar[str | None] = None

    def __init__(self, message: str, *, value: str | None = None) -> None:
        super().__init__(message)
        self.value = value


class StateRejection(Rejection):
    """A refusal that rests on what the service has seen so far: 409, and not kept."""

    kept = False
    status = 409


class NotFound(StateRejection):
    """What was asked for is not known here: 404."""

    status = 404


class IdempotencyMismatch(Rejection):
    """The key was used before with other content; the message names the first field."""

    code = "idempotency-mismatch"

    def __init__(self, *, field: str) -> None:
        super().__init__(
            f"this key was used before with another {field}; use a new key for a new command, "
            f"or correct the {field} by a reversal or a change"
        )
        self.field = field  # type: ignore[misc]  # each mismatch has its own


class ContractError(Exception):
    """A message cannot be read or applied, and never will be as it is."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class ConflictError(Exception):
    """Another writer was first."""


class TransientError(Exception):
    """A part we need did not answer; it may do so in a moment."""


def describe(error: BaseException) -> str:
    """Say in one line what happened, without a value of any row, message or setting.

    Drivers and parsers quote what they failed on: PostgreSQL's detail holds the whole row.
    """
    kind = type(error)
    name = kind.__qualname__
    sqlstate = getattr(error, "sqlstate", None)
    if isinstance(sqlstate, str):
        place = getattr(error, "constraint_name", None) or getattr(error, "table_name", None)
        about = str(error.args[0]) if error.args else ""
        text = about if sqlstate.startswith(_SQLSTATES_OUTSPOKEN) else ""
        return f"{name}({sqlstate}{f' {place}' if place else ''}{f': {text}' if text else ''})"
    outspoken = kind.__module__.partition(".")[0] in _OUTSPOKEN
    if outspoken or isinstance(error, OSError) or name == "InterfaceError":
        return f"{name}({error})"
    return name
