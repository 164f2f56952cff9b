"""Entries that bring a changed cap to a citizen's year, against the rule they rest on (R22)."""

from typing import Final, NamedTuple

from cli.compiled import entries
from cli.compiled.entries import LIMIT_ORE, SOURCE_ID, SOURCE_VERSION, UUID_BYTES, YEAR
from cli.compiled.years import COVERED, OVER_CAP, Work, is_summed, year_of
from services.chassis.compiled import members
from services.chassis.compiled.copies import NULL, Table, place, size_of, whole
from services.chassis.compiled.jit import Array, compiled
from services.chassis.compiled.members import number_of
from services.chassis.compiled.text import NOWHERE, ascii_of, literal

CAP_SET = ascii_of("annual-cap-set")
VERSION, AMOUNT, TEXT_AT, TEXT_SIZE, SHA256_AT = range(5)
COLUMNS: Final = 5


class Rules(NamedTuple):
    """The caps that were set, as entries of a sweep repeat them.

    `ids[rule]`: 16 bytes; `numbers[rule]`: version, amount in øre, and where in `texts` its payload
    starts, its size, and where its SHA-256 starts. `seen[rule]` is the citizen's first row, and
    one more, that had an entry of it last.
    """

    ids: Array
    numbers: Array
    texts: Array
    seen: Array


@compiled
def sweep(table: Table, row: int, start: int, rules: Rules, work: Work, years: int) -> int:
    """Compare an entry with its rule and what it turned; give how many years are open."""
    rule = _rule(table, row, rules)
    if entries.is_decided(table, row) or rule < 0 or rules.seen[rule] == start + 1:
        return NOWHERE
    rules.seen[rule] = start + 1
    if not _repeats(table, row, rule, rules, work):
        return NOWHERE
    of_year = number_of(table.data, work.desk.payload, members.YEAR, NULL)
    year, amount_ore = year_of(work, years, of_year), rules.numbers[rule, AMOUNT]
    if year < 0 or whole(table, row, YEAR) != of_year:
        return NOWHERE
    if whole(table, row, LIMIT_ORE) != amount_ore or not is_summed(table, row, work, year):
        return NOWHERE
    turned = work.desk.read[entries.TURNED]
    return years if turned == _turned(work, year, amount_ore) else NOWHERE


@compiled
def _rule(table: Table, row: int, rules: Rules) -> int:
    at = place(table, row, SOURCE_ID)
    if size_of(table, row, SOURCE_ID) == UUID_BYTES:
        for rule in range(len(rules.ids)):
            if literal(table.data, at, at + UUID_BYTES, rules.ids[rule]) > 0:
                return rule
    return NOWHERE


@compiled
def _repeats(table: Table, row: int, rule: int, rules: Rules, work: Work) -> bool:
    """Tell whether an entry's source is the rule: its version, its payload, its hash."""
    if whole(table, row, SOURCE_VERSION) != rules.numbers[rule, VERSION]:
        return False
    data, read = table.data, work.desk.read
    at, size = rules.numbers[rule, TEXT_AT], rules.numbers[rule, TEXT_SIZE]
    start = read[entries.PAYLOAD_AT]
    end = start + read[entries.PAYLOAD_SIZE]
    if literal(data, start, end, rules.texts[at : at + size]) != end:
        return False
    at, start = rules.numbers[rule, SHA256_AT], read[entries.SHA256_AT]
    end = start + entries.SHA256_DIGITS
    return bool(literal(data, start, end, rules.texts[at : at + entries.SHA256_DIGITS]) == end)


@compiled
def _turned(work: Work, year: int, amount_ore: int) -> int:
    """Give the events that a changed cap sends; whether room appeared, the entry says."""
    turned, first = 0, work.desk.read[entries.TURNED]
    while first >= entries.KINDS:
        first //= entries.KINDS
    if first == entries.RESTORED and work.years[year + COVERED] < amount_ore:
        turned = entries.RESTORED
    if work.years[year + OVER_CAP] != 0:
        turned = turned * entries.KINDS + entries.ATTENTION
    return turned
