"""`frikort cap`: the yearly caps, each with its legal basis."""

import hashlib
import os
from collections.abc import Iterable
from typing import Annotated, Any

import typer
from rich.table import Table

from cli import options
from cli.caps_by_law import CAPS_BY_LAW, CapByLaw
from cli.client import Client
from cli.output import JsonFlag, kroner, print_json, say, stdout_console
from cli.settings import Settings
from frikort_contracts.requests import SetCapRequest
from frikort_contracts.types import FREE_TEXT_MAX

caps = typer.Typer(no_args_is_help=True, help="The yearly caps.")


@caps.callback()
def _group() -> None:
    """The yearly caps, each dated and with its legal basis."""


@caps.command("set")
def set_cap(
    year: options.CalendarYear,
    amount_kr: Annotated[str, options.amount_argument("The cap in kroner, as 20000 or 20.000,00.")],
    *,
    in_force_from: Annotated[
        str, options.date_option("The first day on which this is the year's cap.")
    ],
    basis: Annotated[str, options.text_option("The law or order it rests on.", "TEXT")],
    income_limit: Annotated[
        str | None,
        options.amount_option(
            "Ordinary income in the year before, beyond which no card is granted."
        ),
    ] = None,
    known_at: Annotated[
        str | None,
        options.moment_option(
            "When it became known: a date, or a time with offset; now if left out."
        ),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Set a year's cap, in force from a date.

    The same command given again changes nothing. Wages that waited for the cap are decided.
    """
    if not 0 < len(basis.strip()) <= FREE_TEXT_MAX:
        raise typer.BadParameter(f"--basis has 1 to {FREE_TEXT_MAX} characters")
    request = SetCapRequest.model_validate(
        {
            "amount_ore": options.amount_ore(amount_kr),
            "in_force_from": in_force_from,
            "legal_basis": basis.strip(),
            "income_limit_ore": None if income_limit is None else options.amount_ore(income_limit),
            "known_at": known_at,
        }
    )
    settings = Settings.from_environment(os.environ)
    with Client(settings=settings, retry_s=settings.brief_retry_s, on_absence=say) as client:
        answer = _put(client, year, request)
    if as_json:
        print_json(answer)
    else:
        amount = kroner(request.amount_ore)
        since = request.in_force_from.isoformat()
        stdout_console().print(f"The cap of {year} is {amount} from {since}.")


@caps.command("seed")
def seed(*, as_json: JsonFlag = False) -> None:
    """Set the caps of 2019 to 2025 as the law has them.

    Those that are set already stay as they are. The cap of a later year is set with `cap set`.
    """
    settings = Settings.from_environment(os.environ)
    with Client(settings=settings, retry_s=settings.brief_retry_s, on_absence=say) as client:
        answers = put_caps(client, CAPS_BY_LAW)
    if as_json:
        print_json(answers)
        return
    table = Table("year", "cap", "in force from", "basis", box=None)
    for cap in CAPS_BY_LAW:
        table.add_row(str(cap.year), kroner(cap.amount_kr * 100), cap.in_force_from, cap.basis)
    stdout_console().print(table)


def put_caps(client: Client, wanted: Iterable[CapByLaw]) -> list[Any]:
    """Set caps, in order; give the service's answers."""
    return [_put(client, cap.year, cap.request()) for cap in wanted]


def _put(client: Client, year: int, request: SetCapRequest) -> Any:
    key = idempotency_key(year, request)
    headers = {"Idempotency-Key": key}
    return client.put("allowance", f"/v1/caps/{year}", body=request, headers=headers)


def idempotency_key(year: int, request: SetCapRequest) -> str:
    """Derive the key from the content, so that the same command again is the same command."""
    content = request.model_dump_json(exclude_none=True).encode()
    return f"cap/{year}/{hashlib.sha256(content).hexdigest()[:32]}"
