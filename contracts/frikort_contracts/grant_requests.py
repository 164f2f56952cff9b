"""What callers send in about grants beside what files bring: closings, appeals, applications.

As in `requests.py`: what can be judged from the request alone is judged here.
"""

from enum import StrEnum
from typing import Literal, Self

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from frikort_contracts.types import (
    BusinessDate,
    CardNo,
    FreeText,
    Moment,
    MunicipalityCode,
    Request,
)


class CloseGrantRequest(Request):
    """End a card for good; `effective_on` is the first day not covered (R34).

    A death is no decision: without `decided_on` it stands for the day it takes effect on, and
    `registered_at` says when the municipality learned of it.

    Raises:
        effective-before-decided: decisions do not work backwards (DOMAIN 2.14).
        decided-on-missing: somebody decides that a citizen has moved abroad.
    """

    card_no: CardNo
    cause: Literal["death", "moved-abroad"]
    effective_on: BusinessDate
    decided_on: BusinessDate | None = None
    reason: FreeText | None = None
    registered_at: Moment | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.decided_on is None and self.cause != "death":
            raise PydanticCustomError(
                "decided-on-missing", "decided_on may be left out for a death alone"
            )
        if self.decided_on is not None and self.effective_on < self.decided_on:
            raise PydanticCustomError(
                "effective-before-decided",
                "effective_on is on or after decided_on: a decision does not work backwards; a "
                "death is no decision, leave decided_on out",
            )
        return self


class GrantDispensationRequest(Request):
    """Waive the income condition in a special case; it changes no coverage (DOMAIN 2.15).

    Raises:
        effective-before-decided: decisions do not work backwards (DOMAIN 2.14).
    """

    card_no: CardNo
    effective_on: BusinessDate
    decided_on: BusinessDate
    reason: FreeText | None = None
    registered_at: Moment | None = None

    @model_validator(mode="after")
    def _not_backwards(self) -> Self:
        if self.effective_on < self.decided_on:
            raise PydanticCustomError(
                "effective-before-decided",
                "effective_on is on or after decided_on: a decision does not work backwards",
            )
        return self


class DecideAppealRequest(Request):
    """Uphold a decision about a card's holder, or overturn it as of `effective_on` (R14).

    `effective_on` may lie before `decided_on`; the card covers from then on. A refused
    application is overturned on the first card that is granted after it.

    Raises:
        overturns-missing: what is overturned says what it was.
        overturns-not-overturned: what is upheld overturns nothing.
    """

    card_no: CardNo
    outcome: Literal["upheld", "overturned"]
    overturns: Literal["grant-deactivated", "application-refused"] | None = None
    effective_on: BusinessDate
    decided_on: BusinessDate
    reason: FreeText | None = None
    registered_at: Moment | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.outcome == "overturned" and self.overturns is None:
            raise PydanticCustomError(
                "overturns-missing", "overturns names the kind of decision that is overturned"
            )
        if self.outcome == "upheld" and self.overturns is not None:
            raise PydanticCustomError(
                "overturns-not-overturned", "leave overturns out: the decision stands"
            )
        return self


class ReceiveApplicationRequest(Request):
    """A citizen applies for a card. `cpr` is ten digits, without hyphen."""

    application_ref: FreeText
    cpr: str
    municipality_code: MunicipalityCode
    received_on: BusinessDate
    registered_at: Moment | None = None


class RefusalReason(StrEnum):
    """Why an application is refused (LOV 616 section 2; DOMAIN 2.2 to 2.8)."""

    NOT_IN_TARGET_GROUP = "not-in-target-group"
    IN_EDUCATION = "in-education"
    INCOME_TOO_HIGH = "income-too-high"
    RESIDENCE_TOO_SHORT = "residence-too-short"
    UNDER_18 = "under-18"
    OTHER_MUNICIPALITY = "other-municipality"
    OTHER = "other"


class RefuseApplicationRequest(Request):
    """Refuse an application; the reason travels, the note stays with grants, sealed."""

    application_ref: FreeText
    reason: RefusalReason
    decided_on: BusinessDate
    note: FreeText | None = None
    registered_at: Moment | None = None


class ReidentifyCitizenRequest(Request):
    """A citizen's CPR number has changed (R35). Both are ten digits, without hyphen."""

    old_cpr: str
    new_cpr: str
    registered_at: Moment | None = None
