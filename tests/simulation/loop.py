"""An event loop without real time: the next thing that happens is the next of a virtual clock.

Callbacks run in the order in which asyncio promises to run them. What varies with the seed is
when something that was waited for arrives, so every order that a run shows could happen.
"""

import asyncio
import heapq
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any, TypeVar, TypeVarTuple, Unpack

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

CALLBACKS_MAX = 400_000
"""More than any run needs: a run that spins ends as a failure, not never."""


class SpinningError(Exception):
    """A run does not come to an end."""


class Call(asyncio.TimerHandle):
    """A callback that is due."""

    def run(self) -> None:
        self._run()


class VirtualLoop(asyncio.AbstractEventLoop):
    """Runs one coroutine and what it starts; `strays` are errors that nobody asked about."""

    def __init__(self) -> None:
        self._now = 0.0
        self._order = 0
        self._ready: deque[Call] = deque()
        self._timers: list[tuple[float, int, Call]] = []
        self._running = False
        self.started: Callable[[asyncio.Task[Any]], None] = lambda _: None
        self.strays: list[dict[str, Any]] = []

    def time(self) -> float:
        return self._now

    def call_soon(
        self,
        callback: Callable[[Unpack[Ts]], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> Call:
        call = Call(self._now, callback, args, self, context)
        self._ready.append(call)
        return call

    def call_at(
        self,
        when: float,
        callback: Callable[[Unpack[Ts]], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> Call:
        call = Call(when, callback, args, self, context)
        self._order += 1
        heapq.heappush(self._timers, (when, self._order, call))
        return call

    def call_later(
        self,
        delay: float,
        callback: Callable[[Unpack[Ts]], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> Call:
        return self.call_at(self._now + delay, callback, *args, context=context)

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(
        self,
        coro: Any,
        *,
        name: str | None = None,
        context: Context | None = None,
        **_: Any,
    ) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = asyncio.Task(coro, loop=self, name=name, context=context)
        self.started(task)
        return task

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return self._running

    def is_closed(self) -> bool:
        return False

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        self.strays.append(context)

    def _timer_handle_cancelled(self, _: Call) -> None:
        """Leave it in its place; it is passed over when its time comes."""

    def run(self, main: Coroutine[Any, Any, T]) -> T:
        """Run until `main` is done.

        Raises:
            SpinningError: it was not done after `CALLBACKS_MAX` callbacks, or waits for nothing.
        """
        asyncio._set_running_loop(self)  # noqa: SLF001 - made for loops
        self._running = True
        try:
            task: asyncio.Task[T] = self.create_task(main)
            for _ in range(CALLBACKS_MAX):
                if task.done():
                    return task.result()
                self._run_next()
            raise SpinningError(f"not done after {CALLBACKS_MAX} callbacks")
        finally:
            self._running = False
            asyncio._set_running_loop(None)  # noqa: SLF001 - made for loops

    def drain(self) -> None:
        """Let what has been cancelled end."""
        asyncio._set_running_loop(self)  # noqa: SLF001 - made for loops
        try:
            for _ in range(CALLBACKS_MAX):
                if not self._ready:
                    return
                self._run_next()
        finally:
            asyncio._set_running_loop(None)  # noqa: SLF001 - made for loops

    def _run_next(self) -> None:
        if not self._ready:
            if not self._timers:
                raise SpinningError("everything waits for what will never come")
            self._now, _, call = heapq.heappop(self._timers)
        else:
            call = self._ready.popleft()
        if not call.cancelled():
            call.run()
