"""One citizen's history, as the ledger tells it: every wage, what was covered, what is left."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from pydantic import JsonValue, RootModel
from rich.table import Table
from rich.text import Text

from cli.client import Client
from cli.files import read_file
from cli.output import kroner, number, say, stdout_console
from frikort_contracts.answers import AllowanceBalance
from frikort_contracts.requests import RegisterWageRequest
from frikort_contracts.types import Contract

WORDS: Final = {
    "grant-issued": "card granted",
    "grant-reviewed": "reviewed",
    "grant-deactivated": "deactivated",
    "grant-reactivated": "reactivated",
    "employment-registered": "employment",
    "wage-paid": "wage",
    "wage-reversed": "wage reversed",
}


class Entry(Contract):
    """A journal entry as the ledger shows it."""

    entry_no: int
    hash: str
    content: dict[str, JsonValue]
    limit_ore: int | None
    year_covered_ore: int | None


class _Entries(RootModel[list[Entry]]):
    """The answer: a list."""


def balances_of(client: Client, wages_file: Path, *, year: int) -> list[AllowanceBalance]:
    """Ask the balance of every card that a wages file pays in a year."""
    wages = [row.request for row in read_file("wages", wages_file).rows]
    cards = {
        wage.card_no
        for wage in wages
        if isinstance(wage, RegisterWageRequest) and wage.paid_on.year == year
    }
    return [
        client.get(
            "allowance", f"/v1/cards/{card_no}/allowance", AllowanceBalance, query={"year": year}
        )
        for card_no in sorted(cards)
    ]


def show_story(client: Client, balances: Sequence[AllowanceBalance], *, year: int) -> str:
    """Show the history of the card with the most excess, and give its number."""
    told = max(balances, key=lambda balance: (balance.exhausted, balance.excess_ore))
    answer = client.get(
        "allowance", f"/v1/cards/{told.card_no}/entries", _Entries, query={"year": year}
    )
    entries = answer.root
    table = Table(title=f"Card {told.card_no} in {year}", title_justify="left", title_style="bold")
    for heading in ("entry", "date", "what", "amount", "covered", "excess", "remaining", "hash"):
        figures = heading in {"entry", "amount", "covered", "excess", "remaining"}
        table.add_column(heading, justify="right" if figures else "left")
    for entry in entries:
        table.add_row(*(Text(cell) for cell in _cells(entry)))
    stdout_console().print(table)
    say(
        f"Covered {kroner(told.covered_ore)}, excess {kroner(told.excess_ore)}, remaining "
        f"{kroner(told.remaining_ore)}, after {number(told.entries)} wages and reversals."
    )
    return told.card_no


def _cells(entry: Entry) -> Iterable[str]:
    content: Any = entry.content
    source, decision = content["source"], content["decision"]
    remaining_ore = max(0, (entry.limit_ore or 0) - (entry.year_covered_ore or 0))
    yield str(entry.entry_no)
    yield source["payload"]["paid_on"]
    yield WORDS.get(source["type"], source["type"])
    yield kroner(decision["covered_ore"] + decision["excess_ore"])
    yield kroner(decision["covered_ore"])
    yield kroner(decision["excess_ore"])
    yield kroner(remaining_ore)
    yield entry.hash[:8]
