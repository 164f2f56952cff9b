"""The four families of errors, each an instruction to its caller. Anything else crashes.

`Rejection`: answer, do not retry. `ContractError`: park. `ConflictError`: reload and decide
again. `TransientError`: back off, then stop the consumer.
"""

from typing import ClassVar


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
        self.mismatched = field


class ContractError(Exception):
    """A message cannot be read or applied, and never will be as it is."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class ConflictError(Exception):
    """Another writer was first."""


class TransientError(Exception):
    """A part we need did not answer; it may do so in a moment."""
