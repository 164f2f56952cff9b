"""Messages that a reader has set aside: what it says of them, and of one that is redriven.

`GET /v1/dead-letters?after=ID` → `DeadLetterPage`, in the order in which they were set aside;
`GET /v1/dead-letters/{id}` → `DeadLetterContent`; `POST /v1/dead-letters/{id}/redrive` →
`Redriven`. Each service serves its own; one that reads no topic (grants) has none.
"""

import datetime as dt
from typing import Literal

from frikort_contracts.types import Contract

DEAD_LETTERS_PER_CALL = 500


class DeadLetter(Contract):
    """A message that could not be read or applied, and why (`reason` is a code).

    `subject` is the citizen, or the key of a message that names none; `behind` counts the later
    messages of the same citizen and topic that wait. `attempts`: how often it was redriven.
    """

    dead_letter_id: str
    service: str
    topic: str
    partition: int
    offset: int
    subject: str
    version: int | None
    type: str | None
    reason: str
    parked_at: dt.datetime
    attempts: int
    behind: int


class DeadLetterPage(Contract):
    """Some dead letters; `next_after` is None on the last page."""

    dead_letters: tuple[DeadLetter, ...]
    next_after: str | None


class DeadLetterContent(DeadLetter):
    """A dead letter with its headers and bytes; `text` is None where they are no UTF-8."""

    key: str | None
    headers: dict[str, str]
    value_base64: str
    text: str | None


class Redriven(Contract):
    """What became of a message that was tried again, and how many behind it were applied.

    It is applied, waits now for what `reason` names, or is parked again for `reason`.
    """

    dead_letter_id: str
    state: Literal["applied", "waiting", "parked"]
    reason: str | None = None
    released: int = 0
