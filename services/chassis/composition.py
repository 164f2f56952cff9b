"""What the services' composition roots have in common: each part made in one way."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from services.chassis.clock import SystemClock
from services.chassis.database import Pool
from services.chassis.identifiers import RandomIdentifiers
from services.chassis.import_runner import ImportRunner, Rehearsal
from services.chassis.imports import Importer
from services.chassis.publishing import Publisher
from services.chassis.relay import Relay, store_source
from services.chassis.settings import ServiceSettings, SharedSettings
from services.chassis.vault import Vault
from services.chassis.workspace import Tools


def make_tools(shared: SharedSettings, settings: ServiceSettings) -> Tools:
    """Make the real clock, identifiers and vault."""
    return Tools(
        clock=SystemClock(),
        ids=RandomIdentifiers(),
        vault=Vault(settings.master_key_bytes()),
        production=shared.mode == "production",
    )


def make_imports(
    pool: Pool,
    tools: Tools,
    *,
    service: str,
    kinds: Sequence[str],
    make: Callable[[], Rehearsal],
) -> tuple[Importer, ImportRunner]:
    """Make what takes files in, and what applies them: `make` gives a workspace for a chunk."""
    wake = asyncio.Event()
    importer = Importer(
        pool=pool, vault=tools.vault, clock=tools.clock, service=service, kinds=kinds, wake=wake
    )
    return importer, ImportRunner(pool=pool, vault=tools.vault, make=make, wake=wake)


def make_relay(pool: Pool, bootstrap: str, publisher: Publisher[Any]) -> Relay:
    """Make the relay of a service's event store to its topic."""
    return Relay(
        service=publisher.topic.owner,
        slot="events",
        topic=publisher.topic,
        source=store_source(pool, publisher.record),
        pool=pool,
        bootstrap=bootstrap,
    )
