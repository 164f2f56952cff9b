"""Proof of the journal: every chain, posting and balance recomputed, from the rows alone. Pure.

Written apart from the code that makes the journal, so that the two cannot err together. It
names what is wrong — which entry, which field, what it should have been — and goes on.
"""

import hashlib
import json
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from cli.proof_parts import (
    CHAIN_TAG,
    GENESIS,
    NAMESPACE,
    Balance,
    Chain,
    Fault,
    Row,
    Stored,
    Wage,
    Year,
)
from frikort_contracts.types import format_moment

__all__ = ["GENESIS", "Balance", "Fault", "Proof", "Stored"]

CAP_SET: Final = "annual-cap-set"
"""What the entries of a sweep rest on: a changed cap that has come into force."""
ACCOUNTS: Final = ("available", "covered", "employer", "excess")
MAY_WAIT: Final = frozenset({"wage-paid", "wage-reversed"})
"""A year without a cap holds back its wages and their reversals, nothing else (R23)."""
FAULTS_KEPT_MAX: Final = 1000


@dataclass(slots=True)
class Proof:
    """What has been read and what was wrong; entries are given citizen by citizen, in order."""

    entries: int = 0
    citizens: int = 0
    rules: int = 0
    faults: list[Fault] = field(default_factory=list)
    faults_total: int = 0
    trial_balance: Counter[str] = field(default_factory=Counter)
    by_partition: Counter[int] = field(default_factory=Counter)
    _chain: Chain | None = None
    _rule_head: bytes = GENESIS
    _rules: dict[str, dict[str, Any]] = field(default_factory=dict)

    def take_entry(self, row: Row, stored: Stored) -> None:
        """Check the next journal row."""
        citizen_id = str(row["citizen_id"])
        if self._chain is None or self._chain.citizen_id != citizen_id:
            self._end_chain(stored)
            self._chain = Chain(citizen_id)
            self.citizens += 1
        self.entries += 1
        self.by_partition[row["partition"]] += 1
        self._check_entry(row, self._chain)

    def take_rule(self, row: Row) -> None:
        """Check the next rule, in order of version."""
        self.rules += 1
        where = f"rule {row['version']}"
        self._expect(where, "version", row["version"], self.rules)
        content = bytes(row["bytes"])
        self._rule_head = hashlib.sha256(CHAIN_TAG + self._rule_head + content).digest()
        self._expect(where, "hash", bytes(row["hash"]).hex(), self._rule_head.hex())
        rule = self._parse(where, content)
        self._rules[str(rule.get("id"))] = rule
        payload = rule.get("payload", {})
        for column in ("year", "amount_ore", "income_limit_ore"):
            self._expect(where, column, row[column], payload.get(column))
        for column in ("in_force_from", "legal_basis"):
            self._expect(where, column, _text(row[column]), payload.get(column))
        for column, key in (("type", "type"), ("rule_key", "key"), ("event_id", "id")):
            self._expect(where, column, str(row[column]), rule.get(key))
        for column in ("known_at", "recorded_at"):
            self._expect(where, column, format_moment(row[column]), rule.get(column))
        self._rule_head = bytes(row["hash"])

    def know_rules(self, entries: Iterable[dict[str, Any]]) -> None:
        """Be told the rules that another proof has checked."""
        self._rules = {str(rule.get("id")): rule for rule in entries}

    def rule_entries(self) -> list[dict[str, Any]]:
        """Give the rules that were checked, as their entries say them."""
        return list(self._rules.values())

    def count(
        self,
        *,
        entries: int,
        citizens: int,
        trial_balance: Mapping[str, int],
        by_partition: Mapping[int, int],
    ) -> None:
        """Count citizens that were proved otherwise."""
        self.entries += entries
        self.citizens += citizens
        self.trial_balance.update(trial_balance)
        self.by_partition.update(by_partition)

    def add(self, other: "Proof") -> None:
        """Add the proof of other citizens."""
        self.count(
            entries=other.entries,
            citizens=other.citizens,
            trial_balance=other.trial_balance,
            by_partition=other.by_partition,
        )
        self.faults_total += other.faults_total
        self.faults += other.faults[: FAULTS_KEPT_MAX - len(self.faults)]

    def end(self, stored: Stored) -> None:
        """Check what only the whole tells: heads, balances, counts, the trial balance."""
        self.end_citizens(stored)
        for partition, journal_seq in stored.partitions.items():
            found = self.by_partition[partition]
            self._expect(f"partition {partition}", "entries", found, journal_seq)
        self._expect("trial balance", "sum of all postings", sum(self.trial_balance.values()), 0)
        for account in self.account_faults(stored):
            self._fault(*account)

    def end_citizens(self, stored: Stored) -> None:
        """Check where the last chain ends, and that of every citizen kept there were entries."""
        self._end_chain(stored)
        for citizen_id, kept in stored.heads.items():
            if kept[0]:  # the chains of those that were read are gone by now
                self._fault(f"citizen {citizen_id}", "entries", "0", str(kept[0]))
        for (citizen_id, year), kept_year in stored.balances.items():
            self._fault(f"citizen {citizen_id}", f"balance {year}", str(kept_year), "no entries")

    def account_faults(self, stored: Stored) -> Iterator[tuple[str, str, str, str]]:
        """Check per partition: the highest number = applied + ignored + duplicate + held.

        Messages that no relay has numbered are counted beside it.
        """
        for lane in stored.lanes:
            settled = lane["applied"] + lane["ignored"] + lane["duplicate"] + lane["held"]
            produced = lane["last_seq"] + lane["unnumbered"]
            if settled != produced:
                where = f"{lane['topic']}:{lane['partition']}"
                yield where, "messages accounted for", str(settled), str(produced)

    def _check_entry(self, row: Row, chain: Chain) -> None:
        chain.entry_no += 1
        where = f"citizen {chain.citizen_id} entry {row['entry_no']}"
        self._expect(where, "entry_no", row["entry_no"], chain.entry_no)
        chain.entry_no = row["entry_no"]
        content = bytes(row["bytes"])
        expected = hashlib.sha256(CHAIN_TAG + chain.head + content).digest()
        chain.head = bytes(row["hash"])
        self._expect(where, "hash", chain.head.hex(), expected.hex())
        entry = self._parse(where, content)
        if not entry:
            return
        try:
            self._check_content(where, row, entry, chain)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            self._fault(where, "bytes", f"{type(error).__name__}: {error}", "an entry's fields")

    def _check_content(self, where: str, row: Row, entry: dict[str, Any], chain: Chain) -> None:
        self._check_columns(where, row, entry)
        source = entry["source"]
        if source["type"] == CAP_SET:
            self._check_sweep(where, row, entry, chain)
        else:
            self._check_version(where, row, chain)
        if entry["recorded_at"] < chain.recorded_at:
            self._fault(where, "recorded_at", entry["recorded_at"], f"from {chain.recorded_at} on")
        chain.recorded_at = entry["recorded_at"]
        if "decision" in entry:
            self._check_decision(where, row, entry, source, chain)
        elif entry["postings"]:
            self._fault(where, "postings", str(entry["postings"]), "none without a decision")

    def _check_version(self, where: str, row: Row, chain: Chain) -> None:
        """Check that versions follow each other; what waited for a cap may come later, once."""
        topic, version = row["source_topic"], row["source_version"]
        following = chain.versions.get(topic, 0) + 1
        is_late = row["source_type"] in MAY_WAIT and 0 < version < following
        if version < following and not (is_late and (topic, version) not in chain.seen):
            self._fault(where, "source.version", str(version), f"{following} or later")
        chain.versions[topic] = max(version, following - 1)
        chain.seen.add((topic, version))

    def _check_sweep(self, where: str, row: Row, entry: dict[str, Any], chain: Chain) -> None:
        """Check an entry that brings a changed cap: its rule, the balance, what it turned (R22)."""
        source, events = entry["source"], entry["events"]
        rule = self._rules.get(source["id"], {})
        payload = source["payload"]
        if source["id"] not in self._rules:
            self._fault(where, "source", source["id"], "a rule")
        for name, key in (("type", "type"), ("version", "version"), ("payload", "payload")):
            self._expect(where, f"source.{name}", source[name], rule.get(key))
        wire = json.dumps(rule.get("payload"), separators=(",", ":"), ensure_ascii=False).encode()
        self._expect(where, "source.sha256", source["sha256"], hashlib.sha256(wire).hexdigest())
        if source["id"] in chain.swept:
            self._fault(where, "source", source["id"], "one entry for each rule")
        chain.swept.add(source["id"])
        year = chain.years.get(payload["year"])
        if year is None:
            self._fault(where, "year", str(payload["year"]), "a year that is open")
            return
        self._expect(where, "limit_ore", row["limit_ore"], payload["amount_ore"])
        self._expect(where, "year_covered_ore", row["year_covered_ore"], year.covered_ore)
        self._expect(where, "year_excess_ore", row["year_excess_ore"], year.excess_ore)
        turned = [event["type"] for event in events]
        expected = ["attention-raised"] if year.over_cap_ore else []
        if year.covered_ore < payload["amount_ore"] and "allowance-restored" in turned:
            expected.insert(0, "allowance-restored")
        self._expect(where, "events", turned, expected)

    def _check_columns(self, where: str, row: Row, entry: dict[str, Any]) -> None:
        source, decision = entry["source"], entry.get("decision", {})
        repeated = {
            "citizen_id": entry["citizen_id"],
            "entry_no": entry["entry_no"],
            "source_id": source["id"],
            "source_type": source["type"],
            "source_version": source["version"],
            "municipality_code": entry["municipality_code"],
            "year": source["payload"]["year"]
            if source["type"] == CAP_SET
            else decision.get("year"),
            "covered_ore": decision.get("covered_ore"),
            "excess_ore": decision.get("excess_ore"),
            "wage_id": source["payload"].get("wage_id") if decision else None,
            "card_no": source["payload"].get("card_no"),
        }
        for column, expected in repeated.items():
            self._expect(where, column, _text(row[column]), _text(expected))
        for column in ("recorded_at", "known_at"):
            self._expect(where, column, format_moment(row[column]), entry[column])
        for index, event in enumerate(entry["events"]):
            name = f"{source['id']}/{entry['citizen_id']}/{index}"
            self._expect(where, "events.id", event["id"], str(uuid.uuid5(NAMESPACE, name)))

    def _check_decision(
        self, where: str, row: Row, entry: dict[str, Any], source: dict[str, Any], chain: Chain
    ) -> None:
        decision = entry["decision"]
        covered_ore, excess_ore = decision["covered_ore"], decision["excess_ore"]
        payload = source["payload"]
        if source["type"] == "wage-paid":
            self._expect(where, "covered + excess", covered_ore + excess_ore, payload["amount_ore"])
            self._expect(where, "decision.year", str(decision["year"]), payload["paid_on"][:4])
            self._expect(where, "paid_on", _text(row["paid_on"]), payload["paid_on"])
            over_cap_ore = excess_ore if decision["reason"] == "over-cap" else 0
            chain.wages[payload["wage_id"]] = Wage(
                decision["year"], payload["paid_on"], covered_ore, excess_ore, over_cap_ore
            )
        else:
            original = chain.wages.pop(payload["wage_id"], None)
            if original is None:
                self._fault(where, "reversal", payload["wage_id"], "a wage not reversed before")
                paid_on = _text(row["paid_on"]) or ""
                original = Wage(decision["year"], paid_on, -covered_ore, -excess_ore, 0)
            over_cap_ore = -original.over_cap_ore
            given_back = (-original.covered_ore, -original.excess_ore)
            self._expect(where, "reversal", (covered_ore, excess_ore), given_back)
            self._expect(where, "decision.year", decision["year"], original.year)
            self._expect(where, "paid_on", _text(row["paid_on"]), original.paid_on)
        self._expect(where, "amount_ore", row["amount_ore"], covered_ore + excess_ore)
        amounts = dict(
            zip(ACCOUNTS, (-covered_ore, covered_ore, -excess_ore, excess_ore), strict=True)
        )
        postings = [
            {"account": account, "amount_ore": amount, "year": decision["year"]}
            for account, amount in amounts.items()
            if amount
        ]
        self._expect(where, "postings", entry["postings"], postings)
        for posting in entry["postings"]:
            self.trial_balance[posting["account"]] += posting["amount_ore"]
        year = chain.years.setdefault(decision["year"], Year())
        year.covered_ore += covered_ore
        year.excess_ore += excess_ore
        year.entries += 1
        year.over_cap_ore += over_cap_ore
        self._expect(where, "year_covered_ore", row["year_covered_ore"], year.covered_ore)
        self._expect(where, "year_excess_ore", row["year_excess_ore"], year.excess_ore)
        if covered_ore > 0 and year.covered_ore > row["limit_ore"]:
            self._fault(
                where, "covered in the year", str(year.covered_ore), f"≤ {row['limit_ore']}"
            )

    def _end_chain(self, stored: Stored) -> None:
        chain, self._chain = self._chain, None
        if chain is None:
            return
        where = f"citizen {chain.citizen_id}"
        entry_no, head = stored.heads.pop(chain.citizen_id, (0, GENESIS))
        self._expect(where, "entries", chain.entry_no, entry_no)
        self._expect(where, "head", chain.head.hex(), head.hex())
        for year, folded in chain.balances():
            kept = stored.balances.pop((chain.citizen_id, year), None)
            if kept is None:
                self._fault(where, f"balance {year}", "none", str(folded))
            else:
                self._check_balance(where, year, kept, folded)

    def _check_balance(self, where: str, year: int, kept: Balance, folded: Balance) -> None:
        for name, found, expected in zip(Balance._fields, kept, folded, strict=True):
            self._expect(where, f"balance {year} {name}", found, expected)

    def _parse(self, where: str, content: bytes) -> dict[str, Any]:
        try:
            value = json.loads(content)
        except (ValueError, RecursionError):
            self._fault(where, "bytes", "not JSON", "RFC 8785 JSON")
            return {}
        canonical = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        if canonical.encode() != content:
            self._fault(where, "bytes", "not canonical", "RFC 8785 JSON")
        return value if isinstance(value, dict) else {}

    def _expect(self, where: str, name: str, found: object, expected: object) -> None:
        if found != expected:
            self._fault(where, name, str(found), str(expected))

    def _fault(self, where: str, name: str, found: str, expected: str) -> None:
        self.faults_total += 1
        if len(self.faults) < FAULTS_KEPT_MAX:
            self.faults.append(Fault(where, name, found, expected))


def _text(value: object) -> str | None:
    return None if value is None else str(value)
