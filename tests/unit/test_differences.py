"""Why two answers differ: what makes the difference sums to it, whatever the history."""

import datetime as dt
from collections.abc import Iterable, Sequence

from hypothesis import given
from hypothesis import strategies as st

from frikort_contracts.explanations import Answer, Asked, Difference
from frikort_contracts.types import COPENHAGEN
from services.allowance.differences import compare
from services.allowance.domain import limit_in_force
from services.allowance.explain import explain, to_caps
from services.allowance.posting import Entry, Rules
from services.chassis.inbox import Message
from tests.unit.explain_cases import cap, caps_of_2023, journal_rows, rule_rows
from tests.unit.ledger_cases import NOW, Story, post

DAYS = st.dates(dt.date(2023, 1, 1), dt.date(2023, 12, 31))
START = dt.datetime(2022, 12, 1, tzinfo=dt.UTC)
MOMENTS = st.integers(0, 14 * 30 * 24).map(lambda hours: START + dt.timedelta(hours=hours))
WAGES = st.lists(
    st.tuples(DAYS, st.integers(1, 15_000_00), MOMENTS, st.none() | MOMENTS), max_size=12
)
CAPS = st.lists(
    st.tuples(st.integers(1, 50_000_00), DAYS, st.dates(dt.date(2022, 6, 1), dt.date(2023, 12, 1))),
    max_size=3,
)
ASKED = st.builds(Asked, as_of=st.none() | DAYS, known_at=st.none() | MOMENTS)


def history(wages: Iterable[tuple[dt.date, int, dt.datetime, dt.datetime | None]]) -> list[Message]:
    """Tell a citizen's wages, and some reversals after them."""
    story = Story()
    told = [story.issued("2023-02-15")]
    for place, (day, amount_ore, known_at, reversed_at) in enumerate(wages):
        name, paid_on = f"wage-{place}", day.isoformat()
        told.append(story.wage(name, paid_on, amount_ore, known_at=known_at))
        if reversed_at is not None:
            told.append(story.reversal(name, paid_on, amount_ore, known_at=reversed_at))
    return told


def rules_of(caps: Iterable[tuple[int, dt.date, dt.date]]) -> Rules:
    """Give caps of 2023 as rules, one at least, so that no wage waits."""
    set_later = [
        cap(place, amount_ore, in_force_from=day.isoformat(), known_on=known_on.isoformat())
        for place, (amount_ore, day, known_on) in enumerate(caps, start=2)
    ]
    first = cap(1, 20_000_00, in_force_from="2023-01-01", known_on="2022-12-28")
    return Rules(1 + len(set_later), {2023: [first, *set_later]})


def compared(entries: Sequence[Entry], rules: Rules, first: Asked, second: Asked) -> Difference:
    caps = to_caps(rule_rows(rules))
    explained = explain(
        "00123", 2023, journal=journal_rows(entries), changes=None, caps=caps, held=()
    )
    return compare("00123", 2023, (first, second), entries=explained.entries, caps=caps, now=NOW)


def balance(entries: Sequence[Entry], rules: Rules, asked: Asked) -> dict[str, int | None]:
    """Answer from the decisions alone, as DESIGN says it: as of D, as known on K."""
    counted = [
        decided
        for entry in entries
        if (decided := entry.apportionment) is not None
        and (asked.as_of is None or decided.paid_on <= asked.as_of)
        and (asked.known_at is None or entry.received.body.known_at <= asked.known_at)
    ]
    moment = asked.known_at or NOW
    limit_ore = limit_in_force(
        rules.caps_of(2023), asked.as_of or moment.astimezone(COPENHAGEN).date(), moment
    )
    covered_ore = sum(decided.covered_ore for decided in counted)
    return {
        "limit_ore": limit_ore,
        "covered_ore": covered_ore,
        "excess_ore": sum(decided.excess_ore for decided in counted),
        "remaining_ore": None if limit_ore is None else max(0, limit_ore - covered_ore),
        "entries": len(counted),
    }


def figures(answer: Answer) -> dict[str, int | None]:
    return answer.model_dump(include=set(balance([], Rules(0, {}), Asked())))


@given(wages=WAGES, caps=CAPS, first=ASKED, second=ASKED)
def test_what_makes_answers_differ_sums_to_the_difference(
    wages: list[tuple[dt.date, int, dt.datetime, dt.datetime | None]],
    caps: list[tuple[int, dt.date, dt.date]],
    first: Asked,
    second: Asked,
) -> None:
    rules = rules_of(caps)
    entries = post(history(wages), rules).entries

    found = compared(entries, rules, first, second)

    before, after = (balance(entries, rules, asked) for asked in (first, second))
    assert (figures(found.first), figures(found.second)) == (before, after)
    limit_ore = 0 if found.cap is None else found.cap.limit_ore
    covered_ore = sum(effect.covered_ore for effect in found.entries)
    excess_ore = sum(effect.excess_ore for effect in found.entries)
    assert found.change.covered_ore == covered_ore == less(after, before, "covered_ore")
    assert found.change.excess_ore == excess_ore == less(after, before, "excess_ore")
    assert sum(effect.entries for effect in found.entries) == less(after, before, "entries")
    if None in {before["limit_ore"], after["limit_ore"]}:
        assert found.change.limit_ore is found.change.remaining_ore is None
        return
    assert limit_ore is not None
    assert found.change.over_limit_ore is not None
    assert found.change.limit_ore == limit_ore == less(after, before, "limit_ore")
    assert found.change.remaining_ore == less(after, before, "remaining_ore")
    assert found.change.remaining_ore == limit_ore - covered_ore + found.change.over_limit_ore


def less(after: dict[str, int | None], before: dict[str, int | None], name: str) -> int:
    second, first = after[name], before[name]
    return -1 if second is None or first is None else second - first


@given(wages=WAGES, caps=CAPS, asked=ASKED)
def test_an_answer_does_not_differ_from_itself(
    wages: list[tuple[dt.date, int, dt.datetime, dt.datetime | None]],
    caps: list[tuple[int, dt.date, dt.date]],
    asked: Asked,
) -> None:
    rules = rules_of(caps)

    found = compared(post(history(wages), rules).entries, rules, asked, asked)

    assert (found.entries, found.cap) == ((), None)
    assert set(found.change.model_dump().values()) <= {0, None}


def test_entries_and_the_cap_of_2023_are_named_with_what_kept_them_out() -> None:
    may, august = (dt.datetime(2023, month, 10, tzinfo=dt.UTC) for month in (5, 8))
    story = Story()
    messages = [
        story.issued(),
        story.wage("may", "2023-05-10", 15_000_00, known_at=may),
        story.wage("june", "2023-06-10", 15_000_00, known_at=august),
    ]
    rules = caps_of_2023()
    entries = post(messages, rules).entries

    known_in_may = Asked(known_at=may)
    found = compared(entries, rules, known_in_may, Asked(as_of=dt.date(2023, 8, 31)))
    back = compared(entries, rules, Asked(as_of=dt.date(2023, 5, 31)), known_in_may)

    assert found.cap is not None
    assert found.cap.first is not None
    assert found.cap.second is not None
    versions = (found.cap.first.rule_version, found.cap.second.rule_version)
    assert (versions, found.cap.limit_ore) == ((1, 2), 20_000_00)
    assert found.cap.why == ("known-later", "dated-later")
    named = [(e.entry.entry_no, e.counted_in, e.why, e.covered_ore) for e in found.entries]
    assert named == [(3, "second", ("known-later",), 15_000_00)]
    assert found.change.remaining_ore == 5_000_00
    assert (back.entries, back.cap, back.change.remaining_ore) == ((), None, 0)


def test_an_answer_that_knows_of_no_cap_has_no_limit_and_no_difference_in_it() -> None:
    rules = caps_of_2023()
    before_any = Asked(known_at=dt.datetime(2022, 1, 1, tzinfo=dt.UTC))

    found = compared([], rules, before_any, Asked())

    assert found.cap is not None
    assert (found.cap.first, found.cap.limit_ore) == (None, None)
    assert found.cap.second is not None
    assert found.first.remaining_ore is found.change.remaining_ore is None
