"""A naive reading of a municipality's files: the rules in their plainest form.

Written from INTERFACES and DOMAIN alone; it shares no code with the system or the generator,
so that it can judge both. It is slow, keeps everything in memory and knows no cap but the
20,000 kr of 2019 to June 2023.
"""

import csv
import datetime as dt
import io
import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

CAP_ORE = 20_000_00
UNKNOWN_FROM = dt.date(2023, 7, 1)

Rows = dict[str, list[dict[str, str]]]
KINDS = ("grants", "grant-changes", "employments", "wages", "wage-reversals", "contacts")


def read_files(folder: Path) -> Rows:
    """Read KIND.csv of every kind, whatever notation each is written in."""
    return {kind: _read(folder / f"{kind}.csv") for kind in KINDS}


def _read(path: Path) -> list[dict[str, str]]:
    raw = path.read_bytes()
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = raw.decode("cp1252")
    separator = ";" if ";" in text.splitlines()[0] else ","
    return list(csv.DictReader(io.StringIO(text, newline=""), delimiter=separator, strict=True))


@cache
def date(value: str) -> dt.date:
    """Read YYYY-MM-DD or DD-MM-YYYY."""
    if re.fullmatch(r"\d{2}-\d{2}-\d{4}", value):
        return dt.date(int(value[6:]), int(value[3:5]), int(value[:2]))
    return dt.date.fromisoformat(value)


@cache
def moment(value: str) -> dt.datetime:
    """Read a time with offset, or a date as its 00:00 in Copenhagen."""
    if "T" in value:
        read = dt.datetime.fromisoformat(value)
        if read.tzinfo is None:
            raise ValueError(value)
        return read.astimezone(dt.UTC)
    midnight = dt.datetime.combine(date(value), dt.time(), tzinfo=ZoneInfo("Europe/Copenhagen"))
    return midnight.astimezone(dt.UTC)


@cache
def learned_on(value: str) -> dt.date:
    """Say on which Danish day something was learned."""
    return moment(value).astimezone(ZoneInfo("Europe/Copenhagen")).date()


@cache
def ore(value: str) -> int:
    """Read kroner; a dot before exactly three digits separates thousands."""
    if re.fullmatch(r"\d{1,3}(\.\d{3})*(,\d{1,2})?", value):
        value = value.replace(".", "").replace(",", ".")
    elif re.fullmatch(r"\d+([.,]\d{1,2})?", value):
        value = value.replace(",", ".")
    else:
        raise ValueError(value)
    kroner, _, cents = value.partition(".")
    return int(kroner) * 100 + int(cents.ljust(2, "0"))


@dataclass
class Decided:
    """A wage and what the ledger makes of it."""

    card_no: str
    paid_on: dt.date
    covered: int
    excess: int
    reason: str
    is_reversed: bool = False


@dataclass
class Municipality:
    """What the files amount to. Takes wages in file order, then reversals."""

    rows: Rows
    grants: dict[str, dict[str, str]] = field(init=False)
    wages: dict[str, Decided] = field(init=False)

    def __post_init__(self) -> None:
        self.grants = {row["card_no"]: row for row in self.rows["grants"]}
        self.changes = defaultdict(list)
        for row in self.rows["grant-changes"]:
            self.changes[row["card_no"]].append(row)
        self.wages = self._decide()

    def is_active(self, card_no: str, day: dt.date) -> bool:
        """Fold the dated changes up to a day."""
        active = day >= date(self.grants[card_no]["valid_from"])
        dated = [row for row in self.changes[card_no] if row["change"] != "reviewed"]
        for row in sorted(dated, key=lambda row: date(row["effective_on"])):
            if date(row["effective_on"]) <= day:
                active = row["change"] == "reactivated"
        return active

    def _decide(self) -> dict[str, Decided]:
        taken: Counter[tuple[str, int]] = Counter()
        wages = {}
        for row in self.rows["wages"]:
            card_no, paid_on, amount = row["card_no"], date(row["paid_on"]), ore(row["amount_kr"])
            citizen_year = (self.grants[card_no]["cpr"], paid_on.year)
            room = CAP_ORE - taken[citizen_year]
            if self.is_active(card_no, paid_on):
                covered = min(amount, room)
                reason = "within-cap" if covered == amount else "over-cap"
            else:
                before = paid_on < date(self.grants[card_no]["valid_from"])
                covered, reason = 0, "before-grant" if before else "grant-inactive"
            taken[citizen_year] += covered
            wages[row["wage_ref"]] = Decided(card_no, paid_on, covered, amount - covered, reason)
        for row in self.rows["wage-reversals"]:
            wages[row["wage_ref"]].is_reversed = True
        return wages

    def covered(self, year: int, on: dt.date) -> Counter[str]:
        """Sum what is covered of a year by card, without reversed wages."""
        covered: Counter[str] = Counter()
        for wage in self.wages.values():
            if wage.paid_on.year == year and wage.paid_on <= on and not wage.is_reversed:
                covered[wage.card_no] += wage.covered
        return covered

    def status(
        self,
        on: dt.date,
        *,
        municipality: str | None = None,
        consultant: str | None = None,
        since: dt.date = dt.date.min,
    ) -> dict[str, object]:
        """Give the fields of `frikort status`."""
        assert on < UNKNOWN_FROM
        granted = [
            row
            for row in self.rows["grants"]
            if date(row["valid_from"]) <= on
            and municipality in {None, row["municipality_code"].lstrip("0")}
        ]
        cards = {row["card_no"] for row in granted}
        active = {card_no for card_no in cards if self.is_active(card_no, on)}
        live = [w for w in self.wages.values() if not w.is_reversed and w.paid_on <= on]
        exhausted = {
            year: {card for card, sum_ore in self.covered(year, on).items() if sum_ore >= CAP_ORE}
            for year in range(2019, on.year + 1)
        }
        employments = [
            row
            for row in self.rows["employments"]
            if since <= date(row["starts_on"]) <= on
            and since <= learned_on(row["registered_at"]) <= on
            and consultant in {None, row["consultant"]}
            and row["card_no"] in cards
        ]
        return {
            "granted": len(cards),
            "active": len(active),
            "deactivated": len(cards - active),
            "in_use": len({w.card_no for w in live if w.paid_on.year == on.year} & cards),
            "used_ever": len({wage.card_no for wage in live} & cards),
            "employments": len(employments),
            "exhausted": len(exhausted[on.year] & cards),
            "exhausted_ever": len(set().union(*exhausted.values()) & cards),
            "by_benefit": Counter(self.grants[row["card_no"]]["benefit"] for row in employments),
            "by_sector": Counter(row["sector"] for row in employments),
            "reviews": self._reviews(on, cards),
        }

    def _reviews(self, on: dt.date, cards: set[str]) -> dict[str, Counter[str]]:
        reviews: dict[str, Counter[str]] = {"under-30": Counter(), "30-plus": Counter()}
        for card_no in cards:
            changes = self.changes[card_no]
            off = {row["decided_on"] for row in changes if row["change"] == "deactivated"}
            for row in changes:
                if row["change"] == "reviewed" and date(row["decided_on"]) <= on:
                    outcome = "deactivated" if row["decided_on"] in off else "continued"
                    reviews[self.grants[card_no]["age_group"]].update(["reviewed", outcome])
        return reviews
