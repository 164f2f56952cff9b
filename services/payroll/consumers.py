"""What payroll hears: frikort-grants, from which alone it knows whose a card is."""

import datetime as dt
from collections.abc import Sequence

from frikort_contracts import grants
from frikort_contracts.events import Event
from services.chassis.clock import Clock
from services.chassis.database import Connection, Pool
from services.chassis.reading import Reader, Received, parse_with
from services.payroll.projections import keep, learn


def read_grants(pool: Pool, clock: Clock) -> Reader[Event]:
    """Make the reader that takes grants' events into the read model, each once."""
    return Reader(pool=pool, clock=clock, parse=parse_with(grants.EVENTS), apply=_learn)


async def _learn(
    connection: Connection, received: Sequence[Received[Event]], _: dt.datetime
) -> None:
    await keep(connection, learn(received))
