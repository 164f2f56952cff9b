"""What was decided, in the past tense: what the store keeps."""

import datetime as dt
from dataclasses import dataclass
from typing import Literal, TypeAlias

from frikort_contracts.types import AgeGroup, Benefit

Cause: TypeAlias = Literal["death", "moved-abroad"]
Outcome: TypeAlias = Literal["upheld", "overturned"]
Overturnable: TypeAlias = Literal["grant-deactivated", "application-refused"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantIssued:
    """A card was granted."""

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
class GrantReviewed(_Change):
    """The conditions were checked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantDeactivated(_Change):
    """The card covers nothing from its effective date on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantReactivated(_Change):
    """The card covers again from its effective date on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantTransferred(_Change):
    """Another municipality is responsible."""

    from_municipality_code: str
    to_municipality_code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantClosed(_Change):
    """The card has ended for good and covers nothing from its effective date on (R34)."""

    cause: Cause


@dataclass(frozen=True, slots=True, kw_only=True)
class DispensationGranted(_Change):
    """The income condition was waived; what is covered stays as it is (DOMAIN 2.15)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AppealDecided(_Change):
    """A decision stands, or is undone from `effective_on` on, be it backwards (R14)."""

    outcome: Outcome
    overturns: Overturnable | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CitizenReidentified:
    """The citizen has another CPR number, which is sealed beside the event (R35)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationReceived:
    """A citizen applied for a card."""

    application_id: str
    municipality_code: str
    received_on: dt.date


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationRefused:
    """An application was refused."""

    application_id: str
    reason: str
    decided_on: dt.date


CardEvent: TypeAlias = (
    GrantIssued
    | GrantReviewed
    | GrantDeactivated
    | GrantReactivated
    | GrantTransferred
    | GrantClosed
    | DispensationGranted
    | AppealDecided
)
"""What is about one card."""
Event: TypeAlias = CardEvent | CitizenReidentified | ApplicationReceived | ApplicationRefused
