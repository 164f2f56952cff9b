"""Posting: order of causality, waiting, and the journal that comes of it."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from services.allowance.entry import GENESIS, chain_hash
from services.allowance.pages import CAP_UNKNOWN, GRANTS_BEHIND, Page, PageMemory
from services.allowance.posting import VERSION_GAP
from services.allowance.translate import read
from services.chassis.held import BEHIND_PARKED
from services.chassis.inbox import Message
from tests.unit.ledger_cases import CAP_ORE, Story, caps, decisions, post, posting, sent

RULES = caps(2022, 2023, 2024)


def test_every_source_event_is_one_entry_and_the_chain_holds() -> None:
    story = Story()

    done = post([story.issued(), story.wage("a", "2023-02-01", 5)], RULES)

    head = GENESIS
    for place, entry in enumerate(done.entries, start=1):
        assert entry.entry_no == place
        head = chain_hash(head, entry.content)
        assert entry.hash == head
    assert [e.received.source.type for e in done.entries] == ["grant-issued", "wage-paid"]


def test_an_entry_says_what_it_rests_on_and_what_it_sends() -> None:
    story = Story()

    done = post([story.issued(), story.wage("a", "2023-02-01", CAP_ORE + 7)], RULES)

    entry = json.loads(done.entries[1].content)
    assert entry["decision"] == {
        "covered_ore": CAP_ORE,
        "excess_ore": 7,
        "reason": "over-cap",
        "year": 2023,
    }
    assert entry["postings"] == [
        {"account": "available", "amount_ore": -CAP_ORE, "year": 2023},
        {"account": "covered", "amount_ore": CAP_ORE, "year": 2023},
        {"account": "employer", "amount_ore": -7, "year": 2023},
        {"account": "excess", "amount_ore": 7, "year": 2023},
    ]
    assert sent(done.entries[1]) == ["allowance-opened", "wage-apportioned", "allowance-exhausted"]
    assert (entry["grants_version"], entry["rules_version"]) == (1, 3)
    assert entry["source"]["type"] == "wage-paid"


def test_an_entry_that_exhausts_sends_no_allowance_low() -> None:
    story = Story()
    wages = [story.wage("a", "2023-02-01", CAP_ORE // 2), story.wage("b", "2023-03-01", CAP_ORE)]

    done = post([story.issued(), *wages], RULES)

    assert [sent(entry) for entry in done.entries[1:]] == [
        ["allowance-opened", "wage-apportioned"],
        ["wage-apportioned", "allowance-exhausted"],
    ]


def test_a_reversal_of_the_wage_that_exhausted_restores() -> None:
    story = Story()
    messages = [
        story.issued(),
        story.wage("a", "2023-02-01", CAP_ORE),
        story.reversal("a", "2023-02-01", CAP_ORE),
    ]

    done = post(messages, RULES)

    assert sent(done.entries[2]) == ["apportionment-reversed", "allowance-restored"]
    assert decisions(done.entries)[1] == ("wage-reversed", -CAP_ORE, 0, "wage-reversed")


def test_a_wage_waits_for_the_grant_it_rests_on_and_holds_back_what_follows() -> None:
    story = Story()
    first, second = story.wage("a", "2023-02-01", 5), story.wage("b", "2023-03-01", 6)

    done = post([first, second], RULES)

    page = done.pages[story.citizen_id]
    assert done.entries == []
    assert [(w.received and w.received.source.version, w.reason) for w in page.waiting] == [
        (1, GRANTS_BEHIND),
        (2, GRANTS_BEHIND),
    ]


def test_each_grant_event_applied_releases_what_waits_for_it_in_order() -> None:
    story = Story()
    wages = [
        story.wage("a", "2023-02-01", 5, rests_on=1),
        story.wage("b", "2023-03-01", 6, rests_on=2),
        story.wage("c", "2023-03-02", 7, rests_on=1),
    ]
    issued, deactivated = story.issued(), story.deactivated("2023-03-01")

    half = post([*wages, issued], RULES)
    whole = post([*wages, issued, deactivated], RULES)

    assert decisions(half.entries) == [("wage-paid", 5, 0, "within-cap")]
    assert decisions(whole.entries) == [
        ("wage-paid", 5, 0, "within-cap"),
        ("wage-paid", 0, 6, "grant-inactive"),
        ("wage-paid", 7, 0, "within-cap"),
    ]


def test_other_citizens_are_not_held_up() -> None:
    behind, ahead = Story("behind"), Story("ahead", card_no="00124")

    done = post([behind.wage("a", "2023-02-01", 5), ahead.issued()], RULES)

    assert [entry.page.citizen_id for entry in done.entries] == [ahead.citizen_id]


def test_a_wage_of_a_year_without_cap_waits_and_holds_back_only_that_year() -> None:
    story = Story()
    messages = [
        story.issued(),
        story.wage("a", "2025-02-01", 5),
        story.wage("b", "2024-02-01", 6),
        story.wage("c", "2025-03-01", 7),
    ]

    done = post(messages, RULES)

    page = done.pages[story.citizen_id]
    assert decisions(done.entries) == [("wage-paid", 6, 0, "within-cap")]
    assert [(w.reason, w.year) for w in page.waiting] == [(CAP_UNKNOWN, 2025), (CAP_UNKNOWN, 2025)]


def test_a_cap_that_is_set_releases_the_wages_and_the_reversals_behind_them() -> None:
    story = Story()
    messages = [
        story.issued(),
        story.wage("a", "2025-02-01", 5),
        story.reversal("a", "2025-02-01", 5),
        story.wage("b", "2025-03-01", 7),
    ]
    page = post(messages, RULES).pages[story.citizen_id]

    released = posting(caps(2025), [page])
    released.release(page)

    assert page.waiting == []
    assert decisions(released.entries) == [
        ("wage-paid", 5, 0, "within-cap"),
        ("wage-reversed", -5, 0, "wage-reversed"),
        ("wage-paid", 7, 0, "within-cap"),
    ]


def test_a_wage_recorded_after_the_cap_waits_behind_those_that_wait() -> None:
    story = Story()
    page = post([story.issued(), story.wage("a", "2025-02-01", 5)], RULES).pages[story.citizen_id]

    later = posting(caps(2025), [page])
    later.receive(read(story.wage("b", "2025-03-01", CAP_ORE)))

    assert later.entries == []
    later.release(page)
    assert decisions(later.entries) == [
        ("wage-paid", 5, 0, "within-cap"),
        ("wage-paid", CAP_ORE - 5, 5, "over-cap"),
    ]


def test_a_message_sent_again_is_a_duplicate() -> None:
    story = Story()
    issued, wage = story.issued(), story.wage("a", "2023-02-01", 5)

    done = post([issued, wage, issued, wage], RULES)

    assert len(done.entries) == 2


def test_a_reversal_of_an_unknown_wage_is_parked_and_what_follows_waits_behind_it() -> None:
    story = Story()
    messages = [
        story.issued(),
        story.reversal("never", "2023-02-01", 5),
        story.wage("b", "2023-03-01", 6),
    ]

    done = post(messages, RULES)

    page = done.pages[story.citizen_id]
    assert [(w.reason, w.parked) for w in page.waiting] == [
        ("wage-unknown", True),
        (BEHIND_PARKED, False),
    ]
    assert len(done.entries) == 1


def test_nobody_takes_back_what_is_anothers() -> None:
    mine, others = Story(), Story("another")
    messages = [mine.issued(), others.issued(), mine.wage("mine", "2023-02-01", 5)]

    done = post([*messages, others.reversal("mine", "2023-02-01", 5)], RULES)

    waiting = done.pages[others.citizen_id].waiting
    assert [(w.reason, w.parked) for w in waiting] == [("wage-unknown", True)]
    assert not done.reversed_wages


def test_a_missing_grants_version_is_parked_never_passed_over() -> None:
    story = Story()
    first, _ = story.issued(), story.deactivated("2023-05-01")
    third = story.reactivated("2023-06-01")

    done = post([first, third], RULES)

    assert [(w.reason, w.parked) for w in done.pages[story.citizen_id].waiting] == [
        (VERSION_GAP, True)
    ]


def test_a_missing_payroll_version_is_parked_never_passed_over() -> None:
    story = Story()
    issued = story.issued()
    _, second = story.wage("a", "2023-02-01", 1), story.wage("b", "2023-02-02", 1)

    done = post([issued, second], RULES)

    assert [(w.reason, w.parked) for w in done.pages[story.citizen_id].waiting] == [
        (VERSION_GAP, True)
    ]


def test_what_follows_a_gap_in_the_versions_waits_and_is_not_lost() -> None:
    story = Story()
    issued = story.issued()
    wages = [story.wage(name, "2023-02-01", 1) for name in "abcd"]

    done = post([issued, wages[3], wages[0], wages[1]], RULES)

    waiting = done.pages[story.citizen_id].waiting
    assert [(w.message.version, w.reason) for w in waiting] == [
        (4, VERSION_GAP),
        (1, BEHIND_PARKED),
        (2, BEHIND_PARKED),
    ]


def test_a_second_reversal_of_a_wage_gives_nothing_back() -> None:
    story = Story()
    messages = [
        story.issued(),
        story.wage("a", "2023-02-01", 5),
        story.reversal("a", "2023-02-01", 5),
        story.reversal("a", "2023-02-01", 5),
    ]

    done = post(messages, RULES)

    page = done.pages[story.citizen_id]
    assert [(w.reason, w.parked) for w in page.waiting] == [("already-reversed", True)]
    assert page.state.year(2023).covered_ore == 0


@st.composite
def interleavings(draw: st.DrawFn) -> tuple[list[Message], list[Message]]:
    """Grants and payroll of one citizen, and an order in which they might arrive."""
    story = Story()
    grants = [story.issued("2023-01-01")]
    for month in draw(st.lists(st.integers(2, 11), max_size=4, unique=True).map(sorted)):
        turn = story.deactivated if len(grants) % 2 else story.reactivated
        grants.append(turn(f"2023-{month:02d}-01"))
    payroll: list[Message] = []
    rests_on = 1
    for place in range(draw(st.integers(1, 8))):
        rests_on = draw(st.integers(rests_on, len(grants)))
        paid_on = f"2023-{draw(st.integers(1, 12)):02d}-15"
        amount_ore = draw(st.integers(1, CAP_ORE))
        payroll.append(story.wage(str(place), paid_on, amount_ore, rests_on=rests_on))
        if draw(st.booleans()):
            payroll.append(story.reversal(str(place), paid_on, amount_ore, rests_on=rests_on))
    arrival: list[Message] = []
    left = [list(grants), list(payroll)]
    while left[0] or left[1]:
        side = draw(st.integers(0, 1))
        arrival.append((left[side] or left[1 - side]).pop(0))
    return [*grants, *payroll], arrival


@settings(deadline=None)  # a busy machine fails nothing
@given(case=interleavings())
def test_i12_every_interleaving_of_the_topics_gives_the_same_decisions(
    case: tuple[list[Message], list[Message]],
) -> None:
    in_order, as_arrived = case

    expected, found = post(in_order, RULES), post(as_arrived, RULES)

    assert decisions(found.entries) == decisions(expected.entries)
    assert not any(page.waiting for page in found.pages.values())


def test_pages_are_forgotten_when_somebody_else_wrote_in_their_partition() -> None:
    memory = PageMemory()
    memory.keep([Page("a", 1), Page("b", 2)], {1: 7, 2: 7})

    found = memory.recall(["a", "b"], {1: 7, 2: 8})

    assert list(found) == ["a"]


def test_the_least_used_pages_are_forgotten_first() -> None:
    memory = PageMemory(pages_max=2)
    memory.keep([Page("a", 1), Page("b", 1), Page("c", 1)], {1: 1})

    assert list(memory.recall(["a", "b", "c"], {1: 1})) == ["b", "c"]


def test_a_page_on_which_something_waits_is_read_again_each_time() -> None:
    memory = PageMemory()
    story = Story()
    page = post([story.wage("a", "2023-02-01", 5)], RULES).pages[story.citizen_id]
    memory.keep([page], {page.partition: 1})

    assert memory.recall([page.citizen_id], {page.partition: 1}) == {}
