"""A replay in bulk, compiled: it says whose entries come out the same, to the byte. Pure.

Whoever is in doubt is decided again entry by entry by `replay_fold.py`, which names what differs.
"""

import datetime as dt
import struct
from collections.abc import Iterable
from typing import Final

import numpy as np

from cli.compiled.book import CAP, CLOSING, Book
from cli.compiled.deciding import new_account_room
from cli.compiled.reading import BYTES, CITIZEN_ID, COLUMNS, ENTRY_NO, HASH
from cli.compiled.replaying import CITIZENS, DECISIONS, ENTRIES, new_replay
from cli.compiled.replaying import replay as replay_compiled
from cli.replay_fold import Replayed, Row, Selection, replay_rows
from cli.replay_rules import RuleBook
from frikort_contracts.types import format_moment
from services.chassis.compiled import digests
from services.chassis.compiled.copies import HEADER, Rows, read_rows

IS_POSSIBLE: Final = digests.load()
"""Whether this machine's OpenSSL can be called; else everything is decided one by one."""
EVER: Final = 2**63 - 1
FIGURE_MAX: Final = 10**15
"""Of rules: so that percentages of it fit into eight bytes."""
_FIRST_DAY: Final = dt.date(2000, 1, 1)
_FIRST_MOMENT: Final = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
_END: Final = b"\xff\xff"
_COUNT, _SIZE, _NUMBER = struct.Struct(">h"), struct.Struct(">i"), struct.Struct(">iq")


def is_bulk(selection: Selection) -> bool:
    """Tell whether a selection can be replayed in bulk: that of one card is small enough."""
    return selection.card_no is None and selection.municipality_code is None


def replay_table(sent: bytes, book: RuleBook, selection: Selection) -> Replayed:
    """Decide entries again, as COPY sends `COLUMNS` of whole citizens, in their order.

    Raises:
        ValueError: it is not what COPY sends.
    """
    rows = read_rows(sent, COLUMNS)
    count = len(rows.at)
    if not _is_plain(book):
        return replay_rows((_row(rows, row) for row in range(count)), book, selection)
    outcome, room = new_replay(count), new_account_room(count)
    as_of = EVER if selection.as_of is None else _day(selection.as_of)
    known_at = EVER if selection.known_at is None else _microseconds(selection.known_at)
    citizens = replay_compiled(rows, _compiled(book), room, outcome, as_of, known_at)
    replayed = Replayed(
        entries=int(outcome.totals[ENTRIES]),
        citizens=int(outcome.totals[CITIZENS]),
        decisions=int(outcome.totals[DECISIONS]),
        read=count,
    )
    for year in np.flatnonzero(outcome.sums[:, 2]):
        covered_ore, excess_ore = map(int, outcome.sums[year, :2])
        replayed.covered_ore[int(year)] += covered_ore
        replayed.excess_ore[int(year)] += excess_ore
    starts = [*map(int, outcome.starts[:citizens]), count]
    for citizen in np.flatnonzero(~outcome.sound[:citizens]):
        doubted = range(starts[citizen], starts[citizen + 1])
        found = replay_rows((_row(rows, row) for row in doubted), book, selection)
        found.read = 0
        replayed.add(found)
        replayed.differences += found.differences
    return replayed


def sent_rows(rows: Iterable[Row]) -> bytes:
    """Write rows as COPY sends them."""
    sent = [HEADER]
    for row in rows:
        citizen_id = row.citizen_id.encode()
        sent += (_COUNT.pack(len(COLUMNS)), _SIZE.pack(len(citizen_id)), citizen_id)
        sent += (_NUMBER.pack(8, row.entry_no), _SIZE.pack(len(row.hash)), row.hash)
        sent += (_SIZE.pack(len(row.content)), row.content)
    return b"".join((*sent, _END))


def compile_now() -> None:
    """Compile what replays, if it was not before: some seconds, once on each machine."""
    replay_table(HEADER + _END, RuleBook(), Selection())


def _row(rows: Rows, row: int) -> Row:
    entry_no = int.from_bytes(rows.text(row, ENTRY_NO), signed=True)
    citizen_id = rows.text(row, CITIZEN_ID).decode()
    return Row(citizen_id, entry_no, rows.text(row, HASH), rows.text(row, BYTES))


def _is_plain(book: RuleBook) -> bool:
    """Tell whether all rules are written as the ledger writes them, and no figure is too large."""
    try:
        figures = [(year, cap.version, cap.amount_ore) for year, cap in book.caps()]
        return all(
            type(figure) is int and abs(figure) <= FIGURE_MAX
            for found in (*figures, *book.closings())
            for figure in found
        ) and all(
            format_moment(dt.datetime.fromisoformat(cap.known_at)) == cap.known_at
            and dt.date.fromisoformat(cap.in_force_from).isoformat() == cap.in_force_from
            for _, cap in book.caps()
        )
    except (TypeError, ValueError):
        return False


def _compiled(book: RuleBook) -> Book:
    caps = [
        (
            year,
            cap.version,
            cap.amount_ore,
            _microseconds(cap.known_at),
            _microseconds(cap.from_moment),
            _day(cap.in_force_from),
        )
        for year, cap in book.caps()
    ]
    closings = list(book.closings())
    return Book(
        np.array(caps, np.int64).reshape(-1, CAP),
        np.array(closings, np.int64).reshape(-1, CLOSING),
    )


def _day(text: str) -> int:
    return (dt.date.fromisoformat(text) - _FIRST_DAY).days


def _microseconds(text: str) -> int:
    return (dt.datetime.fromisoformat(text) - _FIRST_MOMENT) // dt.timedelta(microseconds=1)
