"""Every reason in plain words: Danish and English, the rules it follows and what they rest on.

Pure, and the only place where reasons are put into words: whoever explains a decision, or
says what one would be, takes them from here. Where no source settles a rule it says so.
"""

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from frikort_contracts.explanations import Basis
from frikort_contracts.types import ApportionReason
from services.allowance.domain import CardChangeKind

PERMANENT_FROM: Final = dt.date(2025, 1, 1)
"""LOV 616 of 11/06/2024 has effect from here; before it the trial act, LOV 689, applied."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a sentence may speak of. Amounts are øre and never negative."""

    card_no: str
    paid_on: dt.date
    amount_ore: int
    covered_ore: int
    excess_ore: int
    room_ore: int | None = None
    limit_ore: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """A reason as people read it; the texts' `{names}` are those of `Facts`."""

    danish: str
    english: str
    rules: tuple[str, ...]
    basis: Callable[[dt.date], tuple[Basis, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """Why something waits, in both languages."""

    danish: str
    english: str


def ground_of(reason: ApportionReason, covered_ore: int) -> Ground:
    """Choose the words for a decision: a cap that was used up reads otherwise than one crossed."""
    if reason is ApportionReason.OVER_CAP and covered_ore == 0:
        return NOTHING_LEFT
    return GROUNDS[reason]


def in_danish(ground: Ground, facts: Facts) -> str:
    """Say in Danish why a decision is what it is."""
    return ground.danish.format_map(_written(facts, "%d-%m-%Y"))


def in_english(ground: Ground, facts: Facts) -> str:
    """Say in English why a decision is what it is."""
    return ground.english.format_map(_written(facts, "%Y-%m-%d"))


def why_held(reason: str, *, parked: bool) -> Words:
    """Say why a message is not applied yet; one that is parked needs a person."""
    if parked or reason not in WAITING:
        return SET_ASIDE
    return WAITING[reason]


def cap_missing_in_danish(year: int) -> str:
    """Say what becomes of a wage of a year without a cap (R23)."""
    return f"Loftet for {year} er ikke fastsat: lønnen vil vente, til det er."


def cap_missing_in_english(year: int) -> str:
    """Say what becomes of a wage of a year without a cap (R23)."""
    return f"The cap of {year} is not set: the wage would wait until it is."


def _written(facts: Facts, date_form: str) -> Mapping[str, str]:
    return {
        "card_no": facts.card_no,
        "paid_on": facts.paid_on.strftime(date_form),
        "year": str(facts.paid_on.year),
        "amount": _kroner(facts.amount_ore),
        "covered": _kroner(facts.covered_ore),
        "excess": _kroner(facts.excess_ore),
        "room": _kroner(facts.room_ore or 0),
        "limit": _kroner(facts.limit_ore or 0),
    }


def _kroner(amount_ore: int) -> str:
    """Write øre as people here write kroner: 125050 is `1.250,50 kr`."""
    kroner, oere = divmod(amount_ore, 100)
    return f"{kroner:,}".replace(",", ".") + f",{oere:02d} kr"


def _act(paid_on: dt.date, section: str) -> Basis:
    """Cite the act that governed a date."""
    if paid_on >= PERMANENT_FROM:
        return Basis(source=f"LOV 616 af 11/06/2024 {section}", standing="law")
    return Basis(source="LOV 689 af 08/06/2018 med senere ændringer", standing="law")


_TAX_FREE = Basis(source="ligningsloven § 7, nr. 32", standing="law")


def _within(paid_on: dt.date) -> tuple[Basis, ...]:
    return (_act(paid_on, "§ 1"), _TAX_FREE)


def _over(paid_on: dt.date) -> tuple[Basis, ...]:
    return (
        _act(paid_on, "§ 1"),
        _TAX_FREE,
        Basis(
            source="no source states that only the excess is an ordinary wage, nor which of two "
            "wages comes first: first recorded, first covered",
            standing="default",
            danish="ingen kilde siger, at kun det overskydende er almindelig løn, eller hvilken af "
            "to lønninger der kommer først: først registreret, først dækket",
        ),
    )


def _before(paid_on: dt.date) -> tuple[Basis, ...]:
    return (
        _act(paid_on, "§ 2"),
        Basis(source="bevillingsbrevets dato (Faaborg-Midtfyn Kommune)", standing="practice"),
    )


def _inactive(paid_on: dt.date) -> tuple[Basis, ...]:
    return (_act(paid_on, "§ 3, stk. 2"),)


def _closed(paid_on: dt.date) -> tuple[Basis, ...]:
    del paid_on
    return (
        Basis(
            source="no source sets a deadline: the closing decides",
            standing="default",
            danish="ingen kilde sætter en frist: lukningen afgør det",
        ),
    )


def _reversed(paid_on: dt.date) -> tuple[Basis, ...]:
    del paid_on
    return (
        Basis(source="Skats vejledning om rettelser i eIndkomst, som analogi", standing="practice"),
    )


GROUNDS: Final[Mapping[ApportionReason, Ground]] = {
    ApportionReason.WITHIN_CAP: Ground(
        danish="Hele lønnen, {amount}, er dækket: {room} var tilbage af loftet på {limit} i "
        "{year}.",
        english="The whole wage, {amount}, is covered: {room} was left of the cap of {limit} in "
        "{year}.",
        rules=("R1", "R15"),
        basis=_within,
    ),
    ApportionReason.OVER_CAP: Ground(
        danish="Lønnen går over loftet på {limit} i {year}: de {covered}, der var tilbage, er "
        "dækket. Resten, {excess}, er almindelig løn (eIndkomst, A-skat, AM-bidrag).",
        english="The wage crosses the cap of {limit} in {year}: the {covered} that was left is "
        "covered. The rest, {excess}, is an ordinary wage (eIndkomst, A-skat, AM-bidrag).",
        rules=("R17", "R19"),
        basis=_over,
    ),
    ApportionReason.BEFORE_GRANT: Ground(
        danish="Intet er dækket: kort {card_no} gjaldt endnu ikke den {paid_on}. Lønnen, {excess}, "
        "er almindelig løn (eIndkomst, A-skat, AM-bidrag).",
        english="Nothing is covered: card {card_no} was not yet valid on {paid_on}. The wage, "
        "{excess}, is an ordinary wage (eIndkomst, A-skat, AM-bidrag).",
        rules=("R7",),
        basis=_before,
    ),
    ApportionReason.GRANT_INACTIVE: Ground(
        danish="Intet er dækket: kort {card_no} var ikke aktivt den {paid_on}. Lønnen, {excess}, "
        "er almindelig løn (eIndkomst, A-skat, AM-bidrag).",
        english="Nothing is covered: card {card_no} was not active on {paid_on}. The wage, "
        "{excess}, is an ordinary wage (eIndkomst, A-skat, AM-bidrag).",
        rules=("R9", "R13"),
        basis=_inactive,
    ),
    ApportionReason.YEAR_CLOSED: Ground(
        danish="Intet er dækket: kommunen havde lukket {year}, før lønnen blev registreret. En "
        "sagsbehandler skal se på den.",
        english="Nothing is covered: the municipality had closed {year} before the wage was "
        "recorded. A caseworker must look at it.",
        rules=("R38",),
        basis=_closed,
    ),
    ApportionReason.WAGE_REVERSED: Ground(
        danish="Lønnen på {amount} er taget tilbage: {covered} dækket og {excess} almindelig løn "
        "er ført tilbage i {year}, året for dens egen udbetaling.",
        english="The wage of {amount} was taken back: {covered} covered and {excess} ordinary "
        "wage are given back in {year}, the year in which it was paid.",
        rules=("R5",),
        basis=_reversed,
    ),
}
"""One row per reason of the published language."""

NOTHING_LEFT: Final = Ground(
    danish="Intet er dækket: loftet på {limit} i {year} var brugt op. Lønnen, {excess}, er "
    "almindelig løn (eIndkomst, A-skat, AM-bidrag).",
    english="Nothing is covered: the cap of {limit} in {year} was used up. The wage, {excess}, is "
    "an ordinary wage (eIndkomst, A-skat, AM-bidrag).",
    rules=("R18", "R20"),
    basis=_over,
)
"""`over-cap` with no room at all."""

CHANGE_RULES: Final[Mapping[CardChangeKind, tuple[str, ...]]] = {
    "reactivated": ("R12",),
    "overturned": ("R14",),
    "closed": ("R34",),
}
"""What a decision follows beside its reason's rules where such a change ruled the card."""

WAITING: Final[Mapping[str, Words]] = {
    "cap-unknown": Words(
        danish="Den venter på, at årets loft bliver fastsat.",
        english="It waits until the cap of its year is set.",
    ),
    "grants-behind": Words(
        danish="Den venter på de oplysninger om kortet, som den bygger på.",
        english="It waits for the facts about the card that it rests on.",
    ),
    "behind-parked": Words(
        danish="Den venter bag en tidligere meddelelse, som er lagt til side.",
        english="It waits behind an earlier message that was set aside.",
    ),
}
SET_ASIDE: Final = Words(
    danish="Den er lagt til side og skal ses på af et menneske.",
    english="It was set aside, and a person must look at it.",
)
