"""A citizen's cards and employments as far as their entries are read, and what days they cover."""

from typing import Final, NamedTuple

import numpy as np

from services.chassis.compiled.jit import Array, Pointer, compiled, pointer_to
from services.chassis.compiled.text import NOWHERE, is_equal

CHANGE_VERSION, CHANGE_CARD_AT, CHANGE_CARD_SIZE, EFFECTIVE_ON, COVERS, ENDS, CHANGE = range(7)
"""A dated change of a card: from its day on it covers, or does not; or the card has ended."""
JOB_AT, STARTS_ON, ENDS_ON, JOB = range(4)
"""An employment: where its id stands, its first and its last day."""
CHANGES, JOBS = range(2)
NO_DAY: Final = 2**62
"""The last day of an employment that has none."""
COVERED, BEFORE_GRANT, INACTIVE = range(3)
_MAX: Final = 64
_ID_BYTES: Final = 36


class HolderRoom(NamedTuple):
    """The arrays of a `Holder`."""

    counts: Array
    changes: Array
    jobs: Array


class Holder(NamedTuple):
    """Changes and employments, one after another, and how many there are."""

    counts: Pointer
    changes: Pointer
    jobs: Pointer


def new_holder_room() -> HolderRoom:
    """Give room for one citizen."""
    changes, jobs = np.zeros(_MAX * CHANGE, np.int64), np.zeros(_MAX * JOB, np.int64)
    return HolderRoom(np.zeros(2, np.int64), changes, jobs)


@compiled
def holder_of(room: HolderRoom) -> Holder:
    """Give room to compiled code; it must outlive it."""
    return Holder(pointer_to(room.counts), pointer_to(room.changes), pointer_to(room.jobs))


@compiled
def add_change(holder: Holder) -> int:
    """Make room for another change; give where it stands, NOWHERE if there are too many."""
    count = holder.counts[CHANGES]
    if count == _MAX:
        return NOWHERE
    holder.counts[CHANGES] = count + 1
    return int(count * CHANGE)


@compiled
def add_job(holder: Holder, data: Pointer, at: int) -> int:
    """Find the employment of this id, or make room for it."""
    job = find_job(holder, data, at)
    if job < 0 and holder.counts[JOBS] < _MAX:
        job = holder.counts[JOBS] * JOB
        holder.counts[JOBS] += 1
        holder.jobs[job + JOB_AT] = at
    return int(job)


@compiled
def find_job(holder: Holder, data: Pointer, at: int) -> int:
    """Find the employment of this id; give where it stands."""
    for job in range(0, holder.counts[JOBS] * JOB, JOB):
        if is_equal(data, holder.jobs[job + JOB_AT], data, at, _ID_BYTES):
            return job
    return NOWHERE


@compiled
def is_about(holder: Holder, data: Pointer, change: int, at: int, size: int) -> bool:
    """Tell whether a change is one of this card."""
    if holder.changes[change + CHANGE_CARD_SIZE] != size:
        return False
    return is_equal(data, holder.changes[change + CHANGE_CARD_AT], data, at, size)


@compiled
def ruling(holder: Holder, data: Pointer, at: int, size: int, day: int, version: int) -> int:
    """Choose the change that rules a card's day, of those up to a grants version.

    Of those in effect by then the one with the latest date, of one date the last decided.
    """
    found = NOWHERE
    for change in range(0, holder.counts[CHANGES] * CHANGE, CHANGE):
        decided = holder.changes[change + CHANGE_VERSION]
        effective_on = holder.changes[change + EFFECTIVE_ON]
        if decided > version or effective_on > day:
            continue
        if not is_about(holder, data, change, at, size):
            continue
        if found < 0 or effective_on > holder.changes[found + EFFECTIVE_ON]:
            found = change
        elif effective_on == holder.changes[found + EFFECTIVE_ON]:
            found = change if decided > holder.changes[found + CHANGE_VERSION] else found
    return found


@compiled
def coverage(holder: Holder, data: Pointer, at: int, size: int, day: int, version: int) -> int:
    """Say whether a card covers a day, or why not (R7, R9, R12, R13, R14)."""
    rules = ruling(holder, data, at, size, day, version)
    if rules < 0:
        return BEFORE_GRANT
    return COVERED if holder.changes[rules + COVERS] else INACTIVE


@compiled
def turns_day(holder: Holder, data: Pointer, change: int, day: int) -> bool:
    """Tell whether a change lets a day be covered that was not before it, or the reverse."""
    at, size = holder.changes[change + CHANGE_CARD_AT], holder.changes[change + CHANGE_CARD_SIZE]
    version = holder.changes[change + CHANGE_VERSION]
    before = coverage(holder, data, at, size, day, version - 1) == COVERED
    return before != (coverage(holder, data, at, size, day, version) == COVERED)
