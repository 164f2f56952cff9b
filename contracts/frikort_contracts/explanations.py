"""What the ledger explains over HTTP: decisions, what waits, why two answers differ, previews.

Amounts are øre. Every text is Danish or English for people; the codes beside it are stable.
"""

import datetime as dt
from typing import Literal, TypeAlias

from frikort_contracts.types import (
    AmountOre,
    ApportionReason,
    BusinessDate,
    Contract,
    Moment,
    Request,
)

Standing: TypeAlias = Literal["law", "practice", "default"]
"""What a rule rests on: an act, a public body's guidance, or our documented default."""
Why: TypeAlias = Literal["known-later", "dated-later"]
"""What keeps an entry or a cap out of an answer: learned, or dated, after what it asks for."""


class Basis(Contract):
    """One thing a rule rests on; where `source` is a sentence of ours, `danish` says it too."""

    source: str
    standing: Standing
    danish: str | None = None


class CapUsed(Contract):
    """A rule that set a year's cap."""

    rule_version: int
    amount_ore: int
    in_force_from: dt.date
    known_at: Moment
    legal_basis: str


class YearState(Contract):
    """A citizen's year at one moment; remaining is under the limit beside it, null without one."""

    covered_ore: int
    excess_ore: int
    remaining_ore: int | None


class CardRule(Contract):
    """The change of a card that ruled a date, and the entry that brought it; `kind` is a code."""

    entry_no: int
    kind: str
    effective_on: dt.date


class AttentionRaisedFor(Contract):
    """A person was asked to look at a wage, by the entry that showed why."""

    entry_no: int
    code: str


class ExplainedEntry(Contract):
    """A wage or its reversal as it was decided; a reversal's amounts are negative.

    `hash` is the entry's place in the citizen's chain; `cap` is the rule behind `limit_ore`,
    `card_change` what ruled the card on `paid_on` as the wage knew it, null before the grant.
    """

    entry_no: int
    hash: str
    kind: Literal["wage", "reversal"]
    card_no: str
    wage_id: str
    year: int
    paid_on: dt.date
    known_at: Moment
    recorded_at: Moment
    amount_ore: int
    covered_ore: int
    excess_ore: int
    reason: ApportionReason
    danish: str
    english: str
    rules: tuple[str, ...]
    basis: tuple[Basis, ...]
    limit_ore: int | None
    cap: CapUsed | None
    before: YearState
    after: YearState
    card_change: CardRule | None = None
    attention: tuple[AttentionRaisedFor, ...] = ()


class CapInForce(Contract):
    """A changed cap came into force for the citizen; nothing was decided again (R22)."""

    entry_no: int
    hash: str
    recorded_at: Moment
    year: int
    cap: CapUsed | None
    attention: tuple[AttentionRaisedFor, ...] = ()


class WaitingWage(Contract):
    """A wage or reversal that is recorded and not decided yet; `reason` is a code."""

    kind: Literal["wage", "reversal"]
    card_no: str | None
    wage_id: str | None
    paid_on: dt.date | None
    amount_ore: int | None
    reason: str
    parked: bool
    held_at: Moment
    danish: str
    english: str


class Explanation(Contract):
    """The decisions about a card's holder in the order of their entries, and what waits.

    `caps` are the changed caps whose entries lie between them.

    `year` is null when every year was asked for.
    """

    card_no: str
    year: int | None
    entries: tuple[ExplainedEntry, ...]
    caps: tuple[CapInForce, ...] = ()
    waiting: tuple[WaitingWage, ...]


class Asked(Contract):
    """Counting business dates up to `as_of`, known up to `known_at`; null counts everything."""

    as_of: dt.date | None = None
    known_at: Moment | None = None


class Answer(Contract):
    """A balance. `over_limit_ore`: how far covered exceeds this limit, for none remains below 0."""

    as_of: dt.date | None
    known_at: Moment | None
    limit_ore: int | None
    covered_ore: int
    excess_ore: int
    over_limit_ore: int | None
    remaining_ore: int | None
    entries: int
    cap: CapUsed | None


class EntryEffect(Contract):
    """An entry that one answer counts and the other does not, and what it adds to the second."""

    counted_in: Literal["first", "second"]
    why: tuple[Why, ...]
    covered_ore: int
    excess_ore: int
    entries: int
    entry: ExplainedEntry


class CapEffect(Contract):
    """Another cap is in force in the second answer; null where an answer has none.

    `why`: what keeps each out of the other answer; empty where both know both and the later
    date alone decides.
    """

    first: CapUsed | None
    second: CapUsed | None
    why: tuple[Why, ...]
    limit_ore: int | None


class Change(Contract):
    """Second less first. remaining = limit - covered + over_limit; null where no cap is known."""

    limit_ore: int | None
    covered_ore: int
    excess_ore: int
    over_limit_ore: int | None
    remaining_ore: int | None
    entries: int


class Difference(Contract):
    """Two answers about a card's year, what lies between them, and how much that is."""

    card_no: str
    year: int
    first: Answer
    second: Answer
    change: Change
    entries: tuple[EntryEffect, ...]
    cap: CapEffect | None


class PreviewRequest(Request):
    """A wage that is thought of. `registered_at`: when it would be told, else now or `paid_on`."""

    amount_ore: AmountOre
    paid_on: BusinessDate
    registered_at: Moment | None = None


class Preview(Contract):
    """What would be covered of a wage, were it recorded now; nothing is decided or kept.

    Of a year without a cap the wage would wait: `reason` is `cap-unknown`, and every amount
    but its own is null. `waiting`: how many messages of the citizen are not decided yet, which
    may change the answer.
    """

    card_no: str
    year: int
    paid_on: dt.date
    amount_ore: int
    covered_ore: int | None
    excess_ore: int | None
    reason: ApportionReason | Literal["cap-unknown"]
    danish: str
    english: str
    rules: tuple[str, ...]
    basis: tuple[Basis, ...]
    limit_ore: int | None
    cap: CapUsed | None
    remaining_before_ore: int | None
    remaining_after_ore: int | None
    waiting: int
