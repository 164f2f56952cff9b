"""`frikort preview`: what of a wage would be covered, before it is paid. Decides nothing."""

import os
from typing import Annotated

import typer

from cli import options
from cli.client import Client
from cli.explain_output import Language, show_cited
from cli.output import JsonFlag, kroner, number, print_json, say, stdout_console
from cli.settings import Settings
from frikort_contracts.explanations import Preview, PreviewRequest

STILL_TO_DO = "Nothing was recorded. The wage, once paid, must be registered in Socialtfrikort.dk."


def preview(
    card_no: Annotated[
        str,
        typer.Argument(
            metavar="CARD_NO",
            help="A card number, five digits.",
            parser=options.card_no,
            show_default=False,
        ),
    ],
    amount_kr: Annotated[
        str,
        typer.Argument(
            metavar="AMOUNT_KR",
            parser=options.amount,
            help="The whole wage in kroner, as 5000 or 5.000,00.",
            show_default=False,
        ),
    ],
    *,
    paid_on: Annotated[
        str,
        typer.Option(
            metavar="DATE",
            parser=options.date,
            help="The day on which the wage is paid; it may be to come.",
            show_default=False,
        ),
    ],
    lang: Annotated[Language, typer.Option(help="The language of the reason.")] = Language.ENGLISH,
    as_json: JsonFlag = False,
) -> None:
    """Say what of a wage would be covered, were it recorded now. Decides and keeps nothing."""
    request = PreviewRequest.model_validate(
        {"amount_ore": options.amount_ore(amount_kr), "paid_on": paid_on}
    )
    settings = Settings.from_environment(os.environ)
    with Client(settings=settings, retry_s=settings.brief_retry_s, on_absence=say) as client:
        found = client.post("allowance", f"/v1/cards/{card_no}/preview", Preview, body=request)
    if as_json:
        print_json(found.model_dump(mode="json"))
    else:
        _show(found, lang)


def _show(found: Preview, language: Language) -> None:
    lines = [found.danish if language is Language.DANISH else found.english]
    if found.limit_ore is not None:
        lines.append(
            f"Covered {kroner(found.covered_ore)}, excess {kroner(found.excess_ore)}. Left of "
            f"{kroner(found.limit_ore)}: {kroner(found.remaining_before_ore)} before, "
            f"{kroner(found.remaining_after_ore)} after."
        )
    lines.append(show_cited(found.rules, found.basis))
    if found.waiting:
        lines.append(
            f"Not decided yet: messages {number(found.waiting)}. Once they are, the answer may be "
            "another."
        )
    for line in lines:
        stdout_console().print(line, soft_wrap=True, markup=False)
    say(STILL_TO_DO)
