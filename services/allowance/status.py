"""The municipality's status on a date: a pure fold over cards, changes, employments and wages."""

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from frikort_contracts.answers import ReviewOutcomes, Status
from frikort_contracts.types import AgeGroup
from services.allowance import store
from services.allowance.domain import COVERING, CardChange, limit_in_force, uncovered_reason
from services.allowance.posting import Rules
from services.chassis.clock import Clock, business_date
from services.chassis.database import Pool

_NOT_COVERING = {"deactivated", "closed"}


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusQuestion:
    """On which date, of which municipality; employments by consultant and since a date."""

    on: dt.date
    municipality_code: str | None = None
    consultant: str | None = None
    since: dt.date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """What the status folds; every row is a mapping of its table's columns."""

    cards: list[Mapping[str, Any]]
    changes: dict[str, list[Mapping[str, Any]]]
    employments: list[Mapping[str, Any]]
    used: list[Mapping[str, Any]]
    covered: list[Mapping[str, Any]]
    rules: Rules
    now: dt.datetime


async def read_status(pool: Pool, clock: Clock, question: StatusQuestion) -> Status:
    """Read the picture on a date and count."""
    async with pool.acquire() as connection, connection.transaction(isolation="repeatable_read"):
        cards = await connection.fetch("SELECT * FROM cards")
        changes: dict[str, list[Mapping[str, Any]]] = {}
        for row in await connection.fetch("SELECT * FROM card_changes ORDER BY card_no, version"):
            changes.setdefault(row["card_no"], []).append(row)
        picture = Picture(
            cards=cards,
            changes=changes,
            employments=await connection.fetch("SELECT * FROM employments"),
            used=await connection.fetch(
                """
                SELECT DISTINCT card_no, year
                FROM (
                  SELECT card_no, year
                  FROM journal
                  WHERE paid_on <= $1
                  GROUP BY card_no, year, wage_id
                  HAVING sum(amount_ore) > 0
                ) AS not_reversed
                """,
                question.on,
            ),
            covered=await connection.fetch(
                """
                SELECT citizen_id, year, sum(covered_ore)::BIGINT AS covered_ore
                FROM journal
                WHERE paid_on <= $1
                GROUP BY citizen_id, year
                """,
                question.on,
            ),
            rules=await store.read_rules(connection),
            now=clock.now(),
        )
    return count(picture, question)


def today(clock: Clock) -> dt.date:
    """Give the date a status is of when none is asked for."""
    return business_date(clock.now())


def count(picture: Picture, question: StatusQuestion) -> Status:
    """Fold the picture into the counts."""
    theirs = {
        card["card_no"]: card
        for card in picture.cards
        if question.municipality_code
        in {None, municipality_on(card, picture.changes[card["card_no"]], question.on)}
    }
    cards = {no: card for no, card in theirs.items() if card["valid_from"] <= question.on}
    active = sum(_is_active(picture.changes[card_no], question.on) for card_no in cards)
    used = [row for row in picture.used if row["card_no"] in cards]
    exhausted = _exhausted_years(picture, question.on)
    by_card = {card_no: exhausted.get(card["citizen_id"], set()) for card_no, card in cards.items()}
    employments = [row for row in picture.employments if _counts(row, theirs, question)]
    benefits = Counter(theirs[row["card_no"]]["benefit"] for row in employments)
    sectors = Counter(row["sector"] for row in employments)
    return Status(
        granted=len(cards),
        active=active,
        deactivated=len(cards) - active,
        in_use=len({row["card_no"] for row in used if row["year"] == question.on.year}),
        used_ever=len({row["card_no"] for row in used}),
        employments=len(employments),
        exhausted=sum(question.on.year in years for years in by_card.values()),
        exhausted_ever=sum(bool(years) for years in by_card.values()),
        by_benefit=dict(sorted(benefits.items())),
        by_sector=dict(sorted(sectors.items())),
        reviews=_reviews(cards.values(), picture.changes, question.on),
    )


def _is_active(changes: Iterable[Mapping[str, Any]], on: dt.date) -> bool:
    """Fold a card's dated changes: whether the last one in effect lets it cover."""
    dated = [
        CardChange(
            version=change["version"],
            card_no=change["card_no"],
            kind=change["kind"],
            effective_on=change["effective_on"],
        )
        for change in changes
        if change["kind"] in COVERING | _NOT_COVERING
    ]
    if not dated:
        return False
    card_no, version = dated[-1].card_no, dated[-1].version
    return uncovered_reason(dated, card_no=card_no, on=on, grants_version=version) is None


def municipality_on(
    card: Mapping[str, Any], changes: Iterable[Mapping[str, Any]], on: dt.date
) -> str:
    """Give the municipality responsible for a card on a date."""
    moves = [
        (change["effective_on"], change["version"], change["municipality_code"])
        for change in changes
        if change["kind"] == "transferred" and change["effective_on"] <= on
    ]
    return str(max(moves)[2] if moves else card["municipality_code"])


def _exhausted_years(picture: Picture, on: dt.date) -> dict[Any, set[int]]:
    """Give the years in which nothing remains, by citizen, against the limits in force."""
    found: dict[Any, set[int]] = {}
    for row in picture.covered:
        limit_ore = limit_in_force(picture.rules.caps_of(row["year"]), on, picture.now)
        if limit_ore is not None and row["covered_ore"] >= limit_ore:
            found.setdefault(row["citizen_id"], set()).add(row["year"])
    return found


def _counts(
    row: Mapping[str, Any], cards: Mapping[str, Mapping[str, Any]], question: StatusQuestion
) -> bool:
    since = question.since or dt.date.min
    return (
        row["card_no"] in cards
        and since <= row["starts_on"] <= question.on
        and since <= row["registered_on"] <= question.on
        and question.consultant in {None, row["consultant"]}
    )


def _reviews(
    cards: Iterable[Mapping[str, Any]],
    changes: Mapping[str, list[Mapping[str, Any]]],
    on: dt.date,
) -> dict[str, ReviewOutcomes]:
    reviewed: Counter[str] = Counter()
    deactivated: Counter[str] = Counter()
    for card in cards:
        decided = [c for c in changes[card["card_no"]] if c["decided_on"] <= on]
        stopped = {c["decided_on"] for c in decided if c["kind"] == "deactivated"}
        for change in decided:
            if change["kind"] == "reviewed":
                reviewed[card["age_group"]] += 1
                deactivated[card["age_group"]] += change["decided_on"] in stopped
    return {
        group.value: ReviewOutcomes(
            reviewed=reviewed[group.value],
            continued=reviewed[group.value] - deactivated[group.value],
            deactivated=deactivated[group.value],
        )
        for group in AgeGroup
    }
