"""What a posting leaves beside the entries' bytes: columns, accounts, and who is written down."""

import datetime as dt
import json
from collections import Counter

import pytest

from services.allowance import CODE_VERSION
from services.allowance.entry import sent_event_id
from services.allowance.pages import CAP_UNKNOWN, GRANTS_BEHIND, Page
from services.allowance.posting import Posting, Rules
from services.allowance.translate import read
from services.chassis.inbox import Inbox, Message, Outcome
from tests.unit.attention_cases import Tale, raised, two_caps
from tests.unit.ledger_cases import CAP_ORE, NOW, caps, identity, post, posting


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counter[tuple[str, int, str]]:
    """Keep what the inbox is told of messages that are not held."""
    found: Counter[tuple[str, int, str]] = Counter()

    def count(self: Inbox, topic: str, partition: int, outcome: Outcome) -> None:
        del self
        found[topic, partition, outcome] += 1

    monkeypatch.setattr(Inbox, "count", count)
    return found


def again(under_way: Posting, message: Message) -> None:
    """Go on with what a page was left with, in a batch of its own."""
    for page in under_way.pages.values():
        page.touched = False
    under_way.receive(read(message))


def only_page(under_way: Posting) -> Page:
    (page,) = under_way.pages.values()
    return page


def test_every_message_is_counted_once_as_applied_or_as_a_duplicate(
    counted: Counter[tuple[str, int, str]],
) -> None:
    tale = Tale()
    issued, wage = tale.issued(), tale.wage("a", "2023-03-31", 100)

    done = post([issued, issued, wage, wage], caps(2023))

    partition = only_page(done).partition
    assert counted == {
        ("frikort-grants", partition, "applied"): 1,
        ("frikort-grants", partition, "duplicate"): 1,
        ("frikort-payroll", partition, "applied"): 1,
        ("frikort-payroll", partition, "duplicate"): 1,
    }
    assert len(done.entries) == 2


def test_an_entry_has_its_place_its_wage_and_its_year_beside_the_bytes() -> None:
    tale = Tale()
    messages = [
        tale.issued(),
        tale.wage("a", "2023-03-31", 100),
        tale.reversal("a", "2023-03-31", 100),
    ]

    done = post(messages, caps(2023))

    assert [(e.journal_seq, e.wage_id, e.year, e.recorded_at) for e in done.entries] == [
        (1, None, None, NOW),
        (2, identity("a"), 2023, NOW),
        (3, identity("a"), 2023, NOW),
    ]
    page = only_page(done)
    assert (page.touched, page.touched_years) == (True, {2023})
    assert done.journal_seq[page.partition] == 3
    assert {json.loads(e.content)["code_version"] for e in done.entries} == {CODE_VERSION}


def test_an_entrys_events_are_numbered_in_its_own_name() -> None:
    tale = Tale()
    done = post(
        [tale.issued(), tale.employed("2023-05-01"), tale.wage("a", "2023-03-31", CAP_ORE)],
        caps(2023),
    )

    entry = done.entries[-1]
    events = json.loads(entry.content)["events"]
    source_id, citizen_id = entry.received.source.id, entry.page.citizen_id
    assert [event["type"] for event in events] == [
        "allowance-opened",
        "wage-apportioned",
        "allowance-exhausted",
        "attention-raised",
    ]
    assert [event["id"] for event in events] == [
        sent_event_id(source_id, citizen_id, index) for index in range(len(events))
    ]
    assert raised(entry) == [
        {
            "code": "outside-employment",
            "card_no": tale.card_no,
            "year": 2023,
            "wage_id": identity("a"),
        }
    ]


def test_an_entry_is_recorded_no_earlier_than_the_one_before_it() -> None:
    tale = Tale()
    later = NOW + dt.timedelta(days=1)
    ahead = posting(caps(2023))
    issued = read(tale.issued())
    ahead.pages[issued.citizen_id] = Page(issued.citizen_id, 0, recorded_at=later)

    ahead.receive(issued)

    assert ahead.entries[0].recorded_at == later
    assert json.loads(ahead.entries[0].content)["recorded_at"] == "2026-01-07T12:00:00.000000Z"


def test_what_waits_is_written_down_and_so_is_what_is_released() -> None:
    tale = Tale()
    issued, stopped = tale.issued(), tale.deactivated("2023-06-01")
    early = tale.wage("a", "2023-03-31", 100, rests_on=2)
    no_cap = tale.wage("b", "2024-03-31", 100)
    done = post([issued], caps(2023))

    again(done, early)
    page = only_page(done)
    held = [(w.reason, w.parked, w.year, w.stored) for w in page.waiting]
    assert (held, page.touched) == ([(GRANTS_BEHIND, False, 2023, False)], True)

    again(done, no_cap)
    assert [(w.reason, w.stored) for w in page.waiting] == [(GRANTS_BEHIND, False)] * 2

    for waiting in page.waiting:
        waiting.stored = True
    again(done, stopped)
    assert done.released == [early, no_cap]
    assert [(w.reason, w.year) for w in page.waiting] == [(CAP_UNKNOWN, 2024)]


def test_a_grant_event_behind_a_parked_one_waits_as_it_came() -> None:
    tale = Tale()
    issued = tale.issued()
    tale.other_grant("dispensation-granted")  # never arrives
    stopped, again_on = tale.deactivated("2023-06-01"), tale.reactivated("2023-07-01")
    done = post([issued], caps(2023))

    again(done, stopped)
    again(done, again_on)

    page = only_page(done)
    assert [(w.message, w.reason, w.parked, w.stored) for w in page.waiting] == [
        (stopped, "version-gap", True, False),
        (again_on, "behind-parked", False, False),
    ]
    assert page.touched
    assert len(done.entries) == 1


def test_a_second_reversal_is_parked_as_it_came() -> None:
    tale = Tale()
    wage = tale.wage("a", "2023-03-31", 100)
    first, second = (tale.reversal("a", "2023-03-31", 100) for _ in range(2))

    done = post([tale.issued(), wage, first, second], caps(2023))

    waiting = only_page(done).waiting
    assert [(w.message, w.reason) for w in waiting] == [(second, "already-reversed")]


def test_a_grant_event_keeps_the_years_as_they_are() -> None:
    tale = Tale()
    first = tale.wage("a", "2023-03-31", CAP_ORE)
    done = post([tale.issued(), first, tale.other_grant("dispensation-granted")], caps(2023))

    again(done, tale.wage("b", "2023-04-30", 1))

    assert done.entries[-1].apportionment is not None
    assert done.entries[-1].apportionment.covered_ore == 0


def test_a_wage_after_a_reversal_is_late_only_against_what_still_stands() -> None:
    tale = Tale()
    messages = [
        tale.issued(),
        tale.wage("march", "2023-03-31", CAP_ORE - 10),
        tale.wage("june", "2023-06-30", 5),
        tale.wage("may", "2023-05-31", 5),
        tale.reversal("june", "2023-06-30", 5),
        tale.wage("april", "2023-04-30", 10),
        tale.reversal("may", "2023-05-31", 5),
        tale.wage("early april", "2023-04-15", 10),
        tale.wage("also april", "2023-04-30", 10),
    ]

    done = post(messages, caps(2023))

    assert [[case["code"] for case in raised(e)] for e in done.entries[-4:]] == [
        ["wage-late"],
        ["room-reappeared"],
        ["wage-late"],
        [],
    ]


def test_a_reversal_of_an_earlier_wage_leaves_the_later_one_that_another_is_late_against() -> None:
    tale = Tale()
    messages = [
        tale.issued(),
        tale.wage("march", "2023-03-31", CAP_ORE - 5),
        tale.wage("february", "2023-02-28", 5),
        tale.reversal("february", "2023-02-28", 5),
        tale.wage("january", "2023-01-31", 10),
    ]

    done = post(messages, caps(2023))

    assert [case["code"] for case in raised(done.entries[-1])] == ["wage-late"]


def test_r22_the_cap_in_force_now_is_asked_of_excess_alone() -> None:
    tale = Tale(known_at="2023-03-31T10:00:00.000000Z")
    rules: Rules = two_caps()

    done = post([tale.issued(), tale.wage("a", "2023-03-31", CAP_ORE)], rules)

    assert raised(done.entries[-1]) == []
