"""What was decided about the cards afterwards: reviews, deactivations, reactivations.

Every card active at the end of 2022 was reviewed in the first quarter of 2023, as the law
asked that once; cards granted in 2023 were not (DOMAIN 1.1, 2.12). Nobody moves away.
"""

import datetime as dt
import random
from dataclasses import dataclass
from typing import Literal

from deploy.demo.cards import FROM_30, UNDER_30, Card
from deploy.demo.days import LAST_DAY, plus, workday_between

Fate = Literal["kept", "paused", "gone", "stopped", "left", "new"]
"""`gone` before 2023, `stopped` by the review, `left` after it; `new` in 2023."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A decision about a card; `effective_on` of a deactivation is the first day without."""

    card_no: str
    change: Literal["reviewed", "deactivated", "reactivated"]
    effective_on: dt.date
    decided_on: dt.date
    reason: str
    registered_at: dt.date


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A card with its fate and its one inactive stretch, `active_again` being active."""

    card: Card
    fate: Fate
    inactive_from: dt.date | None = None
    active_again: dt.date | None = None

    def is_active(self, day: dt.date) -> bool:
        """Say whether a wage paid on a day falls under the card."""
        if day < self.card.valid_from:
            return False
        if self.inactive_from is None or day < self.inactive_from:
            return True
        return self.active_again is not None and day >= self.active_again


_YEAR_2023 = dt.date(2023, 1, 1)
_REVIEWS_FIRST, _REVIEWS_LAST = dt.date(2023, 1, 9), dt.date(2023, 3, 31)
_GONE = {UNDER_30: 5, FROM_30: 7}
_GONE_GRANTED_TO = dt.date(2022, 3, 31)
_GONE_LAST = dt.date(2022, 11, 30)
_PAUSED = 5
_PAUSED_GRANTED_TO = dt.date(2021, 9, 30)
_STOPPED_UNDER_30 = 73
_STOPPED_REACTIVATED = 2
_LEFT = 3

_EDUCATION = "I SU-berettiget uddannelse"
_INCOME = "Skattepligtig arbejdsindkomst over grænsen"
_TARGET_GROUP = "Ikke længere i målgruppen"
_WISH = "Borgeren ønsker ikke længere kortet"
_BACK = "Betingelserne er igen opfyldt"
_NEW_FACTS = "Nye oplysninger om borgerens forhold"
_CONTINUES = "Betingelserne er fortsat opfyldt"


def decide_changes(rng: random.Random, cards: list[Card]) -> tuple[list[Change], list[Standing]]:
    """Decide each card's fate. Returns the changes as learned, and all cards' standings."""
    old = [card for card in cards if card.valid_from < _YEAR_2023]
    rng.shuffle(old)
    standings = [Standing(card=card, fate="new") for card in cards if card.valid_from >= _YEAR_2023]
    gone = _taken(old, _GONE, _GONE_GRANTED_TO)
    paused = _taken(old, {FROM_30: _PAUSED}, _PAUSED_GRANTED_TO)
    stopped = _taken(old, {UNDER_30: _STOPPED_UNDER_30}, LAST_DAY)
    left = _taken(old, {FROM_30: _LEFT}, LAST_DAY)
    changes: list[Change] = []
    standings += [_go(rng, card, changes) for card in gone]
    for card in paused:
        standings.append(_pause(rng, card, changes))
        _review(rng, card, changes)
    for index, card in enumerate(stopped):
        standings.append(_stop(rng, card, changes, again=index < _STOPPED_REACTIVATED))
    for card in left:
        _review(rng, card, changes)
        standings.append(_leave(rng, card, changes))
    for card in old:
        _review(rng, card, changes)
        standings.append(Standing(card=card, fate="kept"))
    return sorted(changes, key=lambda change: change.registered_at), standings


def _taken(pool: list[Card], counts: dict[str, int], granted_to: dt.date) -> list[Card]:
    """Take cards of each age group out of the pool."""
    taken = []
    for group, count in counts.items():
        fits = [card for card in pool if card.age_group == group and card.valid_from <= granted_to]
        taken += fits[:count]
    for card in taken:
        pool.remove(card)
    return taken


def _change(
    card: Card,
    change: Literal["reviewed", "deactivated", "reactivated"],
    *,
    decided_on: dt.date,
    effective_on: dt.date,
    registered_at: dt.date,
    reason: str,
) -> Change:
    return Change(
        card_no=card.card_no,
        change=change,
        effective_on=effective_on,
        decided_on=decided_on,
        reason=reason,
        registered_at=registered_at,
    )


def _off(card: Card, decided_on: dt.date, days: int, reason: str) -> Change:
    """Deactivate some days after the decision, which is learned the day after it."""
    return _change(
        card,
        "deactivated",
        decided_on=decided_on,
        effective_on=plus(decided_on, days),
        registered_at=plus(decided_on, 1),
        reason=reason,
    )


def _on(card: Card, decided_on: dt.date, reason: str) -> Change:
    return _change(
        card,
        "reactivated",
        decided_on=decided_on,
        effective_on=decided_on,
        registered_at=plus(decided_on, 1),
        reason=reason,
    )


def _review(rng: random.Random, card: Card, changes: list[Change]) -> dt.date:
    decided_on = workday_between(rng, _REVIEWS_FIRST, _REVIEWS_LAST)
    registered_at = min(plus(decided_on, rng.choice((0, 0, 1, 2))), _REVIEWS_LAST)
    changes.append(
        _change(
            card,
            "reviewed",
            decided_on=decided_on,
            effective_on=decided_on,
            registered_at=registered_at,
            reason=rng.choice((_CONTINUES, "", "")),
        )
    )
    return decided_on


def _go(rng: random.Random, card: Card, changes: list[Change]) -> Standing:
    decided_on = workday_between(rng, plus(card.valid_from, 150), _GONE_LAST)
    reason = rng.choice((_EDUCATION, _INCOME, _WISH, _TARGET_GROUP))
    off = _off(card, decided_on, rng.choice((0, 0, 0, 1, 7, 14)), reason)
    changes.append(off)
    return Standing(card=card, fate="gone", inactive_from=off.effective_on)


def _pause(rng: random.Random, card: Card, changes: list[Change]) -> Standing:
    stopped_on = workday_between(rng, plus(card.valid_from, 100), plus(card.valid_from, 200))
    again_on = workday_between(rng, plus(stopped_on, 60), plus(stopped_on, 180))
    off, on = _off(card, stopped_on, 0, _INCOME), _on(card, again_on, _BACK)
    changes += [off, on]
    return Standing(
        card=card,
        fate="paused",
        inactive_from=off.effective_on,
        active_again=on.effective_on,
    )


def _stop(rng: random.Random, card: Card, changes: list[Change], *, again: bool) -> Standing:
    """Review a card and deactivate it by the same decision, some to be reactivated in May."""
    decided_on = _review(rng, card, changes)
    review = changes.pop()
    reason = rng.choices((_EDUCATION, _INCOME, _TARGET_GROUP, _WISH), (5, 3, 2, 1))[0]
    off = _change(
        card,
        "deactivated",
        decided_on=decided_on,
        effective_on=min(plus(decided_on, rng.choice((0, 0, 0, 1, 14))), _REVIEWS_LAST),
        registered_at=review.registered_at,
        reason=reason,
    )
    changes += [review, off]
    active_again = None
    if again:
        active_again = workday_between(rng, dt.date(2023, 5, 2), dt.date(2023, 5, 26))
        changes.append(_on(card, active_again, _NEW_FACTS))
    return Standing(
        card=card, fate="stopped", inactive_from=off.effective_on, active_again=active_again
    )


def _leave(rng: random.Random, card: Card, changes: list[Change]) -> Standing:
    decided_on = workday_between(rng, dt.date(2023, 4, 11), dt.date(2023, 5, 26))
    off = _off(card, decided_on, 0, _WISH)
    changes.append(off)
    return Standing(card=card, fate="left", inactive_from=off.effective_on)
