"""What the demo's files must come to, told from the naive reading of them alone."""

from collections import Counter, defaultdict
from dataclasses import dataclass

from tests.unit.naive_municipality import CAP_ORE, Municipality, moment

LOW_ORE = 16_000_00
"""80 % of the cap."""
YEARS = range(2019, 2024)
COUNTRY = "45"


@dataclass(slots=True)
class Sums:
    """A citizen's year: what stands, and how many wages and reversals were entered."""

    covered_ore: int = 0
    excess_ore: int = 0
    entries: int = 0


def sums(municipality: Municipality) -> dict[tuple[str, int], Sums]:
    """Give what stands at the end of every card in every year in which it was paid a wage."""
    found: defaultdict[tuple[str, int], Sums] = defaultdict(Sums)
    for wage in municipality.wages.values():
        year = found[wage.card_no, wage.paid_on.year]
        year.entries += 1 + wage.is_reversed
        if not wage.is_reversed:
            year.covered_ore += wage.covered
            year.excess_ore += wage.excess
    return dict(found)


def facts(municipality: Municipality) -> Counter[str]:
    """Count by card what calls for a text: the grant, and each year that got low or exhausted.

    The wages come before the reversals, so nothing crosses a line a second time.
    """
    found = Counter(municipality.grants.keys())
    taken: Counter[tuple[str, int]] = Counter()
    for wage in municipality.wages.values():
        year = wage.card_no, wage.paid_on.year
        before, taken[year] = taken[year], taken[year] + wage.covered
        exhausts = before < CAP_ORE <= taken[year]
        gets_low = before < LOW_ORE <= taken[year] < CAP_ORE
        found[wage.card_no] += exhausts + gets_low
    return found


def numbers(municipality: Municipality) -> dict[str, str]:
    """Give each card's newest phone number, as a gateway takes it; not every card has one."""
    told = sorted(municipality.rows["contacts"], key=lambda row: moment(row["registered_at"]))
    return {row["card_no"]: COUNTRY + row["phone"] for row in told}
