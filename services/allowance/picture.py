"""What a fact adds to the municipality's picture: a card, its dated changes, employments. Pure."""

import datetime as dt
from typing import NamedTuple

from services.allowance.translate import (
    AppealDecidedBody,
    CardChangedBody,
    EmploymentRegisteredBody,
    GrantIssuedBody,
    Received,
)
from services.chassis.clock import business_date


class CardRow(NamedTuple):
    """A card as it was issued; of two with one number the first recorded stays."""

    card_no: str
    citizen_id: str
    municipality_code: str
    valid_from: dt.date
    benefit: str
    age_group: str


class CardChangeRow(NamedTuple):
    """A dated change of a card, with the grants version that brought it."""

    card_no: str
    version: int
    kind: str
    effective_on: dt.date
    decided_on: dt.date
    municipality_code: str | None


class EmploymentRow(NamedTuple):
    """An employment as it was registered."""

    employment_id: str
    card_no: str
    sector: str
    starts_on: dt.date
    ends_on: dt.date | None
    consultant: str | None
    registered_on: dt.date
    citizen_id: str


def card_of(received: Received) -> CardRow | None:
    """Give the card that a fact issues, None if it issues none."""
    body = received.body
    if not isinstance(body, GrantIssuedBody):
        return None
    return CardRow(
        str(body.card_no),
        received.citizen_id,
        body.municipality_code,
        body.valid_from,
        body.benefit,
        body.age_group,
    )


def card_change_of(received: Received) -> CardChangeRow | None:
    """Give the change of a card that a fact is, its issue included; None if it changes none."""
    body, source = received.body, received.source
    kind = source.type.removeprefix("grant-")
    municipality_code: str | None = None
    if isinstance(body, GrantIssuedBody):
        effective_on, municipality_code = body.valid_from, body.municipality_code
    elif isinstance(body, CardChangedBody):
        effective_on, municipality_code = body.effective_on, body.to_municipality_code
    elif isinstance(body, AppealDecidedBody) and body.restores_coverage:
        kind, effective_on = "overturned", body.effective_on
    else:
        return None
    card_no = str(body.card_no)
    return CardChangeRow(
        card_no, source.version, kind, effective_on, body.decided_on, municipality_code
    )


def employment_of(received: Received) -> EmploymentRow | None:
    """Give the employment that a fact registers, None if it registers none."""
    body = received.body
    if not isinstance(body, EmploymentRegisteredBody):
        return None
    return EmploymentRow(
        body.employment_id,
        body.card_no,
        body.sector,
        body.starts_on,
        body.ends_on,
        body.consultant,
        business_date(body.known_at),
        received.citizen_id,
    )
