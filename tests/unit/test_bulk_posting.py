"""A batch posted in bulk gives what one posted message by message does, to the byte."""

import dataclasses
import datetime as dt

import pytest

from frikort_contracts.topics import GRANTS
from services.allowance.bulk_posting import post_plain
from services.allowance.compiled.entries import ROW_BYTES_MAX
from services.allowance.domain import Citizen, YearBalance
from services.allowance.pages import Page
from services.allowance.posting import Rules
from services.chassis.inbox import Message
from tests.unit.bulk_posting_cases import (
    CARD,
    Change,
    as_other,
    compile_once,
    headed,
    page_of,
    post_both,
    rows_of,
    wage,
)
from tests.unit.bulk_posting_doubts import (
    CARD_DAYS,
    DAY,
    HEADERS_LEFT,
    LEFT,
    NOT_PLAIN_PAGES,
    PLAIN_PAGES,
    POSTED,
    RULES,
    RULES_NOT_PLAIN,
    RULES_PLAIN,
    with_year,
)
from tests.unit.ledger_cases import CAP_ORE, NOW, caps, identity


def months(name: str, amount_ore: int = 2_500_00) -> list[Message]:
    """Give two years of plain wages, those of the second over the cap."""
    return [
        wage(
            name,
            version,
            paid_on=f"{2022 + version // 13}-{version % 12 + 1:02}-28",
            amount_ore=amount_ore + version,
            employment_id=identity(f"{name}/{version % 3}"),
        )
        for version in range(1, 25)
    ]


def test_a_backlog_is_posted_in_bulk() -> None:
    names = [f"citizen {number}" for number in range(30)]
    card = dataclasses.replace(CARD, effective_on=dt.date(2022, 1, 1))
    pages = [page_of(name, state=Citizen(1, (card,), {})) for name in names]
    batch = [message for several in zip(*map(months, names), strict=True) for message in several]

    posted = post_both(batch, pages, RULES)

    assert posted.rest == []
    assert len(rows_of(posted.rows)) == sum(posted.applied.values()) == 30 * 24


def test_nothing_is_posted_of_nothing() -> None:
    posted = post_both([], [], RULES)

    assert (posted.rows, posted.applied, posted.rest) == (b"", {}, [])


@pytest.mark.parametrize("change", POSTED)
def test_what_is_plain_at_its_utmost_is_posted(change: Change) -> None:
    batch = [wage("citizen", 1), change(wage("citizen", 2)), wage("citizen", 3)]

    assert post_both(batch, [page_of("citizen")], RULES).rest == []


def test_a_version_of_nine_digits_is_posted_and_one_of_ten_is_left() -> None:
    page = page_of("citizen", payroll_version=10**9 - 2)

    batch = [wage("citizen", 10**9 - 1), wage("citizen", 10**9)]

    assert post_both(batch, [page], RULES).rest == batch[1:]


@pytest.mark.parametrize("paid_on", ["1980-01-01", "2000-02-29", "2999-12-31"])
def test_a_wage_of_any_age_that_is_likely_is_posted(paid_on: str) -> None:
    card = dataclasses.replace(CARD, effective_on=dt.date(1970, 1, 1))
    page = page_of("citizen", state=Citizen(1, (card,)))
    rules = caps(1980, 2000, 2999)

    assert post_both([wage("citizen", 1, paid_on=paid_on)], [page], rules).rest == []


def test_a_grants_version_is_the_pages_own() -> None:
    page = page_of("citizen", state=Citizen(2, (CARD,)))
    batch = [wage("citizen", 1, grants_version=2), wage("citizen", 2, grants_version=1)]

    assert post_both(batch, [page], RULES).rest == batch[1:]


@pytest.mark.parametrize("hours", [-5, 0, 2])
def test_the_moment_of_recording_is_the_same_in_any_zone(hours: int) -> None:
    now = dt.datetime(2026, 1, 6, 23, 4, 5, 67, tzinfo=dt.timezone(dt.timedelta(hours=hours)))
    page = page_of("citizen", recorded_at=now.astimezone(dt.UTC))

    assert post_both([wage("citizen", 1)], [page], RULES, now=now).rest == []


def test_no_row_takes_more_room_than_there_is() -> None:
    page = with_year(2 - 10**12, 10**15, 0, 10**15, dt.date(2023, 12, 31))
    batch = [wage("citizen", 1, amount_ore=10**12), wage("citizen", 2, amount_ore=10**12)]
    rules = dataclasses.replace(caps(2023, amount_ore=1), version=10**9)

    posted = post_both(batch, [page], rules)

    assert posted.rest == []
    assert len(posted.rows) < len(batch) * ROW_BYTES_MAX
    for kind in (b"opened", b"apportioned", b"exhausted", b"raised"):
        assert kind in (rows_of(posted.rows)[0]["bytes"] or b"")


@pytest.mark.parametrize("change", LEFT)
def test_what_is_not_plain_is_left_and_what_follows_of_the_citizen(change: Change) -> None:
    batch = [wage("citizen", 1), wage("else", 1), change(wage("citizen", 2))]
    batch += [wage("citizen", 3), wage("else", 2), wage("citizen", 2)]

    posted = post_both(batch, [page_of("citizen"), page_of("else")], RULES)

    assert posted.rest == [batch[2], batch[3], batch[5]]


@pytest.mark.parametrize(
    "change",
    [
        *(headed("ce_subject", value) for name, value in HEADERS_LEFT if name == "ce_id"),
        *(as_other(kind, GRANTS.name, **CARD_DAYS) for kind in ("grant-deactivated", "x")),
        as_other("wage-paid", GRANTS.name),
    ],
)
def test_of_whom_there_is_anything_but_payrolls_own_nothing_is_posted(change: Change) -> None:
    batch = [wage("citizen", 1), wage("else", 1), change(wage("citizen", 2)), wage("citizen", 2)]

    posted = post_both(batch, [page_of("citizen"), page_of("else")], RULES)

    assert posted.rest == [batch[0], *batch[2:]]


def test_nobody_takes_back_what_is_anothers() -> None:
    taken = as_other("wage-reversed", wage_id=identity("citizen/wage/1"))(wage("else", 1))
    batch = [wage("citizen", 1), taken]

    assert post_both(batch, [page_of("citizen"), page_of("else")], RULES).rest == [taken]


def test_a_subject_counts_for_more_than_a_key() -> None:
    batch = [dataclasses.replace(wage("citizen", 1), key=identity("else").encode())]
    batch += [wage("else", 1), dataclasses.replace(wage("citizen", 2), key=None)]

    posted = post_both(batch, [page_of("citizen"), page_of("else")], RULES)

    assert posted.rest == []


@pytest.mark.parametrize("strays", [0, 1])
@pytest.mark.parametrize("partition", [3, 12])
def test_a_citizen_whose_messages_come_by_two_partitions_is_left(
    strays: int, partition: int
) -> None:
    batch = [wage("citizen", 1, amount_ore=1), wage("citizen", 1)]
    batch[strays].partition = partition

    posted = post_both(
        [*batch, wage("citizen", 2), wage("else", 1)], [page_of("citizen"), page_of("else")], RULES
    )

    assert posted.rest == [*batch, wage("citizen", 2)]


def test_in_a_partition_that_is_not_taken_none_is_posted() -> None:
    pages = {identity(name): page_of(name) for name in ("citizen", "else")}
    batch = [wage("citizen", 1), wage("else", 1)]
    compile_once()

    posted = post_plain(batch, pages, RULES, now=NOW, journal_seq={batch[1].partition: 7})

    assert posted.rest == batch[:1]
    assert pages[identity("citizen")] == page_of("citizen")


def test_a_page_of_another_partition_is_left() -> None:
    page = page_of("citizen", partition=3)

    assert (
        len(post_both([wage("citizen", 1), wage("else", 1)], [page, page_of("else")], RULES).rest)
        == 1
    )


@pytest.mark.parametrize("page", PLAIN_PAGES)
def test_on_a_plain_page_wages_are_posted(page: Page) -> None:
    batch = [wage("citizen", version, paid_on=f"{DAY}") for version in range(1, 11)]

    assert post_both(batch, [page], RULES).rest == []


@pytest.mark.parametrize("page", NOT_PLAIN_PAGES)
def test_on_a_page_that_is_not_plain_none_is_posted(page: Page) -> None:
    batch = [wage("citizen", 1, paid_on=f"{DAY}"), wage("else", 1), wage("citizen", 2)]

    assert post_both(batch, [page, page_of("else")], RULES).rest == [batch[0], batch[2]]


def test_a_ninth_year_is_not_opened_and_the_eighth_is() -> None:
    years = {year: YearBalance(1, entries=1) for year in range(2016, 2023)}
    page = page_of("citizen", state=Citizen(1, (CARD,), years))
    batch = [wage("citizen", 1), wage("citizen", 2, paid_on="2024-01-01"), wage("citizen", 3)]

    assert post_both(batch, [page], RULES).rest == batch[1:]


@pytest.mark.parametrize("rules", RULES_PLAIN)
def test_with_one_cap_and_an_open_year_wages_are_posted(rules: Rules) -> None:
    assert (
        post_both([wage("citizen", 1), wage("citizen", 2)], [page_of("citizen")], rules).rest == []
    )


@pytest.mark.parametrize("rules", RULES_NOT_PLAIN)
def test_without_a_year_of_one_cap_that_is_open_none_is_posted(rules: Rules) -> None:
    batch = [wage("citizen", 1), wage("citizen", 2)]

    assert post_both(batch, [page_of("citizen")], rules).rest == batch


LOW_ORE = CAP_ORE * 80 // 100


@pytest.mark.parametrize("covered_to", [None, DAY, DAY + dt.timedelta(1), DAY - dt.timedelta(1)])
@pytest.mark.parametrize("limit_ore", [CAP_ORE, CAP_ORE + 1, CAP_ORE - 1])
@pytest.mark.parametrize(
    ("before", "amount"),
    [
        *((0, LOW_ORE + more) for more in (-1, 0, 1)),
        *((LOW_ORE + more, 1) for more in (-2, -1, 0, 1)),
        *((0, CAP_ORE + more) for more in (-1, 0, 1, 2, 10**9)),
        *((CAP_ORE + more, 1) for more in (-2, -1, 0, 1, 2)),
        *((LOW_ORE - 1, CAP_ORE), (2 * CAP_ORE, 5), (0, 10**12), (-CAP_ORE, 2 * CAP_ORE)),
    ],
)
def test_around_a_limit_the_same_is_decided(
    before: int, amount: int, limit_ore: int, covered_to: dt.date | None
) -> None:
    page = with_year(before, 3, 4, 5, covered_to)
    batch = [wage("citizen", 1, amount_ore=amount), wage("citizen", 2, amount_ore=amount)]

    assert post_both(batch, [page], caps(2023, amount_ore=limit_ore)).rest == []
