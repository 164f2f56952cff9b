"""Who is told what the local stack is doing."""

from typing import Protocol


class Reporter(Protocol):
    """Who is told what the stack does; called from several threads."""

    def starting(self, part: str) -> None:
        """Say that a part is being started."""

    def ready(self, part: str, seconds: float) -> None:
        """Say that a part answers, and how long that took."""

    def note(self, line: str) -> None:
        """Say one line a person should read."""


class SilentReporter:
    """Tells nobody."""

    def starting(self, part: str) -> None:
        """Keep quiet."""

    def ready(self, part: str, seconds: float) -> None:
        """Keep quiet."""

    def note(self, line: str) -> None:
        """Keep quiet."""
