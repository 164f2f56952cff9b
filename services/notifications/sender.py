"""Sends texts: claims them durably, hands them to the gateway, records what it answered.

A claim is committed before the call, so a process that dies in between leaves a text of which
nobody can tell whether it went: that one is declared so, and never sent again (I10). No more
is claimed than is in flight, so that little can be in doubt.
"""

import asyncio
import contextlib
import datetime as dt
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import assert_never

import structlog

from services.chassis.clock import Clock
from services.chassis.database import Pool, transaction
from services.chassis.errors import ConflictError, TransientError
from services.chassis.vault import Vault, VaultError
from services.notifications import domain, store, templates
from services.notifications.contacts import open_reach
from services.notifications.gateway import (
    Accepted,
    Gateway,
    NotTaken,
    Refused,
    Submission,
    Unknown,
)
from services.notifications.handlers import Order
from services.notifications.quiet_hours import QuietHours
from services.notifications.recorder import Recorder
from services.notifications.store import Claim

POLL_S = 0.25
SUBMIT_ATTEMPTS_MAX = 100
BACK_OFF_FIRST_S = 1.0
BACK_OFF_MAX_S = 900.0
"""With the attempts: about a day, then the gateway counts as out of reach."""
RECORD_ATTEMPTS_MAX = 10
RECORD_BACK_OFF_S = 0.2
RECORD_BACK_OFF_MAX_S = 5.0
DRAIN_S = 12.0
"""How long an ending process waits for the gateway's answers to what it has sent."""

CONTACT_UNREADABLE = "contact-unreadable"
GATEWAY_REFUSED = "gateway-refused"
GATEWAY_UNAVAILABLE = "gateway-unavailable"

log = structlog.get_logger()


@dataclass(slots=True, kw_only=True)
class Sender:
    """Sends what is due, at most `in_flight_max` texts at once."""

    pool: Pool
    clock: Clock
    vault: Vault
    gateway: Gateway
    recorder: Recorder
    instance: str
    in_flight_max: int
    contact_failures_max: int
    quiet_hours: QuietHours | None
    _in_flight: set[asyncio.Task[None]] = field(default_factory=set)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)

    def wake(self) -> None:
        """Look for work now rather than at the next poll."""
        self._wake.set()

    async def run(self) -> None:
        """Send until cancelled, then wait for the answers to what is in flight."""
        try:
            while True:
                self._wake.clear()
                for claim in await self._claim():
                    task = asyncio.create_task(self._send(claim))
                    self._in_flight.add(task)
                    task.add_done_callback(self._on_done)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(POLL_S):
                        await self._wake.wait()
                self._reap()
        finally:
            if self._in_flight:
                await asyncio.wait(self._in_flight, timeout=DRAIN_S)

    def _on_done(self, _: asyncio.Task[None]) -> None:
        self._wake.set()

    def _reap(self) -> None:
        """Free the places of what has ended; what went wrong there ends the process."""
        done = {task for task in self._in_flight if task.done()}
        self._in_flight -= done
        for task in done:
            task.result()

    async def _claim(self) -> list[Claim]:
        free, now = self.in_flight_max - len(self._in_flight), self.clock.now()
        if free <= 0 or (self.quiet_hours is not None and self.quiet_hours.cover(now)):
            return []
        try:
            async with transaction(self.pool) as connection:
                return await store.claim_texts(
                    connection,
                    instance=self.instance,
                    limit=free,
                    failures_max=self.contact_failures_max,
                    now=now,
                )
        except (ConflictError, TransientError) as error:
            log.warning("claim_failed", error=repr(error))
            return []

    async def _send(self, claim: Claim) -> None:
        submission = self._submission(claim)
        if submission is None:
            await self._record(claim, self._failure(claim, CONTACT_UNREADABLE))
            return
        answer = await self.gateway.submit(submission)
        match answer:
            case Accepted():
                await self._record(claim, self._submitted(claim))
            case Refused():
                log.warning("text_refused", notification_id=claim.notification_id, code=answer.code)
                await self._record(claim, self._failure(claim, GATEWAY_REFUSED))
            case Unknown():
                log.warning("text_in_doubt", notification_id=claim.notification_id, why=answer.why)
                await self._record(claim, self._failure(claim, domain.OUTCOME_UNKNOWN))
            case NotTaken() if claim.attempt >= SUBMIT_ATTEMPTS_MAX:
                await self._record(claim, self._failure(claim, GATEWAY_UNAVAILABLE))
            case NotTaken():
                log.info("text_postponed", notification_id=claim.notification_id, why=answer.why)
                await self._persist(partial(self._postpone, claim))
            case _:
                assert_never(answer)

    def _submission(self, claim: Claim) -> Submission | None:
        try:
            reach = open_reach(
                self.vault,
                wrapped_key=claim.wrapped_key,
                card_no=claim.contact_card_no,
                version=claim.contact_version,
                sealed=claim.sealed,
            )
        except VaultError:
            log.exception("contact_unreadable", notification_id=claim.notification_id)
            return None
        return Submission(
            notification_id=claim.notification_id,
            msisdn=reach.msisdn,
            message=templates.render(claim.template, claim.template_version, reach.language),
        )

    def _submitted(self, claim: Claim) -> domain.Command:
        return domain.RecordSubmission(
            notification_id=claim.notification_id, gateway=self.gateway.name, parts=templates.PARTS
        )

    def _failure(self, claim: Claim, reason: str) -> domain.Command:
        return domain.RecordFailure(
            notification_id=claim.notification_id, gateway=self.gateway.name, reason=reason
        )

    async def _record(self, claim: Claim, command: domain.Command) -> None:
        order = Order(citizen_id=claim.citizen_id, command=command)
        await self._persist(partial(self.recorder.record, order))

    async def _postpone(self, claim: Claim) -> None:
        pause = dt.timedelta(
            seconds=min(BACK_OFF_FIRST_S * 2 ** min(claim.attempt - 1, 20), BACK_OFF_MAX_S)
        )
        async with transaction(self.pool) as connection:
            await store.postpone_text(connection, claim, due_at=self.clock.now() + pause)

    async def _persist(self, write: Callable[[], Awaitable[None]]) -> None:
        """Write the gateway's answer down; it is lost only with the process, and then in doubt."""
        for attempt in range(RECORD_ATTEMPTS_MAX - 1):
            try:
                return await write()
            except (ConflictError, TransientError) as error:
                log.warning("answer_not_recorded", attempt=attempt, error=repr(error))
                await asyncio.sleep(min(RECORD_BACK_OFF_S * 2**attempt, RECORD_BACK_OFF_MAX_S))
        return await write()
