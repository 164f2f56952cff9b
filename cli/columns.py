"""The columns of each kind of file, derived from the request that one of its rows becomes.

A column `amount_kr` is the field `amount_ore`; every other column is named as its field.
"""

from enum import StrEnum
from typing import Final

from frikort_contracts.requests import FILE_KINDS, ListedRegistration
from frikort_contracts.types import AgeGroup, Benefit, PaymentMethod, Request

AMOUNT_SUFFIX: Final = "_kr"
_FIELD_SUFFIX: Final = "_ore"
DATE_FIELDS: Final = frozenset(
    {"valid_from", "decided_on", "effective_on", "starts_on", "ends_on", "paid_on", "reversed_on"}
)
MOMENT_FIELDS: Final = frozenset({"registered_at"})
CHANGES: Final = ("reviewed", "deactivated", "reactivated", "transferred")

REGISTRATIONS: Final = "registrations"
"""A list from Socialtfrikort.dk: read as files are, and compared instead of imported."""


class FileKind(StrEnum):
    """The kinds of files, as the command line names them."""

    GRANTS = "grants"
    GRANT_CHANGES = "grant-changes"
    EMPLOYMENTS = "employments"
    WAGES = "wages"
    WAGE_REVERSALS = "wage-reversals"
    CONTACTS = "contacts"


ALLOWED_VALUES: Final[dict[str, tuple[str, ...]]] = {
    "change": CHANGES,
    "benefit": tuple(Benefit),
    "age_group": tuple(AgeGroup),
    "payment_method": tuple(PaymentMethod),
}


def request_type(kind: str) -> type[Request]:
    """Give the request that a row of this kind becomes."""
    return ListedRegistration if kind == REGISTRATIONS else FILE_KINDS[kind]


def columns_of(kind: str) -> tuple[str, ...]:
    """List a kind's columns, those that every file has first, then those that may be absent."""
    return required_columns(kind) + optional_columns(kind)


def required_columns(kind: str) -> tuple[str, ...]:
    """List the columns that every file of this kind has, filled on every row."""
    fields = request_type(kind).model_fields
    return tuple(column_of(name) for name, field in fields.items() if field.is_required())


def optional_columns(kind: str) -> tuple[str, ...]:
    """List the columns that a file of this kind may leave out or leave empty."""
    fields = request_type(kind).model_fields
    return tuple(column_of(name) for name, field in fields.items() if not field.is_required())


def column_of(field: str) -> str:
    """Name the column that fills a request's field."""
    return field.removesuffix(_FIELD_SUFFIX) + AMOUNT_SUFFIX if is_amount(field) else field


def field_of(column: str) -> str:
    """Name the request's field that a column fills."""
    return (
        column.removesuffix(AMOUNT_SUFFIX) + _FIELD_SUFFIX
        if column.endswith(AMOUNT_SUFFIX)
        else column
    )


def is_amount(field: str) -> bool:
    """Tell whether a field holds øre."""
    return field.endswith(_FIELD_SUFFIX)
