"""Notifications, put together: the one place that reads settings and opens connections."""

import datetime as dt
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx
import uvloop
from aiokafka import ConsumerRecord
from pydantic import Field, SecretStr, field_validator
from pydantic_settings import SettingsConfigDict

from frikort_contracts.events import Event
from frikort_contracts.topics import ALLOWANCE, GRANTS
from services.chassis import runtime
from services.chassis.accounts import publish_accounts
from services.chassis.composition import make_imports, make_relay, make_tools
from services.chassis.consumer import Consumer
from services.chassis.database import Pool, open_pool
from services.chassis.dead_letters import dead_letter_routes
from services.chassis.http import create_app, health_routes, import_routes, progress_routes
from services.chassis.logging import configure_logging
from services.chassis.progress import inbox_progress
from services.chassis.reading import Reader
from services.chassis.settings import (
    SettingsError,
    SharedSettings,
    read_secret,
)
from services.chassis.workspace import Answer, Command, Tools, run_command
from services.notifications.api import contact_routes, message_routes, report_routes
from services.notifications.confirmations import read_contact, read_contacts_to_confirm
from services.notifications.console.routes import TextsConsoleSettings, add_console
from services.notifications.consumers import Facts, read_facts
from services.notifications.contacts import ContactsWorkspace
from services.notifications.gateway import Gateway
from services.notifications.gatewayapi import GatewayApi, make_client
from services.notifications.projections import read_messages
from services.notifications.quiet_hours import QuietHours
from services.notifications.recorder import Recorder
from services.notifications.sender import Sender
from services.notifications.translate import PUBLISHER
from services.notifications.upkeep import Upkeep


class Settings(TextsConsoleSettings):
    """`FRIKORT_NOTIFICATIONS_…`."""

    model_config = SettingsConfigDict(env_prefix="FRIKORT_NOTIFICATIONS_", extra="ignore")
    port: int = 8104
    gateway_url: str = Field(description="where GatewayAPI answers, without the path")
    gateway_token: SecretStr | None = Field(default=None, description="our token at the gateway")
    gateway_token_file: Path | None = Field(default=None, description="a file with the token")
    gateway_proxy: str | None = Field(default=None, description="a proxy on the way to the gateway")
    gateway_timeout_s: float = Field(default=10, description="how long the gateway may take")
    webhook_secret: SecretStr | None = Field(default=None, description="what signs the reports")
    webhook_secret_file: Path | None = Field(default=None, description="a file with that secret")
    callback_url: str = Field(description="where the gateway sends its reports: our own address")
    sender: str = Field(
        default="Kommunen",
        pattern=r"[A-Za-z0-9 ]{1,11}|[0-9]{1,15}",
        description="who a text says it is from",
    )
    in_flight_max: int = Field(default=10, ge=1, description="texts on their way at once")
    contact_wait_hours: float = Field(
        default=24, ge=0, description="how long a text waits for its citizen's contact"
    )
    contact_failures_max: int = Field(
        default=3, ge=1, description="undeliverable texts in a row, then the number is given up"
    )
    quiet_hours: str = Field(
        default="21:00-08:00", description="Danish hours in which nobody is texted, or none"
    )
    stale_after_days: float = Field(
        default=2, ge=0, description="older facts are not texted; 0 texts every one"
    )

    @field_validator("quiet_hours")
    @classmethod
    def _readable(cls, text: str) -> str:
        QuietHours.parse(text)
        return text

    def secret(self, name: str) -> str:
        """Give a secret of the gateway's, from its value or its file.

        Raises:
            SettingsError: none is set.
        """
        text = read_secret(getattr(self, name), getattr(self, f"{name}_file"))
        if not text:
            raise SettingsError(f"set FRIKORT_NOTIFICATIONS_{name.upper()} or …_FILE")
        return text


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The parts that run side by side."""

    gateway: Gateway
    recorder: Recorder
    sender: Sender
    upkeep: Upkeep
    facts: Reader[Event]


def make_parts(settings: Settings, tools: Tools, pool: Pool, client: httpx.AsyncClient) -> Parts:
    """Make what requests texts, sends them and ends them."""
    gateway = GatewayApi(
        client,
        url=settings.gateway_url,
        token=settings.secret("gateway_token"),
        webhook_secret=settings.secret("webhook_secret"),
        callback_url=settings.callback_url,
        sender=settings.sender,
    )
    recorder = Recorder(pool=pool, clock=tools.clock, ids=tools.ids, gateway_name=gateway.name)
    stale_after = dt.timedelta(days=settings.stale_after_days)
    return Parts(
        gateway=gateway,
        recorder=recorder,
        sender=Sender(
            pool=pool,
            clock=tools.clock,
            vault=tools.vault,
            gateway=gateway,
            recorder=recorder,
            instance=settings.instance,
            in_flight_max=settings.in_flight_max,
            contact_failures_max=settings.contact_failures_max,
            quiet_hours=QuietHours.parse(settings.quiet_hours),
        ),
        upkeep=Upkeep(
            pool=pool,
            clock=tools.clock,
            ids=tools.ids,
            instance=settings.instance,
            gateway_name=gateway.name,
            contact_wait=dt.timedelta(hours=settings.contact_wait_hours),
            contact_failures_max=settings.contact_failures_max,
        ),
        facts=read_facts(
            pool, Facts(clock=tools.clock, ids=tools.ids, stale_after=stale_after or None)
        ),
    )


async def serve() -> int:
    """Run the service until it is told to end; give the exit status."""
    shared, settings = SharedSettings.read(), Settings.read()
    configure_logging(service="notifications", level=shared.log_level)
    pool = await open_pool(settings.database_url, size_max=settings.database_pool_max)
    tools = make_tools(shared, settings)
    client = make_client(
        timeout_s=settings.gateway_timeout_s,
        connections_max=settings.in_flight_max,
        proxy=settings.gateway_proxy,
    )
    parts = make_parts(settings, tools, pool, client)
    try:
        await parts.upkeep.declare_own_claims()
        return await _run(shared, settings, tools, pool, parts)
    finally:
        await client.aclose()
        await pool.close()


async def _run(
    shared: SharedSettings, settings: Settings, tools: Tools, pool: Pool, parts: Parts
) -> int:
    make = partial(ContactsWorkspace, tools)

    async def carry_out(command: Command) -> Answer:
        answer = await run_command(pool, make, command)
        parts.sender.wake()
        return answer

    async def on_facts(records: Sequence[ConsumerRecord]) -> None:
        await parts.facts.take(records)
        parts.sender.wake()

    importer, runner = make_imports(
        pool, tools, service="notifications", kinds=("contacts",), make=make
    )
    relay = make_relay(pool, shared.kafka, PUBLISHER)
    broker = runtime.make_broker(shared.kafka, client_id="notifications")
    consumer = Consumer(
        broker,
        pool,
        group="notifications",
        instance=settings.instance,
        topics=[GRANTS.name, ALLOWANCE.name],
        apply=on_facts,
    )
    app = create_app(title="Frikort notifications", version="0.1.0", summary="Texts to citizens")
    app.include_router(
        contact_routes(
            carry_out, partial(read_contact, pool), partial(read_contacts_to_confirm, pool)
        )
    )
    app.include_router(report_routes(parts.gateway, parts.recorder.record))
    app.include_router(message_routes(partial(read_messages, pool)))
    add_console(app, pool, tools.clock, settings, production=tools.production)
    app.include_router(progress_routes(inbox_progress(pool, "notifications")))
    app.include_router(import_routes(importer, tools.ids))
    app.include_router(dead_letter_routes(pool, "notifications", parts.facts.redrive))
    app.include_router(health_routes(runtime.probes(pool, [relay], consumer)))
    texting = [parts.sender.run(), parts.upkeep.run()]
    background = [relay.run(), runner.run(), *texting, publish_accounts(pool)]
    return await runtime.run(
        app,
        settings,
        background=background,
        reading=runtime.Reading(broker, consumer, shared.kafka),
    )


if __name__ == "__main__":
    sys.exit(uvloop.run(serve()))
