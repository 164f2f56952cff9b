"""Quiet hours: by the clock on a Danish wall, summer and winter."""

import datetime as dt
import re
from typing import Any, cast

import pytest

from services.notifications.quiet_hours import QuietHours, QuietHoursUnreadableError
from services.notifications.sender import Sender


@pytest.mark.parametrize(
    ("hours", "moment", "quiet"),
    [
        pytest.param("21:00-08:00", "2026-01-15T19:59:59Z", False, id="R43 winter, before nine"),
        pytest.param("21:00-08:00", "2026-01-15T20:00:00Z", True, id="R43 winter, at nine"),
        pytest.param("21:00-08:00", "2026-07-15T18:59:59Z", False, id="R43 summer, before nine"),
        pytest.param("21:00-08:00", "2026-07-15T19:00:00Z", True, id="R43 summer, at nine"),
        pytest.param("21:00-08:00", "2026-07-15T05:59:59Z", True, id="R43 before eight"),
        pytest.param("21:00-08:00", "2026-07-15T06:00:00Z", False, id="R43 at eight"),
        pytest.param("02:15-02:45", "2026-10-25T00:30:00Z", True, id="R43 first half past two"),
        pytest.param("02:15-02:45", "2026-10-25T01:30:00Z", True, id="R43 half past two again"),
        pytest.param("02:15-02:45", "2026-03-29T01:30:00Z", False, id="R43 no half past two"),
        pytest.param("12:00-13:30", "2026-01-15T12:00:00Z", True, id="R43 within a day"),
        pytest.param("12:00-13:30", "2026-01-15T12:30:00Z", False, id="R43 after it"),
    ],
)
def test_quiet_hours_go_by_danish_clocks(hours: str, moment: str, *, quiet: bool) -> None:
    parsed = QuietHours.parse(hours)

    assert parsed is not None
    assert parsed.cover(dt.datetime.fromisoformat(moment)) is quiet


class Night:
    """A clock that shows midnight in Denmark."""

    def now(self) -> dt.datetime:
        return dt.datetime(2026, 1, 15, 23, tzinfo=dt.UTC)


class NoPool:
    """Fails whoever asks for a connection."""

    def acquire(self) -> None:
        raise AssertionError("the database was asked")


@pytest.mark.parametrize(("hours", "asks"), [("21:00-08:00", False), ("none", True)])
async def test_r43_no_text_is_claimed_in_quiet_hours(hours: str, *, asks: bool) -> None:
    sender = Sender(
        pool=cast("Any", NoPool()),
        clock=Night(),
        vault=cast("Any", None),
        gateway=cast("Any", None),
        recorder=cast("Any", None),
        instance="1",
        in_flight_max=1,
        contact_failures_max=1,
        quiet_hours=QuietHours.parse(hours),
    )

    if asks:
        with pytest.raises(AssertionError, match="the database was asked"):
            await sender._claim()  # noqa: SLF001 - its one decision
    else:
        assert await sender._claim() == []  # noqa: SLF001


def test_nobody_need_be_left_in_peace() -> None:
    assert QuietHours.parse("none") is None


@pytest.mark.parametrize(
    "text",
    ["", "21-8 o'clock", "21:00", "21:00-21:00", "21:00Z-08:00Z", "21:00Z-08:00", "21:00-08:00Z"],
)
def test_what_is_no_span_of_hours_is_refused_by_name(text: str) -> None:
    with pytest.raises(QuietHoursUnreadableError, match=f"^{re.escape(repr(text))} "):
        QuietHours.parse(text)
