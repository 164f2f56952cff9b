"""What the local stack refuses or misses, each with the remedy and an exit status."""

from typing import ClassVar


class StackError(Exception):
    """One line that says what is wrong and what to do; ``exit_status`` is the command's."""

    exit_status: ClassVar[int] = 1


class StackRefusedError(StackError):
    """The machine or the caller's own state stands in the way: a taken port, a missing tool."""


class SettingsError(StackError):
    """A setting that can't be meant."""

    exit_status: ClassVar[int] = 2


class PartUnreachableError(StackError):
    """A part was asked for and does not answer."""

    exit_status: ClassVar[int] = 3
