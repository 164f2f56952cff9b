"""The citizens' phone numbers, as far as the municipality has one.

All begin with 6800, of a series that Denmark has given to nobody.
"""

import datetime as dt
import random
from dataclasses import dataclass

from deploy.demo.cards import Card
from deploy.demo.days import LAST_DAY, plus

_REACHABLE = 604
_NEW_NUMBERS = 22
_LANGUAGES = (("", "da", "en"), (70, 24, 6))


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """A phone number from a day on."""

    card_no: str
    phone: str
    language: str
    registered_at: dt.date


def register_contacts(rng: random.Random, cards: list[Card]) -> list[Contact]:
    """Register the phone numbers; some citizens get a new one later."""
    numbers = iter(rng.sample(range(10_000), _REACHABLE + _NEW_NUMBERS))
    reachable = rng.sample(cards, _REACHABLE)
    contacts = []
    for index, card in enumerate(reachable):
        language = rng.choices(*_LANGUAGES)[0]
        since = min(plus(card.registered_at, rng.randint(0, 21)), LAST_DAY)
        contacts.append(_contact(card, next(numbers), language, since))
        if index < _NEW_NUMBERS and since < LAST_DAY:
            later = plus(since, rng.randint(1, (LAST_DAY - since).days))
            contacts.append(_contact(card, next(numbers), language, later))
    return sorted(contacts, key=lambda contact: contact.registered_at)


def _contact(card: Card, number: int, language: str, since: dt.date) -> Contact:
    return Contact(
        card_no=card.card_no,
        phone=f"6800{number:04d}",
        language=language,
        registered_at=since,
    )
