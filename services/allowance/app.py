"""Allowance, put together: the one place that reads settings and opens connections.

The way of a wage: `consumers.on_grants_and_payroll` gives a batch to `handlers.Ledger.post`,
which loads the citizens' pages and runs `posting.Posting`; that decides with `domain.apportion`
and writes through `store`. The relay sends what the journal says.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any, TypeAlias

import httpx
import structlog
import uvloop
from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from frikort_contracts.topics import ALLOWANCE, CHECKPOINTS, PARTITIONS, PAYROLL, RULES, Topic
from services.allowance import store
from services.allowance.api import (
    checkpoint_routes,
    explanation_routes,
    ledger_routes,
    rule_routes,
)
from services.allowance.bulk_loading import BulkLoader
from services.allowance.checkpoints import CheckpointWorkspace, take_by_the_clock
from services.allowance.console.composition import LedgerConsoleSettings, add_console
from services.allowance.consumers import on_grants_and_payroll
from services.allowance.handlers import Ledger
from services.allowance.handover import endpoint_place, file_place, hand_over
from services.allowance.keys import register_key
from services.allowance.outbox import checkpoints_source, journal_source, rules_source
from services.allowance.rules import MissCap, RulesWorkspace
from services.allowance.signing import Signer, SigningKeyError
from services.chassis import runtime
from services.chassis.accounts import publish_accounts
from services.chassis.composition import make_tools
from services.chassis.consumer import Consumer
from services.chassis.database import Pool, may_pass, open_pool
from services.chassis.dead_letters import dead_letter_routes
from services.chassis.errors import describe
from services.chassis.http import create_app, health_routes, progress_routes
from services.chassis.identifiers import traceparent
from services.chassis.logging import configure_logging
from services.chassis.progress import inbox_progress
from services.chassis.relay import PAUSE_S, Relay, Source
from services.chassis.settings import (
    SettingsError,
    SharedSettings,
    decode_key,
    read_secret,
)
from services.chassis.workspace import Answer, Command, Tools, run_command

RELEASE_EVERY_S = 0.5
RELAY_SHARES = 2
"""Relays of the journal, so that two instances share that work as well."""
READERS_MAX = 4
"""Connections for whoever asks over HTTP: never in the way of what is posted."""
PAUSE_BEHIND_S = 1.0
"""While wages wait to be recorded, recording comes first and telling in fewer transactions."""

Run: TypeAlias = Callable[[Command], Awaitable[Answer]]

log = structlog.get_logger()


class Settings(LedgerConsoleSettings):
    """`FRIKORT_ALLOWANCE_…`."""

    model_config = SettingsConfigDict(env_prefix="FRIKORT_ALLOWANCE_", extra="ignore")
    port: int = 8103
    signing_key: SecretStr | None = None
    signing_key_file: Path | None = None
    signing_key_before: SecretStr | None = None
    signing_key_before_file: Path | None = None
    checkpoint_every_s: float = Field(default=3600.0, ge=0, le=86_400)
    checkpoint_file: Path | None = None
    checkpoint_url: str | None = None
    checkpoint_token: SecretStr | None = None
    checkpoint_token_file: Path | None = None

    def signers(self) -> tuple[Signer | None, Signer | None]:
        """Give what signs checkpoints, and what signed them before; None where none is set.

        Raises:
            SettingsError: a key is no key.
        """
        now = self._signer("signing_key", self.signing_key, self.signing_key_file)
        before = self._signer(
            "signing_key_before", self.signing_key_before, self.signing_key_before_file
        )
        return now, before

    def _signer(self, name: str, value: SecretStr | None, file: Path | None) -> Signer | None:
        text, variable = read_secret(value, file), self.variable(name)
        if not text:
            return None
        try:
            return Signer(decode_key(text, variable))
        except SigningKeyError as error:
            raise SettingsError(f"{variable}: {error}") from None


async def serve() -> int:
    """Run the service until it is told to end; give the exit status."""
    shared, settings = SharedSettings.read(), Settings.read()
    configure_logging(service="allowance", level=shared.log_level)
    pool = await open_pool(settings.database_url, size_max=settings.database_pool_max)
    reading = await open_pool(settings.database_url, size_max=READERS_MAX, only_reads=True)
    tools = make_tools(shared, settings)
    ledger = Ledger(pool=pool, clock=tools.clock, bulk=BulkLoader())
    signer = await _signer(pool, settings, tools)

    async def set_rule(command: Command) -> Answer:
        return await run_command(pool, lambda: RulesWorkspace(tools), command)

    async def take_checkpoint(command: Command) -> Answer:
        return await run_command(pool, lambda: CheckpointWorkspace(tools, signer), command)

    broker = runtime.make_broker(shared.kafka, client_id=f"allowance-{settings.instance}")

    def posted() -> None:
        for relay in relays:
            relay.wake()

    consumer = on_grants_and_payroll(
        broker, pool, ledger, instance=settings.instance, posted=posted
    )
    relays = _relays(pool, shared.kafka, consumer, ledger.bulk)
    app = create_app(title="Frikort allowance", version="0.1.0", summary="The ledger of each card")
    app.include_router(ledger_routes(reading, tools.clock))
    app.include_router(explanation_routes(reading, tools.clock))
    app.include_router(rule_routes(set_rule))
    app.include_router(checkpoint_routes(take_checkpoint, pool))
    app.include_router(progress_routes(inbox_progress(pool, "allowance", store.read_versions)))
    app.include_router(dead_letter_routes(pool, "allowance", ledger.redrive))
    add_console(app, pool, tools.clock, settings, production=tools.production)
    app.include_router(health_routes(runtime.probes(pool, relays, consumer)))
    try:
        return await runtime.run(
            app,
            settings,
            background=[
                *(relay.run() for relay in relays),
                _follow_rules(ledger, set_rule),
                publish_accounts(pool),
                *_checkpointing(pool, settings, tools, take_checkpoint, signer),
            ],
            reading=runtime.Reading(broker, consumer, shared.kafka),
        )
    finally:
        await reading.close()
        await pool.close()


async def _signer(pool: Pool, settings: Settings, tools: Tools) -> Signer | None:
    """Enter the signing key, and give what signs; without a key nothing is signed."""
    signer, before = settings.signers()
    if signer is None:
        log.warning("checkpoints_off")
        return None
    await register_key(pool, signer, before, now=tools.clock.now())
    return signer


def _checkpointing(
    pool: Pool, settings: Settings, tools: Tools, take: Run, signer: Signer | None
) -> list[Coroutine[Any, Any, None]]:
    """Give what takes checkpoints by the clock and hands them to a second party, as it is set."""
    parts = []
    if signer is not None and settings.checkpoint_every_s:
        every_s = settings.checkpoint_every_s
        parts.append(take_by_the_clock(pool, tools.clock, take, every_s=every_s))
    if settings.checkpoint_file is not None:
        parts.append(hand_over(pool, file_place(settings.checkpoint_file)))
    if settings.checkpoint_url is not None:
        token = read_secret(settings.checkpoint_token, settings.checkpoint_token_file)
        place = endpoint_place(settings.checkpoint_url, token, httpx.AsyncClient())
        parts.append(hand_over(pool, place))
    return parts


def _relays(pool: Pool, bootstrap: str, consumer: Consumer, bulk: BulkLoader | None) -> list[Relay]:
    return [
        _relay("rules", RULES, rules_source(pool), pool, bootstrap),
        _relay("checkpoints", CHECKPOINTS, checkpoints_source(pool), pool, bootstrap),
        *(_journal_relay(share, pool, bootstrap, consumer, bulk) for share in range(RELAY_SHARES)),
    ]


def _relay(slot: str, topic: Topic, source: Source, pool: Pool, bootstrap: str) -> Relay:
    """Make the relay of what is numbered in one row, whatever citizens there are."""
    return Relay(
        service="allowance",
        slot=slot,
        topic=topic,
        source=source,
        pool=pool,
        bootstrap=bootstrap,
    )


def _journal_relay(
    share: int, pool: Pool, bootstrap: str, consumer: Consumer, bulk: BulkLoader | None
) -> Relay:
    """Make the relay of a share of the journal's partitions, those that one instance reads."""
    partitions = range(share, PARTITIONS, RELAY_SHARES)  # as the group deals them out
    return Relay(
        service="allowance",
        slot=f"journal-{share}",
        topic=ALLOWANCE,
        source=journal_source(pool, bulk),
        pool=pool,
        bootstrap=bootstrap,
        partitions=partitions,
        prefers=lambda: consumer.reads(PAYROLL.name, partitions[0]),
        pause_s=lambda: PAUSE_BEHIND_S if consumer.is_behind() else PAUSE_S,
    )


async def _follow_rules(ledger: Ledger, set_rule: Run) -> None:
    """Look now and then for what the rules call for: waiting wages, a sweep, a missing cap."""
    while True:
        try:
            await _carry_out_rules(ledger, set_rule)
        except Exception as error:
            if not may_pass(error):
                raise
            log.warning("release_interrupted", error=describe(error))
        await asyncio.sleep(RELEASE_EVERY_S)


async def _carry_out_rules(ledger: Ledger, set_rule: Run) -> None:
    released = await ledger.release_years()
    if released:
        log.info("waiting_wages_released", citizens=released)
    while (swept := await ledger.sweep_cap()) is not None:  # bounded by the citizens there are
        log.info(
            "cap_swept",
            year=swept.year,
            rule=swept.rule_version,
            citizens=swept.citizens,
            finished=swept.finished,
        )
    for year in await ledger.missing_caps():
        log.warning("cap_missing", year=year)
        request = MissCap(year=year)
        trace = traceparent(None)
        await set_rule(Command(operation="caps", request=request, key=None, traceparent=trace))


if __name__ == "__main__":
    sys.exit(uvloop.run(serve()))
