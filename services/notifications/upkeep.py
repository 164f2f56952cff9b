"""Ends what would wait for ever: texts that reach nobody, and claims whose process has died.

A claim that was not answered is in doubt: its text may have gone out. It is declared so, in
history, and never sent again; a delivery report may still tell.
"""

import asyncio
import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import structlog
from prometheus_client import Gauge

from services.chassis.clock import Clock
from services.chassis.database import Pool, deciding_again, transaction
from services.chassis.errors import ConflictError, TransientError
from services.chassis.identifiers import Identifiers
from services.notifications import domain, store
from services.notifications.handlers import Order, carry_out

POLL_S = 1.0
BATCH_TEXTS = 500
CLAIM_LEASE = dt.timedelta(minutes=15)
"""An instance that is gone for good leaves its claims to the others after this."""
OPEN_TEXTS = Gauge(
    "frikort_notifications_texts_open",
    "Texts requested, submitting or submitted, that are not settled",
    ["state"],
)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Upkeep:
    """Looks after the texts of all instances, and at the start after this one's claims."""

    pool: Pool
    clock: Clock
    ids: Identifiers
    instance: str
    gateway_name: str
    contact_wait: dt.timedelta
    contact_failures_max: int

    async def declare_own_claims(self) -> None:
        """Declare this instance's claims of before to be in doubt; called before it sends."""
        await deciding_again(lambda: self._declare_abandoned(self.instance))

    async def run(self) -> None:
        """Look after the texts until cancelled."""
        while True:
            try:
                await self._declare_abandoned(None)
                while await self._suppress_unreachable() == BATCH_TEXTS:
                    pass
                await self._measure()
            except (ConflictError, TransientError) as error:
                log.warning("upkeep_interrupted", error=repr(error))
            await asyncio.sleep(POLL_S)

    async def _declare_abandoned(self, instance: str | None) -> None:
        lease_ends = self.clock.now() - CLAIM_LEASE
        async with transaction(self.pool) as connection:
            found = await store.find_abandoned(
                connection, instance=instance, claimed_before=lease_ends
            )
            orders = [
                Order(
                    citizen_id=citizen_id,
                    command=domain.RecordFailure(
                        notification_id=notification_id,
                        gateway=self.gateway_name,
                        reason=domain.OUTCOME_UNKNOWN,
                    ),
                )
                for citizen_id, notification_id in found
            ]
            await carry_out(connection, orders, clock=self.clock, ids=self.ids)
        _log_each("text_in_doubt", found)

    async def _suppress_unreachable(self) -> int:
        async with transaction(self.pool) as connection:
            without = await store.find_unreachable(
                connection,
                requested_before=self.clock.now() - self.contact_wait,
                limit=BATCH_TEXTS,
            )
            failing = await store.find_failing(
                connection, failures_max=self.contact_failures_max, limit=BATCH_TEXTS
            )
            deceased = await store.find_deceased(connection, limit=BATCH_TEXTS)
            orders = [
                Order(
                    citizen_id=citizen_id,
                    command=domain.SuppressText(notification_id=notification_id, reason=reason),
                )
                for found, reason in (
                    (without, domain.NO_CONTACT),
                    (failing, domain.CONTACT_FAILING),
                    (deceased, domain.CITIZEN_DECEASED),
                )
                for citizen_id, notification_id in found
            ]
            await carry_out(connection, orders, clock=self.clock, ids=self.ids)
        return max(len(without), len(failing), len(deceased))

    async def _measure(self) -> None:
        async with transaction(self.pool) as connection:
            counts = await store.count_open(connection)
        for state in ("requested", "submitting", "submitted"):
            OPEN_TEXTS.labels(state).set(counts.get(state, 0))


def _log_each(event: str, found: Sequence[tuple[str, str]]) -> None:
    for _, notification_id in found:
        log.warning(event, notification_id=notification_id)
