"""When a card is to be reviewed, and what that counts from (R33)."""

import pytest

from services.grants import domain
from services.grants.projections import ReviewDue, reviews_due
from tests.unit.grants_cases import (
    CARD,
    CLOSED,
    DEACTIVATED,
    ISSUED,
    OTHER_CARD,
    after,
    dates,
    day,
    grant,
    received,
)


@pytest.mark.parametrize(
    ("reading", "assessed_on", "due_on"),
    [
        ("safe", "2025-01-01", "2026-12-31"),
        ("safe", "2025-12-31", "2026-12-31"),
        ("safe", "2026-03-01", "2027-12-31"),
        ("literal", "2025-01-01", "2027-12-31"),
        ("literal", "2025-12-31", "2027-12-31"),
        ("literal", "2026-03-01", "2028-12-31"),
    ],
)
def test_r33_a_review_is_due_by_the_end_of_a_year(
    reading: domain.ReviewReading, assessed_on: str, due_on: str
) -> None:
    assert domain.review_due_on(reading, day(assessed_on)) == day(due_on)


@pytest.mark.parametrize(
    ("event", "assessed_on"),
    [
        (None, "2023-01-01"),
        (domain.GrantReviewed(**dates("2024-02-01", "2024-01-15")), "2024-01-15"),
        (domain.DispensationGranted(**dates("2024-02-01", "2024-01-15")), "2023-01-01"),
        (
            domain.GrantTransferred(
                **dates("2024-02-01"), from_municipality_code="751", to_municipality_code="730"
            ),
            "2023-01-01",
        ),
    ],
)
def test_r33_issue_and_review_are_what_the_next_review_counts_from(
    event: domain.Event | None, assessed_on: str
) -> None:
    card = after(ISSUED, *([] if event is None else [event])).cards[CARD]

    assert isinstance(card, domain.ActiveCard)
    assert card.assessed_on == day(assessed_on)


def test_r33_a_card_is_issued_when_it_is_decided() -> None:
    issued = domain.GrantIssued(**grant(CARD, "2023-01-01") | {"decided_on": day("2022-12-20")})
    card = after(issued).cards[CARD]

    assert isinstance(card, domain.ActiveCard)
    assert card.assessed_on == day("2022-12-20")


def test_r33_the_live_cards_alone_are_to_be_reviewed_by_whoever_is_responsible() -> None:
    moved = domain.GrantTransferred(
        **dates("2023-02-01"), from_municipality_code="751", to_municipality_code="730"
    )
    other = domain.GrantIssued(**grant(OTHER_CARD, "2025-05-01"))

    assert reviews_due(after(received()), "safe") == []
    assert reviews_due(after(ISSUED, CLOSED), "safe") == []
    assert reviews_due(after(ISSUED, moved), "literal") == [
        ReviewDue(card_no=CARD, municipality_code="730", review_due_on=day("2025-12-31"))
    ]
    assert reviews_due(after(ISSUED, DEACTIVATED, other), "safe") == [
        ReviewDue(card_no=OTHER_CARD, municipality_code="751", review_due_on=day("2026-12-31"))
    ]


def test_r33_a_reactivation_counts_like_an_issue() -> None:
    card = after(ISSUED, DEACTIVATED, domain.GrantReactivated(**dates("2025-02-01"))).cards[CARD]

    assert isinstance(card, domain.ActiveCard)
    assert card.assessed_on == day("2025-02-01")
