"""Posting: a batch of source events becomes journal entries and balances, in one transaction.

Per citizen the payroll's order is kept; each message is applied once the grant events up to
exactly the version it names are there, and waits until then. Everything a message changes —
entry, balance, waiting list, position — is committed together or not at all.
"""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from frikort_contracts.topics import GRANTS, PAYROLL
from frikort_contracts.types import ApportionReason, format_moment
from services.allowance import CODE_VERSION
from services.allowance.attention import (
    Attention,
    DecidedWage,
    about_change,
    about_reversal,
    about_wage,
    latest_covered,
)
from services.allowance.domain import (
    Apportionment,
    Cap,
    Citizen,
    Wage,
    WageOf,
    YearBalance,
    apportion,
    cap_for,
    leave_uncovered,
    limit_in_force,
    reverse,
    turns,
)
from services.allowance.entry import (
    SentEvent,
    chain_hash,
    entry_bytes,
    events_of,
    sent_event_id,
)
from services.allowance.pages import CAP_UNKNOWN, GRANTS_BEHIND, Page, Waiting, note
from services.allowance.sweep import CapChange, turned_by_cap
from services.allowance.translate import (
    Received,
    WagePaidBody,
    WageReversedBody,
    recorded_at,
    to_card_change,
    to_wage,
)
from services.chassis.clock import business_date
from services.chassis.held import BEHIND_PARKED
from services.chassis.inbox import Inbox, Message, Outcome

VERSION_GAP = "version-gap"


@dataclass(frozen=True, slots=True)
class Rules:
    """The caps by year, which years are closed, and the number of the last rule.

    `closings`: (municipality, year) → when the closing was recorded.
    """

    version: int
    caps: Mapping[int, Sequence[Cap]]
    closings: Mapping[tuple[str, int], dt.datetime] = field(default_factory=dict)

    def caps_of(self, year: int) -> Sequence[Cap]:
        """Give a year's caps, none if it has none yet."""
        return self.caps.get(year, ())

    def binds(self, received: Received, year: int) -> bool:
        """Tell whether payroll recorded a fact of a year after its municipality closed it (R38).

        Two recorded moments are compared, so it does not matter when the fact arrives here.
        """
        closed_at = self.closings.get((received.municipality_code, year))
        return closed_at is not None and recorded_at(received.message) > closed_at


@dataclass(slots=True)
class Entry:
    """A journal entry as it is stored: its page's next number, hash and bytes, and its parts."""

    page: Page
    entry_no: int
    journal_seq: int
    content: bytes
    hash: bytes
    received: Received
    recorded_at: dt.datetime
    apportionment: Apportionment | None
    wage_id: str | None
    year: int | None
    limit_ore: int | None
    year_covered_ore: int | None
    year_excess_ore: int | None


@dataclass(slots=True, kw_only=True)
class Posting:
    """One batch under way. `journal_seq` counts on from each partition's last entry.

    `wages` holds the wages that stand, of the citizens of whom that is asked: a card's change
    and a reversal look at them.
    """

    pages: dict[str, Page]
    rules: Rules
    inbox: Inbox
    now: dt.datetime
    journal_seq: dict[int, int]
    originals: dict[WageOf, Apportionment]
    reversed_wages: set[WageOf] = field(default_factory=set)
    wages: dict[str, dict[str, DecidedWage]] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)
    released: list[Message] = field(default_factory=list)
    _now_text: str = field(init=False)

    def __post_init__(self) -> None:
        self._now_text = format_moment(self.now)

    def receive(self, received: Received) -> None:
        """Apply a fresh message, or let it wait."""
        page = self.pages[received.citizen_id]
        if received.message.topic == GRANTS.name:
            self._receive_grant(page, received)
        elif received.source.version <= page.payroll_version:
            self._count(received, "duplicate")
        else:
            follows = received.source.version == page.payroll_version + 1
            if follows:
                page.payroll_version = received.source.version
            page.touched = True
            if follows or page.is_parked(PAYROLL.name):
                self.go_on(page, received)
            else:
                self.park(page, received.message, VERSION_GAP)

    def go_on(self, page: Page, received: Received) -> None:
        """Apply a payroll message that came in its place, or let it wait behind others."""
        if page.waiting and page.is_blocked(PAYROLL.name):
            self._hold(page, received, page.reason_behind())
        else:
            self._apply_payroll(page, received)

    def release(self, page: Page) -> None:
        """Apply what waits on a page and need wait no longer, in its order."""
        queue, page.waiting = page.waiting, []
        for waiting in queue:
            received = waiting.received
            if received is None or not self._may_go(page, waiting, received):
                page.waiting.append(waiting)
                continue
            if waiting.stored:
                self.released.append(waiting.message)
            self._apply_payroll(page, received)

    def enter_cap(self, page: Page, received: Received, change: CapChange) -> None:
        """Bring a cap that has come into force to a citizen whose year is open (R22).

        An entry without decision or postings, and of no message that the inbox accounts for.
        """
        balance = page.state.year(change.year)
        sends = [
            SentEvent(kind, sent_event_id(received.source.id, page.citizen_id, index), about)
            for index, (kind, about) in enumerate(turned_by_cap(page.state, change))
        ]
        state = (change.year, change.limit_ore, balance.covered_ore, balance.excess_ore)
        self._append(page, received, None, None, sends, state)

    def park(self, page: Page, message: Message, reason: str) -> None:
        """Set a message aside for a person; the citizen's later ones wait behind it."""
        page.touched = True
        page.waiting.append(Waiting(message, None, reason, parked=True, stored=False))

    def _may_go(self, page: Page, waiting: Waiting, received: Received) -> bool:
        if waiting.parked or page.is_blocked(waiting.message.topic):
            return False
        if isinstance(received.body, WageReversedBody) and waiting.reason == CAP_UNKNOWN:
            return page.find_waiting_wage(received.body.wage_id) is None
        if waiting.reason == CAP_UNKNOWN:
            return waiting.year is not None and bool(self.rules.caps_of(waiting.year))
        behind = received.grants_version > page.state.grants_version
        return waiting.reason == GRANTS_BEHIND and not behind

    def _receive_grant(self, page: Page, received: Received) -> None:
        if received.source.version <= page.state.grants_version:
            self._count(received, "duplicate")
            return
        if page.waiting and page.is_blocked(GRANTS.name):
            self._hold(page, received, BEHIND_PARKED)
            return
        if received.source.version != page.state.grants_version + 1:
            self.park(page, received.message, VERSION_GAP)
            return
        change = to_card_change(received)
        changes = page.state.changes if change is None else (*page.state.changes, change)
        page.state = Citizen(received.source.version, changes, page.state.years)
        wages = self.wages.get(page.citizen_id)
        attention = about_change(change, changes, wages) if change and wages else ()
        self._enter(page, received, attention=attention)
        if page.waiting:
            self.release(page)

    def _apply_payroll(self, page: Page, received: Received) -> None:
        if received.grants_version > page.state.grants_version:
            self._hold(page, received, GRANTS_BEHIND)
            return
        body = received.body
        if isinstance(body, WagePaidBody):
            self._apply_wage(page, received, body)
        elif isinstance(body, WageReversedBody):
            self._apply_reversal(page, received, body)
        else:
            self._enter(page, received, attention=note(page, received))

    def _apply_wage(self, page: Page, received: Received, body: WagePaidBody) -> None:
        year = body.paid_on.year
        caps = self.rules.caps_of(year)
        cap = cap_for(caps, body.known_at)
        if cap is None or (page.waiting and page.waits_for_cap(year)):
            self._hold(page, received, CAP_UNKNOWN)
            return
        wage = to_wage(body)
        if self.rules.closings and self.rules.binds(received, year):
            decided = leave_uncovered(wage, ApportionReason.YEAR_CLOSED)
        else:
            decided = apportion(wage, page.state, cap.amount_ore)
        before = page.state.year(year)
        attention: Sequence[Attention] = ()
        if (
            decided.reason is not ApportionReason.WITHIN_CAP
            or page.employments
            or len(page.state.changes) > 1
            or page.state.grants_version != wage.grants_version
        ):
            attention = self._about_wage(page, body, wage, decided, before, cap)
        self.originals[page.citizen_id, body.wage_id] = decided
        wages = self.wages.get(page.citizen_id)
        if wages is not None:
            wages[body.wage_id] = DecidedWage(body.card_no, decided)
        after = before.after(decided)
        self._enter(page, received, decided, body.wage_id, cap.amount_ore, after, attention)

    def _about_wage(
        self,
        page: Page,
        body: WagePaidBody,
        wage: Wage,
        decided: Apportionment,
        before: YearBalance,
        cap: Cap,
    ) -> Sequence[Attention]:
        """See whether a person must look at a wage."""
        limit_now_ore = None
        caps = self.rules.caps_of(decided.year)
        if decided.reason is ApportionReason.OVER_CAP and len(caps) > 1:
            at = max(self.now, page.recorded_at)
            limit_now_ore = limit_in_force(caps, business_date(at), at)
        codes = about_wage(
            wage,
            decided,
            changes=page.state.changes,
            grants_version=page.state.grants_version,
            before=before,
            employment=page.employments.get(body.employment_id or ""),
            limit_ore=cap.amount_ore,
            limit_now_ore=limit_now_ore,
            pays_holiday=bool(body.holiday_pay_ore),
        )
        return [Attention(code, body.card_no, decided.year, body.wage_id) for code in codes]

    def _apply_reversal(self, page: Page, received: Received, body: WageReversedBody) -> None:
        named = (page.citizen_id, body.wage_id)
        original = self.originals.get(named)
        if original is None:
            if page.find_waiting_wage(body.wage_id) is None:
                self.park(page, received.message, "wage-unknown")
            else:
                self._hold(page, received, CAP_UNKNOWN)
            return
        cap = cap_for(self.rules.caps_of(original.year), body.known_at)
        if cap is None or named in self.reversed_wages:
            self.park(page, received.message, "already-reversed" if cap else CAP_UNKNOWN)
            return
        self.reversed_wages.add(named)
        after = self._take_back(page, body.wage_id, original)
        in_closed_year = self.rules.binds(received, original.year)
        attention = [
            Attention(code, body.card_no, original.year, body.wage_id)
            for code in about_reversal(original, after, in_closed_year=in_closed_year)
        ]
        decided, limit_ore = reverse(original), cap.amount_ore
        self._enter(page, received, decided, body.wage_id, limit_ore, after, attention)

    def _take_back(self, page: Page, wage_id: str, original: Apportionment) -> YearBalance:
        """Give the year without a wage, and forget that it stands."""
        before = page.state.year(original.year)
        covered_to = before.covered_to
        wages = self.wages.get(page.citizen_id)
        if wages is not None:
            wages.pop(wage_id, None)
            if original.paid_on == covered_to:
                covered_to = latest_covered(wages.values(), original.year)
        return before.after_reversal(original, covered_to)

    def _enter(
        self,
        page: Page,
        received: Received,
        decided: Apportionment | None = None,
        wage_id: str | None = None,
        limit_ore: int | None = None,
        after: YearBalance | None = None,
        attention: Iterable[Attention] = (),
    ) -> None:
        """Write the page's next entry."""
        source = received.source
        sends: list[SentEvent] = []
        covered_ore = excess_ore = None
        if decided is not None and limit_ore is not None and after is not None:
            before = page.state.year(decided.year)
            page.state = page.state.with_year(decided.year, after)
            page.touched_years.add(decided.year)
            covered_ore, excess_ore = after[:2]
            turned = turns(before, after, limit_ore)
            sends = [
                SentEvent(kind, sent_event_id(source.id, page.citizen_id, index))
                for index, kind in enumerate(events_of(source.type, turned))
            ]
        for case in attention:
            event_id = sent_event_id(source.id, page.citizen_id, len(sends))
            sends.append(SentEvent("attention-raised", event_id, case.content()))
        state = (decided and decided.year, limit_ore, covered_ore, excess_ore)
        self._append(page, received, decided, wage_id, sends, state)
        self._count(received, "applied")

    def _append(
        self,
        page: Page,
        received: Received,
        decided: Apportionment | None,
        wage_id: str | None,
        sends: Sequence[SentEvent],
        state: tuple[int | None, int | None, int | None, int | None],
    ) -> None:
        """Put the next entry at the end of a page; `state` is year, limit, covered and excess."""
        page.touched = True
        page.entry_no += 1
        recorded_text = self._record_at(page)
        content = entry_bytes(
            citizen_id=page.citizen_id,
            entry_no=page.entry_no,
            municipality_code=received.municipality_code,
            source=received.source,
            recorded_at=recorded_text,
            known_at=received.known_text,
            grants_version=received.grants_version,
            rules_version=self.rules.version,
            code_version=CODE_VERSION,
            apportionment=decided,
            sends=sends,
        )
        page.head = chain_hash(page.head, content)
        self.journal_seq[page.partition] = journal_seq = self.journal_seq[page.partition] + 1
        self.entries.append(
            Entry(
                page,
                page.entry_no,
                journal_seq,
                content,
                page.head,
                received,
                page.recorded_at,
                decided,
                wage_id,
                *state,
            )
        )

    def _record_at(self, page: Page) -> str:
        """Record now, but never before the page's last entry; give it as it is written."""
        if self.now >= page.recorded_at:
            page.recorded_at = self.now
            return self._now_text
        return format_moment(page.recorded_at)

    def _hold(self, page: Page, received: Received, reason: str) -> None:
        body = received.body
        year = body.paid_on.year if isinstance(body, WagePaidBody) else None
        page.touched = True
        page.waiting.append(Waiting(received.message, received, reason, year=year, stored=False))

    def _count(self, received: Received, outcome: Outcome) -> None:
        self.inbox.count(received.message.topic, received.message.partition, outcome)
