"""How far long work is: a bar with rate and time left on standard error, if that is a terminal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from cli.output import number, stderr_console


class Phases(Protocol):
    """Whom long work tells how far it is."""

    def start(self, name: str, total: int) -> None:
        """Begin a phase of so many rows."""

    def reach(self, done: int) -> None:
        """Say how many of the phase's rows are done."""


def compile_with(phases: Phases, compile_now: Callable[[], None]) -> None:
    """Compile what works in bulk, if it was not before, and say so: it takes a while once."""
    phases.start("Compiling for this machine, once", 1)
    compile_now()
    phases.reach(1)


class _RateColumn(ProgressColumn):
    """How many rows a second."""

    def render(self, task: Task) -> Text:
        """Write the rate, averaged over the last seconds, or over the whole when finished."""
        speed = task.finished_speed or task.speed
        return Text(f"{number(round(speed))} rows/s" if speed else "", style="dim")


@dataclass(slots=True, kw_only=True)
class _Bars:
    """One bar per phase."""

    progress: Progress
    task: TaskID | None = None

    def start(self, name: str, total: int) -> None:
        """Begin a phase; the one before stays as it stands."""
        self.task = self.progress.add_task(name, total=total)

    def reach(self, done: int) -> None:
        """Move the bar."""
        if self.task is not None:
            self.progress.update(self.task, completed=done)


@contextmanager
def show_progress() -> Iterator[Phases]:
    """Show bars while the work goes on; nothing at all when nobody looks at a terminal."""
    console = stderr_console()
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _RateColumn(),
        TimeElapsedColumn(),
        TextColumn("left", style="dim"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        yield _Bars(progress=progress)
