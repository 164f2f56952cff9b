"""Payroll, put together: the one place that reads settings and opens connections."""

import sys
from functools import partial

import uvloop
from pydantic_settings import SettingsConfigDict

from frikort_contracts.requests import ReconcileRequest
from frikort_contracts.topics import GRANTS
from services.chassis import runtime
from services.chassis.accounts import publish_accounts
from services.chassis.composition import make_imports, make_relay, make_tools
from services.chassis.consumer import Consumer
from services.chassis.database import open_pool
from services.chassis.dead_letters import dead_letter_routes
from services.chassis.http import create_app, health_routes, import_routes, progress_routes
from services.chassis.logging import configure_logging
from services.chassis.progress import inbox_progress
from services.chassis.settings import ServiceSettings, SharedSettings
from services.chassis.workspace import Answer, Command, run_command
from services.payroll.api import employment_routes, reconciliation_routes, wage_routes
from services.payroll.consumers import read_grants
from services.payroll.handlers import PayrollWorkspace
from services.payroll.reconciliation import Reconciliation, reconcile
from services.payroll.translate import PUBLISHER
from services.payroll.wages import read_wage


class Settings(ServiceSettings):
    """`FRIKORT_PAYROLL_…`."""

    model_config = SettingsConfigDict(env_prefix="FRIKORT_PAYROLL_", extra="ignore")
    port: int = 8102


async def serve() -> int:
    """Run the service until it is told to end; give the exit status."""
    shared, settings = SharedSettings.read(), Settings.read()
    configure_logging(service="payroll", level=shared.log_level)
    pool = await open_pool(settings.database_url, size_max=settings.database_pool_max)
    tools = make_tools(shared, settings)

    def make() -> PayrollWorkspace:
        return PayrollWorkspace(tools)

    async def carry_out(command: Command) -> Answer:
        return await run_command(pool, make, command)

    async def compare(request: ReconcileRequest, traceparent: str) -> Reconciliation:
        return await reconcile(pool, tools, request, traceparent=traceparent)

    importer, runner = make_imports(
        pool, tools, service="payroll", kinds=("employments", "wages", "wage-reversals"), make=make
    )
    relay = make_relay(pool, shared.kafka, PUBLISHER)
    broker = runtime.make_broker(shared.kafka, client_id="payroll")
    reader = read_grants(pool, tools.clock)
    consumer = Consumer(
        broker,
        pool,
        group="payroll",
        instance=settings.instance,
        topics=[GRANTS.name],
        apply=reader.take,
    )
    app = create_app(title="Frikort payroll", version="0.1.0", summary="Employments and wages")
    app.include_router(employment_routes(carry_out))
    app.include_router(wage_routes(carry_out, partial(read_wage, pool, tools.vault)))
    app.include_router(reconciliation_routes(compare))
    app.include_router(progress_routes(inbox_progress(pool, "payroll")))
    app.include_router(import_routes(importer, tools.ids))
    app.include_router(dead_letter_routes(pool, "payroll", reader.redrive))
    app.include_router(health_routes(runtime.probes(pool, [relay], consumer)))
    background = [relay.run(), runner.run(), publish_accounts(pool)]
    try:
        return await runtime.run(
            app,
            settings,
            background=background,
            reading=runtime.Reading(broker, consumer, shared.kafka),
        )
    finally:
        await pool.close()


if __name__ == "__main__":
    sys.exit(uvloop.run(serve()))
