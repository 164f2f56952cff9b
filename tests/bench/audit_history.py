"""A journal in bulk, from a seed: real bytes, chains and balances, as the ledger would enter them.

Every citizen has a card, two employments and some years of wages; of some the card is taken away
and given back, a few wages are reversed. Decided and written by the ledger's own pure code.
"""

import datetime as dt
import hashlib
import random
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

import orjson
import polars as pl

from frikort_contracts.topics import GRANTS, PARTITIONS, PAYROLL, partition_of
from frikort_contracts.types import AttentionCode, format_moment
from services.allowance import CODE_VERSION
from services.allowance.attention import (
    Attention,
    DecidedWage,
    Employment,
    about_change,
    about_reversal,
    about_wage,
    is_registered_late,
    latest_covered,
)
from services.allowance.domain import (
    Apportionment,
    Cap,
    CardChange,
    Citizen,
    Wage,
    YearBalance,
    apportion,
    cap_for,
    limit_in_force,
    reverse,
    turns,
)
from services.allowance.entry import (
    GENESIS,
    SentEvent,
    Source,
    chain_hash,
    entry_bytes,
    events_of,
    sent_event_id,
)
from services.allowance.translate import changes_to_json
from services.chassis.clock import business_date

YEARS: Final = range(2021, 2026)
FIRST: Final = dt.datetime(2020, 12, 1, 8, tzinfo=dt.UTC)
CAPS_KR: Final = (
    (2021, 20_000, "2021-01-01", "2020-12-01"),
    (2022, 20_000, "2022-01-01", "2021-12-01"),
    (2023, 20_000, "2023-01-01", "2022-12-01"),
    (2023, 40_000, "2023-07-01", "2023-06-01"),
    (2024, 41_280, "2024-01-01", "2023-12-01"),
    (2025, 42_766, "2025-01-01", "2024-12-01"),
)
WORK: Final = Employment(dt.date(2021, 1, 1))
MUNICIPALITIES: Final = ("751", "101", "461", "851")
SCHEMA: Final = {
    "citizen_id": pl.String,
    "entry_no": pl.Int32,
    "partition": pl.Int16,
    "journal_seq": pl.Int64,
    "hash": pl.Binary,
    "bytes": pl.Binary,
    "source_id": pl.String,
    "source_type": pl.String,
    "source_version": pl.Int32,
    "municipality_code": pl.String,
    "recorded_at": pl.String,
    "known_at": pl.String,
    "card_no": pl.String,
    "wage_id": pl.String,
    "year": pl.Int16,
    "paid_on": pl.String,
    "amount_ore": pl.Int64,
    "covered_ore": pl.Int64,
    "excess_ore": pl.Int64,
    "limit_ore": pl.Int64,
    "year_covered_ore": pl.Int64,
    "year_excess_ore": pl.Int64,
    "source_topic": pl.String,
    "source_partition": pl.Int16,
    "source_offset": pl.Int64,
    "correlation_id": pl.String,
    "traceparent": pl.String,
}
"""The journal's columns; moments and dates as their text."""
HEADS: Final = ("citizen_id", "entry_no", "head", "changes")
BALANCES: Final = {
    "citizen_id": pl.String,
    "year": pl.Int64,
    "covered_ore": pl.Int64,
    "excess_ore": pl.Int64,
    "entries": pl.Int64,
    "over_cap_ore": pl.Int64,
    "covered_to": pl.String,
}


def citizens_of(seed: int, citizens: int) -> dict[int, list[tuple[str, int]]]:
    """Name the citizens of each partition and the number of each one's card, in order of ids."""
    draw = random.Random(seed)  # noqa: S311 - a workload, no secret
    found: dict[int, list[tuple[str, int]]] = {p: [] for p in range(PARTITIONS)}
    for place in range(citizens):
        citizen_id = str(uuid.UUID(int=draw.getrandbits(128), version=4))
        found[partition_of(citizen_id)].append((citizen_id, place))
    return {partition: sorted(members) for partition, members in found.items()}


def rules() -> list[dict[str, Any]]:
    """Give the rules as their table has them: the caps, chained."""
    found, head = [], GENESIS
    for version, (year, kroner, in_force_from, known_on) in enumerate(CAPS_KR, start=1):
        known_at = dt.datetime.fromisoformat(known_on + "T00:00:00+00:00")
        cap = {
            "year": year,
            "amount_ore": kroner * 100,
            "income_limit_ore": 10_000_00,
            "in_force_from": in_force_from,
            "legal_basis": "bench",
        }
        event_id = str(uuid.uuid5(uuid.NAMESPACE_OID, f"cap {version}"))
        content = orjson.dumps(
            {
                "code_version": CODE_VERSION,
                "id": event_id,
                "key": f"cap:{year}",
                "known_at": format_moment(known_at),
                "payload": {"known_at": format_moment(known_at), **cap},
                "recorded_at": format_moment(known_at),
                "type": "annual-cap-set",
                "version": version,
            },
            option=orjson.OPT_SORT_KEYS,
        )
        head = chain_hash(head, content)
        row = {"version": version, "rule_key": f"cap:{year}", "type": "annual-cap-set"}
        row |= {"event_id": event_id, "hash": head, "bytes": content}
        found.append({**row, "recorded_at": known_at, "known_at": known_at, **cap})
    return found


def ledger_caps() -> dict[int, list[Cap]]:
    """Give the caps as the ledger decides with them."""
    found: dict[int, list[Cap]] = {}
    for rule in rules():
        cap = Cap(
            version=rule["version"],
            year=rule["year"],
            amount_ore=rule["amount_ore"],
            in_force_from=dt.date.fromisoformat(rule["in_force_from"]),
            known_at=rule["known_at"],
        )
        found.setdefault(cap.year, []).append(cap)
    return found


@dataclass(slots=True)
class Life:
    """One citizen's entries, written one after another; `rows` as the journal has them."""

    citizen_id: str
    card_no: str
    partition: int
    draw: random.Random
    caps: dict[int, list[Cap]]
    rows: list[tuple[Any, ...]] = field(default_factory=list)
    state: Citizen = field(default_factory=Citizen)
    now: dt.datetime = FIRST
    versions: dict[str, int] = field(default_factory=lambda: {GRANTS.name: 0, PAYROLL.name: 0})
    standing: dict[str, DecidedWage] = field(default_factory=dict)
    head: bytes = GENESIS
    municipality_code: str = ""

    def live(self, entries: int) -> None:
        """Write so many entries."""
        self.municipality_code = self.draw.choice(MUNICIPALITIES)
        self.now += dt.timedelta(microseconds=self.draw.randrange(10**10))
        days = (dt.datetime(2025, 12, 1, tzinfo=dt.UTC) - self.now).days
        step = dt.timedelta(days=days / entries)
        self._grant("grant-issued", {"valid_from": "2021-01-01"})
        jobs = [self._uuid(), self._uuid()]
        for job in jobs:
            self._employ(job)
        changes = self.draw.random() < 0.1
        for number in range(entries - 3):
            self.now += step + dt.timedelta(microseconds=self.draw.randrange(10**9))
            chance = self.draw.random()
            if changes and number in {entries // 2, entries // 2 + 4}:
                kind = "grant-deactivated" if number == entries // 2 else "grant-reactivated"
                self._grant(kind, {"effective_on": self.now.date().isoformat()})
            elif chance < 0.02 and self.standing:
                self._reverse(self.draw.choice(list(self.standing)))
            else:
                self._pay(self.draw.choice(jobs))

    def _grant(self, kind: str, dates: dict[str, str]) -> None:
        payload = {"decided_on": next(iter(dates.values())), **dates, "card_no": self.card_no}
        if kind == "grant-issued":
            payload |= {"municipality_code": self.municipality_code, "benefit": "none"}
            payload |= {"age_group": "30-plus"}
        change = CardChange(
            version=self.versions[GRANTS.name] + 1,
            card_no=self.card_no,
            kind=kind.removeprefix("grant-"),  # type: ignore[arg-type]
            effective_on=dt.date.fromisoformat(next(iter(dates.values()))),
        )
        self.state = Citizen(change.version, (*self.state.changes, change), self.state.years)
        raised = about_change(change, self.state.changes, self.standing)
        self._enter(GRANTS.name, kind, payload, raised=raised)

    def _employ(self, job: str) -> None:
        payload = {"card_no": self.card_no, "employment_id": job, "cvr": "25313763"}
        payload |= {"sector": "retail", "starts_on": "2021-01-01"}
        late = is_registered_late(WORK, business_date(self.now))
        raised = [Attention(AttentionCode.EMPLOYMENT_LATE, self.card_no)] if late else []
        self._enter(PAYROLL.name, "employment-registered", payload, raised=raised)

    def _pay(self, job: str) -> None:
        paid_on = self.now.date() - dt.timedelta(days=self.draw.randrange(20))
        paid_on = max(paid_on, dt.date(YEARS[0], 1, 1))
        amount_ore, wage_id = self.draw.randint(500_00, 3500_00), self._uuid()
        payload: dict[str, Any] = {"card_no": self.card_no, "wage_id": wage_id}
        payload |= {"employment_id": job}
        payload |= {"paid_on": paid_on.isoformat(), "amount_ore": amount_ore}
        payload |= {"holiday_pay_ore": amount_ore // 9, "payment_method": "bank"}
        wage = Wage(self.card_no, paid_on, amount_ore, self.state.grants_version, self.now)
        cap = cap_for(self.caps[paid_on.year], self.now)
        assert cap is not None
        decided = apportion(wage, self.state, cap.amount_ore)
        before = self.state.year(decided.year)
        codes = about_wage(
            wage,
            decided,
            changes=self.state.changes,
            grants_version=self.state.grants_version,
            before=before,
            employment=WORK,
            limit_ore=cap.amount_ore,
            limit_now_ore=limit_in_force(
                self.caps[decided.year], business_date(self.now), self.now
            ),
            pays_holiday=True,
        )
        raised = [Attention(code, self.card_no, decided.year, wage_id) for code in codes]
        self.standing[wage_id] = DecidedWage(self.card_no, decided)
        after = before.after(decided)
        self._enter(PAYROLL.name, "wage-paid", payload, decided, cap.amount_ore, after, raised)

    def _reverse(self, wage_id: str) -> None:
        original = self.standing.pop(wage_id).apportionment
        payload: dict[str, Any] = {"card_no": self.card_no, "wage_id": wage_id}
        payload |= {"amount_ore": original.amount_ore}
        payload |= {"paid_on": original.paid_on.isoformat()}
        payload |= {"reversed_on": self.now.date().isoformat()}
        covered_to = latest_covered(self.standing.values(), original.year)
        after = self.state.year(original.year).after_reversal(original, covered_to)
        cap = cap_for(self.caps[original.year], self.now)
        assert cap is not None
        codes = about_reversal(original, after, in_closed_year=False)
        raised = [Attention(code, self.card_no, original.year, wage_id) for code in codes]
        decided = reverse(original)
        self._enter(PAYROLL.name, "wage-reversed", payload, decided, cap.amount_ore, after, raised)

    def _enter(
        self,
        topic: str,
        kind: str,
        payload: dict[str, Any],
        decided: Apportionment | None = None,
        limit_ore: int | None = None,
        after: YearBalance | None = None,
        raised: Iterable[Attention] = (),
    ) -> None:
        self.versions[topic] += 1
        moment = payload["known_at"] = format_moment(self.now)
        if topic == PAYROLL.name:
            payload["grants_version"] = self.state.grants_version
        source_id = self._uuid()
        names: Iterable[str] = ()
        if decided is not None and limit_ore is not None and after is not None:
            names = events_of(kind, turns(self.state.year(decided.year), after, limit_ore))
            self.state = self.state.with_year(decided.year, after)
        sends = [
            SentEvent(name, sent_event_id(source_id, self.citizen_id, index))
            for index, name in enumerate(names)
        ]
        for case in raised:
            event_id = sent_event_id(source_id, self.citizen_id, len(sends))
            sends.append(SentEvent("attention-raised", event_id, case.content()))
        sha256, version = hashlib.sha256(orjson.dumps(payload)).hexdigest(), self.versions[topic]
        content = entry_bytes(
            citizen_id=self.citizen_id,
            entry_no=len(self.rows) + 1,
            municipality_code=self.municipality_code,
            source=Source(type=kind, id=source_id, version=version, payload=payload, sha256=sha256),
            recorded_at=moment,
            known_at=moment,
            grants_version=self.state.grants_version,
            rules_version=len(CAPS_KR),
            code_version=CODE_VERSION,
            apportionment=decided,
            sends=sends,
        )
        self.head = chain_hash(self.head, content)
        place = (topic, self.partition, len(self.rows), source_id, None)
        own = (source_id, kind, version, self.municipality_code, moment, moment)
        about, figures = (self.card_no, payload.get("wage_id")), (None,) * 5
        if decided is not None:
            paid_on = decided.paid_on.isoformat()
            figures = (decided.year, paid_on, *_amounts(decided))  # type: ignore[assignment]
        sums = (limit_ore, after and after.covered_ore, after and after.excess_ore)
        chain = (self.citizen_id, len(self.rows) + 1, self.partition, 0, self.head, content)
        self.rows.append((*chain, *own, *about, *figures, *sums, *place))

    def _uuid(self) -> str:
        return str(uuid.UUID(int=self.draw.getrandbits(128), version=4))


def _amounts(decided: Apportionment) -> tuple[int, int, int]:
    return decided.amount_ore, decided.covered_ore, decided.excess_ore


@dataclass(slots=True)
class Part:
    """A partition's citizens: their journal in order of ids, and what is kept beside it."""

    journal: pl.DataFrame
    heads: pl.DataFrame
    balances: pl.DataFrame


def write_partition(seed: int, citizens: int, partition: int, entries: int) -> Part:
    """Write the journal of one partition's citizens, each with so many entries on average."""
    caps, lives = ledger_caps(), []
    for citizen_id, place in citizens_of(seed, citizens)[partition]:
        draw = random.Random(f"{seed} {citizen_id}")  # noqa: S311 - as above
        life = Life(citizen_id, f"{place:05d}", partition, draw, caps)
        life.live(max(8, draw.randrange(entries * 2)))
        lives.append(life)
    journal = pl.concat([pl.DataFrame(life.rows, schema=SCHEMA, orient="row") for life in lives])
    numbers = pl.col("recorded_at").rank("ordinal").cast(pl.Int64)
    heads = [(life.citizen_id, len(life.rows), life.head, _kept(life)) for life in lives]
    balances = [
        (life.citizen_id, year, *kept[:4], kept.covered_to and kept.covered_to.isoformat())
        for life in lives
        for year, kept in life.state.years.items()
    ]
    return Part(
        journal.with_columns(journal_seq=numbers),
        pl.DataFrame(heads, schema=HEADS, orient="row"),
        pl.DataFrame(balances, schema=BALANCES, orient="row"),
    )


def _kept(life: Life) -> str:
    return changes_to_json(life.state.changes)
