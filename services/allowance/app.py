"""Allowance, put together: the one place that reads settings and opens connections.

The way of a wage: `consumers.on_grants_and_payroll` gives a batch to `handlers.Ledger.post`,
which loads the citizens' pages and runs `posting.Posting`; that decides with `domain.apportion`
and writes through `store`. The relay sends what the journal says.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import TypeAlias

import structlog
import uvloop
from pydantic_settings import SettingsConfigDict

from frikort_contracts.topics import ALLOWANCE, PARTITIONS, PAYROLL, RULES
from services.allowance import store
from services.allowance.api import explanation_routes, ledger_routes, rule_routes
from services.allowance.consumers import on_grants_and_payroll
from services.allowance.handlers import Ledger
from services.allowance.outbox import journal_source, rules_source
from services.allowance.rules import MissCap, RulesWorkspace
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
from services.chassis.relay import PAUSE_S, Relay
from services.chassis.settings import ServiceSettings, SharedSettings
from services.chassis.workspace import Answer, Command, run_command

RELEASE_EVERY_S = 0.5
RELAY_SHARES = 2
"""Relays of the journal, so that two instances share that work as well."""
PAUSE_BEHIND_S = 1.0
"""While wages wait to be recorded, recording comes first and telling in fewer transactions."""

SetRule: TypeAlias = Callable[[Command], Awaitable[Answer]]

log = structlog.get_logger()


class Settings(ServiceSettings):
    """`FRIKORT_ALLOWANCE_…`."""

    model_config = SettingsConfigDict(env_prefix="FRIKORT_ALLOWANCE_", extra="ignore")
    port: int = 8103


async def serve() -> int:
    """Run the service until it is told to end; give the exit status."""
    shared, settings = SharedSettings.read(), Settings.read()
    configure_logging(service="allowance", level=shared.log_level)
    pool = await open_pool(settings.database_url, size_max=settings.database_pool_max)
    tools = make_tools(shared, settings)
    ledger = Ledger(pool=pool, clock=tools.clock)

    async def set_rule(command: Command) -> Answer:
        return await run_command(pool, lambda: RulesWorkspace(tools), command)

    broker = runtime.make_broker(shared.kafka, client_id=f"allowance-{settings.instance}")

    def posted() -> None:
        for relay in relays:
            relay.wake()

    consumer = on_grants_and_payroll(
        broker, pool, ledger, instance=settings.instance, posted=posted
    )
    relays = [
        _rules_relay(pool, shared.kafka),
        *(_journal_relay(share, pool, shared.kafka, consumer) for share in range(RELAY_SHARES)),
    ]
    app = create_app(title="Frikort allowance", version="0.1.0", summary="The ledger of each card")
    app.include_router(ledger_routes(pool, tools.clock))
    app.include_router(explanation_routes(pool, tools.clock))
    app.include_router(rule_routes(set_rule))
    app.include_router(progress_routes(inbox_progress(pool, "allowance", store.read_versions)))
    app.include_router(dead_letter_routes(pool, "allowance", ledger.redrive))
    app.include_router(health_routes(runtime.probes(pool, relays, consumer)))
    try:
        return await runtime.run(
            app,
            settings,
            background=[
                *(relay.run() for relay in relays),
                _follow_rules(ledger, set_rule),
                publish_accounts(pool),
            ],
            reading=runtime.Reading(broker, consumer, shared.kafka),
        )
    finally:
        await pool.close()


def _rules_relay(pool: Pool, bootstrap: str) -> Relay:
    return Relay(
        service="allowance",
        slot="rules",
        topic=RULES,
        source=rules_source(pool),
        pool=pool,
        bootstrap=bootstrap,
    )


def _journal_relay(share: int, pool: Pool, bootstrap: str, consumer: Consumer) -> Relay:
    """Make the relay of a share of the journal's partitions, those that one instance reads."""
    partitions = range(share, PARTITIONS, RELAY_SHARES)  # as the group deals them out
    return Relay(
        service="allowance",
        slot=f"journal-{share}",
        topic=ALLOWANCE,
        source=journal_source(pool),
        pool=pool,
        bootstrap=bootstrap,
        partitions=partitions,
        prefers=lambda: consumer.reads(PAYROLL.name, partitions[0]),
        pause_s=lambda: PAUSE_BEHIND_S if consumer.is_behind() else PAUSE_S,
    )


async def _follow_rules(ledger: Ledger, set_rule: SetRule) -> None:
    """Look now and then for what the rules call for: waiting wages, a sweep, a missing cap."""
    while True:
        try:
            await _carry_out_rules(ledger, set_rule)
        except Exception as error:
            if not may_pass(error):
                raise
            log.warning("release_interrupted", error=describe(error))
        await asyncio.sleep(RELEASE_EVERY_S)


async def _carry_out_rules(ledger: Ledger, set_rule: SetRule) -> None:
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
