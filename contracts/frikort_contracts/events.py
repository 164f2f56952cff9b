"""What every published event shares."""

from typing import ClassVar

from frikort_contracts.types import Contract, Moment


class Event(Contract):
    """A fact another system may rely on. `TYPE` is its name on the wire.

    `known_at` is when the fact was learned, set once by the service that accepted it.
    """

    TYPE: ClassVar[str]
    known_at: Moment

    def to_json(self) -> bytes:
        """Write the payload as it travels: JSON, absent fields left out."""
        return self.model_dump_json(exclude_none=True).encode()
