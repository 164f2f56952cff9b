"""Rows of the ledger's tables for tests of its proof, and those rows as COPY writes them."""

import datetime as dt
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from cli.proof import Balance, Fault, Proof, Stored
from cli.proof_bulk import BALANCES, COLUMNS, HEADS, Checked, Rows, check, read_rows, rules_of
from services.allowance import store
from services.allowance.pages import Page
from services.allowance.posting import Entry
from services.chassis.compiled.copies import HEADER

Row = dict[str, Any]


@dataclass(slots=True)
class Tables:
    """The journal in order, and what is kept beside it."""

    journal: list[Row]
    heads: dict[str, tuple[int, bytes]]
    balances: dict[tuple[str, int], Balance]
    rules: list[dict[str, Any]]

    def faults(self) -> list[Fault]:
        """Prove it entry by entry."""
        proof = Proof()
        proof.know_rules(self.rules)
        stored = Stored(dict(self.heads), dict(self.balances), {}, [])
        for row in self.journal:
            proof.take_entry(row, stored)
        proof.end_citizens(stored)
        return proof.faults

    def checked(self) -> Checked:
        """Prove it in bulk."""
        heads = [
            {"citizen_id": citizen_id, "entry_no": entry_no, "head": head}
            for citizen_id, (entry_no, head) in sorted(self.heads.items())
        ]
        balances = [
            {"citizen_id": citizen_id, "year": year, **balance._asdict()}
            for (citizen_id, year), balance in sorted(self.balances.items())
        ]
        return check(
            copied(self.journal, COLUMNS),
            copied(heads, HEADS),
            copied(balances, BALANCES),
            rules_of(self.rules),
        )


def tables(
    entries: Iterable[Entry], pages: Mapping[str, Page], rules: Sequence[dict[str, Any]] = ()
) -> Tables:
    """Give what the ledger keeps of some entries and their citizens' pages."""
    rows = [
        dict(zip(store.JOURNAL_COLUMNS, store._journal_row(entry), strict=True))  # noqa: SLF001
        for entry in entries
    ]
    rows.sort(key=lambda row: (row["citizen_id"], row["entry_no"]))
    return Tables(
        rows,
        {page.citizen_id: (page.entry_no, page.head) for page in pages.values() if page.entry_no},
        {
            (page.citizen_id, year): Balance(*kept[:4], _text(kept.covered_to))
            for page in pages.values()
            for year, kept in page.state.years.items()
        },
        list(rules),
    )


def copied(rows: Sequence[Row], columns: Sequence[str]) -> Rows:
    """Read rows as they come out of COPY."""
    sent = [HEADER]
    for row in rows:
        sent.append(len(columns).to_bytes(2))
        sent += [_field(name, row[name]) for name in columns]
    return read_rows(b"".join([*sent, b"\xff\xff"]), columns)


_IDS = frozenset({"citizen_id", "source_id", "wage_id"})
_BYTES_OF = {"partition": 2, "year": 2, "entry_no": 4, "source_version": 4, "entries": 4}
_FIRST_DAY, _FIRST_MOMENT = dt.date(2000, 1, 1), dt.datetime(2000, 1, 1, tzinfo=dt.UTC)


def _field(name: str, value: object) -> bytes:
    """Write a value as PostgreSQL sends it."""
    if value is None:
        return b"\xff" * 4
    match value:
        case bytes():
            sent = value
        case dt.datetime():
            sent = ((value - _FIRST_MOMENT) // dt.timedelta(microseconds=1)).to_bytes(
                8, signed=True
            )
        case dt.date():
            sent = (value - _FIRST_DAY).days.to_bytes(4, signed=True)
        case int():
            size = _BYTES_OF.get(name, 8)
            fits = -(1 << size * 8 - 1) <= value < 1 << size * 8 - 1
            sent = value.to_bytes(size if fits else 8, signed=True)
        case _ if name in _IDS:
            sent = uuid.UUID(str(value)).bytes
        case _ if name == "covered_to":
            return _field(name, dt.date.fromisoformat(str(value)))
        case _:
            sent = str(value).encode()
    return len(sent).to_bytes(4) + sent


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def canonical(entry: Mapping[str, Any]) -> bytes:
    """Write an entry as the journal would."""
    return orjson.dumps(entry, option=orjson.OPT_SORT_KEYS)
