"""What a proof of the journal reads and folds: rows, chains, years; and what it says. Pure."""

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, TypeAlias

GENESIS: Final = bytes(32)
CHAIN_TAG: Final = b"frikort-entry-1"
NAMESPACE: Final = uuid.UUID("5d0cbd9c-0d4f-5a51-9b1c-6f6b1b7f6a11")
"""Of the UUIDv5 ids of the events that an entry sends."""
Row: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong; `where` names it, `field` what of it."""

    where: str
    field: str
    found: str
    expected: str


class Balance(NamedTuple):
    """A citizen's year as it is kept; `covered_to` is the latest date of a wage covered in part.

    `over_cap_ore` is the excess over the cap alone. Both are what cases are raised by.
    """

    covered_ore: int
    excess_ore: int
    entries: int
    over_cap_ore: int
    covered_to: str | None


@dataclass(slots=True)
class Year:
    """A citizen's year as far as it is folded."""

    covered_ore: int = 0
    excess_ore: int = 0
    entries: int = 0
    over_cap_ore: int = 0


class Wage(NamedTuple):
    """A wage as it was decided, and not taken back since."""

    year: int
    paid_on: str
    covered_ore: int
    excess_ore: int
    over_cap_ore: int


@dataclass(slots=True)
class Chain:
    """A citizen's chain as far as it is read."""

    citizen_id: str
    entry_no: int = 0
    head: bytes = GENESIS
    recorded_at: str = ""
    versions: dict[str, int] = field(default_factory=dict)
    seen: set[tuple[str, int]] = field(default_factory=set)
    years: dict[int, Year] = field(default_factory=dict)
    wages: dict[str, Wage] = field(default_factory=dict)
    swept: set[str] = field(default_factory=set)

    def balances(self) -> Iterator[tuple[int, Balance]]:
        """Give each year's balance as its entries fold."""
        covered_to: dict[int, str] = {}
        for wage in self.wages.values():
            if wage.covered_ore > 0:
                covered_to[wage.year] = max(wage.paid_on, covered_to.get(wage.year, ""))
        for year, folded in self.years.items():
            yield (
                year,
                Balance(
                    folded.covered_ore,
                    folded.excess_ore,
                    folded.entries,
                    folded.over_cap_ore,
                    covered_to.get(year),
                ),
            )


@dataclass(slots=True)
class Stored:
    """What is kept beside the journal and must agree with it.

    `heads`: citizen → (entry_no, hash); `balances`: (citizen, year) → balance; `partitions`:
    partition → last number; `lanes`: the inbox's account.
    """

    heads: dict[str, tuple[int, bytes]]
    balances: dict[tuple[str, int], Balance]
    partitions: dict[int, int]
    lanes: list[Row]
