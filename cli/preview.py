"""`frikort preview`: what of a wage would be covered, before it is paid. Decides nothing."""

import os
from typing import Annotated

import typer

from cli import options
from cli.client import Client
from cli.explain_output import cited
from cli.explain_words import WORDS, Language
from cli.output import JsonFlag, kroner, number, print_json, say, stdout_console
from cli.settings import Settings
from cli.values import holiday_pay
from frikort_contracts.explanations import Preview, PreviewRequest


def preview(
    card_no: options.CardNo,
    amount_kr: Annotated[
        str, options.amount_argument("The whole wage in kroner, as 5000 or 5.000,00.")
    ],
    *,
    paid_on: Annotated[
        str, options.date_option("The day on which the wage is paid; it may be to come.")
    ],
    with_holiday_pay: Annotated[
        bool,
        typer.Option(
            "--with-holiday-pay",
            help="The amount is without holiday pay: add its 12.5 %, rounded half up to the øre.",
        ),
    ] = False,
    lang: Annotated[Language, typer.Option(help="The language of the reason.")] = Language.ENGLISH,
    as_json: JsonFlag = False,
) -> None:
    """Say what of a wage would be covered, were it recorded now. Decides and keeps nothing."""
    wage_ore = options.amount_ore(amount_kr)
    added_ore = holiday_pay(wage_ore) if with_holiday_pay else 0
    request = PreviewRequest.model_validate(
        {"amount_ore": wage_ore + added_ore, "paid_on": paid_on}
    )
    settings = Settings.from_environment(os.environ)
    with Client(settings=settings, retry_s=settings.brief_retry_s, on_absence=say) as client:
        found = client.post("allowance", f"/v1/cards/{card_no}/preview", Preview, body=request)
    if added_ore:
        told = WORDS[lang].holiday_pay
        say(told.format(added=kroner(added_ore), whole=kroner(request.amount_ore)))
    if as_json:
        print_json(found.model_dump(mode="json"))
    else:
        _show(found, lang)


def _show(found: Preview, language: Language) -> None:
    words = WORDS[language]
    lines = [found.danish if language is Language.DANISH else found.english]
    if found.limit_ore is not None:
        figures = words.figures.format(
            covered=kroner(found.covered_ore),
            excess=kroner(found.excess_ore),
            limit=kroner(found.limit_ore),
            before=kroner(found.remaining_before_ore),
            after=kroner(found.remaining_after_ore),
        )
        lines.append(figures)
    lines.append(cited(found.rules, found.basis, language))
    if found.waiting:
        lines.append(words.undecided.format(number=number(found.waiting)))
    for line in lines:
        stdout_console().print(line, soft_wrap=True, markup=False)
    say(words.still_to_do)
