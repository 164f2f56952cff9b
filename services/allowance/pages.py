"""A citizen's page in the ledger: the state its next entry is decided on, and what waits.

Pages are remembered between batches as long as nobody else has written in their partition.
"""

import datetime as dt
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from frikort_contracts.topics import PAYROLL
from frikort_contracts.types import AttentionCode
from services.allowance.attention import Attention, Employment, is_registered_late
from services.allowance.domain import Citizen
from services.allowance.entry import GENESIS
from services.allowance.translate import (
    EmploymentEndedBody,
    EmploymentRegisteredBody,
    Received,
    WageMisreportedBody,
    WagePaidBody,
)
from services.chassis.clock import business_date
from services.chassis.held import BEHIND_PARKED
from services.chassis.inbox import Message

CAP_UNKNOWN = "cap-unknown"
GRANTS_BEHIND = "grants-behind"
PAGES_REMEMBERED_MAX = 50_000
BEGINNING = dt.datetime.fromtimestamp(0, dt.UTC)
"""Before every entry; the earliest moment would be kept as minus infinity, without a zone."""


@dataclass(slots=True)
class Waiting:
    """A message that waits on this page, or is parked; `stored` if the database holds it.

    `received` is None of a parked message that nobody can read.
    """

    message: Message
    received: Received | None
    reason: str
    parked: bool = False
    year: int | None = None
    stored: bool = True


@dataclass(slots=True)
class Page:
    """The end of a citizen's chain and the state it folds to."""

    citizen_id: str
    partition: int
    entry_no: int = 0
    head: bytes = GENESIS
    recorded_at: dt.datetime = BEGINNING
    payroll_version: int = 0
    state: Citizen = field(default_factory=Citizen)
    employments: dict[str, Employment] = field(default_factory=dict)
    waiting: list[Waiting] = field(default_factory=list)
    touched_years: set[int] = field(default_factory=set)
    touched: bool = False

    def is_blocked(self, topic: str) -> bool:
        """Whether every message of the topic must wait: one before it is not applied yet."""
        return any(
            waiting.message.topic == topic and waiting.reason != CAP_UNKNOWN
            for waiting in self.waiting
        )

    def is_parked(self, topic: str) -> bool:
        """Whether messages of the topic must wait for a person, who has one of them redriven."""
        return any(waiting.parked and waiting.message.topic == topic for waiting in self.waiting)

    def waits_for_cap(self, year: int) -> bool:
        """Whether a wage of the year waits for its cap, so that later ones wait behind it."""
        return any(
            waiting.year == year and waiting.reason == CAP_UNKNOWN for waiting in self.waiting
        )

    def reason_behind(self) -> str:
        """Give why a payroll message waits that must wait behind others."""
        reasons = {w.reason for w in self.waiting if w.message.topic == PAYROLL.name}
        return GRANTS_BEHIND if GRANTS_BEHIND in reasons else BEHIND_PARKED

    def find_waiting_wage(self, wage_id: str) -> Waiting | None:
        """Find the wage that a reversal must wait behind."""
        for waiting in self.waiting:
            body = None if waiting.received is None else waiting.received.body
            if isinstance(body, WagePaidBody) and body.wage_id == wage_id:
                return waiting
        return None


def in_order(waiting: Iterable[Waiting]) -> list[Waiting]:
    """Put what waits in the order of its versions, within each topic; given in that of arrival.

    A message that was late came behind those that wait for it. One that names no version keeps
    its place behind those that came before it.
    """
    placed: list[tuple[str, int, Waiting]] = []
    reached: dict[str, int] = {}
    for one in waiting:
        topic, version = one.message.topic, one.message.version
        if version is None:
            version = reached.get(topic, 0)
        reached[topic] = max(version, reached.get(topic, 0))
        placed.append((topic, version, one))
    placed.sort(key=lambda place: place[:2])
    return [one for _, _, one in placed]


def note(page: Page, received: Received) -> Sequence[Attention]:
    """Keep an employment's days, and see whether a person must look at a fact beside wages."""
    body = received.body
    match body:
        case EmploymentRegisteredBody():
            employment = Employment(body.starts_on, body.ends_on)
            page.employments[body.employment_id] = employment
            if is_registered_late(employment, business_date(body.known_at)):
                return [Attention(AttentionCode.EMPLOYMENT_LATE, body.card_no)]
        case EmploymentEndedBody() if body.employment_id in page.employments:
            starts_on = page.employments[body.employment_id].starts_on
            page.employments[body.employment_id] = Employment(starts_on, body.ends_on)
        case WageMisreportedBody():
            code = AttentionCode.WAGE_MISREPORTED
            return [Attention(code, body.card_no, wage_id=body.wage_id)]
    return ()


class PageMemory:
    """Remembers pages by citizen, the least used are forgotten first.

    A partition's pages are trusted only while its `change_no` is the one they were left with.
    """

    def __init__(self, pages_max: int = PAGES_REMEMBERED_MAX) -> None:
        self._pages: OrderedDict[str, Page] = OrderedDict()
        self._change_no: dict[int, int] = {}
        self._pages_max = pages_max

    def recall(self, citizen_ids: Iterable[str], change_no: Mapping[int, int]) -> dict[str, Page]:
        """Take the pages that are remembered and still true; they are forgotten until kept."""
        stale = {p for p, number in change_no.items() if self._change_no.get(p) != number}
        found = {}
        for citizen_id in citizen_ids:
            page = self._pages.pop(citizen_id, None)
            if page is not None and page.partition not in stale:
                found[citizen_id] = page
        if stale:
            self._pages = OrderedDict(
                (citizen_id, page)
                for citizen_id, page in self._pages.items()
                if page.partition not in stale
            )
        return found

    def keep(self, pages: Iterable[Page], change_no: Mapping[int, int]) -> None:
        """Remember pages as they were committed."""
        self._change_no.update(change_no)
        for page in pages:
            if not page.waiting:
                page.touched_years.clear()
                page.touched = False
                self._pages[page.citizen_id] = page
        while len(self._pages) > self._pages_max:
            self._pages.popitem(last=False)

    def forget(self) -> None:
        """Trust nothing: a batch failed and its pages were changed for nothing."""
        self._pages.clear()
        self._change_no.clear()
