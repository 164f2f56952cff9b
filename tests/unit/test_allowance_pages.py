"""A citizen's page: which wage a reversal waits behind, and what is remembered of pages."""

from frikort_contracts.topics import GRANTS
from services.allowance.pages import CAP_UNKNOWN, Page, PageMemory, Waiting
from services.allowance.translate import read
from services.chassis.inbox import Message
from tests.unit.ledger_cases import Story, identity


def waiting_for_cap(message: Message) -> Waiting:
    return Waiting(message, read(message), CAP_UNKNOWN)


def test_a_reversal_waits_behind_its_own_wage_whatever_else_waits() -> None:
    story = Story()
    unreadable = Waiting(story.issued(), None, "payload-unreadable", parked=True)
    first = waiting_for_cap(story.wage("a", "2025-02-01", 5))
    second = waiting_for_cap(story.wage("b", "2025-03-01", 6))
    reversal = waiting_for_cap(story.reversal("b", "2025-03-01", 6))
    page = Page(story.citizen_id, 0, waiting=[unreadable, first, reversal, second])

    assert unreadable.message.topic == GRANTS.name
    assert page.find_waiting_wage(identity("a")) is first
    assert page.find_waiting_wage(identity("b")) is second
    assert page.find_waiting_wage(identity("c")) is None


def test_a_page_is_remembered_as_it_is_and_once_asked_for_is_forgotten() -> None:
    memory = PageMemory()
    page = Page("a", 1, touched_years={2023}, touched=True)
    memory.keep([page], {1: 7})

    (found,) = memory.recall(["a", "unknown"], {1: 7}).values()

    assert found is page
    assert (page.touched, page.touched_years) == (False, set())
    assert memory.recall(["a"], {1: 7}) == {}


def test_a_partition_in_which_somebody_else_wrote_leaves_the_others_remembered() -> None:
    memory = PageMemory()
    kept, stale = Page("a", 1), Page("b", 2)
    memory.keep([kept, stale], {1: 7, 2: 7})

    assert memory.recall([], {2: 8}) == {}
    memory.keep([], {2: 8})

    assert memory.recall(["a", "b"], {1: 7, 2: 8}) == {"a": kept}
