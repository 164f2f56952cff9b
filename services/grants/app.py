"""Grants, put together: the one place that reads settings and opens connections."""

import sys
from functools import partial

import uvloop
from pydantic import Field
from pydantic_settings import SettingsConfigDict

from services.chassis import runtime
from services.chassis.composition import make_imports, make_relay, make_tools
from services.chassis.database import open_pool
from services.chassis.dead_letters import no_dead_letter_routes
from services.chassis.http import create_app, health_routes, import_routes, progress_routes
from services.chassis.logging import configure_logging
from services.chassis.progress import own_progress
from services.chassis.settings import ServiceSettings, SharedSettings
from services.chassis.workspace import Answer, Command, run_command
from services.grants.api import application_routes, citizen_routes, grant_routes
from services.grants.domain import ReviewReading
from services.grants.handlers import GrantsWorkspace, Minors
from services.grants.projections import read_grant, read_reviews_due
from services.grants.translate import PUBLISHER


class Settings(ServiceSettings):
    """`FRIKORT_GRANTS_…`."""

    model_config = SettingsConfigDict(env_prefix="FRIKORT_GRANTS_", extra="ignore")
    port: int = 8101
    review_reading: ReviewReading = Field(
        default="safe", description="how the law's rule on reviews is read (R33): safe or literal"
    )
    minors: Minors = Field(
        default="refused", description="a card for a citizen below 18: refused or taken (R34)"
    )


async def serve() -> int:
    """Run the service until it is told to end; give the exit status."""
    shared, settings = SharedSettings.read(), Settings.read()
    configure_logging(service="grants", level=shared.log_level)
    pool = await open_pool(settings.database_url, size_max=settings.database_pool_max)
    tools = make_tools(shared, settings)

    def make() -> GrantsWorkspace:
        return GrantsWorkspace(tools, minors=settings.minors)

    async def carry_out(command: Command) -> Answer:
        return await run_command(pool, make, command)

    importer, runner = make_imports(
        pool, tools, service="grants", kinds=("grants", "grant-changes"), make=make
    )
    relay = make_relay(pool, shared.kafka, PUBLISHER)
    app = create_app(title="Frikort grants", version="0.1.0", summary="Who holds which card")
    reading = settings.review_reading
    app.include_router(
        grant_routes(
            carry_out, partial(read_grant, pool, reading), partial(read_reviews_due, pool, reading)
        )
    )
    app.include_router(application_routes(carry_out))
    app.include_router(citizen_routes(carry_out))
    app.include_router(progress_routes(own_progress("grants")))
    app.include_router(import_routes(importer, tools.ids))
    app.include_router(no_dead_letter_routes())
    app.include_router(health_routes(runtime.probes(pool, [relay])))
    try:
        return await runtime.run(app, settings, background=[relay.run(), runner.run()])
    finally:
        await pool.close()


if __name__ == "__main__":
    sys.exit(uvloop.run(serve()))
