"""Redrive: what is held of a citizen's topic is taken again, as if it came now. Pure."""

from frikort_contracts.topics import PAYROLL
from services.allowance.pages import Page, Waiting, in_order
from services.allowance.posting import Posting
from services.allowance.translate import Received, read
from services.chassis.errors import ContractError
from services.chassis.held import BEHIND_PARKED
from services.chassis.inbox import Message


def read_again(page: Page) -> None:
    """Read the messages on a page that could not be read before, or were not to be."""
    for waiting in page.waiting:
        if waiting.received is None:
            received, _ = _try_to_read(waiting.message)
            waiting.received = received


def redrive(posting: Posting, page: Page, topic: str) -> None:
    """Take a topic's parked message, and what waits behind it, in the order of their versions.

    A message in whose place the page stood when it came, or stands now, is applied once its
    turn comes; another must follow, as any that is fresh.
    """
    came_in_place = page.payroll_version
    queue = [waiting for waiting in page.waiting if waiting.message.topic == topic]
    page.waiting = [waiting for waiting in page.waiting if waiting.message.topic != topic]
    page.touched = True
    for waiting in in_order(queue):
        message = waiting.message
        posting.released.append(message)
        received, reason = _try_to_read(message)
        if received is None and page.is_parked(topic):
            page.waiting.append(Waiting(message, None, BEHIND_PARKED, stored=False))
        elif received is None:
            posting.park(page, message, reason)
        elif topic == PAYROLL.name and received.source.version <= came_in_place:
            posting.go_on(page, received)
        else:
            posting.receive(received)


def _try_to_read(message: Message) -> tuple[Received | None, str]:
    """Read a message; if that cannot be done, say why, as a code."""
    try:
        return read(message), ""
    except ContractError as error:
        return None, error.reason
