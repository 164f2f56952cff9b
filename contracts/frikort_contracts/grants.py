"""What grants publishes on frikort-grants: who holds a card, and what was decided about it."""

from typing import ClassVar, Literal

from frikort_contracts.events import Event
from frikort_contracts.types import (
    AgeGroup,
    Benefit,
    BusinessDate,
    CardNo,
    Code,
    Identifier,
    MunicipalityCode,
)


class GrantIssued(Event):
    """A card was granted; wages are covered from `valid_from`, included."""

    TYPE: ClassVar[str] = "grant-issued"
    card_no: CardNo
    municipality_code: MunicipalityCode
    valid_from: BusinessDate
    decided_on: BusinessDate
    benefit: Benefit
    age_group: AgeGroup


class DecidedChange(Event):
    """What every decision about a card says."""

    card_no: CardNo
    effective_on: BusinessDate
    decided_on: BusinessDate


class GrantReviewed(DecidedChange):
    """The municipality checked that the conditions are still met (LOV 616 section 3(1))."""

    TYPE: ClassVar[str] = "grant-reviewed"


class GrantDeactivated(DecidedChange):
    """The card covers nothing from `effective_on`, included (LOV 616 section 3(2))."""

    TYPE: ClassVar[str] = "grant-deactivated"


class GrantReactivated(DecidedChange):
    """The card covers again from `effective_on`, included."""

    TYPE: ClassVar[str] = "grant-reactivated"


class GrantTransferred(DecidedChange):
    """Another municipality is responsible; the balance follows the citizen (R32)."""

    TYPE: ClassVar[str] = "grant-transferred"
    from_municipality_code: MunicipalityCode
    to_municipality_code: MunicipalityCode


class GrantClosed(DecidedChange):
    """The card has ended for good (R34)."""

    TYPE: ClassVar[str] = "grant-closed"
    cause: Literal["death", "moved-abroad"]


class DispensationGranted(DecidedChange):
    """The income condition was waived in a special case (LOV 616 section 3(3))."""

    TYPE: ClassVar[str] = "dispensation-granted"


class AppealDecided(Event):
    """A decision was upheld or overturned; an overturned one may work backwards (R14)."""

    TYPE: ClassVar[str] = "appeal-decided"
    card_no: CardNo
    outcome: Literal["upheld", "overturned"]
    overturns: Literal["grant-deactivated", "application-refused"] | None = None
    effective_on: BusinessDate
    decided_on: BusinessDate


class CitizenReidentified(Event):
    """The citizen has another CPR number; the stream stays (R35)."""

    TYPE: ClassVar[str] = "citizen-reidentified"


class ApplicationReceived(Event):
    """A citizen has applied for a card."""

    TYPE: ClassVar[str] = "application-received"
    application_id: Identifier
    received_on: BusinessDate


class ApplicationRefused(Event):
    """An application was refused; the reason travels as a code."""

    TYPE: ClassVar[str] = "application-refused"
    application_id: Identifier
    reason: Code
    decided_on: BusinessDate


EVENTS: tuple[type[Event], ...] = (
    GrantIssued,
    GrantReviewed,
    GrantDeactivated,
    GrantReactivated,
    GrantTransferred,
    GrantClosed,
    DispensationGranted,
    AppealDecided,
    CitizenReidentified,
    ApplicationReceived,
    ApplicationRefused,
)
