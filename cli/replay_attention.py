"""Whom a person must look at, seen again: the cases that the rules do not decide (R8 to R38).

Pure, and written apart from the ledger's own code; its order of the cases is that of the entries.
"""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from cli.replay_rules import Change, first_instant, ruling_change, turns_day

if TYPE_CHECKING:
    from cli.replay_decide import Account, Decided, Wage

WORK_PERIOD: Final = dt.timedelta(days=31)
"""A wage is for the month before it at the most (R8, R11)."""


class Case(NamedTuple):
    """A case, and what it is about."""

    code: str
    card_no: str | None
    year: int | None
    wage_id: str | None

    def content(self) -> dict[str, Any]:
        """Write it as an entry does; absent is left out."""
        found = {name: value for name, value in self._asdict().items() if value is not None}
        return {**found, "type": "attention-raised"}


def about_wage(
    payload: Mapping[str, Any], decided: "Decided", *, account: "Account", raised: bool
) -> list[Case]:
    """Name what a person must look at in a wage; `raised`: the cap is higher now."""
    codes = _codes(payload, decided, account, raised=raised)
    return [Case(code, payload["card_no"], decided.year, payload["wage_id"]) for code in codes]


def about_reversal(
    payload: Mapping[str, Any], original: "Wage", *, excess_stands: bool, bound: bool
) -> list[Case]:
    """Name what a person must look at once a wage is taken back (R21, R38)."""
    codes = ["reversal-in-closed-year"] if bound else []
    if original.covered_ore > 0 and excess_stands:
        codes.append("room-reappeared")
    return [Case(code, payload["card_no"], original.year, payload["wage_id"]) for code in codes]


def about_change(
    change: Change | None, changes: Sequence[Change], wages: Mapping[str, "Wage"]
) -> list[Case]:
    """Name the wages that stand and that a card's change would have decided otherwise (R14)."""
    if change is None:
        return []
    return [
        Case("grant-changed-since", wage.card_no, wage.year, wage_id)
        for wage_id, wage in wages.items()
        if wage.card_no == change.card_no
        and wage.reason != "year-closed"
        and turns_day(change, changes, wage.paid_on)
    ]


def about_note(kind: str, payload: Mapping[str, Any], known_at: str) -> list[Case]:
    """Name what a person must look at in a fact beside wages (R29, R36)."""
    if kind == "employment-registered":
        day_after = dt.date.fromisoformat(payload["starts_on"]) + dt.timedelta(days=1)
        if known_at >= first_instant(day_after.isoformat()):
            return [Case("employment-late", payload["card_no"], None, None)]
    if kind == "wage-misreported":
        return [Case("wage-misreported", payload["card_no"], None, payload["wage_id"])]
    return []


def _codes(
    payload: Mapping[str, Any], decided: "Decided", account: "Account", *, raised: bool
) -> Iterator[str]:
    card_no, paid_on, version = payload["card_no"], payload["paid_on"], payload["grants_version"]
    changes = account.changes
    if decided.reason == "year-closed":
        yield "wage-in-closed-year"
    elif any(
        change.version > version
        and change.card_no == card_no
        and turns_day(change, changes, paid_on)
        for change in changes
    ):
        yield "grant-changed-since"
    if decided.reason == "over-cap":
        if any(
            wage.year == decided.year and wage.covered_ore > 0 and wage.paid_on > paid_on
            for wage in account.wages.values()
        ):
            yield "wage-late"
        if raised:
            yield "cap-changed-excess"
    if any(c.ends and c.card_no == card_no and c.version <= version for c in changes):
        yield "citizen-closed-late-wage"
    employment = account.employments.get(payload.get("employment_id", ""))
    if employment is not None:
        ruling = ruling_change(changes, card_no, paid_on, version)
        yield from _about_work(payload, decided, employment, ruling)


def _about_work(
    payload: Mapping[str, Any],
    decided: "Decided",
    employment: tuple[str, str | None],
    ruling: Change | None,
) -> Iterator[str]:
    """Name what the employment's days say against the wage's (R8, R11, R27)."""
    starts_on, ends_on = employment
    paid_on = payload["paid_on"]
    if paid_on < starts_on or (ends_on is not None and ends_on < paid_on):
        yield "outside-employment"
    if decided.reason == "year-closed" or ruling is None or starts_on >= ruling.effective_on:
        return
    ended_before = ends_on is not None and ends_on < ruling.effective_on
    since = dt.date.fromisoformat(ruling.effective_on)
    if not ended_before and dt.date.fromisoformat(paid_on) >= since + WORK_PERIOD:
        return
    if ruling.covers:
        yield "work-before-grant"
    elif ended_before and payload.get("holiday_pay_ore"):
        yield "holiday-pay-after-deactivation"
    else:
        yield "work-before-deactivation"
