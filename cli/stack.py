"""``frikort up`` and ``frikort down``: the whole system on this machine.

What is started and how stands in deploy/local; here are words, signals and exit statuses.
"""

import contextlib
import signal
import threading
import time
from collections.abc import Iterator
from types import FrameType
from typing import Any, Final

import typer
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from cli.output import print_json, say, say_error, stderr_console, stdout_console
from deploy.local.errors import PartUnreachableError, StackError, StackRefusedError
from deploy.local.reporting import Reporter
from deploy.local.stack import Stack

REFRESHES_PER_S: Final = 8


def up(*, detach: bool, as_json: bool) -> None:
    """Start the whole system on this machine, until Ctrl-C or `frikort down`."""
    with errors_said():
        if detach and Stack().is_running():
            _tell(Stack(), as_json=as_json)
            return
        stack = _start()
        try:
            _tell(stack, as_json=as_json)
            if not detach:
                _stay(stack)
        except BaseException:
            _stop_undisturbed(stack)
            raise


def down(*, as_json: bool) -> None:
    """Stop the system on this machine; its data stay."""
    with errors_said():
        stack = Stack()
        ran = stack.stop()
        if as_json:
            print_json({"stopped": ran, "home": str(stack.settings.home)})
        elif ran:
            say(f"Stopped. The data stay in {stack.settings.home}.")
        else:
            say(f"Nothing runs in {stack.settings.home}.")


def _start() -> Stack:
    """Start everything; what was begun is ended if that fails or is interrupted."""
    with showing_parts() as reporter:
        stack = Stack(reporter=reporter)
        stack.require_startable()
        try:
            with _terminable():
                stack.start()
        except BaseException:
            _stop_undisturbed(stack)
            raise
    return stack


def _stay(stack: Stack) -> None:
    """Wait until somebody ends the stack: Ctrl-C or SIGTERM here, `frikort down` elsewhere."""
    say("Ctrl-C stops everything.")
    try:
        with _terminable():
            told = stack.wait()
    except KeyboardInterrupt:
        say("Stopping.")
        _stop_undisturbed(stack)
        return
    if not told:
        raise PartUnreachableError(
            "The supervisor was ended from outside, so everything was stopped: start it again"
            " with `frikort up`, and stop it with `frikort down`."
        )


def _tell(stack: Stack, *, as_json: bool) -> None:
    """Print where the services are.

    Raises: StackRefusedError when the stack is not up whole.
    """
    summary = stack.summary()
    if summary is None:
        raise StackRefusedError(
            f"A stack in {stack.settings.home} is being started, or was left half-way:"
            " wait for it, or end it with `frikort down`."
        )
    if as_json:
        print_json(summary)
        return
    table = Table.grid(padding=(0, 2))
    for part, address in {**summary["services"], "kafka": summary["kafka"]}.items():
        table.add_row(part, Text(address))
    table.add_row("logs", Text(summary["logs"]))
    stdout_console().print(table)


def _stop_undisturbed(stack: Stack) -> None:
    """Stop the stack; a second Ctrl-C must not leave processes behind."""
    handlers = {number: signal.signal(number, signal.SIG_IGN) for number in _ENDING}
    try:
        stack.stop()
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


_ENDING: Final = (signal.SIGINT, signal.SIGTERM)


@contextlib.contextmanager
def _terminable() -> Iterator[None]:
    """Let SIGTERM end what is done here as Ctrl-C does."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def errors_said() -> Iterator[None]:
    """Say what is wrong in one line and end with its exit status."""
    try:
        yield
    except StackError as error:
        say_error(str(error))
        raise typer.Exit(error.exit_status) from error
    except KeyboardInterrupt as interrupt:
        say_error("Interrupted; what was started has been stopped.")
        raise typer.Exit(1) from interrupt


@contextlib.contextmanager
def showing_parts() -> Iterator[Reporter]:
    """Show on a terminal which part is starting and for how long; elsewhere a line for each."""
    console = stderr_console()
    if not console.is_terminal:
        yield _Lines()
        return
    parts = _Parts()
    with Live(
        get_renderable=parts.render, console=console, refresh_per_second=REFRESHES_PER_S
    ) as live:
        parts.live = live
        yield parts


class _Lines:
    """Says each step in a line."""

    def starting(self, part: str) -> None:
        """Keep quiet; the line comes when it is ready."""

    def ready(self, part: str, seconds: float) -> None:
        """Say that a part is ready."""
        say(f"{part} ready after {seconds:.1f} s")

    def note(self, line: str) -> None:
        """Say a line."""
        say(line)


class _Parts:
    """The parts that are starting, with a spinner each, and those that are ready."""

    def __init__(self) -> None:
        self.live: Live | None = None
        self._lock = threading.Lock()
        self._began: dict[str, float] = {}
        self._took: dict[str, float] = {}
        self._spinner = Spinner("dots")

    def starting(self, part: str) -> None:
        """Begin to count a part's seconds."""
        with self._lock:
            self._began[part] = time.monotonic()

    def ready(self, part: str, seconds: float) -> None:
        """Fix a part's seconds."""
        with self._lock:
            self._took[part] = seconds

    def note(self, line: str) -> None:
        """Say a line above the parts."""
        if self.live is not None:
            self.live.console.print(Text(line))

    def render(self) -> Table:
        """Draw the parts as they are now."""
        table = Table.grid(padding=(0, 1))
        with self._lock:
            for part, began in self._began.items():
                took = self._took.get(part)
                sign: Any = self._spinner if took is None else Text("✓", style="green")
                seconds = time.monotonic() - began if took is None else took
                table.add_row(sign, part, Text(f"{seconds:.1f} s", style="dim"))
        return table
