"""Each decision explained: what was covered, why, under which rule and cap, before and after.

Pure: a fold over journal rows, rule rows and held messages, whoever has read them. The ledger's
service and the auditor's command line both answer with it.
"""

import datetime as dt
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from frikort_contracts.explanations import (
    AttentionRaisedFor,
    Basis,
    CapInForce,
    CapUsed,
    CardRule,
    ExplainedEntry,
    Explanation,
    WaitingWage,
    YearState,
)
from frikort_contracts.topics import GRANTS
from frikort_contracts.types import ApportionReason
from services.allowance.domain import (
    Apportionment,
    Cap,
    CardChange,
    YearBalance,
    cap_for,
    latest_change,
)
from services.allowance.reasons import (
    CHANGE_RULES,
    Facts,
    ground_of,
    in_danish,
    in_english,
    why_held,
)

Row = Mapping[str, Any]
"""A database row by column, from whichever driver."""
Read: TypeAlias = tuple[Row, Mapping[str, Any]]
"""A row of the journal, and what its bytes say."""
CAP_SET = "annual-cap-set"
_WAGES = ("wage-paid", "wage-reversed")
_RESTS_ON_CAP = frozenset({ApportionReason.WITHIN_CAP, ApportionReason.OVER_CAP})


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """The caps by year in order of their rules, and each rule's legal basis."""

    by_year: Mapping[int, Sequence[Cap]]
    basis: Mapping[int, str]

    def of(self, year: int) -> Sequence[Cap]:
        """Give a year's caps, none if it has none yet."""
        return self.by_year.get(year, ())

    def used(self, cap: Cap | None) -> CapUsed | None:
        """Give a cap as it is shown, with its legal basis."""
        if cap is None:
            return None
        return CapUsed(
            rule_version=cap.version,
            amount_ore=cap.amount_ore,
            in_force_from=cap.in_force_from,
            known_at=cap.known_at,
            legal_basis=self.basis[cap.version],
        )


def to_caps(rules: Iterable[Row]) -> Caps:
    """Read the caps from rows of the table `rules`, in order of version."""
    by_year: dict[int, list[Cap]] = {}
    basis = {}
    for row in rules:
        if row["type"] != CAP_SET:
            continue
        cap = Cap(
            version=row["version"],
            year=row["year"],
            amount_ore=row["amount_ore"],
            in_force_from=row["in_force_from"],
            known_at=row["known_at"],
        )
        by_year.setdefault(cap.year, []).append(cap)
        basis[cap.version] = row["legal_basis"]
    return Caps(by_year=by_year, basis=basis)


@dataclass(frozen=True, slots=True, kw_only=True)
class HolderRows:
    """What the ledger's tables hold about a card's holder, as `explain` takes it."""

    journal: Sequence[Row]
    changes: str | None
    caps: Caps
    held: Sequence[Row]

    def explain(self, card_no: str, year: int | None) -> Explanation:
        """Explain the decisions about the holder."""
        return explain(
            card_no,
            year,
            journal=self.journal,
            changes=self.changes,
            caps=self.caps,
            held=self.held,
        )


def explain(
    card_no: str,
    year: int | None,
    *,
    journal: Iterable[Row],
    changes: str | None,
    caps: Caps,
    held: Iterable[Row],
) -> Explanation:
    """Explain the decisions about a citizen.

    `journal`: rows of one citizen in order of entry_no, of whole years, with those that belong
    to no year. `changes`: what the ledger keeps of their cards' changes, as JSON. `held`: their
    held payroll messages in order; those of other years are left out.
    """
    rows = [(row, json.loads(row["bytes"])) for row in journal]
    waiting = (_waiting(row) for row in held)
    return Explanation(
        card_no=card_no,
        year=year,
        entries=tuple(_explained(rows, _to_changes(changes), caps)),
        caps=tuple(_caps_in_force(rows, caps)),
        waiting=tuple(w for w in waiting if w is not None and year in {None, _year(w, year)}),
    )


def _explained(
    rows: Sequence[Read], changes: Sequence[CardChange], caps: Caps
) -> Iterable[ExplainedEntry]:
    brought_by = {
        content["source"]["version"]: row["entry_no"]
        for row, content in rows
        if row["source_topic"] == GRANTS.name
    }
    raised = _raised_later(rows)
    years: dict[int, YearBalance] = {}
    for row, content in rows:
        if row["source_type"] not in _WAGES or "decision" not in content:
            continue
        decided = _to_apportionment(row, content["decision"])
        before = years.get(decided.year, YearBalance())
        after = years[decided.year] = YearBalance(
            before.covered_ore + decided.covered_ore,
            before.excess_ore + decided.excess_ore,
            before.entries + 1,
        )
        seen = [c for c in caps.of(decided.year) if c.version <= content["rules_version"]]
        explained = _explain_one(
            row, decided, (before, after), caps.used(cap_for(seen, row["known_at"]))
        )
        change = _ruling(changes, explained, content["grants_version"])
        followed = () if change is None else CHANGE_RULES.get(change.kind, ())
        later = raised.get(explained.wage_id, ()) if explained.kind == "wage" else ()
        yield explained.model_copy(
            update={
                "rules": (*explained.rules, *followed),
                "card_change": change and _to_card_rule(change, brought_by),
                "attention": (*_raised(row, content), *later),
            }
        )


def _caps_in_force(rows: Iterable[Read], caps: Caps) -> Iterable[CapInForce]:
    """Show the entries by which a changed cap was brought to the citizen."""
    for row, content in rows:
        source = content["source"]
        if row["source_type"] != CAP_SET:
            continue
        year = source["payload"]["year"]
        cap = next((cap for cap in caps.of(year) if cap.version == source["version"]), None)
        yield CapInForce(
            entry_no=row["entry_no"],
            hash=bytes(row["hash"]).hex(),
            recorded_at=row["recorded_at"],
            year=year,
            cap=caps.used(cap),
            attention=tuple(_raised(row, content)),
        )


def _to_apportionment(row: Row, decision: Mapping[str, Any]) -> Apportionment:
    return Apportionment(
        decision["year"],
        row["paid_on"],
        decision["covered_ore"],
        decision["excess_ore"],
        ApportionReason(decision["reason"]),
    )


def _raised(row: Row, content: Mapping[str, Any]) -> Iterable[AttentionRaisedFor]:
    """Give the attention that an entry raises."""
    return [
        AttentionRaisedFor(entry_no=row["entry_no"], code=event["code"])
        for event in content["events"]
        if event["type"] == "attention-raised"
    ]


def _raised_later(rows: Iterable[Read]) -> Mapping[str, list[AttentionRaisedFor]]:
    """Give the attention that entries without a decision raise, by the wage it is about."""
    found: dict[str, list[AttentionRaisedFor]] = {}
    for row, content in rows:
        for event in () if "decision" in content else content["events"]:
            if event["type"] == "attention-raised" and "wage_id" in event:
                case = AttentionRaisedFor(entry_no=row["entry_no"], code=event["code"])
                found.setdefault(event["wage_id"], []).append(case)
    return found


def _to_changes(text: str | None) -> list[CardChange]:
    """Read the changes of a citizen's cards, in order of their versions."""
    return [
        CardChange(
            version=version,
            card_no=card_no,
            kind=kind,
            effective_on=dt.date.fromisoformat(effective_on),
        )
        for version, card_no, kind, effective_on in json.loads(text or "[]")
    ]


def _ruling(
    changes: Iterable[CardChange], entry: ExplainedEntry, grants_version: int
) -> CardChange | None:
    """Find the change that ruled a wage's card on its date; of a reversal none is asked."""
    if entry.kind == "reversal":
        return None
    return latest_change(
        changes, card_no=entry.card_no, on=entry.paid_on, grants_version=grants_version
    )


def _to_card_rule(change: CardChange, brought_by: Mapping[int, int]) -> CardRule:
    return CardRule(
        entry_no=brought_by[change.version], kind=change.kind, effective_on=change.effective_on
    )


def _explain_one(
    row: Row,
    decided: Apportionment,
    balances: tuple[YearBalance, YearBalance],
    cap: CapUsed | None,
) -> ExplainedEntry:
    limit_ore = row["limit_ore"]
    before, after = (_state(balance, limit_ore) for balance in balances)
    facts = Facts(
        card_no=row["card_no"],
        paid_on=decided.paid_on,
        amount_ore=abs(decided.amount_ore),
        covered_ore=abs(decided.covered_ore),
        excess_ore=abs(decided.excess_ore),
        room_ore=before.remaining_ore,
        limit_ore=limit_ore,
    )
    ground = ground_of(decided.reason, decided.covered_ore)
    return ExplainedEntry(
        entry_no=row["entry_no"],
        hash=bytes(row["hash"]).hex(),
        kind="wage" if row["source_type"] == "wage-paid" else "reversal",
        card_no=row["card_no"],
        wage_id=str(row["wage_id"]),
        year=decided.year,
        paid_on=decided.paid_on,
        known_at=row["known_at"],
        recorded_at=row["recorded_at"],
        amount_ore=decided.amount_ore,
        covered_ore=decided.covered_ore,
        excess_ore=decided.excess_ore,
        reason=decided.reason,
        danish=in_danish(ground, facts),
        english=in_english(ground, facts),
        rules=ground.rules,
        basis=basis_of(decided.reason, decided.paid_on, decided.covered_ore, cap),
        limit_ore=limit_ore,
        cap=cap,
        before=before,
        after=after,
    )


def basis_of(
    reason: ApportionReason, paid_on: dt.date, covered_ore: int, cap: CapUsed | None
) -> tuple[Basis, ...]:
    """Cite what a decision rests on; where the cap decided, its own legal basis first."""
    own = ground_of(reason, covered_ore).basis(paid_on)
    if cap is None or reason not in _RESTS_ON_CAP:
        return own
    return (Basis(source=cap.legal_basis, standing="law"), *own)


def _state(balance: YearBalance, limit_ore: int | None) -> YearState:
    return YearState(
        covered_ore=balance.covered_ore,
        excess_ore=balance.excess_ore,
        remaining_ore=None if limit_ore is None else balance.remaining_ore(limit_ore),
    )


def _waiting(row: Row) -> WaitingWage | None:
    """Show a held message that is a wage or a reversal; one that cannot be read is left out."""
    kind = _read_object(row["headers"]).get("ce_type")
    if kind not in _WAGES:
        return None
    payload = _read_object(row["value"] or b"")
    words = why_held(row["reason"], parked=row["parked"])
    return WaitingWage(
        kind="wage" if kind == "wage-paid" else "reversal",
        card_no=_text(payload.get("card_no")),
        wage_id=_text(payload.get("wage_id")),
        paid_on=_date(payload.get("paid_on")),
        amount_ore=_amount(payload.get("amount_ore")),
        reason=row["reason"],
        parked=row["parked"],
        held_at=row["held_at"],
        danish=words.danish,
        english=words.english,
    )


def _year(waiting: WaitingWage, otherwise: int | None) -> int | None:
    """Give the year that something waits for; what names none is shown in every year."""
    return otherwise if waiting.paid_on is None else waiting.paid_on.year


def _read_object(content: bytes) -> dict[str, Any]:
    """Read JSON that nobody has judged yet."""
    try:
        found = json.loads(content)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _amount(value: object) -> int | None:
    return value if isinstance(value, int) else None


def _date(value: object) -> dt.date | None:
    try:
        return dt.date.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
