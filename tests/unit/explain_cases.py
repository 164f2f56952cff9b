"""What explaining reads, made of a posting in memory: rows as the ledger's tables hold them."""

import datetime as dt
import json
from collections.abc import Iterable
from typing import Any

from services.allowance.domain import Cap
from services.allowance.explain import Row
from services.allowance.pages import Page
from services.allowance.posting import Entry, Rules
from services.allowance.translate import changes_to_json
from tests.unit.ledger_cases import NOW

BASIS = "LOV 616 af 11/06/2024"


def journal_rows(entries: Iterable[Entry]) -> list[Row]:
    """Give entries as rows of the journal."""
    return [_journal_row(entry) for entry in entries]


def rule_rows(rules: Rules) -> list[Row]:
    """Give caps as rows of the rules; each bears a basis of its own."""
    caps = [cap for caps in rules.caps.values() for cap in caps]
    return [
        {
            "version": cap.version,
            "type": "annual-cap-set",
            "year": cap.year,
            "amount_ore": cap.amount_ore,
            "in_force_from": cap.in_force_from,
            "known_at": cap.known_at,
            "legal_basis": basis(cap.version),
        }
        for cap in sorted(caps, key=lambda cap: cap.version)
    ]


def basis(rule_version: int) -> str:
    """Give the legal basis of a rule."""
    return f"{BASIS}, rule {rule_version}"


def held_rows(page: Page) -> list[Row]:
    """Give what waits on a page as rows of the held messages."""
    return [
        {
            "reason": waiting.reason,
            "parked": waiting.parked,
            "headers": json.dumps(
                {name: value.decode() for name, value in waiting.message.headers.items()}
            ).encode(),
            "value": waiting.message.value,
            "held_at": NOW,
        }
        for waiting in page.waiting
    ]


def caps_of_2023() -> Rules:
    """Give the caps of 2023: raised from 1 July, known from 1 June (DOMAIN 1.2)."""
    return Rules(
        2,
        {
            2023: [
                cap(1, 20_000_00, in_force_from="2023-01-01", known_on="2022-12-28"),
                cap(2, 40_000_00, in_force_from="2023-07-01", known_on="2023-06-01"),
            ]
        },
    )


def cap(version: int, amount_ore: int, *, in_force_from: str, known_on: str) -> Cap:
    """Give a cap of 2023."""
    return Cap(
        version=version,
        year=2023,
        amount_ore=amount_ore,
        in_force_from=dt.date.fromisoformat(in_force_from),
        known_at=dt.datetime.fromisoformat(f"{known_on}T00:00:00+00:00"),
    )


def changes_of(page: Page) -> str:
    """Give the changes of a citizen's cards as they are kept."""
    return changes_to_json(page.state.changes)


def _journal_row(entry: Entry) -> dict[str, Any]:
    received, decided = entry.received, entry.apportionment
    return {
        "entry_no": entry.entry_no,
        "hash": entry.hash,
        "bytes": entry.content,
        "source_type": received.source.type,
        "source_topic": received.message.topic,
        "card_no": received.body.card_no,
        "wage_id": entry.wage_id,
        "paid_on": decided and decided.paid_on,
        "known_at": received.body.known_at,
        "recorded_at": entry.recorded_at,
        "limit_ore": entry.limit_ore,
    }
