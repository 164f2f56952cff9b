"""What grants is told to decide, in the imperative."""

import datetime as dt
from dataclasses import dataclass
from typing import TypeAlias

from frikort_contracts.types import AgeGroup, Benefit
from services.grants.domain.events import Cause, Outcome, Overturnable


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueGrant:
    """Grant a citizen a card."""

    card_no: str
    municipality_code: str
    valid_from: dt.date
    decided_on: dt.date
    benefit: Benefit
    age_group: AgeGroup


@dataclass(frozen=True, slots=True, kw_only=True)
class _Change:
    card_no: str
    effective_on: dt.date
    decided_on: dt.date


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewGrant(_Change):
    """Record that the conditions were checked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeactivateGrant(_Change):
    """Stop a card from its effective date on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReactivateGrant(_Change):
    """Let a card cover again from its effective date on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferGrant(_Change):
    """Hand a card over to another municipality."""

    municipality_code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseGrant(_Change):
    """End a card for good; `effective_on` is the first day not covered."""

    cause: Cause


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantDispensation(_Change):
    """Waive the income condition."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DecideAppeal(_Change):
    """Uphold a decision, or overturn one as of `effective_on`; `overturns` says of which kind."""

    outcome: Outcome
    overturns: Overturnable | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiveApplication:
    """Record that a citizen applies; `learned_on` is a Danish business date (R44)."""

    application_id: str
    municipality_code: str
    received_on: dt.date
    learned_on: dt.date


@dataclass(frozen=True, slots=True, kw_only=True)
class RefuseApplication:
    """Refuse an application."""

    application_id: str
    reason: str
    decided_on: dt.date


@dataclass(frozen=True, slots=True, kw_only=True)
class ReidentifyCitizen:
    """Find the citizen by another CPR number from now on."""


CardChange: TypeAlias = (
    ReviewGrant
    | DeactivateGrant
    | ReactivateGrant
    | TransferGrant
    | CloseGrant
    | GrantDispensation
    | DecideAppeal
)
Command: TypeAlias = (
    IssueGrant | CardChange | ReceiveApplication | RefuseApplication | ReidentifyCitizen
)
