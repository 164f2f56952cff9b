"""How the command speaks: results on standard output, messages on standard error.

Tables and colours are for people; JSON is for programs and is never wrapped or coloured.
"""

import json
import sys
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli.values import format_amount

JsonFlag = Annotated[
    bool, typer.Option("--json", help="Print JSON on standard output, for programs.")
]
WIDTH_OF_FILES: Final = 200
"""Columns when the output is no terminal, so that a table in a file is not cut."""
SHOWN_LENGTH_MAX: Final = 60


def stdout_console() -> Console:
    """Open the console for results."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = WIDTH_OF_FILES
    return console


def stderr_console() -> Console:
    """Open the console for messages and progress."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def say(message: str) -> None:
    """Tell a person something, on standard error; nothing in it is read as markup."""
    stderr_console().print(Text(message))


def say_error(message: str) -> None:
    """Tell why a command ends, on standard error."""
    stderr_console().print(Text.assemble(("Error: ", "bold red"), message))


def print_json(value: Any) -> None:
    """Write a value as JSON on standard output."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")


def print_table(title: str, headings: list[str], rows: list[list[str]]) -> None:
    """Print a table; the first column is the name of the row, the others are figures."""
    table = Table()
    for place, heading in enumerate(headings):
        table.add_column(heading, justify="right" if place else "left", no_wrap=not place)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console = stdout_console()
    if title:
        console.print(Text(title, style="bold"))
    console.print(table)


def kroner(amount_ore: int | None) -> str:
    """Write øre for people: 125050 is `1.250,50 kr`, None is `unknown`."""
    return "unknown" if amount_ore is None else f"{format_amount(amount_ore)} kr"


def number(count: int) -> str:
    """Write a count for people, with Danish thousands: 12.345."""
    return f"{count:,}".replace(",", ".")


def shown(value: str) -> str:
    """Give a file's value so that a terminal can show it: short, and without control codes."""
    clean = "".join(character if character.isprintable() else " " for character in value)
    return clean if len(clean) <= SHOWN_LENGTH_MAX else f"{clean[: SHOWN_LENGTH_MAX - 1]}…"
