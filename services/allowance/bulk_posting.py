"""Posting in bulk: what of a large batch is plain is decided by compiled code, in one go.

Nothing is decided here that `posting.py` would not decide in the same way, to the byte; whatever
is not plain is left to it, and with it all that follows of the same citizen. Slow to import: the
compiled code is loaded, or made.
"""

import contextlib
import datetime as dt
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Final

import numpy as np

from frikort_contracts.topics import PARTITIONS, PAYROLL
from frikort_contracts.types import format_moment
from services.allowance import CODE_VERSION
from services.allowance.compiled import entries, wages
from services.allowance.compiled.messages import HEADERS
from services.allowance.compiled.wages import (
    COVERED_TO,
    FOLD,
    IS_TOUCHED,
    LAST_DAY,
    NO_DAY,
    STATE,
    YEARS_MAX,
    Batch,
    Pages,
)
from services.allowance.domain import COVERING, LOW_PERCENT, Citizen, YearBalance
from services.allowance.pages import Page
from services.allowance.posting import Rules
from services.chassis.compiled import digests
from services.chassis.compiled.text import NOWHERE
from services.chassis.inbox import Message

_FIRST_DAY: Final = dt.date(2000, 1, 1).toordinal()
_FIRST_MOMENT: Final = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
_MICROSECOND: Final = dt.timedelta(microseconds=1)
_headers = itemgetter(*HEADERS)
_headers_without_trace = itemgetter(*HEADERS[:-1])


@dataclass(slots=True)
class Posted:
    """What was posted in bulk: the journal's rows as COPY takes them, and how many by partition.

    `rest` are the messages that were left, in their order.
    """

    rows: bytes
    applied: Counter[int]
    rest: Sequence[Message]


def compile_now() -> None:
    """Load what was compiled before, or compile it, which takes half a minute once.

    Raises:
        OSError: this machine's OpenSSL cannot be called.
    """
    digests.require()
    rules = Rules(0, {})
    post_plain([], {}, rules, now=_FIRST_MOMENT, journal_seq={})


def post_plain(
    messages: Sequence[Message],
    pages: Mapping[str, Page],
    rules: Rules,
    *,
    now: dt.datetime,
    journal_seq: dict[int, int],
) -> Posted:
    """Post what is plain: its pages and the partitions' numbers move on, and its rows are given."""
    numbered = [page for page in pages.values() if page.partition in journal_seq]
    chosen = [page for page in numbered if _is_plain(page, now)]
    batch = _fill_batch(messages, _places(messages, chosen), rules, journal_seq)
    filled = _fill_pages(chosen)
    desk = entries.new_desk(
        recorded_at=(now - _FIRST_MOMENT) // _MICROSECOND,
        recorded_text=format_moment(now),
        rules_version=rules.version,
        low_percent=LOW_PERCENT,
        code_version=CODE_VERSION,
    )
    room = entries.ROW_BYTES_MAX * len(messages) + 2 * len(batch.text)
    out = np.empty(room, np.uint8)
    size = wages.post(batch, filled, desk, out)
    applied = Counter[int]()
    for partition, before in list(journal_seq.items()):
        journal_seq[partition] = int(batch.journal_seq[partition])
        if journal_seq[partition] > before:
            applied[partition] = journal_seq[partition] - before
    _move_pages(chosen, filled, now)
    left = np.flatnonzero(~batch.is_posted).tolist()
    return Posted(out[:size].tobytes(), applied, [messages[number] for number in left])


def _is_plain(page: Page, now: dt.datetime) -> bool:
    """Tell whether a citizen's wages may be plain: one card, never changed, and nothing waits."""
    changes = page.state.changes
    return (
        len(changes) == 1
        and not page.waiting
        and changes[0].kind in COVERING
        and len(page.state.years) < YEARS_MAX
        and page.recorded_at <= now
    )


def _places(messages: Iterable[Message], chosen: Sequence[Page]) -> dict[bytes, int]:
    """Give each citizen's place among the chosen, by the subject of their messages.

    A citizen of whom there is any message but payroll's own is left out, whatever its subject is,
    and so is one of whom there is any in another partition than their page's.
    """
    places = {page.citizen_id.encode(): place for place, page in enumerate(chosen)}
    for message in messages:
        place = places.get(message.headers.get("ce_subject", b""), NOWHERE)
        is_theirs = place >= 0 and message.partition == chosen[place].partition
        if message.topic != PAYROLL.name or not is_theirs:
            places.pop(message.stream_id.encode(), None)
    return places


def _fill_batch(
    messages: Sequence[Message],
    places: Mapping[bytes, int],
    rules: Rules,
    journal_seq: Mapping[int, int],
) -> Batch:
    texts: list[bytes] = []
    figures: list[int] = []
    at = 0
    for message in messages:
        headers = message.headers
        page = places.get(headers.get("ce_subject", b""), NOWHERE)
        lines = b"" if page < 0 else _lines(headers)
        value_at = at + len(lines)
        end = value_at + len(message.value)
        figures += (at, value_at, end, page, message.partition, message.offset)
        texts += (lines, message.value)
        at = end
    numbers = np.zeros(PARTITIONS, np.int64)
    for partition, number in journal_seq.items():
        numbers[partition] = number
    caps = [figure for cap in _plain_caps(rules) for figure in cap]
    return Batch(
        np.frombuffer(b"".join(texts), np.uint8),
        np.array(figures, np.int64),
        np.zeros(len(messages), np.bool_),
        numbers,
        np.array(caps, np.int64),
    )


def _lines(headers: Mapping[str, bytes]) -> bytes:
    """Put the headers that the ledger reads one to a line; none if one of them is missing."""
    with contextlib.suppress(KeyError):
        return b"\n".join(_headers(headers))
    with contextlib.suppress(KeyError):
        return b"\n".join((*_headers_without_trace(headers), b""))
    return b""


def _plain_caps(rules: Rules) -> Iterable[tuple[int, int]]:
    """Give the years that have one cap and that nobody has closed, each with its cap in øre."""
    closed = {year for _, year in rules.closings}
    for year, caps in rules.caps.items():
        if len(caps) == 1 and year not in closed:
            yield year, caps[0].amount_ore


def _fill_pages(chosen: Sequence[Page]) -> Pages:
    states: list[int] = []
    jobs: list[int] = []
    job_ids: list[str] = []
    years, places = [], []
    for place, page in enumerate(chosen):
        card, first_job = page.state.changes[0], len(job_ids)
        for employment_id, (starts_on, ends_on) in page.employments.items():
            job_ids.append(employment_id)
            ends = LAST_DAY if ends_on is None else _day(ends_on)
            jobs += (_day(starts_on), ends)
        states += (page.entry_no, page.payroll_version, page.state.grants_version)
        states += (int(card.card_no), _day(card.effective_on), first_job, len(page.employments))
        states += (len(page.state.years), 0)
        for number, (year, balance) in enumerate(page.state.years.items()):
            covered_to = NO_DAY if balance.covered_to is None else _day(balance.covered_to)
            years.append((year, *balance[:4], covered_to, 0))
            places.append(place * YEARS_MAX + number)
    folds = np.zeros((len(chosen) * YEARS_MAX, FOLD), np.int64)
    if places:
        folds[places] = years
    return Pages(
        np.array(states, np.int64),
        np.frombuffer(bytearray().join(page.head for page in chosen), np.uint8),
        folds.reshape(-1),
        np.frombuffer("".join(job_ids).encode(), np.uint8),
        np.array(jobs, np.int64),
    )


def _move_pages(chosen: Sequence[Page], filled: Pages, now: dt.datetime) -> None:
    """Put what the pages have come to into them."""
    folds = filled.years.reshape(-1, FOLD)
    touched = np.flatnonzero(folds[:, IS_TOUCHED])
    years: dict[int, dict[int, YearBalance]] = {}
    for place, fold in zip(touched.tolist(), folds[touched].tolist(), strict=True):
        covered_to = None if fold[COVERED_TO] == NO_DAY else _date(fold[COVERED_TO])
        covered_ore, excess_ore, entries_, over_cap_ore = fold[1:COVERED_TO]
        balance = YearBalance(covered_ore, excess_ore, entries_, over_cap_ore, covered_to)
        years.setdefault(place // YEARS_MAX, {})[fold[0]] = balance
    states, heads = filled.states.reshape(-1, STATE), filled.heads.tobytes()
    for place, moved in years.items():
        page = chosen[place]
        page.entry_no, page.payroll_version = states[place, :2].tolist()
        page.head = heads[place * entries.HASH_BYTES : (place + 1) * entries.HASH_BYTES]
        page.recorded_at = now
        page.touched = True
        page.touched_years.update(moved)
        known = page.state
        page.state = Citizen(known.grants_version, known.changes, {**known.years, **moved})


def _day(date: dt.date) -> int:
    return date.toordinal() - _FIRST_DAY


def _date(day: int) -> dt.date:
    return dt.date.fromordinal(day + _FIRST_DAY)
