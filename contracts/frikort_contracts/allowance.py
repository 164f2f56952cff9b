"""What allowance publishes: each decision of the ledger, the balances, the rules, signed heads.

Amounts are øre. `remaining_ore` is the limit the decision was made with less what is covered,
never below zero.
"""

from typing import ClassVar

from frikort_contracts.events import Event
from frikort_contracts.types import (
    AmountOre,
    ApportionReason,
    BusinessDate,
    CardNo,
    Code,
    FreeText,
    Identifier,
    Moment,
    MunicipalityCode,
    NaturalOre,
    Sha256,
    Version,
    Year,
)


class AllowanceOpened(Event):
    """A citizen's year opens with its first wage."""

    TYPE: ClassVar[str] = "allowance-opened"
    year: Year
    limit_ore: NaturalOre


class WageApportioned(Event):
    """How much of a wage is covered and how much is an ordinary wage, and why.

    `entry_no` and `entry_hash` (SHA-256, hex) are the entry's place in the citizen's chain:
    whoever reads this stream holds a head of the ledger.
    """

    TYPE: ClassVar[str] = "wage-apportioned"
    wage_id: Identifier
    card_no: CardNo
    year: Year
    paid_on: BusinessDate
    amount_ore: AmountOre
    covered_ore: NaturalOre
    excess_ore: NaturalOre
    reason: ApportionReason
    remaining_ore: NaturalOre
    entry_no: Version
    entry_hash: Sha256


class ApportionmentReversed(Event):
    """A wage was taken back; its covered and excess parts are given back exactly."""

    TYPE: ClassVar[str] = "apportionment-reversed"
    wage_id: Identifier
    card_no: CardNo
    year: Year
    covered_ore: NaturalOre
    excess_ore: NaturalOre
    remaining_ore: NaturalOre
    entry_no: Version
    entry_hash: Sha256


class AllowanceEvent(Event):
    """What every turn of a year's allowance says."""

    card_no: CardNo
    year: Year
    limit_ore: NaturalOre
    covered_ore: NaturalOre


class AllowanceLow(AllowanceEvent):
    """The covered sum has crossed 80 % of the limit on its way up."""

    TYPE: ClassVar[str] = "allowance-low"


class AllowanceExhausted(AllowanceEvent):
    """Nothing remains of the year's allowance."""

    TYPE: ClassVar[str] = "allowance-exhausted"


class AllowanceRestored(AllowanceEvent):
    """There is room again after the allowance was exhausted."""

    TYPE: ClassVar[str] = "allowance-restored"


class AttentionRaised(Event):
    """A case that a person must look at; the code names it."""

    TYPE: ClassVar[str] = "attention-raised"
    code: Code
    card_no: CardNo | None = None
    year: Year | None = None
    wage_id: Identifier | None = None


class Balance(Event):
    """A citizen's year as it stands after the citizen's entry `entry_no`."""

    TYPE: ClassVar[str] = "balance"
    citizen_id: Identifier
    year: Year
    limit_ore: NaturalOre | None = None
    covered_ore: NaturalOre
    excess_ore: NaturalOre
    remaining_ore: NaturalOre | None = None
    exhausted: bool
    entry_no: Version


class AnnualCapSet(Event):
    """A year's cap and income limit, in force from a date, on a legal basis."""

    TYPE: ClassVar[str] = "annual-cap-set"
    year: Year
    amount_ore: AmountOre
    income_limit_ore: AmountOre | None = None
    in_force_from: BusinessDate
    legal_basis: FreeText


class YearClosed(Event):
    """A municipality has closed a year: wages recorded later are not covered (R38)."""

    TYPE: ClassVar[str] = "year-closed"
    year: Year
    municipality_code: MunicipalityCode


class CheckpointSigned(Event):
    """A signed Merkle root over all citizens' latest hashes, and the rules' (`merkle.py`).

    `positions` says per partition how many entries it covers, `rules_version` the same of the
    rules: whoever holds it can tell from a later journal what it was over.
    """

    TYPE: ClassVar[str] = "checkpoint-signed"
    checkpoint_no: Version
    taken_at: Moment
    citizens: Version
    entries: Version
    merkle_root: Sha256
    key_id: str
    signature: str
    positions: tuple[Version, ...] | None = None
    rules_version: Version | None = None


EVENTS: tuple[type[Event], ...] = (
    AllowanceOpened,
    WageApportioned,
    ApportionmentReversed,
    AllowanceLow,
    AllowanceExhausted,
    AllowanceRestored,
    AttentionRaised,
)
BALANCE_EVENTS: tuple[type[Event], ...] = (Balance,)
RULE_EVENTS: tuple[type[Event], ...] = (AnnualCapSet, YearClosed, AttentionRaised)
"""Attention about a rule that is missing concerns no citizen, so it is raised here."""
CHECKPOINT_EVENTS: tuple[type[Event], ...] = (CheckpointSigned,)
