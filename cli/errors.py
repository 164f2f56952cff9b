"""The command's four families of errors, each with its exit status. Anything else crashes.

They are those of the services, read from the caller's side: `Rejection`: what was asked is
refused, change it. `ContractError`: the two sides do not understand each other, update one.
`ConflictError`: somebody else is at it, look and try again. `TransientError`: a part does not
answer, start it or wait. Wrong usage (exit status 2) is Typer's own `BadParameter`.
"""

from typing import ClassVar


class CommandError(Exception):
    """What ends a command: one message that says what to do, and the exit status."""

    exit_status: ClassVar[int] = 1


class Rejection(CommandError):  # noqa: N818 - the business word: a refusal is an answer, no error
    """A service or the command itself refuses; `code` is stable."""

    def __init__(self, message: str, *, code: str) -> None:
        super().__init__(message)
        self.code = code


class ContractError(CommandError):
    """An answer that this version of the command cannot read."""


class ConflictError(CommandError):
    """Another writer was first."""


class TransientError(CommandError):
    """A part does not answer."""

    exit_status = 3
