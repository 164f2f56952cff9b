"""A card's history as the console's views take it, made of a posting in memory."""

import datetime as dt
from collections.abc import Sequence

from services.allowance.console.views import CardYear, card_year
from services.allowance.explain import HolderRows, to_caps
from services.allowance.posting import Posting, Rules
from services.chassis.inbox import Message
from tests.unit.explain_cases import caps_of_2023, changes_of, held_rows, journal_rows, rule_rows
from tests.unit.ledger_cases import NOW, Story, post


def rows_of(messages: Sequence[Message], rules: Rules) -> HolderRows:
    """Give what the ledger's tables hold of a citizen after some messages."""
    posted: Posting = post(messages, rules)
    (page,) = posted.pages.values()
    return HolderRows(
        journal=journal_rows(posted.entries),
        changes=changes_of(page),
        caps=to_caps(rule_rows(rules)),
        held=held_rows(page),
    )


def a_year() -> HolderRows:
    """2023, with its cap raised from 1 July; every kind of wage and one that is taken back."""
    story = Story()
    learned = {month: dt.datetime(2023, month, 20, tzinfo=dt.UTC) for month in range(1, 13)}
    return rows_of(
        [
            story.issued("2023-02-01"),
            story.wage("early", "2023-01-15", 1_000_00, known_at=learned[1]),
            story.wage("most", "2023-03-15", 18_000_00, known_at=learned[3]),
            story.wage("crossing", "2023-04-15", 5_000_00, known_at=learned[4]),
            story.wage("wrong", "2023-08-15", 4_000_00, known_at=learned[8]),
            story.reversal("wrong", "2023-08-15", 4_000_00, known_at=learned[9]),
        ],
        caps_of_2023(),
    )


def shown(rows: HolderRows, *, as_of: str | None = None, known_on: str | None = None) -> CardYear:
    """Show the year 2023 at a moment."""
    return card_year(
        "00123",
        rows,
        2023,
        as_of=None if as_of is None else dt.date.fromisoformat(as_of),
        known_on=None if known_on is None else dt.date.fromisoformat(known_on),
        now=NOW,
    )
