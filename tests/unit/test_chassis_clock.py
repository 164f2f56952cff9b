import datetime as dt
from types import SimpleNamespace

import pytest

from services.chassis.clock import SystemClock, business_date


def utc(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


class _Machine(dt.datetime):
    """A machine's clock that a test sets."""

    told: dt.datetime

    @classmethod
    def now(cls, tz: dt.tzinfo | None = None) -> "_Machine":
        assert tz is dt.UTC
        return cls.fromisoformat(cls.told.isoformat())


def test_clock_stands_still_while_the_machines_is_set_back(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = SimpleNamespace(datetime=_Machine, UTC=dt.UTC)
    monkeypatch.setattr("services.chassis.clock.dt", machine)
    told = []
    _Machine.told = utc("2023-05-31T12:00")
    ours = SystemClock()
    for moment in ("2023-05-31T12:00", "2023-05-31T12:05", "2023-05-31T11:00", "2023-05-31T12:06"):
        _Machine.told = utc(moment)
        told.append(ours.now().isoformat()[11:16])

    assert told == ["12:00", "12:05", "12:05", "12:06"]


def test_clock_tells_aware_times_in_utc() -> None:
    assert SystemClock().now().utcoffset() == dt.timedelta()


@pytest.mark.parametrize(
    ("moment", "date"),
    [
        ("2022-12-31T22:59:59.999999", "2022-12-31"),  # New Year comes at 23:00 UTC
        ("2022-12-31T23:00", "2023-01-01"),
        ("2023-03-25T22:59", "2023-03-25"),  # the last day before summer time
        ("2023-03-25T23:00", "2023-03-26"),
        ("2023-03-26T21:59", "2023-03-26"),  # a day of 23 hours
        ("2023-03-26T22:00", "2023-03-27"),
        ("2023-10-28T21:59", "2023-10-28"),
        ("2023-10-28T22:00", "2023-10-29"),  # a day of 25 hours
        ("2023-10-29T22:59", "2023-10-29"),
        ("2023-10-29T23:00", "2023-10-30"),
    ],
)
def test_r44_business_date_is_the_danish_one(moment: str, date: str) -> None:
    assert business_date(utc(moment)).isoformat() == date


def test_business_date_of_a_moment_is_one_whatever_zone_it_is_written_in() -> None:
    moment = utc("2022-12-31T23:30")
    elsewhere = moment.astimezone(dt.timezone(dt.timedelta(hours=-10)))

    assert business_date(elsewhere) == business_date(moment) == dt.date(2023, 1, 1)
