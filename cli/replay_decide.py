"""One citizen's entries decided again from their own sources, and compared with what was decided.

Pure, and written apart from the ledger's own code. Every entry is judged on what had been decided
before it, so one wrong decision is one difference, and no difference means that deciding all of it
again from the beginning gives the same.
"""

import hashlib
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, TypeAlias

import orjson

from cli.replay_attention import Case, about_change, about_note, about_reversal, about_wage
from cli.replay_rules import CAP_SET, Change, RuleBook, change_of, uncovered

CHAIN_TAG: Final = b"frikort-entry-1"
GENESIS: Final = bytes(32)
LOW_PERCENT: Final = 80
DECISION_FIELDS: Final = ("year", "covered_ore", "excess_ore", "reason")
ENTRY_FIELDS: Final = ("entry_no", "citizen_id", "postings", "events")
_NAMESPACE: Final = bytes.fromhex("5d0cbd9c0d4f5a519b1c6f6b1b7f6a11")
"""Of the UUIDv5 ids of the events that an entry sends."""
_VARIANT: Final = {digit: "89ab"[int(digit, 16) % 4] for digit in "0123456789abcdef"}

Json: TypeAlias = dict[str, Any]


class Difference(NamedTuple):
    """What was decided, and what deciding it again gives; `field` names what of the entry."""

    citizen_id: str
    entry_no: int
    source_id: str
    field: str
    decided: str
    replayed: str


@dataclass(slots=True)
class Wage:
    """A wage that stands, as it was decided."""

    card_no: str
    year: int
    paid_on: str
    covered_ore: int
    excess_ore: int
    reason: str


@dataclass(slots=True)
class Year:
    """A citizen's year as decided so far; `over_cap_ore` is the excess over the cap alone."""

    covered_ore: int = 0
    excess_ore: int = 0
    entries: int = 0
    over_cap_ore: int = 0


@dataclass(slots=True)
class Decided:
    """What deciding an entry again gives; no `reason` where there is nothing to decide."""

    year: int = 0
    covered_ore: int = 0
    excess_ore: int = 0
    reason: str = ""
    paid_on: str = ""
    turned: list[str] = field(default_factory=list)
    cases: list[Case] = field(default_factory=list)

    def decision(self) -> Json | None:
        """Write it as an entry does."""
        if not self.reason:
            return None
        amounts = {"covered_ore": self.covered_ore, "excess_ore": self.excess_ore}
        return {**amounts, "reason": self.reason, "year": self.year}

    def postings(self) -> list[Json]:
        """Derive the postings, which sum to zero; parts that are zero are left out."""
        amounts = (
            ("available", -self.covered_ore),
            ("covered", self.covered_ore),
            ("employer", -self.excess_ore),
            ("excess", self.excess_ore),
        )
        return [
            {"account": account, "amount_ore": amount, "year": self.year}
            for account, amount in amounts
            if amount
        ]

    def events(self, source_id: str, citizen_id: str) -> list[Json]:
        """Name what the entry sends, each with the id that follows from its source and place."""
        sent = [*({"type": kind} for kind in self.turned), *(case.content() for case in self.cases)]
        return [
            {**event, "id": _event_id(f"{source_id}/{citizen_id}/{place}")}
            for place, event in enumerate(sent)
        ]


@dataclass(slots=True)
class Account:
    """A citizen as far as the entries are read: what the next one is decided on."""

    citizen_id: str
    entry_no: int = 0
    head: bytes = GENESIS
    grants_version: int = 0
    changes: list[Change] = field(default_factory=list)
    employments: dict[str, tuple[str, str | None]] = field(default_factory=dict)
    years: dict[int, Year] = field(default_factory=dict)
    wages: dict[str, Wage] = field(default_factory=dict)

    def year(self, year: int) -> Year:
        """Give a year, an empty one if it has not opened."""
        return self.years.get(year) or Year()

    def decide(self, entry: Json, book: RuleBook) -> Decided:
        """Decide an entry again, on what was decided before it; it changes nothing yet."""
        source = entry["source"]
        kind, payload = source["type"], source["payload"]
        match kind:
            case "wage-paid":
                return self._decide_wage(entry, payload, book)
            case "wage-reversed":
                return self._decide_reversal(entry, payload, book)
            case _ if "grants_version" not in payload:
                change = change_of(kind, source["version"], payload)
                changes = self.changes if change is None else [*self.changes, change]
                return Decided(cases=about_change(change, changes, self.wages))
        return Decided(cases=about_note(kind, payload, entry["known_at"]))

    def follow(self, entry: Json) -> None:
        """Let an entry count, as it was decided."""
        source = entry["source"]
        kind, payload, decision = source["type"], source["payload"], entry.get("decision")
        if decision is not None:
            self._follow_decision(kind, payload, decision)
        elif kind == "employment-registered":
            days = (payload["starts_on"], payload.get("ends_on"))
            self.employments[payload["employment_id"]] = days
        elif kind == "employment-ended" and payload["employment_id"] in self.employments:
            starts_on = self.employments[payload["employment_id"]][0]
            self.employments[payload["employment_id"]] = (starts_on, payload["ends_on"])
        elif "grants_version" not in payload and kind != CAP_SET:
            self.grants_version = source["version"]
            change = change_of(kind, source["version"], payload)
            self.changes += [] if change is None else [change]

    def _follow_decision(self, kind: str, payload: Json, decision: Json) -> None:
        wage_id, number = payload["wage_id"], decision["year"]
        covered_ore, excess_ore = decision["covered_ore"], decision["excess_ore"]
        over_cap_ore = excess_ore if decision["reason"] == "over-cap" else 0
        if kind == "wage-paid":
            days = (payload["card_no"], number, payload["paid_on"])
            self.wages[wage_id] = Wage(*days, covered_ore, excess_ore, decision["reason"])
        else:
            original = self.wages.pop(wage_id, None)
            if original is not None and original.reason == "over-cap":
                over_cap_ore = -original.excess_ore
        year = self.years.setdefault(number, Year())
        year.covered_ore += covered_ore
        year.excess_ore += excess_ore
        year.entries += 1
        year.over_cap_ore += over_cap_ore

    def _decide_wage(self, entry: Json, payload: Json, book: RuleBook) -> Decided:
        """Cover as far as there is room under the cap; the rest is excess (R17)."""
        paid_on, amount_ore = payload["paid_on"], payload["amount_ore"]
        number = int(paid_on[:4])
        limit_ore = book.limit_for(number, entry["known_at"], entry["rules_version"])
        if limit_ore is None:
            return Decided(number, reason="cap-unknown", paid_on=paid_on)
        year = self.year(number)
        reason = uncovered(self.changes, payload["card_no"], paid_on, payload["grants_version"])
        if self._is_bound(entry, number, book, "wage-in-closed-year"):
            reason = "year-closed"
        covered_ore = 0
        if reason is None:
            covered_ore = min(amount_ore, max(0, limit_ore - year.covered_ore))
            reason = "within-cap" if covered_ore == amount_ore else "over-cap"
        decided = Decided(number, covered_ore, amount_ore - covered_ore, reason, paid_on)
        decided.turned = _turned(year, "wage-apportioned", covered_ore, limit_ore)
        limit_now_ore = None
        if reason == "over-cap":
            limit_now_ore = book.limit_at(number, entry["recorded_at"], entry["rules_version"])
        decided.cases = about_wage(
            payload,
            decided,
            account=self,
            raised=limit_now_ore is not None and limit_now_ore > limit_ore,
        )
        return decided

    def _decide_reversal(self, entry: Json, payload: Json, book: RuleBook) -> Decided:
        """Give back exactly what the wage took, in its own year (R5)."""
        original = self.wages.get(payload["wage_id"])
        if original is None:
            return Decided(reason="wage-unknown")
        year = self.year(original.year)
        limit_ore = book.limit_for(original.year, entry["known_at"], entry["rules_version"]) or 0
        decided = Decided(
            original.year,
            -original.covered_ore,
            -original.excess_ore,
            "wage-reversed",
            original.paid_on,
        )
        decided.turned = _turned(year, "apportionment-reversed", decided.covered_ore, limit_ore)
        over_cap_ore = year.over_cap_ore
        if original.reason == "over-cap":
            over_cap_ore -= original.excess_ore
        decided.cases = about_reversal(
            payload,
            original,
            excess_stands=over_cap_ore > 0,
            bound=self._is_bound(entry, original.year, book, "reversal-in-closed-year"),
        )
        return decided

    def _is_bound(self, entry: Json, year: int, book: RuleBook, case: str) -> bool:
        """Tell whether payroll recorded a fact of a year after its municipality closed it (R38).

        When it was recorded there stands on the topic, as `sent_at`. An entry alone says that it
        was not before it became known; where that leaves it open, the entry's word is taken.
        """
        closed_at = book.closed_at(entry["municipality_code"], year, entry["rules_version"])
        if closed_at is None:
            return False
        if "sent_at" in entry:
            return bool(entry["sent_at"] > closed_at)
        if entry["known_at"] > closed_at:
            return True
        return any(event.get("code") == case for event in entry["events"])


def compare(
    entry: Json, content: bytes, account: Account, book: RuleBook
) -> tuple[Decided | None, list[Difference]]:
    """Decide an entry again, write its bytes again and name what differs; then let it count.

    A changed cap's entry decides nothing: None.

    Raises:
        KeyError, TypeError, ValueError, AttributeError: it is no entry.
    """
    source_id = entry["source"]["id"]
    decided = None if entry["source"]["type"] == CAP_SET else account.decide(entry, book)
    account.entry_no += 1
    again = {**entry, "entry_no": account.entry_no, "citizen_id": account.citizen_id}
    if decided is not None:
        decision = again["decision"] = decided.decision()
        if decision is None:
            del again["decision"]
        again["postings"] = decided.postings() if decision else []
        again["events"] = decided.events(source_id, account.citizen_id)
    written = orjson.dumps(again, option=orjson.OPT_SORT_KEYS)
    account.head = hashlib.sha256(CHAIN_TAG + account.head + written).digest()
    account.follow(entry)
    if written == content:
        return decided, []
    at = (account.citizen_id, entry["entry_no"], source_id)
    found = [Difference(*at, *different) for different in _different(entry, again)]
    return decided, found or [Difference(*at, "bytes", content.decode(), written.decode())]


def _different(entry: Json, again: Json) -> list[tuple[str, str, str]]:
    """Name the parts that differ, of a decision each figure."""
    was, now = entry.get("decision", {}), again.get("decision", {})
    parts = [(was.get(name), now.get(name), name) for name in DECISION_FIELDS]
    parts += [(entry[name], again[name], name) for name in ENTRY_FIELDS]
    return [(name, _text(before), _text(after)) for before, after, name in parts if before != after]


def _turned(year: Year, own: str, covered_ore: int, limit_ore: int) -> list[str]:
    """Name what an entry sends: the year opens, the decision, then what the limit makes of it."""
    before, after = year.covered_ore, year.covered_ore + covered_ore
    found = [own] if year.entries else ["allowance-opened", own]
    if before < limit_ore <= after:
        found.append("allowance-exhausted")
    elif after < limit_ore <= before:
        found.append("allowance-restored")
    elif before * 100 < limit_ore * LOW_PERCENT <= after * 100:
        found.append("allowance-low")
    return found


def _event_id(name: str) -> str:
    """Give a UUIDv5; `uuid.uuid5` takes four times as long, and this runs for every entry."""
    text = hashlib.sha1(_NAMESPACE + name.encode(), usedforsecurity=False).hexdigest()
    variant = _VARIANT[text[16]]
    return f"{text[:8]}-{text[8:12]}-5{text[13:16]}-{variant}{text[17:20]}-{text[20:32]}"


def _text(value: object) -> str:
    if isinstance(value, list):
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
    return "" if value is None else str(value)
