"""`frikort balance`: what is left on cards, asked of the ledger."""

import datetime as dt
import os
from typing import Annotated

import typer

from cli import options
from cli.client import Client
from cli.errors import ConflictError, Rejection
from cli.output import JsonFlag, kroner, number, print_json, print_table, say, say_error
from cli.settings import Settings
from frikort_contracts.answers import AllowanceBalance
from frikort_contracts.types import COPENHAGEN

HEADINGS = ["Card", "Year", "Limit", "Covered", "Excess", "Remaining", "Waiting", "Entries"]


def balance(
    card_numbers: Annotated[
        list[str],
        typer.Argument(
            metavar="CARD_NO",
            help="Card numbers, five digits each.",
            parser=options.card_no,
            show_default=False,
        ),
    ],
    *,
    year: Annotated[
        int | None,
        typer.Option(min=2019, max=9999, help="The calendar year; the current one if left out."),
    ] = None,
    as_of: Annotated[
        str | None,
        options.date_option(
            "Count business dates up to this one; everything recorded if left out."
        ),
    ] = None,
    known_at: Annotated[
        str | None,
        options.moment_option(
            "Count what was known then: a date (to its last instant), or time with offset."
        ),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Show what is left on cards: limit, covered, excess and remaining of a year.

    With --json one card gives an object, several give a list. A card that is not known is named
    and the exit status is 1; the others are shown all the same.
    """
    settings = Settings.from_environment(os.environ)
    if year is None:
        year = dt.datetime.now(COPENHAGEN).year
        say(f"No --year was given: these are the balances of the current year, {year}.")
    query: dict[str, str | int] = {"year": year}
    query |= {"as_of": as_of} if as_of else {}
    query |= {"known_at": known_at} if known_at else {}
    found, refused = _ask(settings, card_numbers, query)
    _print(found, single=len(card_numbers) == 1, as_json=as_json)
    raise typer.Exit(1 if refused else 0)


def _ask(
    settings: Settings, card_numbers: list[str], query: dict[str, str | int]
) -> tuple[list[AllowanceBalance], int]:
    found, refused = list[AllowanceBalance](), 0
    with Client(settings=settings, retry_s=settings.brief_retry_s, on_absence=say) as client:
        for number_asked in card_numbers:
            path = f"/v1/cards/{number_asked}/allowance"
            try:
                found.append(client.get("allowance", path, AllowanceBalance, query=query))
            except (Rejection, ConflictError) as refusal:
                say_error(f"card {number_asked}: {refusal}")
                refused += 1
    return found, refused


def _print(found: list[AllowanceBalance], *, single: bool, as_json: bool) -> None:
    if as_json:
        values = [each.model_dump(mode="json") for each in found]
        if not single or values:
            print_json(values[0] if single else values)
        return
    if found:
        print_table("", HEADINGS, [_row(each) for each in found])


def _row(each: AllowanceBalance) -> list[str]:
    remaining = kroner(each.remaining_ore)
    return [
        each.card_no,
        str(each.year),
        kroner(each.limit_ore),
        kroner(each.covered_ore),
        kroner(each.excess_ore),
        f"{remaining} (exhausted)" if each.exhausted else remaining,
        number(each.waiting),
        number(each.entries),
    ]
