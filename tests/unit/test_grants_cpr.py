"""What a CPR number tells: when somebody was born, and whether they are 18 (R34)."""

import datetime as dt

import pytest

from services.grants.cpr import CitizenUnder18, birth_date, check_adult
from tests.unit.grants_cases import day


@pytest.mark.parametrize(
    ("cpr", "born"),
    [
        ("0101000000", "1900-01-01"),
        ("3112993999", "1999-12-31"),
        ("0101364000", "2036-01-01"),
        ("0101374000", "1937-01-01"),
        ("0101575000", "2057-01-01"),
        ("0101585000", "1858-01-01"),
        ("0101578999", "2057-01-01"),
        ("0101588999", "1858-01-01"),
        ("0101369000", "2036-01-01"),
        ("0101379000", "1937-01-01"),
        ("6101801234", "1980-01-01"),
        ("9112801234", "1980-12-31"),
    ],
)
def test_a_cpr_number_tells_the_birth_date(cpr: str, born: str) -> None:
    assert birth_date(cpr) == day(born)


@pytest.mark.parametrize(
    ("cpr", "adult_on"),
    [("1506054000", "2023-06-15"), ("7506054000", "2023-06-15"), ("2902044000", "2022-03-01")],
)
def test_r34_a_card_is_valid_from_the_18th_birthday_at_the_earliest(
    cpr: str, adult_on: str
) -> None:
    check_adult(cpr, day(adult_on))
    with pytest.raises(CitizenUnder18) as refused_as:
        check_adult(cpr, day(adult_on) - dt.timedelta(days=1))

    assert refused_as.value.code == "citizen-under-18"
