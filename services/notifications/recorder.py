"""Records what becomes of texts: those who come while one transaction runs share the next.

So many sends and reports at once cost few transactions, and each caller is told when its own
record is durable.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from services.chassis.clock import Clock
from services.chassis.database import Pool, deciding_again, transaction
from services.chassis.identifiers import Identifiers
from services.notifications import domain, store
from services.notifications.gateway import Report
from services.notifications.handlers import Order, carry_out

log = structlog.get_logger()


@dataclass(slots=True, kw_only=True)
class Recorder:
    """Carries orders out, many in one transaction."""

    pool: Pool
    clock: Clock
    ids: Identifiers
    gateway_name: str
    _waiting: list[tuple[Order | Report, asyncio.Future[None]]] = field(default_factory=list)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def record(self, what: Order | Report) -> None:
        """Carry an order out, or record what a gateway reports, durably. May be repeated.

        A report about a text that is not ours changes nothing.

        Raises:
            ConflictError, TransientError: it is not recorded; try again.
        """
        recorded: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((what, recorded))
        async with self._turn:
            if not recorded.done():
                # Shielded: a caller that goes away must not take the others' record with it.
                await asyncio.shield(asyncio.ensure_future(self._record_waiting()))
        await recorded

    async def _record_waiting(self) -> None:
        batch, self._waiting = self._waiting, []
        try:
            await deciding_again(lambda: self._commit([what for what, _ in batch]))
        except Exception as error:  # noqa: BLE001 - each caller is told, and decides
            for _, recorded in batch:
                if not recorded.done():
                    recorded.set_exception(error)
        else:
            for _, recorded in batch:
                if not recorded.done():
                    recorded.set_result(None)

    async def _commit(self, batch: Sequence[Order | Report]) -> None:
        async with transaction(self.pool) as connection:
            reported = [item.notification_id for item in batch if isinstance(item, Report)]
            citizens = await store.find_citizens(connection, reported) if reported else {}
            orders = [
                order
                for item in batch
                if (order := item if isinstance(item, Order) else self._order(item, citizens))
            ]
            await carry_out(connection, orders, clock=self.clock, ids=self.ids)

    def _order(self, report: Report, citizens: Mapping[str, str]) -> Order | None:
        citizen_id = citizens.get(report.notification_id)
        if citizen_id is None:
            log.info("report_unknown", notification_id=report.notification_id)
            return None
        command = domain.RecordReport(
            notification_id=report.notification_id,
            gateway=self.gateway_name,
            status=report.status,
        )
        return Order(citizen_id=citizen_id, command=command)
