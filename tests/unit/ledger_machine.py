"""The ledger and a naive one side by side: a machine of law and time, still without citizens.

Whatever it is given it gives both, and keeps what the ledger entered and whom it called.
"""

import datetime as dt
import json
from collections import Counter, defaultdict
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from frikort_contracts.topics import GRANTS
from frikort_contracts.types import AttentionCode
from services.allowance.attention import DecidedWage
from services.allowance.domain import Apportionment, Cap, WageOf
from services.allowance.pages import Page
from services.allowance.posting import Entry, Posting, Rules
from services.allowance.translate import read
from services.chassis.inbox import Inbox
from tests.unit.ledger_writer import MUNICIPALITIES, Writer
from tests.unit.naive_ledger import NaiveCap, NaiveCitizen, NaiveClosing, NaiveLaw

YEARS = (2022, 2023)
START = dt.datetime(2022, 1, 3, 9, tzinfo=dt.UTC)
NOT_JUDGED = {
    AttentionCode.CAP_MISSING,  # raised in the rules' stream
    AttentionCode.WAGE_MISREPORTED,  # told by payroll, and not decided
    AttentionCode.WORK_BEFORE_GRANT,  # the days of the work, which nobody registers
    AttentionCode.WORK_BEFORE_DEACTIVATION,
    AttentionCode.HOLIDAY_PAY_AFTER_DEACTIVATION,
}
JUDGED = set(AttentionCode) - NOT_JUDGED
"""The naive ledger raises these too; the others are told by tests of their own."""

cap_amounts = st.sampled_from([20_000_00, 40_000_00])


class LawMachine(RuleBasedStateMachine):
    """Caps come, years close and time passes; what the writers wrote is delivered to both."""

    def __init__(self) -> None:
        super().__init__()
        self.writers: dict[str, Writer] = {}
        self.law = NaiveLaw(START)
        self.naive: dict[str, NaiveCitizen] = {}
        self.caps: dict[int, list[Cap]] = {}
        self.closings: dict[tuple[str, int], dt.datetime] = {}
        self.pages: dict[str, Page] = {}
        self.journal_seq = dict.fromkeys(range(12), 0)
        self.originals: dict[WageOf, Apportionment] = {}
        self.reversed_wages: set[WageOf] = set()
        self.standing: dict[str, dict[str, DecidedWage]] = {}
        self.entries: dict[str, list[Entry]] = defaultdict(list)
        self.raised: dict[str, Counter[tuple[str, str]]] = defaultdict(Counter)

    @rule(
        year=st.sampled_from(YEARS),
        amount=cap_amounts,
        month=st.sampled_from([1, 7]),
        learned_days_ago=st.integers(0, 200),
    )
    def set_cap(self, year: int, amount: int, month: int, learned_days_ago: int) -> None:
        known_at = self.law.now - dt.timedelta(days=learned_days_ago)
        in_force_from = dt.date(year, month, 1)
        if any(cap.known_at == known_at for cap in self.law.caps):
            return
        self.law.caps.append(NaiveCap(year, amount, in_force_from, known_at))
        self.caps.setdefault(year, []).append(
            Cap(
                version=self._rules_version(),
                year=year,
                amount_ore=amount,
                in_force_from=in_force_from,
                known_at=known_at,
            )
        )
        under_way = self._posting()
        for page in self.pages.values():
            under_way.release(page)
        self._commit(under_way)
        for naive in self.naive.values():
            naive.settle(self.law)

    @precondition(lambda self: len(self.closings) < len(MUNICIPALITIES))
    @rule(municipality=st.sampled_from(MUNICIPALITIES), year=st.sampled_from(YEARS))
    def close_year(self, municipality: str, year: int) -> None:
        """Close a year that has begun; what payroll recorded before it is not bound (R38)."""
        if year > self.law.now.year or (municipality, year) in self.closings:
            return
        self.law.closings.append(NaiveClosing(municipality, year, self.law.now))
        self.closings[municipality, year] = self.law.now

    @rule(passed=st.integers(1, 120))
    def time_passes(self, passed: int) -> None:
        self.law.now += dt.timedelta(days=passed, microseconds=passed)
        for writer in self.writers.values():
            writer.recorded_at = self.law.now

    def give(self, name: str, topic: str, count: int) -> None:
        """Give both ledgers the next few messages of one topic of one citizen."""
        queue, naive = self.writers[name].queues[topic], self.naive[name]
        under_way = self._posting()
        for _ in range(min(count, len(queue))):
            message, meant = queue.popleft()
            received = read(message)
            page = Page(received.citizen_id, message.partition)
            self.standing.setdefault(received.citizen_id, {})
            under_way.pages.setdefault(received.citizen_id, page)
            under_way.receive(received)
            if topic == GRANTS.name:
                naive.receive_grant(meant)
            else:
                naive.payroll.append(meant)
            naive.settle(self.law)
        self._commit(under_way)

    def _posting(self) -> Posting:
        return Posting(
            pages=self.pages,
            rules=Rules(self._rules_version(), self.caps, self.closings),
            inbox=Inbox(None, []),
            now=self.law.now,
            journal_seq=self.journal_seq,
            originals=self.originals,
            reversed_wages=self.reversed_wages,
            wages=self.standing,
        )

    def _commit(self, under_way: Posting) -> None:
        """Keep what was entered, each under the municipality that its source names."""
        for entry in under_way.entries:
            content: dict[str, Any] = json.loads(entry.content)
            message = entry.received.message
            assert content["municipality_code"].encode() == message.headers["ce_municipality"]
            citizen_id = entry.page.citizen_id
            self.entries[citizen_id].append(entry)
            for event in content["events"]:
                if event.get("code") in JUDGED:
                    self.raised[citizen_id][event["code"], event.get("wage_id", "")] += 1

    def _rules_version(self) -> int:
        return len(self.law.caps) + len(self.law.closings)
