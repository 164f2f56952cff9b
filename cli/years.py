"""`frikort year`: a municipality closes a calendar year."""

import os
from typing import Annotated

import typer
from pydantic import TypeAdapter, ValidationError

from cli import options
from cli.client import Client
from cli.output import JsonFlag, print_json, say, stdout_console
from cli.settings import Settings
from frikort_contracts.imports import Position
from frikort_contracts.requests import CloseYearRequest
from frikort_contracts.types import Contract, Moment, MunicipalityCode

years = typer.Typer(no_args_is_help=True, help="The calendar years.")


class Closing(Contract):
    """The recorded closing, as `--json` prints it."""

    event: str
    id: str
    year: int
    municipality_code: str
    known_at: Moment
    position: Position


@years.callback()
def _group() -> None:
    """The calendar years, open until their municipality closes them."""


@years.command("close")
def close_year(
    year: options.CalendarYear,
    *,
    municipality: Annotated[str, options.text_option("Whose year, as 751.", "CODE")],
    as_json: JsonFlag = False,
) -> None:
    """Close a municipality's year: wages registered later are kept, and not covered.

    The same command given again changes nothing. There is no way to open a year again.
    """
    code = _municipality(municipality)
    settings = Settings.from_environment(os.environ)
    with Client(settings=settings, retry_s=settings.brief_retry_s, on_absence=say) as client:
        closing = client.post(
            "allowance",
            f"/v1/municipalities/{code}/years/{year}/closing",
            Closing,
            body=CloseYearRequest(),
        )
    if as_json:
        print_json(closing.model_dump(mode="json"))
    else:
        stdout_console().print(f"{year} is closed for municipality {code}.")


def _municipality(text: str) -> str:
    try:
        return TypeAdapter(MunicipalityCode).validate_python(text)
    except ValidationError as error:
        raise typer.BadParameter(f"{text!r} is no municipality code: it is three digits") from error
