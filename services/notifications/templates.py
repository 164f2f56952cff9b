"""The words of every text, by version. A text that was requested keeps the version it had.

They name no amount, no benefit, no office, no employer and no person: that somebody holds the
card is confidential (DOMAIN 8.1, Datatilsynet). Each fits one part in the GSM alphabet, in
which æ, ø and å cost no more than other letters. No decision is carried by a text. Versions
are added, never edited.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import gsm0338  # noqa: F401 - registers the codec

SEPTETS_MAX = 160
"""What one part holds (DOMAIN 8.2); a chained one would hold 153."""
PARTS = 1
DANISH = "da"
ENGLISH = "en"

CARD_ISSUED = "card-issued"
ALLOWANCE_LOW = "allowance-low"
ALLOWANCE_EXHAUSTED = "allowance-exhausted"


class UnsendableTextError(ValueError):
    """A text has a character outside the GSM alphabet, or needs a second part."""


@dataclass(frozen=True, slots=True)
class Wording:
    """One version of a template, by language."""

    da: str
    en: str

    def __post_init__(self) -> None:
        for text in (self.da, self.en):
            if septets(text) > SEPTETS_MAX:
                raise UnsendableTextError(f"{septets(text)} septets do not fit one part: {text}")


def septets(text: str) -> int:
    """Count what a text takes in the GSM 03.38 alphabet; brackets and the euro sign take two.

    Raises:
        UnsendableTextError: a character is not in the alphabet.
    """
    try:
        return len(text.encode("gsm03.38"))
    except UnicodeEncodeError as error:
        character = text[error.start]
        raise UnsendableTextError(f"{character!r} is not in the GSM alphabet") from error


TEMPLATES: Mapping[str, tuple[Wording, ...]] = {
    CARD_ISSUED: (
        Wording(
            da="Hej. Der er nyt på dit kort. Ring til din kontaktperson, hvis du har spørgsmål. "
            "Sig til der, hvis du ikke vil have disse beskeder.",
            en="Hello. There is news about your card. Call your contact person if you have any "
            "questions, or if you do not want these messages.",
        ),
    ),
    ALLOWANCE_LOW: (
        Wording(
            da="Hej. Du nærmer dig årets grænse. Tal med din kontaktperson, før du tager flere "
            "timer, eller hvis du ikke vil have disse beskeder.",
            en="Hello. You are close to this year's limit. Talk to your contact person before "
            "you take more hours, or if you do not want these messages.",
        ),
    ),
    ALLOWANCE_EXHAUSTED: (
        Wording(
            da="Hej. Du har nået årets grænse. Tal med din kontaktperson, før du tager flere "
            "timer, eller hvis du ikke vil have disse beskeder.",
            en="Hello. You have reached this year's limit. Talk to your contact person before "
            "you take more hours, or if you do not want these messages.",
        ),
    ),
}


def newest_version(template: str) -> int:
    """Give the version that a text requested now gets; they count from 1."""
    return len(TEMPLATES[template])


def render(template: str, version: int, language: str) -> str:
    """Give the words, in Danish where we have none in the language."""
    wording = TEMPLATES[template][version - 1]
    return wording.en if language.lower().startswith(ENGLISH) else wording.da
