"""Messages, pages and rules that are plain, and all that are not."""

import dataclasses
import datetime as dt
from typing import Any

from services.allowance.attention import Employment
from services.allowance.compiled.messages import HEADERS
from services.allowance.domain import COVERING, CardChange, Citizen, YearBalance
from services.allowance.pages import Page, Waiting
from services.allowance.posting import Rules
from tests.unit.attention_cases import two_caps
from tests.unit.bulk_posting_cases import (
    CARD,
    Change,
    as_other,
    having,
    headed,
    page_of,
    saying,
    wage,
)
from tests.unit.ledger_cases import NOW, caps, identity

RULES = caps(2022, 2023, 2024)
DAY = dt.date(2023, 3, 31)


def each(name: str, *values: Any) -> list[dict[str, Any]]:
    """Give each value as that of a member."""
    return [{name: value} for value in values]


def instead(old: bytes, *others: bytes) -> list[tuple[bytes, bytes]]:
    """Give each text as it comes to stand in the place of another."""
    return [(old, new) for new in others]


UPPER = identity("job").upper().encode()
CARD_DAYS = {"card_no": "00123", "effective_on": "2023-02-01", "decided_on": "2023-02-01"}
HEADERS_LEFT: list[tuple[str, bytes | None]] = [
    *((name, value) for name in HEADERS[:-1] for value in (None, b"", b"\n", b"a\nb", b"\xff")),
    *(("ce_id", value) for value in (UPPER, UPPER.lower()[:-1], b"{" + UPPER.lower()[:-2] + b"}")),
    *(("ce_id", UPPER.lower() + end) for end in (b" ", b"0")),
    *(("ce_id", UPPER.lower().replace(b"-", b"0")), ("ce_id", b"g" + UPPER.lower()[1:])),
    *(("ce_municipality", value) for value in (b"051", b"951", b"75", b"7510", b"7a1", b"75/")),
    *(("ce_streamversion", value) for value in (b"02", b"0", b"+2", b"-2", b"2 ", b"1234567890")),
    *(("ce_streamversion", value) for value in (b"1", b"3", b"999999999", b"2a", b"2.0", b":")),
    *(("ce_correlationid", value) for value in (b"x" * 201, b"a b", b"a\x7f", "æ".encode())),
    *(("traceparent", value) for value in (b"x" * 201, b"a b", b"\x7f", b"\n", b"\xc3\xa6")),
    *(("ce_time", value) for value in (b"2026-13-05T10:00:00.000000Z", b"2026-01-05T10:00:00Z")),
    *(("ce_time", value) for value in (b"2026-02-29T10:00:00.000000Z", b"0000-01-01T10:00:00Z")),
    *(("ce_time", b"2026-01-05T%b.000000Z" % at) for at in (b"24:00:00", b"10:60:00", b"10:00:60")),
    ("ce_time", b"2026-01-05T10:00:00.000000z"),
    *(("ce_time", b"2026-01-05T10:00:00.000000%b" % end) for end in (b"0Z", b"Z0", b"Z ", b"")),
    *(("ce_type", value) for value in (b"wage-reversed", b"wage-paids", b"wage-pai", b"Wage-paid")),
]
"""Of a message that is otherwise plain."""
SAID_LEFT: list[dict[str, Any]] = [
    *({name: ...} for name in ("card_no", "wage_id", "paid_on", "amount_ore", "known_at")),
    *each("grants_version", ..., 0, 2, 10**9 + 1, "1", True, 1.0, -1, None),
    *each("amount_ore", 0, -1, 1.5, "1", True, None, 10**12 + 1, 10**15, 2**63),
    *each("card_no", "00124", "123", "0012x", "001234", 123, 1001239, None, "\u0661" * 5),
    *each("paid_on", "2022-12-31", "2023-02-29", "2023-13-01", "2023-3-01", 5),
    *each("paid_on", "2023-01-01T00:00:00", "1969-12-31", "1979-12-31", None),
    *each("paid_on", "2021-06-01", "3000-01-01", "9001-01-01", "2023-03-32"),
    *each("wage_id", UPPER.decode(), "x", None, identity("x") + "0"),
    *({"wage_id": identity("x").replace("-", "0")}, {"wage_id": "g" + identity("x")[1:]}),
    *each("employment_id", ..., None, "", "x", 5, [], True, identity("x") + "0"),
    *each("holiday_pay_ore", "5", True, None, 1.5, [], {}, 10**15, 2**64),
    *each("known_at", "2026-01-05T10:00:00Z", "2026-01-05T10:00:00.000Z", 5),
    *each("known_at", "2026-01-05T11:00:00.000000+01:00", "2026-01-05", None),
    *each("known_at", "1969-12-31T10:00:00.000000Z", "1979-12-31T10:00:00.00Z"),
    *each("known_at", "2026-01-05t10:00:00.000000Z", "2026-01-05 10:00:00.00Z"),
    *(
        {"known_at": f"2026-01-{at}.000000Z"}
        for at in ("05T24:00:00", "05T10:60:00", "32T10:00:00")
    ),
    *each("more", {}, [], [1], {"a": {"b": None}}, None, 1.5, 10**15, 1e300),
    *each("more", "\x1f", "\n", '"', "\\", "\x00", 2**53, -(2**53), 10**400),
    *({name: 1} for name in ("", "Name", "a-b", "æ", "a b", "a.b", 'a"b', "\x00")),
    {f"member_{number}": number for number in range(26)},
]
BYTES_LEFT: list[tuple[bytes, bytes]] = [
    *instead(b"{", b" {", b"{ ", b"{{", b"[{", b"\xef\xbb\xbf{", b'{"more":,', b"{,"),
    *instead(b"}", b"} ", b"}}", b"}]", b"", b",}", b"}\n", b"}x", b"}\x00"),
    *instead(b'"00123"', b' "00123"', b'"00123" ', b'"\\u00300123"', b'"00123'),
    *instead(b'"00123"', b"'00123'", b'"0012\xff"', b'"0012\xed\xa0\x80"', b""),
    *instead(b"250000", b"0250000", b"-0", b"2.5e5", b"+1", b"25 0", b"0x1", b""),
    *instead(b"250000", b"truex", b"tru", b"NaN", b"- 1", b"-", b"250000,"),
    *((b"{", b'{"more":%b,' % value) for value in (b"truf", b"fals", b"null", b"-0", b"01", b"1.")),
    *(
        (b"{", b'{"more":%b,' % value)
        for value in (b'"\xc3"', b'"\xc0\xaf"', b'"\xf4\x90\x80\x80"')
    ),
    *instead(b"{", b'{"amount_ore":1,', b'{"card_no":"00123",', b'{"more":1,"more":1,'),
    (b'"amount_ore":', b'"amount\\u005fore":'),
]
OTHERS_LEFT: list[Change] = [
    *(as_other(kind) for kind in ("wage-misreported", "wage-reversed", "dispensation-granted")),
    as_other("wage-reversed", wage_id=identity("citizen/wage/1")),
    as_other("employment-registered", sector="shop", starts_on="2023-01-01"),
    as_other("employment-registered", sector="shop", starts_on="2022-01-01", ends_on="2023-01-31"),
    as_other("employment-ended", ends_on="2023-02-01"),
    lambda message: dataclasses.replace(message, value=b""),
    lambda message: dataclasses.replace(message, value=b"{}"),
    lambda message: dataclasses.replace(message, value=b"[]"),
    lambda message: dataclasses.replace(message, value=b"\xff"),
]
LEFT: list[Change] = [
    *(headed(*left) for left in HEADERS_LEFT if left[0] != "ce_subject"),
    *(saying(**left) for left in SAID_LEFT),
    *(having(*left) for left in BYTES_LEFT),
    *OTHERS_LEFT,
]


POSTED: list[Change] = [
    *(headed("traceparent", value) for value in (None, b"", b"!", b"~" * 200)),
    *(headed("ce_correlationid", value) for value in (b"!", b"~" * 200)),
    *(headed("ce_municipality", value) for value in (b"100", b"899")),
    *(headed("ce_time", b"%b-31T23:59:59.999999Z" % day) for day in (b"0001-12", b"9999-12")),
    headed("ce_time", b"2024-02-29T00:00:00.000000Z"),
    *(saying(holiday_pay_ore=value) for value in (0, 5, -5, 10**15 - 1, 1 - 10**15)),
    *(saying(amount_ore=value) for value in (1, 10**12)),
    *(saying(known_at=f"{day}T23:59:59.999999Z") for day in ("1980-01-01", "2000-01-01")),
    *(saying(known_at=f"{day}T00:00:00.000000Z") for day in ("2999-12-31", "2024-02-29")),
    saying(employment_id="\u00e6" * 18),
    saying(**{f"member_{number}": number for number in range(25)}),
    *(
        saying(more=value)
        for value in ("", "\x7f", "\u00e6\u2028\U0001f600\ufffe", True, False, "x" * 9000)
    ),
    saying(**dict.fromkeys(("a", "aa", "_", "0", "9z", "z" * 300, "amount", "amount_ore_"), 1)),
]
"""What is plain at its utmost."""


def with_year(*balance: Any, name: str = "citizen", year: int = 2023) -> Page:
    """Give a page that has come to a year's balance."""
    return page_of(name, state=Citizen(1, (CARD,), {year: YearBalance(*balance)}))


def change_of(**more: Any) -> CardChange:
    return dataclasses.replace(CARD, **more)


PARKED = Waiting(wage("citizen", 1), None, "headers-unreadable", parked=True)
PLAIN_PAGES = [
    page_of("citizen"),
    page_of("citizen", recorded_at=NOW, touched=True, touched_years={2019}),
    page_of("citizen", entry_no=2**31 - 11, head=bytes(32)),
    *(page_of("citizen", state=Citizen(1, (change_of(kind=kind),))) for kind in sorted(COVERING)),
    page_of("citizen", state=Citizen(1, (change_of(effective_on=DAY),))),
    page_of("citizen", state=Citizen(1, (CARD,), {y: YearBalance(y) for y in range(2024, 2031)})),
    page_of("citizen", employments={identity("employment"): Employment(DAY, DAY)}),
    page_of("citizen", employments={identity("employment"): Employment(CARD.effective_on)}),
    page_of("citizen", employments={identity("other"): Employment(dt.date(2030, 1, 1))}),
    *(with_year(0, 0, entries, 0, None) for entries in (0, 1)),
    with_year(-5, 7, 3, -9, dt.date(2023, 12, 31)),
]
NOT_PLAIN_PAGES = [
    *(page_of("citizen", state=Citizen(1, changes)) for changes in ((), (CARD, CARD))),
    *(page_of("citizen", state=Citizen(v, (CARD,))) for v in (0, 2)),
    *(
        page_of("citizen", state=Citizen(1, (change_of(kind=k),)))
        for k in ("closed", "deactivated")
    ),
    page_of("citizen", state=Citizen(1, (change_of(card_no="00124"),))),
    page_of("citizen", state=Citizen(1, (change_of(effective_on=DAY + dt.timedelta(1)),))),
    page_of("citizen", state=Citizen(1, (CARD,), {y: YearBalance(y) for y in range(2024, 2032)})),
    page_of("citizen", state=Citizen(1, (CARD,), {y: YearBalance(y) for y in range(2020, 2028)})),
    page_of("citizen", state=Citizen(1, (CARD,), {y: YearBalance(y) for y in range(2024, 2034)})),
    page_of("citizen", recorded_at=NOW + dt.timedelta(microseconds=1)),
    page_of("citizen", waiting=[PARKED]),
    *(page_of("citizen", payroll_version=version) for version in (1, 2)),
    *(
        page_of(
            "citizen", employments={identity("x"): Employment(DAY), identity("employment"): job}
        )
        for job in (
            Employment(DAY + dt.timedelta(1)),
            Employment(CARD.effective_on, DAY - dt.timedelta(1)),
            Employment(CARD.effective_on - dt.timedelta(1)),
            Employment(dt.date(1950, 1, 1), dt.date(2090, 1, 1)),
        )
    ),
]


CLOSED = {("999", 2023): NOW}
RULES_PLAIN = [
    caps(2023),
    *(caps(2023, amount_ore=amount_ore) for amount_ore in (0, 1, 249_999, 250_000, 10**12)),
    dataclasses.replace(RULES, version=0, closings={("751", 2024): NOW}),
    dataclasses.replace(RULES, version=10**9, caps={**RULES.caps, 2019: [], 2024: []}),
]
RULES_NOT_PLAIN = [
    *(Rules(0, {}), caps(2022, 2024), Rules(1, {2023: []}), two_caps()),
    *(dataclasses.replace(RULES, closings=CLOSED | more) for more in ({}, {("751", 2023): NOW})),
    dataclasses.replace(RULES, closings={("751", 2023): dt.datetime(2020, 1, 1, tzinfo=dt.UTC)}),
]
