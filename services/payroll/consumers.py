"""What payroll hears: frikort-grants, from which alone it knows whose a card is."""

from collections.abc import Sequence

from aiokafka import ConsumerRecord

from frikort_contracts import grants
from services.chassis.clock import Clock
from services.chassis.database import Pool, transaction
from services.chassis.inbox import Inbox
from services.chassis.reading import parse_with, sort_out
from services.payroll.projections import keep, learn

_parse = parse_with(grants.EVENTS)


async def on_frikort_grants(pool: Pool, clock: Clock, records: Sequence[ConsumerRecord]) -> None:
    """Take a batch into the read model, each event once, with the position."""
    async with transaction(pool) as connection:
        inbox = await Inbox.take(connection, records)
        received = await sort_out(connection, inbox, _parse, now=clock.now())
        await keep(connection, learn(received))
        await inbox.close()
