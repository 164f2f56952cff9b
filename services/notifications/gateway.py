"""What a gateway is to us, whichever it is: it takes a text, and reports what became of it.

Only an answer that certainly came before the text was taken lets it be tried again. Whatever
leaves a doubt is `Unknown`, and the text is not sent again (I10).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from services.chassis.errors import StateRejection
from services.notifications.domain import DeliveryStatus


class SignatureInvalid(StateRejection):
    """A report does not come from the gateway: 401."""

    code = "signature-invalid"
    status = 401


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """A text for a number (MSISDN); neither shows in logs."""

    notification_id: str
    msisdn: str = field(repr=False)
    message: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Accepted:
    """The gateway has the text."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The gateway will not take this text, now or later; `code` is its own."""

    code: str


@dataclass(frozen=True, slots=True)
class NotTaken:
    """The gateway has certainly not got the text; it may take it later."""

    why: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nobody can tell whether the gateway has the text."""

    why: str


Answer: TypeAlias = Accepted | Refused | NotTaken | Unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a gateway says became of a text."""

    notification_id: str
    status: DeliveryStatus


class Gateway(Protocol):
    """One SMS gateway."""

    name: str

    async def submit(self, submission: Submission) -> Answer:
        """Hand a text over. Never raises for what a gateway or network does."""
        ...

    def read_report(self, headers: Mapping[str, str]) -> Report | None:
        """Read a delivery report, None where it is not about a text of ours.

        Raises:
            SignatureInvalid: the gateway did not write it.
        """
        ...
