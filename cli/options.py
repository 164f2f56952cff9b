"""What commands take, and how it is read; each refusal is wrong usage (status 2)."""

import re
from typing import Annotated, Any

import typer

from cli.values import ValueRefused, parse_amount, parse_date, parse_moment
from frikort_contracts.types import AMOUNT_ORE_MAX


def card_no(text: str) -> str:
    """Read a card number: five digits, leading zeros count."""
    if re.fullmatch(r"[0-9]{5}", text) is None:
        raise typer.BadParameter(f"{text!r} is no card number: it is five digits, as 00042")
    return text


def date(text: str) -> str:
    """Read a date in one of the notations of files, and give it as YYYY-MM-DD."""
    try:
        return parse_date(text).isoformat()
    except ValueRefused as refusal:
        raise typer.BadParameter(f"{text!r}: {refusal}") from refusal


def moment(text: str) -> str:
    """Read a date, or a time with its offset."""
    try:
        return parse_moment(text)
    except ValueRefused as refusal:
        raise typer.BadParameter(f"{text!r}: {refusal}") from refusal


def amount(text: str) -> str:
    """Check an amount in kroner that is more than 0; the text stays as it is."""
    amount_ore(text)
    return text


def amount_ore(text: str) -> int:
    """Read an amount in kroner that is more than 0, and give it in øre."""
    try:
        value = parse_amount(text)
    except ValueRefused as refusal:
        raise typer.BadParameter(f"{text!r}: {refusal}") from refusal
    if not 0 < value <= AMOUNT_ORE_MAX:
        raise typer.BadParameter(f"{text!r}: give more than 0 and at most 10.000.000.000 kr")
    return value


CardNo = Annotated[
    str,
    typer.Argument(
        metavar="CARD_NO",
        help="A card number, five digits.",
        parser=card_no,
        show_default=False,
    ),
]
CalendarYear = Annotated[
    int,
    typer.Argument(
        metavar="YEAR", min=2019, max=9999, help="The calendar year.", show_default=False
    ),
]


def amount_argument(help_text: str) -> Any:
    """Take an amount in kroner that is more than 0."""
    return typer.Argument(metavar="AMOUNT_KR", parser=amount, help=help_text, show_default=False)


def amount_option(help_text: str) -> Any:
    """Take an amount in kroner that is more than 0."""
    return typer.Option(metavar="KR", parser=amount, help=help_text, show_default=False)


def file_argument(help_text: str) -> Any:
    """Take a file that is there and can be read."""
    return typer.Argument(
        metavar="FILE",
        help=help_text,
        exists=True,
        dir_okay=False,
        readable=True,
        show_default=False,
    )


def date_option(help_text: str, *names: str) -> Any:
    """Take a date; it arrives as YYYY-MM-DD."""
    return typer.Option(*names, metavar="DATE", parser=date, help=help_text, show_default=False)


def moment_option(help_text: str) -> Any:
    """Take a date, or a time with its offset."""
    return typer.Option(metavar="TIME", parser=moment, help=help_text, show_default=False)


def text_option(help_text: str, metavar: str) -> Any:
    """Take a text as it is."""
    return typer.Option(metavar=metavar, help=help_text, show_default=False)
