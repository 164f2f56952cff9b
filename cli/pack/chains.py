"""One citizen's entries: the chain, what each decided, and the years it folds to."""

from __future__ import annotations

import hashlib
import uuid
from collections import Counter

from cli.pack.folder import ENTRY_TAG, GENESIS
from cli.pack.records import (
    DECISION,
    ENTRY,
    SOURCE,
    FaultError,
    Record,
    canonical,
    demand,
    expect,
    is_a,
    parse,
)

NAMESPACE = uuid.UUID("5d0cbd9c-0d4f-5a51-9b1c-6f6b1b7f6a11")
CSV_HEADER = (
    "citizen_id,entry_no,partition,journal_seq,hash,source_type,source_id,source_version,"
    "municipality_code,recorded_at,known_at,card_no,wage_id,paid_on,year,amount_ore,covered_ore,"
    "excess_ore,reason"
)


class Chain:
    """One citizen's entries as far as they are read; hashes and journal_seq by entry_no."""

    def __init__(self, row: Record) -> None:
        self.citizen_id, self.partition = row["citizen_id"], row["partition"]
        self.hashes, self.seqs, self.recorded_at = [GENESIS], [0], ""
        self.versions: Counter[str] = Counter()
        self.seen: set[str] = set()
        self.wages: dict[str, Record] = {}
        self.years: dict[int, Counter[str]] = {}
        self.wanted = False

    def take(self, row: Record, rules: list[Record]) -> Record:
        """Check the citizen's next entry and fold it; give its content."""
        where = f"citizen {self.citizen_id} entry {row['entry_no']}"
        expect(where, "entry_no", row["entry_no"], len(self.hashes))
        content = row["bytes"].encode()
        digest = hashlib.sha256(ENTRY_TAG + self.hashes[-1] + content).digest()
        expect(where, "hash", row["hash"], digest.hex())
        expect(where, "partition", row["partition"], self.partition)
        if row["journal_seq"] <= self.seqs[-1]:
            raise FaultError(where, "journal_seq", row["journal_seq"], f"after {self.seqs[-1]}")
        entry = parse(where, content, ENTRY)
        demand(f"{where} source", entry["source"], SOURCE)
        for name in ("citizen_id", "entry_no"):
            expect(where, name, entry[name], row[name])
        if entry["recorded_at"] < self.recorded_at:
            raise FaultError(where, "recorded_at", entry["recorded_at"], f"from {self.recorded_at}")
        self._check_source(where, entry, rules)
        for index, event in enumerate(entry["events"]):
            sent = uuid.uuid5(NAMESPACE, f"{entry['source']['id']}/{self.citizen_id}/{index}")
            demand(f"{where} events", {str(index): event}, {str(index): "dict"})
            expect(where, f"events {index} id", event.get("id"), str(sent))
        self._check_decision(where, entry, rules)
        self.hashes.append(digest)
        self.seqs.append(row["journal_seq"])
        self.recorded_at = entry["recorded_at"]
        return entry

    def _check_source(self, where: str, entry: Record, rules: list[Record]) -> None:
        source = entry["source"]
        version, known = source["version"], source["payload"].get("grants_version")
        if entry["rules_version"] > len(rules):
            expected = f"{len(rules)} at most"
            raise FaultError(where, "rules_version", entry["rules_version"], expected)
        if source["type"] == "annual-cap-set":
            rule = rules[version - 1] if 0 < version <= len(rules) else {}
            for name in ("id", "type", "version", "payload"):
                expect(where, f"source {name}", source[name], rule.get(name))
            expect(where, "the rule came before", source["id"] in self.seen, False)
            self.seen.add(source["id"])
            return
        lane, expected = ("grants", version) if known is None else ("payroll", known)
        expect(where, "grants_version", entry["grants_version"], expected)
        if version <= self.versions[lane]:
            raise FaultError(where, "source version", version, f"after {self.versions[lane]}")
        self.versions[lane] = version

    def _check_decision(self, where: str, entry: Record, rules: list[Record]) -> None:
        source, postings = entry["source"], []
        decides = source["type"] in {"wage-paid", "wage-reversed"}
        expect(where, "has a decision", "decision" in entry, decides)
        if decides:
            demand(where, entry, {"decision": "dict"})
            decision = entry["decision"]
            demand(f"{where} decision", decision, DECISION)
            demand(f"{where} payload", source["payload"], {"wage_id": "uuid"})
            covered, excess, year = (decision[n] for n in ("covered_ore", "excess_ore", "year"))
            parts = {"available": -covered, "covered": covered, "employer": -excess}
            postings = [
                {"account": account, "amount_ore": amount, "year": year}
                for account, amount in {**parts, "excess": excess}.items()
                if amount
            ]
            fold = self._take_wage if source["type"] == "wage-paid" else self._take_reversal
            fold(where, decision, source["payload"])
            total = self.years.setdefault(year, Counter())
            total.update(covered_ore=covered, excess_ore=excess, entries=1)
            if covered > 0:
                most = _highest_cap(rules[: entry["rules_version"]], year)
                found = total["covered_ore"]
                if found > most:
                    raise FaultError(where, f"covered in {year}", found, f"<= {most}")
        expect(where, "postings", canonical(entry["postings"]), canonical(postings))

    def _take_wage(self, where: str, decision: Record, payload: Record) -> None:
        covered, excess = decision["covered_ore"], decision["excess_ore"]
        expect(where, "covered + excess", covered + excess, payload.get("amount_ore"))
        expect(where, "the smaller part", min(covered, excess, 0), 0)
        expect(where, "decision year", str(decision["year"]), str(payload.get("paid_on"))[:4])
        expect(where, "its wage came before", payload["wage_id"] in self.seen, False)
        self.seen.add(payload["wage_id"])
        self.wages[payload["wage_id"]] = decision

    def _take_reversal(self, where: str, decision: Record, payload: Record) -> None:
        expect(where, "its wage stands", payload["wage_id"] in self.wages, True)
        wage = self.wages.pop(payload["wage_id"])
        given_back = {"covered_ore": -wage["covered_ore"], "excess_ore": -wage["excess_ore"]}
        for name, expected in {**given_back, "year": wage["year"]}.items():
            expect(where, f"decision {name}", decision[name], expected)


def _highest_cap(rules: list[Record], year: int) -> int:
    """Give the most that a year may cover under the rules that an entry has seen."""
    caps = [rule["payload"] for rule in rules if rule["type"] == "annual-cap-set"]
    amounts = [cap.get("amount_ore") for cap in caps if cap.get("year") == year]
    return max((amount for amount in amounts if type(amount) is int), default=0)


def csv_line(row: Record, entry: Record) -> str:
    """Write an entry's line of the CSV; of the payload, what is no plain word is left out."""
    source, decision = entry["source"], entry.get("decision", {})
    names = ("card_no", "wage_id", "paid_on") if decision else ("card_no",)
    words = [source["payload"].get(name) for name in names]
    figures = [decision.get(name, "") for name in ("covered_ore", "excess_ore", "reason")]
    amount = decision["covered_ore"] + decision["excess_ore"] if decision else ""
    cells = [row[name] for name in ("citizen_id", "entry_no", "partition", "journal_seq", "hash")]
    cells += [source["type"], source["id"], source["version"], entry["municipality_code"]]
    cells += [entry["recorded_at"], entry["known_at"]]
    cells += [word if is_a("plain", word) else "" for word in (*words, "", "")[:3]]
    cells += [decision.get("year", ""), amount, *figures]
    return ",".join(map(str, cells))
