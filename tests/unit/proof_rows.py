"""Rows of the ledger's tables for tests of its proof, and those rows as COPY writes them."""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
import polars as pl

from cli.proof import Balance, Fault, Proof, Stored
from cli.proof_bulk import Checked, check, rules_frame
from cli.proof_frames import BALANCES, COLUMNS, HEADS, read_copy
from services.allowance import store
from services.allowance.pages import Page
from services.allowance.posting import Entry

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

    def checked(self) -> Checked | None:
        """Prove it in bulk; None if the bytes are no text, so that nothing can be said."""
        try:
            journal = [{**row, "bytes": row["bytes"].decode()} for row in self.journal]
            if any("\0" in row["bytes"] for row in journal):
                return None
        except UnicodeDecodeError:
            return None
        heads = [
            {"citizen_id": citizen_id, "entry_no": entry_no, "head": head}
            for citizen_id, (entry_no, head) in self.heads.items()
        ]
        balances = [
            {"citizen_id": citizen_id, "year": year, **balance._asdict()}
            for (citizen_id, year), balance in self.balances.items()
        ]
        return check(
            copied(journal, COLUMNS),
            copied(heads, HEADS),
            copied(balances, BALANCES),
            rules_frame(self.rules),
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


def copied(rows: Sequence[Row], columns: dict[str, Any]) -> pl.DataFrame:
    """Read rows as they come out of COPY."""
    lines = ["\t".join(_field(row[name]) for name in columns) + "\n" for row in rows]
    return read_copy("".join(lines).encode(), columns)


def _field(value: object) -> str:
    """Write a value as PostgreSQL's COPY does."""
    if value is None:
        return "\\N"
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dt.datetime):
        text = value.astimezone(dt.UTC).isoformat(sep=" ").removesuffix("+00:00")
        return (text.rstrip("0") if "." in text else text) + "+00"
    text = str(value).replace("\\", "\\\\")
    for character, escaped in (("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r"), ("\b", "\\b")):
        text = text.replace(character, escaped)
    return text.replace("\f", "\\f").replace("\v", "\\v")


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def canonical(entry: Mapping[str, Any]) -> bytes:
    """Write an entry as the journal would."""
    return orjson.dumps(entry, option=orjson.OPT_SORT_KEYS)
