"""What is kept beside the journal is nothing but its fold, and the proof names what is not."""

from typing import Any

import pytest

from cli.proof import Balance, Fault, Proof, Stored
from services.allowance import store
from services.allowance.posting import Posting
from tests.unit.ledger_cases import CAP_ORE, Story, caps, identity, post

KEPT = Balance(CAP_ORE - 600, 500, 5, 100, "2023-04-01")
"""Of 2023: May was taken back, April crossed what May had left of the cap, the card is inactive
from June on."""


@pytest.fixture(scope="module")
def entered() -> Posting:
    story = Story()
    messages = [
        story.issued(),
        story.wage("may", "2023-05-01", 600),
        story.wage("april", "2023-04-01", CAP_ORE - 600 + 100),
        story.reversal("may", "2023-05-01", 600),
        story.deactivated("2023-06-01"),
        story.wage("june", "2023-06-01", 300, rests_on=2),
        story.wage("july", "2023-07-01", 100, rests_on=2),
        story.wage("next year", "2024-02-01", 70),
    ]
    return post(messages, caps(2023, 2024))


def proved(done: Posting, **changed: Any) -> list[Fault]:
    """Prove a posting whose balance of 2023 is kept with other values than it folds to."""
    (page,) = done.pages.values()
    stored = Stored(
        heads={page.citizen_id: (page.entry_no, page.head)},
        balances={
            (page.citizen_id, 2023): KEPT._replace(**changed),
            (page.citizen_id, 2024): Balance(70, 0, 1, 0, "2024-02-01"),
        },
        partitions={},
        lanes=[],
    )
    proof = Proof()
    for entry in done.entries:
        row = dict(zip(store.JOURNAL_COLUMNS, store._journal_row(entry), strict=True))  # noqa: SLF001
        proof.take_entry(row, stored)
    proof.end(stored)
    return proof.faults


def test_what_the_ledger_keeps_of_a_year_is_what_its_entries_fold_to(entered: Posting) -> None:
    (page,) = entered.pages.values()
    kept = page.state.year(2023)

    assert proved(entered) == []
    assert (*kept[:4], str(kept.covered_to)) == tuple(KEPT)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("covered_ore", 0),
        ("excess_ore", 0),
        ("entries", 4),
        ("over_cap_ore", 500),
        ("covered_to", "2023-05-01"),
        ("covered_to", None),
    ],
)
def test_a_balance_kept_otherwise_is_named_with_its_column(
    entered: Posting, column: str, value: int | str | None
) -> None:
    found = proved(entered, **{column: value})

    should_be = str(getattr(KEPT, column))
    where = f"citizen {identity('citizen')}"
    assert found == [Fault(where, f"balance 2023 {column}", str(value), should_be)]
