"""A service's parts end when the service does."""

import asyncio

import pytest

from services.chassis import runtime

FAULTS = 3


async def test_a_part_whose_cancellation_is_lost_in_a_fault_is_ended_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(runtime, "CANCEL_AGAIN_S", 0.01)
    begun: list[int] = []

    async def begin_anew_after_a_fault() -> None:
        while True:
            begun.append(len(begun))
            try:
                await fault_when_cancelled()
            except ConnectionError:
                continue

    async def fault_when_cancelled() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            if len(begun) <= FAULTS:
                raise ConnectionError

    part = asyncio.create_task(begin_anew_after_a_fault())
    await asyncio.sleep(0)

    await asyncio.wait_for(runtime.end({part}), 10)

    assert part.cancelled()
    assert len(begun) == FAULTS + 1
