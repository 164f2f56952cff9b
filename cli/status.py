"""`frikort status`: how many cards, how they are used, and how reviews went."""

import os
from typing import Annotated

from rich.columns import Columns
from rich.table import Table
from rich.text import Text

from cli import options
from cli.client import Client
from cli.output import JsonFlag, number, print_json, print_table, say, stdout_console
from cli.settings import Settings
from frikort_contracts.answers import Status

FIGURES = {
    "granted": "cards granted",
    "active": "active on the date",
    "deactivated": "deactivated on the date",
    "in_use": "in use in the year of the date",
    "used_ever": "used in any year",
    "exhausted": "exhausted in the year of the date",
    "exhausted_ever": "exhausted in any year",
    "employments": "employments",
}


def status(
    *,
    municipality: Annotated[
        str | None,
        options.text_option("Only this municipality, as 751; all if left out.", "CODE"),
    ] = None,
    on: Annotated[str | None, options.date_option("The date; today if left out.")] = None,
    consultant: Annotated[
        str | None, options.text_option("Only employments made by this consultant.", "ID")
    ] = None,
    since: Annotated[
        str | None,
        options.date_option("Only employments registered and started since this date."),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Show a municipality's figures: cards granted, in use and exhausted, employments, reviews."""
    settings = Settings.from_environment(os.environ)
    given = {"municipality": municipality, "on": on, "consultant": consultant, "since": since}
    query = {name: value for name, value in given.items() if value is not None}
    with Client(settings=settings, retry_s=settings.brief_retry_s, on_absence=say) as client:
        answer = client.get("allowance", "/v1/status", Status, query=query)
    if as_json:
        print_json(answer.model_dump(mode="json"))
    else:
        _print(answer, where=municipality, on=on)


def _print(answer: Status, *, where: str | None, on: str | None) -> None:
    whose = f"municipality {where}" if where else "all municipalities"
    figures = answer.model_dump(include=set(FIGURES))
    rows = [[words, number(figures[name])] for name, words in FIGURES.items()]
    print_table(f"Social free cards of {whose} on {on or 'this day'}", ["", "number"], rows)
    parts = [_counts("benefit", answer.by_benefit), _counts("sector", answer.by_sector)]
    stdout_console().print(Columns([part for part in parts if part.row_count]))
    if answer.reviews:
        reviews = [
            [group, number(each.reviewed), number(each.continued), number(each.deactivated)]
            for group, each in sorted(answer.reviews.items())
        ]
        print_table("Reviews", ["age group", "reviewed", "continued", "deactivated"], reviews)


def _counts(of: str, counts: dict[str, int]) -> Table:
    """List employments by benefit or sector, the most frequent first."""
    table = Table(title=f"Employments by {of}", title_justify="left", title_style="bold")
    table.add_column(of)
    table.add_column("number", justify="right")
    for name, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        table.add_row(Text(name), number(count))
    return table
