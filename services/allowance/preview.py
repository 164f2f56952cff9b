"""A wage before it is recorded: what of it would be covered, decided as the ledger would. Pure.

The answer holds for the moment it is given: what is recorded in between, or waits, may change
it. It is no registration, and none in Socialtfrikort.dk either.
"""

import datetime as dt

from frikort_contracts.explanations import Preview, PreviewRequest
from frikort_contracts.types import COPENHAGEN, ApportionReason
from services.allowance.domain import (
    Apportionment,
    Cap,
    Citizen,
    Wage,
    apportion,
    cap_for,
    leave_uncovered,
)
from services.allowance.explain import Caps, basis_of
from services.allowance.reasons import (
    Facts,
    cap_missing_in_danish,
    cap_missing_in_english,
    ground_of,
    in_danish,
    in_english,
)
from services.chassis.errors import Rejection


class RegisteredBeforePaid(Rejection):
    """A wage cannot be told before it is paid; the code is payroll's."""

    code = "registered-before-paid"
    field = "paid_on"


def becomes_known_at(request: PreviewRequest, now: dt.datetime) -> dt.datetime:
    """Give when a wage that is thought of becomes known.

    Without `registered_at` now, or when the day it is paid on begins.

    Raises:
        RegisteredBeforePaid: `registered_at` is before the day of `paid_on`.
    """
    begins = dt.datetime.combine(request.paid_on, dt.time(), tzinfo=COPENHAGEN)
    if request.registered_at is None:
        return max(now, begins)
    if request.registered_at < begins:
        raise RegisteredBeforePaid(
            f"registered_at is on or after {request.paid_on}, the day of payment; leave it out "
            "for a wage to come"
        )
    return request.registered_at


def to_wage(card_no: str, request: PreviewRequest, citizen: Citizen, known_at: dt.datetime) -> Wage:
    """Make the wage that a request thinks of, resting on all that is known of the card."""
    return Wage(card_no, request.paid_on, request.amount_ore, citizen.grants_version, known_at)


def preview(
    wage: Wage, citizen: Citizen, caps: Caps, *, closed: bool = False, waiting: int
) -> Preview:
    """Decide a wage as the ledger would, and keep nothing of it.

    `closed`: the citizen's municipality has closed the year (R38). `waiting`: how many of the
    citizen's messages are not decided yet.
    """
    cap = cap_for(caps.of(wage.year), wage.known_at)
    if cap is None:
        return _without_cap(wage, waiting)
    if closed:
        decided = leave_uncovered(wage, ApportionReason.YEAR_CLOSED)
    else:
        decided = apportion(wage, citizen, cap.amount_ore)
    return _told(wage, decided, citizen, caps, cap, waiting)


def _told(
    wage: Wage, decided: Apportionment, citizen: Citizen, caps: Caps, cap: Cap, waiting: int
) -> Preview:
    before = citizen.year(wage.year)
    room_ore = before.remaining_ore(cap.amount_ore)
    facts = Facts(
        card_no=wage.card_no,
        paid_on=wage.paid_on,
        amount_ore=wage.amount_ore,
        covered_ore=decided.covered_ore,
        excess_ore=decided.excess_ore,
        room_ore=room_ore,
        limit_ore=cap.amount_ore,
    )
    ground = ground_of(decided.reason, decided.covered_ore)
    used = caps.used(cap)
    return Preview(
        card_no=wage.card_no,
        year=wage.year,
        paid_on=wage.paid_on,
        amount_ore=wage.amount_ore,
        covered_ore=decided.covered_ore,
        excess_ore=decided.excess_ore,
        reason=decided.reason,
        danish=in_danish(ground, facts),
        english=in_english(ground, facts),
        rules=ground.rules,
        basis=basis_of(decided.reason, wage.paid_on, decided.covered_ore, used),
        limit_ore=cap.amount_ore,
        cap=used,
        remaining_before_ore=room_ore,
        remaining_after_ore=before.after(decided).remaining_ore(cap.amount_ore),
        waiting=waiting,
    )


def _without_cap(wage: Wage, waiting: int) -> Preview:
    return Preview(
        card_no=wage.card_no,
        year=wage.year,
        paid_on=wage.paid_on,
        amount_ore=wage.amount_ore,
        covered_ore=None,
        excess_ore=None,
        reason="cap-unknown",
        danish=cap_missing_in_danish(wage.year),
        english=cap_missing_in_english(wage.year),
        rules=("R23",),
        basis=(),
        limit_ore=None,
        cap=None,
        remaining_before_ore=None,
        remaining_after_ore=None,
        waiting=waiting,
    )
