"""The same proof of the journal in bulk, compiled: it says which citizens are beyond doubt. Pure.

It never says what is wrong: whoever is not beyond doubt is gone through entry by entry by
`proof.py`, which names it. So it may doubt too much, and must never doubt too little. Each entry's
bytes are read against its row's columns: equal, they are canonical and say what the columns say.
"""

import hashlib
import json
import uuid
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from cli.compiled import chains
from cli.compiled.chains import BALANCES, HEADS, new_proved
from cli.compiled.entries import COLUMNS
from cli.compiled.sweeps import COLUMNS as RULE_COLUMNS
from cli.compiled.sweeps import Rules
from cli.compiled.years import new_room
from cli.proof import ACCOUNTS, CAP_SET
from services.chassis.compiled import digests
from services.chassis.compiled.copies import HEADER, Rows, read_rows

__all__ = ["BALANCES", "COLUMNS", "HEADS", "Checked", "Rows", "check", "read_rows", "rules_of"]

IS_POSSIBLE: Final = digests.load()
"""Whether this machine's OpenSSL can be called; else everybody is gone through entry by entry."""


@dataclass(slots=True)
class Checked:
    """What was proved, and the citizens that must be gone through one entry at a time."""

    entries: int
    citizens: int
    trial_balance: Counter[str]
    by_partition: Counter[int]
    doubted: set[str]


def check(journal: Rows, heads: Rows, balances: Rows, rules: Rules) -> Checked:
    """Prove whole citizens against what is kept beside their entries; all are in order of ids."""
    rows = len(journal.at)
    proved = new_proved(rows, len(heads.at), len(balances.at))
    rules.seen[:] = 0
    count = chains.prove(journal, heads, balances, rules, new_room(rows), proved)
    doubted = {_citizen(journal, int(row)) for row in proved.starts[:count][~proved.sound[:count]]}
    doubted |= {_citizen(heads, int(row)) for row in np.flatnonzero(~proved.with_head)}
    doubted |= {_citizen(balances, int(row)) for row in np.flatnonzero(~proved.with_balance)}
    entries, citizens, covered_ore, excess_ore = map(int, proved.totals)
    amounts = (-covered_ore, covered_ore, -excess_ore, excess_ore)
    counted = np.flatnonzero(proved.partitions)
    return Checked(
        entries=entries,
        citizens=citizens,
        trial_balance=Counter(dict(zip(ACCOUNTS, amounts, strict=True))),
        by_partition=Counter({int(p): int(proved.partitions[p]) for p in counted}),
        doubted=doubted,
    )


def compile_now() -> None:
    """Compile what checks, if it was not before: some seconds, once on each machine."""
    nothing = HEADER + b"\xff\xff"
    journal, heads, balances = (read_rows(nothing, names) for names in (COLUMNS, HEADS, BALANCES))
    check(journal, heads, balances, rules_of([]))


def _citizen(rows: Rows, row: int) -> str:
    return str(uuid.UUID(bytes=rows.text(row, 0)))


def rules_of(entries: Iterable[dict[str, Any]]) -> Rules:
    """Give the caps that were set as entries of a sweep repeat them, from the rules' entries.

    What is no such rule is left out: whoever has an entry of it is in doubt.
    """
    ids, numbers, texts = [], [], b""
    for rule in entries:
        try:
            rule_id, payload = uuid.UUID(rule["id"]), rule["payload"]
            figures = rule["version"], payload["amount_ore"]
            is_rule = rule["type"] == CAP_SET and str(rule_id) == rule["id"]
            is_rule = is_rule and all(type(f) is int and abs(f) < 2**62 for f in figures)
        except (AttributeError, KeyError, TypeError, ValueError):
            continue
        if is_rule:
            wire = json.dumps(payload, separators=(",", ":"), ensure_ascii=False).encode()
            again = json.dumps(payload, separators=(",", ":"), ensure_ascii=False, sort_keys=True)
            text, at = again.encode(), len(texts)
            ids.append(np.frombuffer(rule_id.bytes, np.uint8))
            numbers.append((*figures, at, len(text), at + len(text)))
            texts += text + hashlib.sha256(wire).hexdigest().encode()
    return Rules(
        np.array(ids, np.uint8).reshape(-1, 16),
        np.array(numbers, np.int64).reshape(-1, RULE_COLUMNS),
        np.frombuffer(texts, np.uint8).copy(),
        np.zeros(len(ids), np.int64),
    )
