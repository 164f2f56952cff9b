"""Every notation of amounts, dates and times that files may hold, and what is refused."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.values import ValueRefused, format_amount, parse_amount, parse_date, parse_moment

AMOUNTS = {
    "1250": 125_000,
    "1250,5": 125_050,
    "1250,50": 125_050,
    "1250.5": 125_050,
    "1250.50": 125_050,
    "1.250": 125_000,
    "1.250,5": 125_050,
    "1.250,50": 125_050,
    "1.250.000": 125_000_000,
    "1.250.000,00": 125_000_000,
    "1,250.50": 125_050,
    "1,250,000.5": 125_000_050,
    "1,250,000": 125_000_000,
    "1 250": 125_000,
    "1 250,50": 125_050,
    "1\u00a0250\u00a0000,50": 125_000_050,
    "1\u202f250.50": 125_050,
    "0": 0,
    "0,01": 1,
    "0.5": 50,
    "007": 700,
    "12,34": 1_234,
    "-100": -10_000,
    "-1.250,50": -125_050,
    "100-": -10_000,
    "\u2212100,00": -10_000,
}
AMBIGUOUS = ["1,250", "12,500", "0,250", "0.250", "1250.500", "1250,500", "-1,250"]
UNREADABLE = [
    "",
    "-",
    "--1",
    "abc",
    "1250 kr",
    "kr 1250",
    "1250,",
    ",50",
    "1.25,50",
    "1.2500,00",
    "1.250.00",
    "1,250,00",
    "1.250,505",
    "1 25",
    "12 50,00",
    "1e3",
    "+100",
    "(100)",
    "1'250",
    "\u0661\u0662",
    "9" * 5_000,
]


@pytest.mark.parametrize(("text", "amount_ore"), AMOUNTS.items())
def test_amount_is_read_in_every_notation(text: str, amount_ore: int) -> None:
    assert parse_amount(text) == amount_ore


@pytest.mark.parametrize("text", AMBIGUOUS)
def test_amount_that_could_mean_two_things_is_refused(text: str) -> None:
    with pytest.raises(ValueRefused) as refusal:
        parse_amount(text)

    assert refusal.value.code == "amount-ambiguous"


@pytest.mark.parametrize("text", UNREADABLE)
def test_amount_in_no_notation_is_refused(text: str) -> None:
    with pytest.raises(ValueRefused) as refusal:
        parse_amount(text)

    assert refusal.value.code == "amount-format"


@given(
    amount_ore=st.integers(-(10**12), 10**12),
    thousands=st.sampled_from(["", ".", " ", "\u00a0", "\u202f"]),
)
def test_amount_survives_writing_and_reading(amount_ore: int, thousands: str) -> None:
    written = format_amount(amount_ore).replace(".", thousands)

    assert parse_amount(written) == amount_ore


@given(amount_ore=st.integers(0, 10**12))
def test_english_notation_means_the_same(amount_ore: int) -> None:
    kroner, oere = divmod(amount_ore, 100)

    assert parse_amount(f"{kroner:,}.{oere:02d}") == amount_ore
    assert parse_amount(f"{kroner}.{oere:02d}") == amount_ore


@given(kroner=st.integers(1_000, 10**9))
def test_single_comma_before_three_digits_never_passes(kroner: int) -> None:
    written = f"{kroner:,}"
    if written.count(",") > 1:
        assert parse_amount(written) == kroner * 100
        return
    with pytest.raises(ValueRefused):
        parse_amount(written)


@given(day=st.dates(min_value=dt.date(1000, 1, 1)))
def test_date_is_read_in_both_notations(day: dt.date) -> None:
    assert parse_date(day.isoformat()) == day
    assert parse_date(day.strftime("%d-%m-%Y")) == day


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2023-02-30",
        "29-02-2023",
        "2023-13-01",
        "31-04-2023",
        "0000-01-01",
        "1-5-2023",
        "01.05.2023",
        "01/05/2023",
        "2023/05/01",
        "01-05-23",
        "20230501",
        "2023-05-01T00:00:00",
        "i dag",
        "\u0662\u0660\u0662\u0663-01-01",
    ],
)
def test_date_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueRefused) as refusal:
        parse_date(text)

    assert refusal.value.code == "date-format"


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2023-05-31", "2023-05-31"),
        ("31-05-2023", "2023-05-31"),
        ("2023-05-31T12:00:00+02:00", "2023-05-31T12:00:00+02:00"),
        ("2023-05-31 12:00+0200", "2023-05-31T12:00:00+02:00"),
        ("31-05-2023 12:00:00 +02:00", "2023-05-31T12:00:00+02:00"),
        ("2023-05-31T10:00:00Z", "2023-05-31T10:00:00+00:00"),
        ("2023-05-31T10:00:00.25Z", "2023-05-31T10:00:00.250000+00:00"),
    ],
)
def test_moment_is_a_date_or_a_time_with_offset(text: str, moment: str) -> None:
    assert parse_moment(text) == moment


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("2023-05-31T12:00:00", "time-without-offset"),
        ("31-05-2023 12:00", "time-without-offset"),
        ("2023-05-31T25:00:00Z", "time-format"),
        ("2023-05-31T12:00:00+99:00", "time-format"),
        ("2023-02-30T12:00:00Z", "date-format"),
        ("2023-02-30", "date-format"),
        ("0001-01-01", "date-format"),
        ("9999-12-31T23:59:59-10:00", "date-format"),
        ("1685527200", "date-format"),
        ("i dag", "date-format"),
    ],
)
def test_moment_that_is_none_is_refused(text: str, code: str) -> None:
    with pytest.raises(ValueRefused) as refusal:
        parse_moment(text)

    assert refusal.value.code == code
