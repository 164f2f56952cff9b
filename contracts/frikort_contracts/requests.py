"""What callers send in: one model per command, the same for HTTP and for a row of a file.

The fields bear the names of the file columns of INTERFACES; a column `amount_kr` is the
field `amount_ore`. What can be judged from the request alone is judged here; what needs the
service's state or its clock is judged there.
"""

from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from frikort_contracts.types import (
    AgeGroup,
    AmountOre,
    Benefit,
    BusinessDate,
    CardNo,
    Cvr,
    FreeText,
    Moment,
    MunicipalityCode,
    NaturalOre,
    PaymentMethod,
    Request,
    ShortText,
)

LISTED_MAX = 20_000
"""Rows of a list from Socialtfrikort.dk in one call; a longer one is split by its period."""


def _attested(value: Any) -> bool:
    """Take an attestation as JSON or a file writes it; what is not attested is refused (R30)."""
    if value is True or value == "true":
        return True
    if value is False or value == "false":
        raise PydanticCustomError(
            "work-subsidised",
            "a card is for ordinary, unsubsidised work: not for a wage subsidy, a flexjob or "
            "one's own firm",
        )
    raise PydanticCustomError("attestation-format", "an attestation is true or false")


Attestation = Annotated[bool, BeforeValidator(_attested)]


class IssueGrantRequest(Request):
    """Grant a citizen a card. `cpr` is ten digits, without hyphen."""

    cpr: str
    card_no: CardNo
    municipality_code: MunicipalityCode
    valid_from: BusinessDate
    decided_on: BusinessDate
    benefit: Benefit
    age_group: AgeGroup
    decision_ref: FreeText | None = None
    registered_at: Moment | None = None


class ChangeGrantRequest(Request):
    """Review, deactivate, reactivate or transfer a card.

    Raises:
        effective-before-decided: decisions do not work backwards (DOMAIN 2.14).
        municipality-code-missing: a transfer names the municipality it goes to.
    """

    card_no: CardNo
    effective_on: BusinessDate
    decided_on: BusinessDate
    reason: FreeText | None = None
    municipality_code: MunicipalityCode | None = None
    registered_at: Moment | None = None
    change: str

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.change not in {"reviewed", "deactivated", "reactivated", "transferred"}:
            raise PydanticCustomError(
                "change-unknown", "a change is reviewed, deactivated, reactivated or transferred"
            )
        if self.effective_on < self.decided_on:
            raise PydanticCustomError(
                "effective-before-decided",
                "effective_on is on or after decided_on: a decision does not work backwards",
            )
        if self.change == "transferred" and self.municipality_code is None:
            raise PydanticCustomError(
                "municipality-code-missing", "a transfer names the municipality it goes to"
            )
        return self


class RegisterEmploymentRequest(Request):
    """Register that a card holder works for an employer.

    `unsubsidised_attested`: the employer's word that the work is ordinary and unsubsidised.

    Raises:
        work-subsidised: the employer says that it is not (R30, DOMAIN 2.11).
    """

    employment_ref: FreeText
    card_no: CardNo
    cvr: Cvr
    employer: FreeText
    sector: ShortText
    starts_on: BusinessDate
    ends_on: BusinessDate | None = None
    consultant: ShortText | None = None
    contact: FreeText | None = None
    registered_at: Moment | None = None
    unsubsidised_attested: Attestation | None = None

    @model_validator(mode="after")
    def _ends_after_start(self) -> Self:
        if self.ends_on is not None and self.ends_on < self.starts_on:
            raise PydanticCustomError("ends-before-start", "ends_on is on or after starts_on")
        return self


class EndEmploymentRequest(Request):
    """Set an employment's last day."""

    employment_ref: FreeText
    ends_on: BusinessDate
    registered_at: Moment | None = None


class RegisterWageRequest(Request):
    """Register a wage that was paid; `amount_ore` includes holiday pay and paid-out pension."""

    wage_ref: FreeText
    employment_ref: FreeText
    card_no: CardNo
    cvr: Cvr
    paid_on: BusinessDate
    amount_ore: AmountOre
    holiday_pay_ore: NaturalOre | None = None
    pension_ore: NaturalOre | None = None
    payment_method: PaymentMethod | None = None
    voucher_ref: FreeText | None = None
    external_ref: FreeText | None = None
    registered_at: Moment | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.holiday_pay_ore or 0) + (self.pension_ore or 0) > self.amount_ore:
            raise PydanticCustomError(
                "parts-exceed-amount", "holiday pay and pension are parts of the amount"
            )
        if self.payment_method is PaymentMethod.CASH and self.voucher_ref is None:
            raise PydanticCustomError(
                "voucher-missing", "a wage paid in cash needs a voucher_ref (R39)"
            )
        return self


class ReverseWageRequest(Request):
    """Take a wage back; its replacement, if any, is a new wage with a new reference."""

    wage_ref: FreeText
    reason: FreeText
    reversed_on: BusinessDate
    registered_at: Moment | None = None


class MisreportWageRequest(Request):
    """Note that the employer sent the wage to eIndkomst by mistake; the wage stays (R29)."""

    wage_ref: FreeText
    found_on: BusinessDate
    registered_at: Moment | None = None


class ConfirmRegistrationRequest(Request):
    """Note that the wage stands in Socialtfrikort.dk, under its reference there (DOMAIN 3.1).

    A later confirmation of the same wage takes the place of an earlier one.
    """

    wage_ref: FreeText
    external_ref: FreeText
    confirmed_on: BusinessDate
    registered_at: Moment | None = None


class ListedRegistration(Request):
    """A wage as a list exported from Socialtfrikort.dk has it, under its reference there."""

    card_no: CardNo
    cvr: Cvr
    paid_on: BusinessDate
    amount_ore: AmountOre
    external_ref: FreeText


class ReconcileRequest(Request):
    """Compare a list from Socialtfrikort.dk with the wages that were registered here.

    The list holds every wage that stands there and was paid from `first_on` to `last_on`, both
    included. A dry run only tells.

    Raises:
        ends-before-start: a period has a first day.
    """

    first_on: BusinessDate
    last_on: BusinessDate
    rows: tuple[ListedRegistration, ...] = Field(max_length=LISTED_MAX)
    dry_run: bool = False

    @model_validator(mode="after")
    def _ends_after_start(self) -> Self:
        if self.last_on < self.first_on:
            raise PydanticCustomError("ends-before-start", "last_on is on or after first_on")
        return self


class PutContactRequest(Request):
    """The phone number of a card's holder, replacing the card's earlier one."""

    card_no: CardNo
    phone: str
    language: str = "da"
    registered_at: Moment | None = None


class SetCapRequest(Request):
    """Set a year's cap, in force from a date, with its legal basis."""

    amount_ore: AmountOre
    in_force_from: BusinessDate
    legal_basis: FreeText
    income_limit_ore: AmountOre | None = None
    known_at: Moment | None = None


class CloseYearRequest(Request):
    """Close a municipality's year: the address says which, so there is nothing more to say."""


FILE_KINDS: dict[str, type[Request]] = {
    "grants": IssueGrantRequest,
    "grant-changes": ChangeGrantRequest,
    "employments": RegisterEmploymentRequest,
    "wages": RegisterWageRequest,
    "wage-reversals": ReverseWageRequest,
    "contacts": PutContactRequest,
}
"""The kinds of files, each with the request that one of its rows becomes."""

KIND_SERVICE: dict[str, str] = {
    "grants": "grants",
    "grant-changes": "grants",
    "employments": "payroll",
    "wages": "payroll",
    "wage-reversals": "payroll",
    "contacts": "notifications",
}
"""Which service takes in which kind."""


def row_key(kind: str, row: Request) -> str | None:
    """Make the idempotency key of a file's row (INTERFACES, Files), None for a contact.

    The same row sent again, by file or by hand, is the same command.
    """
    match row:
        case IssueGrantRequest():
            parts = [row.card_no]
        case ChangeGrantRequest():
            parts = [row.card_no, row.change, row.effective_on.isoformat()]
        case RegisterEmploymentRequest():
            parts = [row.employment_ref]
        case RegisterWageRequest() | ReverseWageRequest():
            parts = [row.wage_ref]
        case ListedRegistration():
            parts = [row.external_ref]
        case _:
            return None
    return "/".join([kind, *parts])
