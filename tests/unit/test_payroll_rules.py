"""Payroll's share of the rules R1 to R44: given, when, then; the rule's number in each name.

A wage that was paid is a fact, so most rules end in a warning. Whole events are compared, and
all the warnings.
"""

import datetime as dt
import re
from dataclasses import dataclass, replace
from typing import Any

import pytest
from pydantic import ValidationError

from deploy.local.settings import REPOSITORY
from frikort_contracts.requests import (
    RegisterEmploymentRequest,
    RegisterWageRequest,
    ReverseWageRequest,
)
from frikort_contracts.types import Request
from services.chassis.errors import Rejection
from services.chassis.import_runner import _WARNINGS
from services.payroll.domain import (
    Citizen,
    Command,
    EmploymentEnded,
    EmploymentRegistered,
    Event,
    MisreportWage,
    RegisterWage,
    ReverseWage,
    WageMisreported,
    WagePaid,
    WageReversed,
    decide,
    evolve,
)
from services.payroll.refusals import AlreadyMisreported, AlreadyReversed, WageInFuture
from services.payroll.warnings import Card, CardChange, warn_about, warn_about_employment

RULES = {
    *("R1", "R2", "R3", "R4", "R5", "R6", "R7", "R8", "R9", "R11"),
    *("R25", "R26", "R27", "R28", "R29", "R30", "R31", "R36", "R37", "R38", "R39"),
}
"""The rules that payroll has a part in; the others are the ledger's and grants'."""


def on(text: str) -> dt.date:
    return dt.date.fromisoformat(text)


JOB = EmploymentRegistered(
    card_no="04817",
    grants_version=1,
    employment_id="e1",
    cvr="10150817",
    sector="cleaning",
    starts_on=on("2023-03-01"),
)
CARD = Card(citizen_id="c1", valid_from=on("2023-02-01"))
DEACTIVATED = replace(CARD, changes=(CardChange(effective_on=on("2023-09-01"), active=False),))
REACTIVATED = replace(
    CARD,
    changes=(*DEACTIVATED.changes, CardChange(effective_on=on("2023-11-01"), active=True)),
)


def paid(paid_on: str, **changed: Any) -> WagePaid:
    """Make the event of a wage."""
    fact = WagePaid(
        card_no="04817",
        grants_version=2,
        wage_id="w1",
        employment_id="e1",
        paid_on=on(paid_on),
        amount_ore=100_000,
    )
    return replace(fact, **changed)


def register(fact: WagePaid, *, learned_on: str | None = None) -> RegisterWage:
    """Make the command that registers a wage, learned of the day it was paid."""
    learned = fact.paid_on if learned_on is None else on(learned_on)
    return RegisterWage(
        card_no=fact.card_no,
        grants_version=fact.grants_version,
        wage_id=fact.wage_id,
        employment_id=fact.employment_id,
        paid_on=fact.paid_on,
        amount_ore=fact.amount_ore,
        holiday_pay_ore=fact.holiday_pay_ore,
        pension_ore=fact.pension_ore,
        payment_method=fact.payment_method,
        cvr="10150817",
        today=learned,
        learned_on=learned,
    )


def given(*history: Event) -> Citizen:
    """Fold a history."""
    citizen = Citizen()
    for event in history:
        citizen = evolve(citizen, event)
    return citizen


def until(ends_on: str) -> EmploymentRegistered:
    """Make an employment that has ended."""
    return replace(JOB, ends_on=on(ends_on))


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A wage is taken as it was paid, with these warnings."""

    name: str
    fact: WagePaid
    warnings: tuple[str, ...] = ()
    history: tuple[Event, ...] = (JOB,)
    card: Card = CARD
    learned_on: str | None = None


EARLIER = paid("2023-12-15", wage_id="w0")
THIS_YEAR = paid("2024-01-05", wage_id="w0")
TAKEN_BACK = WageReversed(
    card_no="04817",
    grants_version=2,
    wage_id="w0",
    paid_on=on("2023-12-15"),
    amount_ore=100_000,
    reversed_on=on("2023-12-20"),
)
TAKEN = [
    Taken(name="R1: paid_on is kept whenever it was learned", fact=paid("2023-05-31"),
          learned_on="2023-06-30"),
    Taken(name="R2: December's work paid in January counts in January", fact=paid("2024-01-05"),
          history=(JOB, EARLIER), warnings=("year-crossing",)),
    Taken(name="R2: last day of January", fact=paid("2024-01-31"), warnings=("year-crossing",)),
    Taken(name="R2: February is past it", fact=paid("2024-02-01")),
    Taken(name="R2: a second wage in January pays January's work", fact=paid("2024-01-19"),
          history=(JOB, THIS_YEAR)),
    Taken(name="R2: another wage of the same day, or of other work, tells nothing",
          fact=paid("2024-01-05", amount_ore=1), warnings=("year-crossing",),
          history=(JOB, THIS_YEAR, replace(JOB, employment_id="e2"),
                   paid("2024-01-04", wage_id="w2", employment_id="e2"))),
    Taken(name="R2: work begun this year", fact=paid("2024-01-19"),
          history=(replace(JOB, starts_on=on("2024-01-01")),)),
    Taken(name="R3: paid in advance across New Year counts when paid", fact=paid("2023-12-29"),
          history=(replace(JOB, starts_on=on("2024-01-02")),),
          warnings=("outside-employment", "year-crossing")),
    Taken(name="R4: a period across New Year is one wage, of the day it was paid",
          fact=paid("2023-12-31"), history=(JOB, replace(EARLIER, amount_ore=1))),
    Taken(name="R5: the replacement counts by its own paid_on", fact=paid("2023-12-15"),
          history=(JOB, EARLIER, TAKEN_BACK), learned_on="2024-01-20"),
    Taken(name="R7: paid before the grant", fact=paid("2023-01-31"),
          history=(replace(JOB, starts_on=on("2023-01-02")),), warnings=("before-grant",)),
    Taken(name="R7: the grant's first day is covered", fact=paid("2023-02-01"),
          history=(replace(JOB, starts_on=on("2023-02-01")),)),
    Taken(name="R7: the first day that an overturned refusal grants", fact=paid("2023-01-31"),
          history=(replace(JOB, starts_on=on("2023-01-15")),),
          card=replace(CARD, changes=(CardChange(effective_on=on("2023-01-15"), active=True),))),
    Taken(name="R8: work before the grant, paid after it", fact=paid("2023-02-28"),
          history=(replace(JOB, starts_on=on("2023-01-31")),), warnings=("work-before-grant",)),
    Taken(name="R8: 31 days after the grant are enough", fact=paid("2023-03-04"),
          history=(replace(JOB, starts_on=on("2023-01-31")),)),
    Taken(name="R8: work that ended before the grant, whenever paid", fact=paid("2023-06-30"),
          history=(replace(JOB, starts_on=on("2023-01-02"), ends_on=on("2023-01-31")),),
          warnings=("outside-employment", "work-before-grant")),
    Taken(name="R8: work in the gap, paid after the reactivation", fact=paid("2023-11-15"),
          card=REACTIVATED, warnings=("work-before-grant",)),
    Taken(name="R9: paid after the deactivation", fact=paid("2023-10-02"), card=DEACTIVATED,
          warnings=("grant-inactive",)),
    Taken(name="R9: the day before it is covered", fact=paid("2023-08-31"), card=DEACTIVATED),
    Taken(name="R11: work before the deactivation, paid on its day", fact=paid("2023-09-01"),
          card=DEACTIVATED, warnings=("grant-inactive", "work-before-deactivation")),
    Taken(name="R11: within a wage's period after it", fact=paid("2023-10-01"),
          card=DEACTIVATED, warnings=("grant-inactive", "work-before-deactivation")),
    Taken(name="R11: work that ended before it, whenever paid", fact=paid("2023-12-15"),
          history=(until("2023-08-31"),), card=DEACTIVATED,
          warnings=("grant-inactive", "outside-employment", "work-before-deactivation")),
    Taken(name="R11: an employment that ended on its day had not ended before it",
          fact=paid("2023-09-15", holiday_pay_ore=1), history=(until("2023-09-01"),),
          card=DEACTIVATED,
          warnings=("grant-inactive", "outside-employment", "work-before-deactivation")),
    Taken(name="R11: work begun after it", fact=paid("2023-09-15"), card=DEACTIVATED,
          history=(replace(JOB, starts_on=on("2023-09-01")),), warnings=("grant-inactive",)),
    Taken(name="R25: holiday pay is an amount within the wage, never computed",
          fact=paid("2023-05-31", amount_ore=100_003, holiday_pay_ore=11_111)),
    Taken(name="R26: holiday pay at leaving counts by its own paid_on, here the next year",
          fact=paid("2024-05-01", amount_ore=12_500, holiday_pay_ore=12_500),
          history=(until("2023-12-31"),), warnings=("outside-employment", "year-crossing")),
    Taken(name="R27: holiday pay of an ended employment, the card deactivated since",
          fact=paid("2023-12-15", holiday_pay_ore=100_000), card=DEACTIVATED,
          history=(JOB, EmploymentEnded(card_no="04817", grants_version=1, employment_id="e1",
                                        ends_on=on("2023-08-31"))),
          warnings=("grant-inactive", "outside-employment", "holiday-pay-after-deactivation")),
    Taken(name="R28: same card, employer, date and amount", fact=paid("2023-12-15"),
          history=(JOB, EARLIER), warnings=("likely-duplicate",)),
    Taken(name="R28: another amount", fact=paid("2023-12-15", amount_ore=100_001),
          history=(JOB, EARLIER)),
    Taken(name="R28: the first was taken back", fact=paid("2023-12-15"),
          history=(JOB, EARLIER, TAKEN_BACK)),
    Taken(name="R38: registered 60 days after", fact=paid("2023-10-02"), learned_on="2023-12-01"),
    Taken(name="R38: registered 61 days after", fact=paid("2023-10-02"), learned_on="2023-12-02",
          warnings=("registered-late",)),
    Taken(name="R38: registered in another year", fact=paid("2023-10-02"),
          learned_on="2025-03-01", warnings=("registered-late",)),
    Taken(name="R39: cash is a way to pay", fact=paid("2023-05-31", payment_method="cash")),
]  # fmt: skip


@pytest.mark.parametrize("row", TAKEN, ids=lambda row: row.name)
def test_a_wage_is_taken_as_it_was_paid_and_what_is_odd_is_named(row: Taken) -> None:
    citizen, command = given(*row.history), register(row.fact, learned_on=row.learned_on)

    assert decide(command, citizen) == row.fact
    assert warn_about(command, citizen, row.card) == row.warnings


REVERSE = ReverseWage(wage_id="w0", reversed_on=on("2024-02-01"), grants_version=2)
MISREPORT = MisreportWage(
    wage_id="w0", found_on=on("2024-02-01"), learned_on=on("2024-02-02"), grants_version=2
)
MISREPORTED = WageMisreported(
    card_no="04817", grants_version=2, wage_id="w0", found_on=on("2024-02-01")
)
DECIDED: list[tuple[str, tuple[Event, ...], Command, Event | type[Rejection]]] = [
    (
        "R5: a wage of last year is taken back in its own year",
        (JOB, EARLIER),
        REVERSE,
        replace(TAKEN_BACK, reversed_on=on("2024-02-01")),
    ),
    ("R6: a wage is taken back once", (JOB, EARLIER, TAKEN_BACK), REVERSE, AlreadyReversed),
    ("R29: sent to eIndkomst by mistake", (JOB, EARLIER), MISREPORT, MISREPORTED),
    (
        "R29: the wage stays, and can be taken back",
        (JOB, EARLIER, MISREPORTED),
        REVERSE,
        replace(TAKEN_BACK, reversed_on=on("2024-02-01")),
    ),
    ("R29: noted once", (JOB, EARLIER, MISREPORTED), MISREPORT, AlreadyMisreported),
    ("R29: not of a wage taken back", (JOB, EARLIER, TAKEN_BACK), MISREPORT, AlreadyReversed),
    (
        "R37: paid tomorrow",
        (JOB,),
        replace(register(paid("2023-06-01")), today=on("2023-05-31")),
        WageInFuture,
    ),
    (
        "R37: paid today",
        (JOB,),
        replace(register(paid("2023-06-01")), today=on("2023-06-01")),
        paid("2023-06-01"),
    ),
]


@pytest.mark.parametrize(("name", "history", "when", "then"), DECIDED, ids=[n for n, *_ in DECIDED])
def test_a_command_becomes_an_event_or_is_refused(
    name: str, history: tuple[Event, ...], when: Command, then: Event | type[Rejection]
) -> None:
    del name
    if isinstance(then, type):
        with pytest.raises(then) as caught:
            decide(when, given(*history))
        assert caught.type is then
    else:
        assert decide(when, given(*history)) == then


REQUESTS: dict[type[Request], dict[str, Any]] = {
    RegisterWageRequest: {
        "wage_ref": "W-1",
        "employment_ref": "E-1",
        "card_no": "04817",
        "cvr": "10150817",
        "paid_on": "2023-05-31",
        "amount_ore": 100_000,
    },
    RegisterEmploymentRequest: {
        "employment_ref": "E-1",
        "card_no": "04817",
        "cvr": "10150817",
        "employer": "Rengøringen",
        "sector": "cleaning",
        "starts_on": "2023-03-01",
    },
    ReverseWageRequest: {"wage_ref": "W-1", "reason": "x", "reversed_on": "2023-06-01"},
}
ASKED: list[tuple[str, type[Request], dict[str, Any], list[str]]] = [
    (
        "R3: no other year can be asked for",
        RegisterWageRequest,
        {"year": 2024},
        ["extra_forbidden"],
    ),
    ("R4: no period can be given", RegisterWageRequest, {"period": "2023-12"}, ["extra_forbidden"]),
    ("R6: less than nothing", RegisterWageRequest, {"amount_ore": -1}, ["amount-not-positive"]),
    ("R6: nothing", RegisterWageRequest, {"amount_ore": 0}, ["amount-not-positive"]),
    (
        "R6: a part of a wage cannot be taken back",
        ReverseWageRequest,
        {"amount_ore": 5},
        ["extra_forbidden"],
    ),
    (
        "R25: holiday pay is not more than the wage",
        RegisterWageRequest,
        {"holiday_pay_ore": 100_001},
        ["parts-exceed-amount"],
    ),
    ("R25: no fraction of an ore", RegisterWageRequest, {"holiday_pay_ore": 0.5}, ["int_type"]),
    (
        "R30: subsidised work",
        RegisterEmploymentRequest,
        {"unsubsidised_attested": False},
        ["work-subsidised"],
    ),
    ("R30: attested", RegisterEmploymentRequest, {"unsubsidised_attested": True}, []),
    (
        "R31: no Danish CVR number",
        RegisterEmploymentRequest,
        {"cvr": "DE136695976"},
        ["cvr-format"],
    ),
    ("R31: a wrong check digit", RegisterWageRequest, {"cvr": "10150818"}, ["cvr-check-digit"]),
    (
        "R39: cash without a voucher",
        RegisterWageRequest,
        {"payment_method": "cash"},
        ["voucher-missing"],
    ),
    (
        "R39: cash with a voucher",
        RegisterWageRequest,
        {"payment_method": "cash", "voucher_ref": "B-7"},
        [],
    ),
    ("R39: by telephone", RegisterWageRequest, {"payment_method": "mobilepay"}, []),
]


@pytest.mark.parametrize(("name", "kind", "changed", "codes"), ASKED, ids=[n for n, *_ in ASKED])
def test_a_request_is_refused_with_a_code_or_taken(
    name: str, kind: type[Request], changed: dict[str, Any], codes: list[str]
) -> None:
    del name
    assert refusals(kind, REQUESTS[kind] | changed) == codes


BEGUN: list[tuple[str, str, bool, tuple[str, ...]]] = [
    ("R36: registered on the first day", "2023-03-01", True, ()),
    ("R36: registered a day late", "2023-03-02", True, ("employment-late",)),
    ("R30: nothing attested", "2023-02-28", False, ("attestation-missing",)),
    ("R36: late, R30: unattested", "2023-04-01", False, ("employment-late", "attestation-missing")),
]


@pytest.mark.parametrize(
    ("name", "learned_on", "attested", "warnings"), BEGUN, ids=[n for n, *_ in BEGUN]
)
def test_an_employment_is_taken_and_what_is_odd_is_named(
    name: str, learned_on: str, warnings: tuple[str, ...], *, attested: bool
) -> None:
    del name
    found = warn_about_employment(
        starts_on=on("2023-03-01"), learned_on=on(learned_on), attested=attested
    )

    assert found == warnings


def test_every_rule_of_payrolls_has_a_row() -> None:
    names = [row.name for row in TAKEN]
    names += [name for rows in (DECIDED, ASKED, BEGUN) for name, *_ in rows]

    assert {name.partition(":")[0] for name in names} == RULES


def refusals(kind: type[Request], values: dict[str, Any]) -> list[str]:
    """Name why a request is refused; an empty list means that it is taken."""
    try:
        kind.model_validate(values)
    except ValidationError as refused:
        return [error["type"] for error in refused.errors()]
    return []


def test_every_warning_is_worded_for_files_and_on_the_integrators_page() -> None:
    shown = {code for row in TAKEN for code in row.warnings}
    shown |= {code for *_, codes in BEGUN for code in codes}
    page = (REPOSITORY / "docs" / "integrator.md").read_text("utf-8")
    section = page.partition("\n## What looks odd\n")[2].partition("\n## ")[0]

    assert set(_WARNINGS) == shown
    assert set(re.findall(r"^\| `([a-z-]+)` \|", section, re.MULTILINE)) == shown
