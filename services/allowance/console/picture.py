"""A card's year as a picture: what is covered over time, the cap above it, each wage a step. Pure.

Only places and shapes, in units of the picture's own; what they are called is the template's.
The table beside the picture says the same.
"""

import datetime as dt
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from frikort_contracts.explanations import Asked, ExplainedEntry
from services.allowance.differences import kept_out
from services.allowance.domain import Cap, limit_in_force

WIDTH: Final = 960
HEIGHT: Final = 400
LEFT: Final = 96
RIGHT: Final = 936
TOP: Final = 24
BOTTOM: Final = 352
HEADROOM: Final = 1.08
LEVELS_MAX: Final = 5
NUDGE: Final = 9.0
"""How far apart two steps stand that would lie on each other."""
_KRONE: Final = 100
_ROUND: Final = (1, 2, 5)

Shape = Literal["covered", "partly", "uncovered", "reversal"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A wage or its reversal: a mark at `y`, and up to `excess_y` what is an ordinary wage."""

    entry: ExplainedEntry
    x: float
    y: float
    excess_y: float | None
    shape: Shape
    counted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """An amount on the upright axis, or a stretch of the cap's line that begins at `x`."""

    x: float
    y: float
    amount_ore: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """What is drawn; lines are points as SVG writes them, `cap` empty where none is known."""

    covered: str
    area: str
    cap: str
    caps: tuple[Level, ...]
    levels: tuple[Level, ...]
    months: tuple[float, ...]
    as_of_x: float | None
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scale:
    year: int
    top_ore: int

    def x(self, date: dt.date) -> float:
        first, last = dt.date(self.year, 1, 1), dt.date(self.year, 12, 31)
        share = (date - first) / (last - first)
        return round(LEFT + min(1.0, max(0.0, share)) * (RIGHT - LEFT), 1)

    def y(self, amount_ore: int) -> float:
        share = min(1.0, max(0.0, amount_ore / self.top_ore))
        return round(BOTTOM - share * (BOTTOM - TOP), 1)


def draw(
    year: int,
    entries: Iterable[ExplainedEntry],
    caps: Sequence[Cap],
    asked: Asked,
    *,
    now: dt.datetime,
    today: dt.date,
) -> Picture:
    """Draw a year as of a date, as known at a moment; `entries` and `caps` are of that year.

    By business date, a reversal on the day of the wage it takes back. What does not count is
    marked, and moves nothing.
    """
    ordered = sorted(entries, key=lambda entry: (entry.paid_on, entry.entry_no))
    limits = _limits(year, caps, asked.known_at or now)
    scale = _Scale(year=year, top_ore=_top(ordered, [limit.amount_ore for limit in limits]))
    until = min(asked.as_of or today, dt.date(year, 12, 31))
    line, steps = _steps(ordered, asked, scale)
    line.append((scale.x(until), line[-1][1]))
    right = max(x for x, _ in line)
    return Picture(
        covered=_points(line),
        area=_points([*line, (right, BOTTOM), (LEFT, BOTTOM)]),
        cap=_points(_cap_line(limits, scale)),
        caps=tuple(
            Level(x=scale.x(limit.since), y=scale.y(limit.amount_ore), amount_ore=limit.amount_ore)
            for limit in limits
        ),
        levels=_levels(scale),
        months=tuple(scale.x(dt.date(year, month, 1)) for month in range(1, 13)),
        as_of_x=None if asked.as_of is None else scale.x(asked.as_of),
        steps=tuple(_apart(steps)),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Limit:
    since: dt.date
    amount_ore: int


def _limits(year: int, caps: Sequence[Cap], known_by: dt.datetime) -> list[_Limit]:
    """Give the limits of a year in order of the days from which they are in force."""
    first = dt.date(year, 1, 1)
    days = sorted({max(first, cap.in_force_from) for cap in caps} | {first})
    found: list[_Limit] = []
    for day in days:
        amount_ore = limit_in_force(caps, day, known_by)
        if day.year != year or amount_ore is None:
            continue
        if not found or found[-1].amount_ore != amount_ore:
            found.append(_Limit(since=day, amount_ore=amount_ore))
    return found


def _top(entries: Sequence[ExplainedEntry], limits: Iterable[int]) -> int:
    """Give the amount at the upper edge: room for the cap, and for what lies over it."""
    reached = max(itertools.accumulate((entry.covered_ore for entry in entries), initial=0))
    over = max((entry.excess_ore for entry in entries), default=0)
    return int(max(*limits, reached + over, 1000 * _KRONE) * HEADROOM)


def _steps(
    entries: Iterable[ExplainedEntry], asked: Asked, scale: _Scale
) -> tuple[list[tuple[float, float]], list[Step]]:
    """Fold the entries to a line of steps; begin at nothing on the year's first day."""
    covered_ore, line, steps = 0, [(float(LEFT), float(BOTTOM))], list[Step]()
    for entry in entries:
        counted = not kept_out(entry, asked)
        x = scale.x(entry.paid_on)
        if counted:
            line.append((x, scale.y(covered_ore)))
            covered_ore += entry.covered_ore
            line.append((x, scale.y(covered_ore)))
        y = scale.y(covered_ore)
        over = entry.excess_ore > 0 and counted
        steps.append(
            Step(
                entry=entry,
                x=x,
                y=y,
                excess_y=scale.y(covered_ore + entry.excess_ore) if over else None,
                shape=_shape(entry),
                counted=counted,
            )
        )
    return line, steps


def _shape(entry: ExplainedEntry) -> Shape:
    if entry.kind == "reversal":
        return "reversal"
    if entry.excess_ore == 0:
        return "covered"
    return "partly" if entry.covered_ore else "uncovered"


def _apart(steps: Iterable[Step]) -> Iterable[Step]:
    """Move marks that would lie on each other a little to the right."""
    taken: set[tuple[float, float]] = set()
    for step in steps:
        x = step.x
        while (x, step.y) in taken and x < RIGHT:
            x = round(x + NUDGE, 1)
        taken.add((x, step.y))
        yield Step(
            entry=step.entry,
            x=x,
            y=step.y,
            excess_y=step.excess_y,
            shape=step.shape,
            counted=step.counted,
        )


def _cap_line(limits: Sequence[_Limit], scale: _Scale) -> list[tuple[float, float]]:
    line: list[tuple[float, float]] = []
    for limit in limits:
        x, y = scale.x(limit.since), scale.y(limit.amount_ore)
        line += [(x, line[-1][1]), (x, y)] if line else [(x, y)]
    return [*line, (float(RIGHT), line[-1][1])] if line else []


def _levels(scale: _Scale) -> tuple[Level, ...]:
    """Give round amounts for the upright axis, at most a handful."""
    steps = (digit * 10**power * _KRONE for power in itertools.count(2) for digit in _ROUND)
    step = next(step for step in steps if scale.top_ore // step <= LEVELS_MAX)
    amounts = range(0, scale.top_ore + 1, step)
    return tuple(Level(x=LEFT, y=scale.y(amount), amount_ore=amount) for amount in amounts)


def _points(line: Iterable[tuple[float, float]]) -> str:
    return " ".join(f"{x:g},{y:g}" for x, y in line)
