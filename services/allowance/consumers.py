"""What allowance subscribes to: grants and payroll together, so that a citizen has one reader."""

from collections.abc import Callable, Sequence

from aiokafka import ConsumerRecord
from faststream.kafka import KafkaBroker

from frikort_contracts.topics import GRANTS, PAYROLL
from services.allowance.handlers import Ledger
from services.chassis.consumer import Consumer
from services.chassis.database import Pool

BATCH_RECORDS_MAX = 5000


def on_grants_and_payroll(
    broker: KafkaBroker, pool: Pool, ledger: Ledger, *, instance: str, posted: Callable[[], None]
) -> Consumer:
    """Post every batch, then say so, for the relay to look at once."""

    async def apply(records: Sequence[ConsumerRecord]) -> None:
        await ledger.post(records)
        posted()

    return Consumer(
        broker,
        pool,
        group="allowance",
        instance=instance,
        topics=(GRANTS.name, PAYROLL.name),
        apply=apply,
        records_max=BATCH_RECORDS_MAX,
        prepare=ledger.bulk.prepare if ledger.bulk else None,
    )
