"""The value types: what each takes, and the code with which it refuses."""

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from frikort_contracts import types

KINDS: dict[str, TypeAdapter[Any]] = {
    "card": TypeAdapter(types.CardNo),
    "cvr": TypeAdapter(types.Cvr),
    "municipality": TypeAdapter(types.MunicipalityCode),
    "identifier": TypeAdapter(types.Identifier),
    "sha256": TypeAdapter(types.Sha256),
    "code": TypeAdapter(types.Code),
    "amount": TypeAdapter(types.AmountOre),
    "natural": TypeAdapter(types.NaturalOre),
    "year": TypeAdapter(types.Year),
    "date": TypeAdapter(types.BusinessDate),
    "moment": TypeAdapter(types.Moment),
    "short": TypeAdapter(types.ShortText),
}
HOUR = dt.timedelta(hours=1)


@pytest.mark.parametrize(
    ("kind", "given_value", "taken"),
    [
        ("card", "00042", "00042"),
        ("cvr", "13748136", "13748136"),
        ("municipality", "751", "751"),
        ("municipality", "0751", "751"),
        ("identifier", "7437da5d-a18c-4a68-a448-461d4e2ffa62", None),
        ("sha256", "0f" * 32, None),
        ("code", "over-cap", None),
        ("amount", 1, 1),
        ("amount", 10**12, 10**12),
        ("natural", 0, 0),
        ("year", 2019, 2019),
        ("date", "2024-02-29", dt.date(2024, 2, 29)),
        ("date", dt.date(2024, 2, 29), dt.date(2024, 2, 29)),
        ("short", "x" * 40, None),
    ],
)
def test_what_is_right_is_taken(kind: str, given_value: object, taken: object) -> None:
    expected = given_value if taken is None else taken

    assert KINDS[kind].validate_python(given_value) == expected


@pytest.mark.parametrize(
    ("kind", "value", "code"),
    [
        ("card", "1234", "card-no-format"),
        ("card", "123456", "card-no-format"),
        ("card", "1234a", "card-no-format"),
        ("card", "12345\n", "card-no-format"),
        ("card", "١٢٣٤٥", "card-no-format"),
        ("card", 12345, "string_type"),
        ("cvr", "13748137", "cvr-check-digit"),
        ("cvr", "31748136", "cvr-check-digit"),
        ("cvr", "1374813", "cvr-format"),
        ("cvr", "DK13748136", "cvr-format"),
        ("municipality", "75", "municipality-code-format"),
        ("municipality", "951", "municipality-code-format"),
        ("municipality", "1751", "municipality-code-format"),
        ("municipality", 751, "string_type"),
        ("identifier", "7437DA5D-a18c-4a68-a448-461d4e2ffa62", "identifier-format"),
        ("identifier", "w-1", "identifier-format"),
        ("sha256", "0F" * 32, "sha256-format"),
        ("code", "Over cap", "code-format"),
        ("amount", 0, "amount-not-positive"),
        ("amount", -1, "amount-not-positive"),
        ("amount", 10**12 + 1, "amount-not-positive"),
        ("amount", "100", "int_type"),
        ("amount", 100.0, "int_type"),
        ("amount", True, "int_type"),
        ("natural", -1, "greater_than_equal"),
        ("year", 2018, "greater_than_equal"),
        ("date", "2023-02-29", "date-format"),
        ("date", "31-05-2023", "date-format"),
        ("date", "2023-05-31T00:00:00Z", "date-format"),
        ("date", 20230531, "date-format"),
        ("date", dt.datetime(2023, 5, 31, tzinfo=dt.UTC), "date-format"),
        ("moment", "2023-05-31T12:00:00", "time-without-offset"),
        ("moment", dt.datetime(2023, 5, 31, 12), "time-without-offset"),  # noqa: DTZ001
        ("moment", "2023-02-29", "date-format"),
        ("moment", "20230531", "time-format"),
        ("moment", 20230531, "time-format"),
        ("moment", "1685527200", "time-format"),
        ("moment", "0001-01-01", "time-out-of-range"),
        ("moment", "9999-12-31T23:59:59-01:00", "time-out-of-range"),
        ("short", "", "string_too_short"),
        ("short", "x" * 41, "string_too_long"),
        ("short", "a\0b", "text-format"),
        ("short", "two\nlines", "text-format"),
    ],
)
def test_what_is_wrong_is_refused_with_a_code(kind: str, value: object, code: str) -> None:
    with pytest.raises(ValidationError) as refused:
        KINDS[kind].validate_python(value)

    assert [error["type"] for error in refused.value.errors()] == [code]


@given(st.integers(0, 9_999_999), st.integers(1, 9))
def test_one_wrong_digit_in_a_cvr_is_seen(start: int, change: int) -> None:
    digits = f"{start:07}"
    weighted = sum(int(d) * w for d, w in zip(digits, (2, 7, 6, 5, 4, 3, 2), strict=True))
    check = -weighted % 11
    if check == 10:  # no CVR number begins so
        return
    right = f"{digits}{check}"

    assert KINDS["cvr"].validate_python(right) == right
    with pytest.raises(ValidationError, match="check digit"):
        KINDS["cvr"].validate_python(f"{digits}{(check + change) % 10}")


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2023-05-31", "2023-05-30T22:00:00.000000Z"),
        ("2023-01-15", "2023-01-14T23:00:00.000000Z"),
        ("2023-03-26", "2023-03-25T23:00:00.000000Z"),
        ("2023-10-29", "2023-10-28T22:00:00.000000Z"),
        ("2023-05-31T12:00:00+02:00", "2023-05-31T10:00:00.000000Z"),
        ("2023-05-31T12:00:00.5Z", "2023-05-31T12:00:00.500000Z"),
        ("2023-05-31T12:00:00.123456Z", "2023-05-31T12:00:00.123456Z"),
    ],
)
def test_a_moment_is_written_in_utc_with_six_decimals(text: str, utc: str) -> None:
    moment = KINDS["moment"].validate_python(text)

    assert types.format_moment(moment) == utc
    assert KINDS["moment"].dump_json(moment) == f'"{utc}"'.encode()


@given(st.dates(dt.date(1900, 1, 2), dt.date(9998, 12, 30)))
def test_a_date_is_its_first_instant_in_copenhagen(date: dt.date) -> None:
    moment = KINDS["moment"].validate_python(date.isoformat())
    local = moment.astimezone(ZoneInfo("Europe/Copenhagen"))

    assert moment.tzinfo is dt.UTC
    assert local.date() == date
    assert (moment - HOUR).astimezone(local.tzinfo).date() < date


@given(
    st.datetimes(
        dt.datetime(1900, 1, 2),  # noqa: DTZ001
        dt.datetime(9998, 12, 30),  # noqa: DTZ001
        timezones=st.timezones(),
    )
)
def test_a_moment_survives_the_wire(moment: dt.datetime) -> None:
    taken = KINDS["moment"].validate_python(moment)

    assert KINDS["moment"].validate_json(KINDS["moment"].dump_json(taken)) == taken
    assert len(types.format_moment(taken)) == len("2023-05-31T12:00:00.000000Z")
