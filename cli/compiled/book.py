"""The caps and closings that a replay decides by, as each decision saw them."""

from typing import NamedTuple

from services.chassis.compiled.copies import NULL
from services.chassis.compiled.jit import Array, compiled

CAP_YEAR, CAP_VERSION, AMOUNT, KNOWN, FROM, IN_FORCE_FROM, CAP = range(7)
"""A cap: its year, its rule's version, its øre, the moments when it became known and came into
force, the day of the latter, and how many figures that are."""
CLOSED_YEAR, CLOSED_VERSION, CLOSING = range(3)
"""A closing: the year, its rule's version, and how many figures that are."""


class Book(NamedTuple):
    """The rules' stream: `caps[cap]` as above, `closings[closing]` the year and the version."""

    caps: Array
    closings: Array


@compiled
def limit_for(book: Book, year: int, known_at: int, version: int) -> int:
    """Give the cap a wage is decided under, by the rules up to a version (R23, DOMAIN 1.2).

    The year's cap in force and known when the wage became known; if none was, the first known
    after it. NULL if the year had no cap.
    """
    current, later, first = -1, -1, -1
    for cap in range(len(book.caps)):
        if not _is_seen(book, cap, year, version):
            continue
        if book.caps[cap, KNOWN] <= known_at and book.caps[cap, FROM] <= known_at:
            current = _latest(book, current, cap)
        if book.caps[cap, KNOWN] > known_at:
            later = _earliest(book, later, cap)
        first = _earliest(book, first, cap)
    if current >= 0:
        return int(book.caps[current, AMOUNT])
    if later >= 0:
        return int(book.caps[later, AMOUNT])
    return int(book.caps[first, AMOUNT]) if first >= 0 else NULL


@compiled
def limit_at(book: Book, year: int, moment: int, version: int) -> int:
    """Give the year's limit at a moment, as far as was known; the first one before its day."""
    reached, found = NULL, -1
    for cap in range(len(book.caps)):
        if _is_seen(book, cap, year, version) and book.caps[cap, KNOWN] <= moment:
            starts = book.caps[cap, FROM]
            reached = starts if reached == NULL else min(reached, starts)
    if reached == NULL:
        return NULL
    reached = max(moment, reached)
    for cap in range(len(book.caps)):
        if _is_seen(book, cap, year, version) and book.caps[cap, KNOWN] <= moment:
            found = _latest(book, found, cap) if book.caps[cap, FROM] <= reached else found
    return int(book.caps[found, AMOUNT])


@compiled
def is_closed(book: Book, year: int, version: int) -> bool:
    """Tell whether any municipality had closed a year, as a decision saw it."""
    for closing in range(len(book.closings)):
        is_year = book.closings[closing, CLOSED_YEAR] == year
        if is_year and book.closings[closing, CLOSED_VERSION] <= version:
            return True
    return False


@compiled
def _is_seen(book: Book, cap: int, year: int, version: int) -> bool:
    return bool(book.caps[cap, CAP_YEAR] == year and book.caps[cap, CAP_VERSION] <= version)


@compiled
def _latest(book: Book, a: int, b: int) -> int:
    """Choose the cap that counts: in force from later, known later, set later."""
    if a < 0:
        return b
    for column in (IN_FORCE_FROM, KNOWN, CAP_VERSION):
        if book.caps[a, column] != book.caps[b, column]:
            return a if book.caps[a, column] > book.caps[b, column] else b
    return a


@compiled
def _earliest(book: Book, a: int, b: int) -> int:
    """Choose the cap that was known first, then in force first, then set first."""
    if a < 0:
        return b
    for column in (KNOWN, IN_FORCE_FROM):
        if book.caps[a, column] != book.caps[b, column]:
            return a if book.caps[a, column] < book.caps[b, column] else b
    return a
