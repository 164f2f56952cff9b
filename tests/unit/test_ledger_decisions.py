"""The ledger's share of the rules R1 to R44: given, when, then; the rule's number in each name.

What a message brings about is compared whole, as it is published.
"""

import datetime as dt
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from frikort_contracts import allowance
from frikort_contracts.events import Event
from frikort_contracts.types import ApportionReason, AttentionCode
from services.allowance import outbox
from services.allowance.posting import Entry, Rules
from services.chassis.inbox import Message
from tests.unit.attention_cases import Tale, two_caps
from tests.unit.ledger_cases import CAP_ORE, KNOWN_AT, NOW, caps, identity, post

RULES = {
    *("R1", "R2", "R3", "R4", "R5", "R7", "R8", "R9", "R10", "R11", "R12", "R13", "R14", "R15"),
    *("R16", "R17", "R18", "R19", "R20", "R21", "R22", "R23", "R24", "R26", "R27", "R29", "R32"),
    *("R34", "R35", "R36", "R38"),
}
"""The rules that the ledger has a part in; the others are grants', payroll's or notifications'."""
CLOSED_AT = NOW - dt.timedelta(days=1)
YEARS = caps(2022, 2023, 2024)
CLOSED = Rules(4, YEARS.caps, {("751", 2023): CLOSED_AT})

Then = tuple[type[Event], dict[str, Any]]
Told = Callable[[Tale], Sequence[Message]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Given these messages, what does the next one bring about?"""

    name: str
    given: Told
    when: Callable[[Tale], Message]
    then: Sequence[Then]
    rules: Rules = field(default=YEARS)
    known_at: str = KNOWN_AT
    municipality: str = "751"
    waits: Sequence[str] = ()


def opened(year: int = 2023, limit_ore: int = CAP_ORE) -> Then:
    return allowance.AllowanceOpened, {"year": year, "limit_ore": limit_ore}


def apportioned(
    paid_on: str, covered_ore: int, excess_ore: int, reason: str, *, left_ore: int, entry_no: int
) -> Then:
    """Make the decision about the wage `new`."""
    return allowance.WageApportioned, {
        "wage_id": identity("new"),
        "card_no": "00123",
        "year": int(paid_on[:4]),
        "paid_on": dt.date.fromisoformat(paid_on),
        "amount_ore": covered_ore + excess_ore,
        "covered_ore": covered_ore,
        "excess_ore": excess_ore,
        "reason": ApportionReason(reason),
        "remaining_ore": left_ore,
        "entry_no": entry_no,
    }


def taken_back(year: int, covered_ore: int, excess_ore: int, *, left_ore: int, no: int) -> Then:
    """Make what gives back the wage `old`."""
    return allowance.ApportionmentReversed, {
        "wage_id": identity("old"),
        "card_no": "00123",
        "year": year,
        "covered_ore": covered_ore,
        "excess_ore": excess_ore,
        "remaining_ore": left_ore,
        "entry_no": no,
    }


def turned(kind: type[Event], covered_ore: int, year: int = 2023) -> Then:
    about = {"card_no": "00123", "year": year, "limit_ore": CAP_ORE, "covered_ore": covered_ore}
    return kind, about


def exhausted(year: int = 2023) -> Then:
    return turned(allowance.AllowanceExhausted, CAP_ORE, year)


def attention(code: str, wage: str | None = "new", year: int | None = 2023) -> Then:
    about: dict[str, Any] = {"code": AttentionCode(code).value, "card_no": "00123"}
    if wage is not None:
        about["wage_id"] = identity(wage)
    if year is not None:
        about["year"] = year
    return allowance.AttentionRaised, about


def transferred(tale: Tale) -> Message:
    moved = tale._grant(  # noqa: SLF001 - the one story that moves
        "grant-transferred",
        effective_on="2023-05-01",
        decided_on="2023-04-20",
        from_municipality_code="751",
        to_municipality_code="730",
    )
    tale.municipality_code = "730"
    return moved


OVER, WITHIN, INACTIVE = "over-cap", "within-cap", "grant-inactive"
LATER = NOW + dt.timedelta(days=1)
TABLE = [
    Row(name="R1: a wage takes the allowance of the year of its paid_on",
        given=lambda t: [t.issued(), t.wage("old", "2023-12-29", CAP_ORE)],
        when=lambda t: t.wage("new", "2024-01-02", 500),
        then=[opened(2024),
              apportioned("2024-01-02", 500, 0, WITHIN, left_ore=CAP_ORE - 500, entry_no=3)]),
    Row(name="R2: work in December that is paid in January takes the new year's",
        given=lambda t: [t.issued(), t.employed("2023-12-01", ends_on="2024-01-31"),
                         t.wage("old", "2023-12-29", CAP_ORE)],
        when=lambda t: t.wage("new", "2024-01-31", 500),
        then=[opened(2024),
              apportioned("2024-01-31", 500, 0, WITHIN, left_ore=CAP_ORE - 500, entry_no=4)]),
    Row(name="R3: a wage paid in advance across New Year takes the old year's, and is asked about",
        given=lambda t: [t.issued(), t.employed("2024-01-02")],
        when=lambda t: t.wage("new", "2023-12-29", 500),
        then=[opened(),
              apportioned("2023-12-29", 500, 0, WITHIN, left_ore=CAP_ORE - 500, entry_no=3),
              attention("outside-employment")]),
    Row(name="R4: one payment for a period across New Year is not split by year",
        given=lambda t: [t.issued(), t.employed("2023-12-15"), t.wage("old", "2023-12-20", 1)],
        when=lambda t: t.wage("new", "2024-01-14", CAP_ORE),
        then=[opened(2024),
              apportioned("2024-01-14", CAP_ORE, 0, WITHIN, left_ore=0, entry_no=4),
              exhausted(2024)]),
    Row(name="R5: a wage of a previous year is given back to that year",
        given=lambda t: [t.issued("2022-01-01"), t.wage("old", "2022-12-01", CAP_ORE + 70),
                         t.wage("this year's", "2023-01-31", 5)],
        when=lambda t: t.reversal("old", "2022-12-01", CAP_ORE + 70),
        then=[taken_back(2022, CAP_ORE, 70, left_ore=CAP_ORE, no=4),
              turned(allowance.AllowanceRestored, 0, 2022)]),
    Row(name="R5: its replacement takes what that year has left, and not this year's",
        given=lambda t: [t.issued("2022-01-01"), t.wage("old", "2022-12-01", 70),
                         t.wage("this year's", "2023-01-31", CAP_ORE),
                         t.reversal("old", "2022-12-01", 70)],
        when=lambda t: t.wage("new", "2022-12-01", 60),
        then=[apportioned("2022-12-01", 60, 0, WITHIN, left_ore=CAP_ORE - 60, entry_no=5)]),
    Row(name="R7: a wage paid the day before valid_from is recorded, uncovered",
        given=lambda t: [t.issued("2023-03-10")],
        when=lambda t: t.wage("new", "2023-03-09", 500),
        then=[opened(),
              apportioned("2023-03-09", 0, 500, "before-grant", left_ore=CAP_ORE, entry_no=2)]),
    Row(name="R8: work before the grant, paid after it, is covered and asked about",
        given=lambda t: [t.issued("2023-03-10"), t.employed("2023-02-01")],
        when=lambda t: t.wage("new", "2023-03-31", 500),
        then=[opened(),
              apportioned("2023-03-31", 500, 0, WITHIN, left_ore=CAP_ORE - 500, entry_no=3),
              attention("work-before-grant")]),
    Row(name="R9: a wage paid on the day of a deactivation is recorded, uncovered",
        given=lambda t: [t.issued(), t.deactivated("2023-06-01")],
        when=lambda t: t.wage("new", "2023-06-01", 500, rests_on=2),
        then=[opened(),
              apportioned("2023-06-01", 0, 500, INACTIVE, left_ore=CAP_ORE, entry_no=3)]),
    Row(name="R10: a wage paid before a deactivation and registered after it is covered",
        given=lambda t: [t.issued(), t.deactivated("2023-06-01")],
        when=lambda t: t.wage("new", "2023-05-31", 500, rests_on=2),
        then=[opened(),
              apportioned("2023-05-31", 500, 0, WITHIN, left_ore=CAP_ORE - 500, entry_no=3)]),
    Row(name="R11: work before a deactivation, paid after it, is uncovered and asked about",
        given=lambda t: [t.issued(), t.employed("2023-02-01"), t.deactivated("2023-06-01")],
        when=lambda t: t.wage("new", "2023-06-10", 500, rests_on=2),
        then=[opened(),
              apportioned("2023-06-10", 0, 500, INACTIVE, left_ore=CAP_ORE, entry_no=4),
              attention("work-before-deactivation")]),
    Row(name="R12: reactivated in the same year, a card has what was left of it",
        given=lambda t: [t.issued(), t.wage("old", "2023-02-01", CAP_ORE - 500),
                         t.deactivated("2023-03-01"), t.reactivated("2023-05-01")],
        when=lambda t: t.wage("new", "2023-05-01", 800, rests_on=3),
        then=[apportioned("2023-05-01", 500, 300, OVER, left_ore=0, entry_no=5), exhausted()]),
    Row(name="R13: a wage in the gap is uncovered even after the reactivation",
        given=lambda t: [t.issued(), t.deactivated("2023-03-01"), t.reactivated("2023-05-01")],
        when=lambda t: t.wage("new", "2023-04-30", 500, rests_on=3),
        then=[opened(),
              apportioned("2023-04-30", 0, 500, INACTIVE, left_ore=CAP_ORE, entry_no=4)]),
    Row(name="R14: once the deactivation is overturned, a wage of then is covered",
        given=lambda t: [t.issued(), t.deactivated("2023-06-01"), t.appeal("2023-06-01")],
        when=lambda t: t.wage("new", "2023-06-15", 500, rests_on=3),
        then=[opened(),
              apportioned("2023-06-15", 500, 0, WITHIN, left_ore=CAP_ORE - 500, entry_no=4)]),
    Row(name="R14: what was refused before stays so, and is asked about",
        given=lambda t: [t.issued(), t.deactivated("2023-06-01"),
                         t.wage("old", "2023-06-15", 500, rests_on=2)],
        when=lambda t: t.appeal("2023-06-01"),
        then=[attention("grant-changed-since", "old")]),
    Row(name="R15: a card issued in December has the whole cap",
        given=lambda t: [t.issued("2023-12-01")],
        when=lambda t: t.wage("new", "2023-12-02", CAP_ORE),
        then=[opened(), apportioned("2023-12-02", CAP_ORE, 0, WITHIN, left_ore=0, entry_no=2),
              exhausted()]),
    Row(name="R16: what was unused at New Year has lapsed",
        given=lambda t: [t.issued(), t.wage("old", "2023-12-29", 1)],
        when=lambda t: t.wage("new", "2024-01-31", CAP_ORE + 1),
        then=[opened(2024),
              apportioned("2024-01-31", CAP_ORE, 1, OVER, left_ore=0, entry_no=3),
              exhausted(2024)]),
    Row(name="R17: a wage that crosses the cap is split",
        given=lambda t: [t.issued(), t.wage("old", "2023-02-01", CAP_ORE - 1_000)],
        when=lambda t: t.wage("new", "2023-03-01", 1_500),
        then=[apportioned("2023-03-01", 1_000, 500, OVER, left_ore=0, entry_no=3), exhausted()]),
    Row(name="R18: a wage of an exhausted year is recorded, uncovered",
        given=lambda t: [t.issued(), t.wage("old", "2023-02-01", CAP_ORE)],
        when=lambda t: t.wage("new", "2023-03-01", 500),
        then=[apportioned("2023-03-01", 0, 500, OVER, left_ore=0, entry_no=3)]),
    Row(name="R19: of two employers' wages of one day the first recorded is first covered",
        given=lambda t: [t.issued(), t.wage("old", "2023-06-01", CAP_ORE - 10)],
        when=lambda t: t.wage("new", "2023-06-01", 30),
        then=[apportioned("2023-06-01", 10, 20, OVER, left_ore=0, entry_no=3), exhausted()]),
    Row(name="R20: a late wage of an earlier day takes what is left, and is asked about",
        given=lambda t: [t.issued(), t.wage("old", "2023-06-01", CAP_ORE - 10)],
        when=lambda t: t.wage("new", "2023-05-31", 30),
        then=[apportioned("2023-05-31", 10, 20, OVER, left_ore=0, entry_no=3), exhausted(),
              attention("wage-late")]),
    Row(name="R21: room that appears beside excess is asked about, and given to nobody",
        given=lambda t: [t.issued(), t.wage("old", "2023-02-01", CAP_ORE - 5),
                         t.wage("crossing", "2023-03-01", 30)],
        when=lambda t: t.reversal("old", "2023-02-01", CAP_ORE - 5),
        then=[taken_back(2023, CAP_ORE - 5, 0, left_ore=CAP_ORE - 5, no=4),
              turned(allowance.AllowanceRestored, 5),
              attention("room-reappeared", "old")]),
    Row(name="R22: excess under the cap of before is asked about once a higher one is in force",
        given=lambda t: [t.issued()],
        when=lambda t: t.wage("new", "2023-02-15", CAP_ORE + 9),
        then=[opened(), apportioned("2023-02-15", CAP_ORE, 9, OVER, left_ore=0, entry_no=2),
              exhausted(), attention("cap-changed-excess")],
        rules=two_caps(), known_at="2023-03-01T10:00:00.000000Z"),
    Row(name="R22: a wage known once the higher cap is in force is decided under it",
        given=lambda t: [t.issued()],
        when=lambda t: t.wage("new", "2023-02-15", CAP_ORE + 9),
        then=[opened(limit_ore=2 * CAP_ORE),
              apportioned("2023-02-15", CAP_ORE + 9, 0, WITHIN, left_ore=CAP_ORE - 9, entry_no=2)],
        rules=two_caps(), known_at="2023-07-01T10:00:00.000000Z"),
    Row(name="R23: a wage of a year without a cap waits",
        given=lambda t: [t.issued()],
        when=lambda t: t.wage("new", "2026-01-02", 500),
        then=[], waits=["cap-unknown"]),
    Row(name="R24: the last of the cap is covered and the next is not",
        given=lambda t: [t.issued(), t.wage("old", "2023-02-01", CAP_ORE - 1)],
        when=lambda t: t.wage("new", "2023-03-01", 2),
        then=[apportioned("2023-03-01", 1, 1, OVER, left_ore=0, entry_no=3), exhausted()]),
    Row(name="R26: holiday pay at leaving is a wage of the year it is paid in",
        given=lambda t: [t.issued(), t.employed("2023-02-01", ends_on="2023-12-31")],
        when=lambda t: t.wage("new", "2024-05-01", 500, holiday_pay_ore=500),
        then=[opened(2024),
              apportioned("2024-05-01", 500, 0, WITHIN, left_ore=CAP_ORE - 500, entry_no=3),
              attention("outside-employment", year=2024)]),
    Row(name="R27: holiday pay of an employment that ended before the deactivation is asked about",
        given=lambda t: [t.issued(), t.employed("2023-02-01", ends_on="2023-05-31"),
                         t.deactivated("2023-06-01")],
        when=lambda t: t.wage("new", "2023-10-01", 500, rests_on=2, holiday_pay_ore=500),
        then=[opened(),
              apportioned("2023-10-01", 0, 500, INACTIVE, left_ore=CAP_ORE, entry_no=4),
              attention("outside-employment"), attention("holiday-pay-after-deactivation")]),
    Row(name="R29: a wage sent to eIndkomst by mistake stays, and is asked about",
        given=lambda t: [t.issued(), t.wage("old", "2023-02-01", 500)],
        when=lambda t: t.misreported("old"),
        then=[attention("wage-misreported", "old", None)]),
    Row(name="R32: whoever moves has what was left, and the new municipality answers for it",
        given=lambda t: [t.issued(), t.wage("old", "2023-02-01", CAP_ORE - 10), transferred(t)],
        when=lambda t: t.wage("new", "2023-05-31", 30, rests_on=2, code="730"),
        then=[apportioned("2023-05-31", 10, 20, OVER, left_ore=0, entry_no=4), exhausted()],
        municipality="730"),
    Row(name="R34: a wage recorded after a death is uncovered from its day, and asked about",
        given=lambda t: [t.issued(), t.closed("2023-06-01")],
        when=lambda t: t.wage("new", "2023-06-01", 500, rests_on=2),
        then=[opened(),
              apportioned("2023-06-01", 0, 500, INACTIVE, left_ore=CAP_ORE, entry_no=3),
              attention("citizen-closed-late-wage")]),
    Row(name="R35: under another CPR number a citizen has what was left",
        given=lambda t: [t.issued(), t.wage("old", "2023-02-01", CAP_ORE - 10),
                         t.other_grant("citizen-reidentified")],
        when=lambda t: t.wage("new", "2023-05-31", 30, rests_on=2),
        then=[apportioned("2023-05-31", 10, 20, OVER, left_ore=0, entry_no=4), exhausted()]),
    Row(name="R36: an employment learned of after its first day is asked about",
        given=lambda t: [t.issued()],
        when=lambda t: t.employed("2026-01-04", known_at=KNOWN_AT),
        then=[attention("employment-late", None, None)]),
    Row(name="R38: a wage recorded after its year was closed is uncovered, and asked about",
        given=lambda t: [t.issued()],
        when=lambda t: t.wage("new", "2023-12-01", 500, at=LATER),
        then=[opened(),
              apportioned("2023-12-01", 0, 500, "year-closed", left_ore=CAP_ORE, entry_no=2),
              attention("wage-in-closed-year")],
        rules=CLOSED),
    Row(name="R38: a wage recorded before that is covered whenever it arrives",
        given=lambda t: [t.issued()],
        when=lambda t: t.wage("new", "2023-12-01", 500, at=CLOSED_AT),
        then=[opened(),
              apportioned("2023-12-01", 500, 0, WITHIN, left_ore=CAP_ORE - 500, entry_no=2)],
        rules=CLOSED),
]  # fmt: skip


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_what_a_message_brings_about_is_published_whole(row: Row) -> None:
    tale = Tale(known_at=row.known_at)
    given = row.given(tale)

    done = post([*given, row.when(tale)], row.rules)

    (page,) = done.pages.values()
    entries = done.entries[len(given) :]
    assert [event for entry in entries for event in published(entry, row.municipality)] == [
        _event(kind, fields, row.known_at, entry) for entry in entries for kind, fields in row.then
    ]
    assert [waiting.reason for waiting in page.waiting] == list(row.waits)
    assert len(entries) == (0 if row.waits else 1)


def test_every_rule_of_the_ledgers_has_a_row() -> None:
    assert {row.name.partition(":")[0] for row in TABLE} == RULES


def published(entry: Entry, municipality: str) -> list[Event]:
    """Give the events that an entry sends, read as whoever consumes them does."""
    decided = entry.apportionment
    row = {
        "partition": entry.page.partition,
        "hash": entry.hash,
        "year": entry.year,
        "paid_on": None if decided is None else decided.paid_on.isoformat(),
        "wage_id": entry.wage_id,
        "limit_ore": entry.limit_ore,
        "year_covered_ore": entry.year_covered_ore,
        "correlation_id": identity("command"),
        "traceparent": None,
    }
    records = outbox.event_records(row, json.loads(entry.content))
    kinds = {kind.TYPE: kind for kind in allowance.EVENTS}
    headers = [dict(record.headers) for record in records]
    assert {each["ce_municipality"].decode() for each in headers} <= {municipality}
    return [
        kinds[each["ce_type"].decode()].model_validate_json(record.value)
        for each, record in zip(headers, records, strict=True)
    ]


def _event(kind: type[Event], fields: dict[str, Any], known_at: str, entry: Entry) -> Event:
    more = {"entry_hash": entry.hash.hex()} if "entry_hash" in kind.model_fields else {}
    return kind.model_validate({"known_at": known_at, **fields, **more})
