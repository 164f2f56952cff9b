"""The loader gives what works in bulk once it is loaded, and nothing before or without it."""

import threading

import pytest
import structlog

from services.allowance import bulk_loading, bulk_posting, bulk_telling
from services.allowance.bulk_loading import BACKLOG_FROM, BULK_FROM, BulkLoader
from services.chassis.compiled import digests

ENDS_S = 10.0


class SlowLoader(BulkLoader):
    """Loads once it is told to, and counts in which threads."""

    def __init__(self) -> None:
        super().__init__()
        self.threads: list[threading.Thread] = []
        self.began, self.may_load = threading.Event(), threading.Event()

    def load(self) -> None:
        self.threads.append(threading.current_thread())
        self.began.set()
        assert self.may_load.wait(ENDS_S)
        super().load()

    def end(self) -> None:
        """Let it load, and wait until it has."""
        assert self.began.wait(ENDS_S)
        self.may_load.set()
        for thread in self.threads:
            thread.join(ENDS_S)
            assert not thread.is_alive()


def test_few_messages_go_one_by_one_and_load_nothing() -> None:
    loader = SlowLoader()

    assert loader.posting(BULK_FROM - 1) is None
    assert loader.telling(BULK_FROM - 1) is None
    assert loader.threads == []


def test_few_messages_go_one_by_one_when_all_is_loaded() -> None:
    loader = BulkLoader()
    loader.load()

    assert loader.posting(BULK_FROM - 1) is None
    assert loader.telling(BULK_FROM - 1) is None


def test_it_is_loaded_once_in_a_thread_that_nobody_waits_for() -> None:
    loader = SlowLoader()

    asked = [ask(BULK_FROM) for _ in range(3) for ask in (loader.posting, loader.telling)]
    loader.end()

    assert asked == [None] * 6
    (thread,) = loader.threads
    assert thread.daemon
    assert thread is not threading.current_thread()
    assert loader.posting(BULK_FROM) is bulk_posting
    assert loader.telling(BULK_FROM) is bulk_telling
    assert len(loader.threads) == 1


async def test_a_service_that_begins_far_behind_loads_it_first() -> None:
    loader = SlowLoader()
    loader.may_load.set()

    await loader.prepare(BACKLOG_FROM)

    assert loader.posting(BULK_FROM) is bulk_posting
    assert loader.telling(BULK_FROM) is bulk_telling


async def test_a_service_that_begins_with_little_to_do_does_not_load_it() -> None:
    loader = SlowLoader()

    await loader.prepare(BACKLOG_FROM - 1)

    assert loader.threads == []


async def test_what_takes_long_to_load_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk_loading, "WAIT_S", 0.01)
    loader = SlowLoader()

    await loader.prepare(BACKLOG_FROM)

    assert loader.posting(BULK_FROM) is None
    loader.end()


def test_it_does_without_where_openssl_cannot_be_called(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digests, "load", lambda: False)
    monkeypatch.setattr(bulk_loading, "log", structlog.get_logger())
    loader = SlowLoader()

    with structlog.testing.capture_logs() as logs:
        loader.posting(BULK_FROM)
        loader.end()

    (said,) = logs
    assert (said["event"], said["log_level"]) == ("bulk_off", "warning")
    assert "libcrypto" in said["error"]
    assert loader.posting(BULK_FROM) is None
    assert loader.telling(BULK_FROM) is None
    assert len(loader.threads) == 1
