"""Redrive: after it the balances are those of a run in which nothing was ever set aside."""

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from frikort_contracts.topics import GRANTS, PAYROLL
from services.allowance.pages import CAP_UNKNOWN, GRANTS_BEHIND, Page, Waiting
from services.allowance.posting import VERSION_GAP, Posting, Rules
from services.allowance.redrive import read_again, redrive
from services.allowance.translate import read
from services.chassis.errors import ContractError
from services.chassis.held import BEHIND_PARKED
from services.chassis.inbox import Message
from tests.unit.ledger_cases import CAP_ORE, Story, caps, decisions, posting

RULES = caps(2022, 2023)
BROKEN = b"{not JSON"


def deliver(messages: Sequence[Message], rules: Rules = RULES) -> Posting:
    """Post as a service does: what cannot be read is parked, and holds back its citizen."""
    under_way = posting(rules)
    for message in messages:
        page = under_way.pages.setdefault(message.stream_id, Page(message.stream_id, 0))
        under_way.wages.setdefault(message.stream_id, {})
        try:
            under_way.receive(read(message))
        except ContractError as error:
            under_way.park(page, message, error.reason)
    return under_way


def redriven(under_way: Posting, story: Story, topic: str) -> Posting:
    page = under_way.pages[story.citizen_id]
    read_again(page)
    redrive(under_way, page, topic)
    return under_way


def reasons(page: Page, topic: str = PAYROLL.name) -> list[tuple[str, bool]]:
    return [(w.reason, w.parked) for w in page.waiting if w.message.topic == topic]


def messages_of(story: Story) -> list[Message]:
    return [
        story.issued("2022-02-01"),
        story.wage("a", "2022-03-01", CAP_ORE - 5),
        story.wage("b", "2022-04-01", 10),
        story.deactivated("2022-06-01"),
        story.wage("c", "2022-07-01", 7, rests_on=2),
        story.reversal("a", "2022-03-01", CAP_ORE - 5, rests_on=2),
        story.reactivated("2022-08-01"),
        story.wage("d", "2022-09-01", 11, rests_on=3),
        story.wage("e", "2025-01-01", 13, rests_on=3),
        story.reversal("d", "2022-09-01", 11, rests_on=3),
    ]


@settings(deadline=None)  # a busy machine fails nothing
@given(st.data())
def test_whatever_is_broken_and_mended_again_the_decisions_are_those_of_a_clean_run(
    data: st.DataObject,
) -> None:
    story = Story()
    messages = messages_of(story)
    clean = deliver(messages)
    broken = data.draw(st.sets(st.sampled_from(range(len(messages))), min_size=1), label="broken")
    values = {place: messages[place].value for place in broken}
    for place in broken:
        messages[place].value = BROKEN
    arrival = data.draw(st.permutations([m.topic for m in messages]), label="arrival")
    queues = {topic: [m for m in messages if m.topic == topic] for topic in set(arrival)}

    done = deliver([queues[topic].pop(0) for topic in arrival])
    for place, value in data.draw(st.permutations(sorted(values.items())), label="mended"):
        messages[place].value = value
        for topic in data.draw(st.permutations([GRANTS.name, PAYROLL.name]), label="order"):
            redriven(done, story, topic)

    page, wanted = done.pages[story.citizen_id], clean.pages[story.citizen_id]
    assert decisions(done.entries) == decisions(clean.entries)
    assert page.state == wanted.state
    assert reasons(page) == reasons(wanted) == [(CAP_UNKNOWN, False)]
    assert reasons(page, GRANTS.name) == []


def test_what_still_cannot_be_read_stays_and_the_others_behind_it() -> None:
    story = Story()
    issued, first = story.issued(), story.wage("a", "2023-02-01", 5)
    second = story.wage("b", "2023-03-01", 6)
    first.value = BROKEN
    done = redriven(deliver([issued, first, second]), story, PAYROLL.name)

    page = done.pages[story.citizen_id]
    assert decisions(done.entries) == []
    assert reasons(page) == [("payload-unreadable", True), (BEHIND_PARKED, False)]
    assert [w.stored for w in page.waiting] == [False, False]
    assert done.released == [first, second]


def test_what_does_not_follow_waits_behind_a_parked_one_and_is_not_parked_itself() -> None:
    story = Story()
    issued, first, second = (
        story.issued(),
        story.wage("a", "2023-02-01", 5),
        story.wage("b", "2023-03-01", 6),
    )
    first.value = BROKEN

    page = deliver([issued, first, second]).pages[story.citizen_id]

    assert reasons(page) == [("payload-unreadable", True), (BEHIND_PARKED, False)]


def test_the_next_one_that_cannot_be_read_is_parked_in_its_turn() -> None:
    story = Story()
    messages = [story.issued(), *(story.wage(name, "2023-02-01", 5) for name in "abcd")]
    value = messages[1].value
    messages[1].value = messages[2].value = messages[3].value = BROKEN
    done = deliver(messages)
    messages[1].value = value

    redriven(done, story, PAYROLL.name)

    page = done.pages[story.citizen_id]
    assert decisions(done.entries) == [("wage-paid", 5, 0, "within-cap")]
    assert reasons(page) == [
        ("payload-unreadable", True),
        (BEHIND_PARKED, False),
        (BEHIND_PARKED, False),
    ]
    assert [w.stored for w in page.waiting] == [False, False, False]


def test_a_gap_is_closed_once_the_missing_message_has_come() -> None:
    story = Story()
    issued, first, second = (
        story.issued(),
        story.wage("a", "2023-02-01", 5),
        story.wage("b", "2023-03-01", 6),
    )
    done = deliver([issued, second])
    early = reasons(redriven(done, story, PAYROLL.name).pages[story.citizen_id])
    done.receive(read(first))
    between = decisions(done.entries)
    redriven(done, story, PAYROLL.name)

    assert early == [(VERSION_GAP, True)]
    assert between == []
    assert decisions(done.entries) == [
        ("wage-paid", 5, 0, "within-cap"),
        ("wage-paid", 6, 0, "within-cap"),
    ]


def test_a_message_that_came_twice_meanwhile_counts_once() -> None:
    story = Story()
    issued, first, second = (
        story.issued(),
        story.wage("a", "2023-02-01", 5),
        story.wage("b", "2023-03-01", 6),
    )
    value, first.value = first.value, BROKEN
    done = deliver([issued, first, second, second])
    first.value = value
    redriven(done, story, PAYROLL.name)

    assert decisions(done.entries) == [
        ("wage-paid", 5, 0, "within-cap"),
        ("wage-paid", 6, 0, "within-cap"),
    ]
    assert done.pages[story.citizen_id].waiting == []


def test_what_was_applied_meanwhile_is_released_and_the_page_written() -> None:
    story = Story()
    issued = story.issued()
    done = deliver([issued])
    page = done.pages[story.citizen_id]
    page.waiting, page.touched = [Waiting(issued, read(issued), BEHIND_PARKED)], False

    redrive(done, page, GRANTS.name)

    assert (done.released, page.waiting, len(done.entries)) == ([issued], [], 1)
    assert page.touched is True


def test_what_waits_for_a_grant_waits_for_it_after_a_redrive_too() -> None:
    story = Story()
    first, second = story.wage("a", "2023-02-01", 5), story.wage("b", "2023-03-01", 6)
    value, first.value = first.value, BROKEN
    done = deliver([first, second])
    first.value = value
    redriven(done, story, PAYROLL.name)
    waiting = reasons(done.pages[story.citizen_id])
    done.receive(read(story.issued()))

    assert waiting == [(GRANTS_BEHIND, False), (GRANTS_BEHIND, False)]
    assert [covered for _, covered, _, _ in decisions(done.entries)] == [5, 6]


def test_reading_again_finds_what_can_be_read_now() -> None:
    story = Story()
    message = story.wage("a", "2023-02-01", 5)
    page = Page(story.citizen_id, 0)
    page.waiting = [Waiting(message, None, "payload-unreadable", parked=True)]

    read_again(page)

    assert page.waiting[0].received == read(message)
