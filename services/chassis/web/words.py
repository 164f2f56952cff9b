"""Words in two languages, side by side, and how figures and times are written among them."""

import datetime as dt
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TypeAlias

from frikort_contracts.types import COPENHAGEN, format_moment

Words: TypeAlias = Mapping[str, tuple[str, str]]
"""What each text is in Danish and in English, by the name that templates use."""


class Language(StrEnum):
    """The languages that pages are in; the first is the one nobody had to ask for."""

    DANISH = "da"
    ENGLISH = "en"


def read_words(file: Path) -> Words:
    """Read words from a TOML file: a table for each, with one text for each language.

    Raises:
        KeyError: a text is missing in a language.
    """
    tables = tomllib.loads(file.read_text(encoding="utf-8"))
    return {
        name: (texts[Language.DANISH], texts[Language.ENGLISH]) for name, texts in tables.items()
    }


@dataclass(frozen=True, slots=True)
class Tongue:
    """One language's words, with the figures and times of that language."""

    language: Language
    words: Words

    @property
    def other(self) -> Language:
        """Give the other language."""
        danish = self.language is Language.DANISH
        return Language.ENGLISH if danish else Language.DANISH

    def say(self, name: str, **values: object) -> str:
        """Give a text by name, its `{places}` filled.

        Raises:
            KeyError: there is no such text, or no value for one of its places.
        """
        text = self.words[name][self.language is Language.ENGLISH]
        return text.format_map(values) if values else text

    def code(self, family: str, code: str) -> str:
        """Give what a code reads as; one that has no words yet stays a code."""
        name = f"{family}_{code}"
        return self.say(name) if name in self.words else code

    def kroner(self, amount_ore: int | None) -> str:
        """Write øre as people here write kroner: 125050 is `1.250,50 kr`."""
        if amount_ore is None:
            return self.say("unknown")
        kroner, oere = divmod(abs(amount_ore), 100)
        sign = "\N{MINUS SIGN}" if amount_ore < 0 else ""
        return f"{sign}{kroner:,}".replace(",", ".") + f",{oere:02d} kr"

    def whole_kroner(self, amount_ore: int) -> str:
        """Write øre as whole kroner, for the edge of a picture."""
        return f"{amount_ore // 100:,}".replace(",", ".") + " kr"

    def change(self, amount_ore: int | None) -> str:
        """Write a difference in kroner: with a plus where it is one."""
        plus = "+" if amount_ore is not None and amount_ore > 0 else ""
        return f"{plus}{self.kroner(amount_ore)}"

    def number(self, count: int) -> str:
        """Write a count."""
        text = f"{count:,}"
        return text.replace(",", ".") if self.language is Language.DANISH else text

    def date(self, date: dt.date | None) -> str:
        """Write a date as the language does."""
        if date is None:
            return self.say("unknown")
        return f"{date:%d-%m-%Y}" if self.language is Language.DANISH else date.isoformat()

    def moment(self, moment: dt.datetime) -> str:
        """Write a moment in Danish time, to the second."""
        here = moment.astimezone(COPENHAGEN)
        return f"{self.date(here.date())} {here:%H:%M:%S}"

    def instant(self, moment: dt.datetime) -> str:
        """Write a moment as it is on the wire, for programs."""
        return format_moment(moment)
