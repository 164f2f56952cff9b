"""Messages that come behind later ones of their citizen: never passed over, never overtaken."""

from services.allowance.pages import GRANTS_BEHIND, Page, Waiting, in_order
from services.allowance.posting import VERSION_GAP
from services.allowance.redrive import redrive
from services.allowance.translate import read
from services.chassis.held import BEHIND_PARKED
from services.chassis.inbox import Message
from tests.unit.ledger_cases import Story, caps, decisions, post, posting

RULES = caps(2023)


def test_a_message_with_one_missing_before_it_does_not_go_with_those_that_wait() -> None:
    story = Story()
    issued, *wages = (
        story.issued(),
        story.wage("a", "2023-02-01", 5),
        story.wage("b", "2023-03-01", 6),
        story.wage("c", "2023-04-01", 7),
        story.wage("d", "2023-05-01", 8),
    )
    first, late, third, fourth = wages
    done = post([first, third, fourth, issued], RULES)
    page = done.pages[story.citizen_id]
    without_it = (decisions(done.entries), [(w.reason, w.parked) for w in page.waiting])
    done.receive(read(late))
    redrive(done, page, late.topic)

    assert without_it == (
        [("wage-paid", 5, 0, "within-cap")],
        [(VERSION_GAP, True), (GRANTS_BEHIND, False)],
    )
    assert [covered for _, covered, _, _ in decisions(done.entries)] == [5, 6, 7, 8]
    assert page.waiting == []


def test_what_waits_is_put_in_the_order_of_its_versions() -> None:
    story = Story()
    first, second, third = (story.wage(name, "2023-02-01", 5) for name in "abc")
    nameless = Message(first.topic, first.partition, 9, first.key, b"{", {})
    issued, stopped = story.issued(), story.deactivated("2023-06-01")
    arrived = [waiting(m) for m in (second, nameless, third, stopped, issued, first)]
    late = [waiting(m) for m in (nameless, third, first, nameless)]

    ordered = [issued, stopped, first, second, nameless, third]
    assert [w.message for w in in_order(arrived)] == ordered
    assert in_order(in_order(arrived)) == in_order(arrived)
    assert [w.message for w in in_order(late)] == [nameless, first, third, nameless]


def test_a_gap_is_a_gap_where_only_the_other_topic_has_one_set_aside() -> None:
    story = Story()
    grant = story.issued()
    story.wage("never sent", "2023-02-01", 5)
    second = story.wage("b", "2023-03-01", 6)
    page = Page(story.citizen_id, grant.partition)
    under_way = posting(RULES, [page])
    under_way.park(page, grant, "payload-unreadable")
    under_way.receive(read(second))

    assert [(w.reason, w.parked) for w in page.waiting][1:] == [(VERSION_GAP, True)]


def waiting(message: Message) -> Waiting:
    return Waiting(message, None, BEHIND_PARKED)
