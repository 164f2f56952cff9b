"""A changed cap that comes into force, brought to every citizen whose year is open (R22). Pure.

Nothing is decided again: the entry says the new balance, that there is room again, and that a
person must look where excess stands.
"""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from frikort_contracts.types import AttentionCode
from services.allowance.attention import Attention
from services.allowance.domain import Cap, Citizen, cap_in_force
from services.allowance.entry import About


class CapChange(NamedTuple):
    """What a sweep brings: the year's limit before and now, by rule number `rule_version`."""

    rule_version: int
    year: int
    before_ore: int
    limit_ore: int


def due_change(
    caps: Mapping[int, Sequence[Cap]], swept: Iterable[int], *, on: dt.date, now: dt.datetime
) -> CapChange | None:
    """Find a cap that is in force, is not its year's first, and was not swept (rule numbers).

    One that another has replaced before it was swept is passed over with it.
    """
    done = set(swept)
    for year, of_year in sorted(caps.items()):
        first = min(of_year, key=lambda cap: cap.version)
        settled = [cap for cap in of_year if cap is first or cap.version in done]
        current = cap_in_force(of_year, on, now)
        before = cap_in_force(settled, on, now)
        if current is not None and before is not None and current not in settled:
            return CapChange(current.version, year, before.amount_ore, current.amount_ore)
    return None


def turned_by_cap(state: Citizen, change: CapChange) -> list[tuple[str, About | None]]:
    """Name what an entry of a sweep sends: there is room again, excess stands. May be nothing."""
    balance = state.year(change.year)
    issued = [c for c in state.changes if c.kind == "issued"]
    card_no = issued[-1].card_no if issued else None
    found: list[tuple[str, About | None]] = []
    if change.before_ore <= balance.covered_ore < change.limit_ore:
        found.append(("allowance-restored", {"card_no": card_no} if card_no else None))
    if balance.over_cap_ore > 0:
        case = Attention(AttentionCode.CAP_CHANGED_EXCESS, card_no, change.year)
        found.append(("attention-raised", case.content()))
    return found
