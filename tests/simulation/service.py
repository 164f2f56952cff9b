"""The allowance service in a run: the real parts, put together as its composition root does."""

import asyncio
import random
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from aiokafka.errors import KafkaError

from frikort_contracts.topics import ALLOWANCE, PARTITIONS, PAYROLL
from services.allowance import outbox
from services.allowance.consumers import on_grants_and_payroll
from services.allowance.handlers import Ledger
from services.allowance.rules import CloseYear, RulesWorkspace, SetCap
from services.chassis import clock as services_clock
from services.chassis.consumer import Consumer
from services.chassis.database import may_pass, transaction
from services.chassis.dead_letters import DeadLetterUnknown, redrive_one
from services.chassis.identifiers import Identifiers
from services.chassis.relay import PAUSE_S, READ_AHEAD_FROM, Relay
from services.chassis.workspace import Command, Tools
from tests.simulation.database import Database, Pool
from tests.simulation.groups import Group, SubscriptionBroker
from tests.simulation.world import Clock, Killed, Process, World
from tests.unit.naive_ledger import NaiveCap

RELEASE_EVERY_S = 0.5
REDRIVE_EVERY_S = (0.2, 1.0)
PAUSE_BEHIND_S = 1.0
SKEW_S = 2.0


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What an instance is started into."""

    world: World
    database: Database
    group: Group
    relay_shares: int
    releases: bool
    redrives: bool


async def serve(process: Process, around: Surroundings) -> list[BaseException | None]:
    """Run an instance until one of its parts ends; give what those ended with."""
    world = around.world
    world.within(process)
    pool = Pool(around.database, process)
    ledger = Ledger(pool=pool, clock=Clock(world.loop, world.chance.uniform(-SKEW_S, SKEW_S)))
    broker = SubscriptionBroker(around.group, process)
    relays: list[Relay] = []

    def posted() -> None:
        for relay in relays:
            relay.wake()

    consumer = on_grants_and_payroll(
        cast("Any", broker), pool, ledger, instance=process.name, posted=posted
    )
    relays += [_relay(share, pool, consumer, around) for share in range(around.relay_shares)]
    parts: list[asyncio.Future[Any]] = [
        consumer.failure,
        asyncio.create_task(broker.subscribers[0].run()),
        *(asyncio.create_task(relay.run()) for relay in relays),
    ]
    if around.releases:
        parts.append(asyncio.create_task(_release(ledger)))
    if around.redrives:
        parts.append(asyncio.create_task(_redrive(ledger, pool, around)))
    done, _ = await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
    return [part.exception() for part in sorted(done, key=parts.index) if not part.cancelled()]


def may_end(error: BaseException | None) -> bool:
    """Tell whether a process may end so: a server failed it longer than it tries."""
    return error is not None and (may_pass(error) or isinstance(error, KafkaError))


async def set_rules(
    around: Surroundings, caps: Sequence[NaiveCap], closings: Sequence[tuple[str, int]]
) -> None:
    """Set rules by the real commands, each until that has an answer."""
    closed = [CloseYear(year=year, municipality_code=town) for town, year in closings]
    every: list[SetCap | CloseYear] = [*closed, *map(cap_request, caps)]
    for request in every:
        while not await asyncio.create_task(_try_to_set(around, request)):
            await around.world.pass_time(0.1)


async def _try_to_set(around: Surroundings, request: SetCap | CloseYear) -> bool:
    process = Process("clerk")
    around.world.within(process)
    pool = Pool(around.database, process)
    clock, ids = Clock(around.world.loop, 0.0), ChosenIdentifiers(around.world.chance)
    try:
        await set_rule(pool, clock, ids, request)
    except (Exception, Killed) as error:
        if not isinstance(error, Killed) and not may_pass(error):
            raise
        return False
    finally:
        process.kill()
    return True


async def set_rule(
    pool: Any, clock: services_clock.Clock, ids: Identifiers, request: SetCap | CloseYear
) -> None:
    """Set a rule as the command does that HTTP takes."""
    tools = Tools(clock=clock, ids=ids, vault=cast("Any", None), production=False)
    workspace = RulesWorkspace(tools)
    command = Command(operation="rules", request=request, key=None, traceparent="")
    async with transaction(pool) as connection:
        await workspace.prefetch(connection, [request])
        workspace.decide(command, clock.now())
        await workspace.store(connection)


def cap_request(cap: NaiveCap) -> SetCap:
    """Give the command that sets a cap."""
    return SetCap(
        year=cap.year,
        amount_ore=cap.amount,
        in_force_from=cap.in_force_from,
        known_at=cap.known_at,
        legal_basis="LOV 689",
    )


def _relay(share: int, pool: Pool, consumer: Consumer, around: Surroundings) -> Relay:
    partitions = range(share, PARTITIONS, around.relay_shares)
    return Relay(
        service="allowance",
        slot=f"journal-{share}",
        topic=ALLOWANCE,
        source=outbox.journal_source(pool),
        pool=pool,
        bootstrap="",
        partitions=partitions,
        prefers=lambda: consumer.reads(PAYROLL.name, partitions[0]),
        pause_s=lambda: PAUSE_BEHIND_S if consumer.is_behind() else PAUSE_S,
        read_ahead_from=READ_AHEAD_FROM if share else 1,
    )


async def _release(ledger: Ledger) -> None:
    """Look now and then whether wages waited for a cap that has come."""
    while True:
        try:
            await ledger.release_years()
        except Exception as error:
            if not may_pass(error):
                raise
        await asyncio.sleep(RELEASE_EVERY_S)


async def _redrive(ledger: Ledger, pool: Pool, around: Surroundings) -> None:
    """Take what is set aside again now and then, whether its fault is mended or not."""
    chance = around.world.chance
    while True:
        await asyncio.sleep(chance.uniform(*REDRIVE_EVERY_S))
        parked = [row for row in around.database.rows("held_messages") if row["parked"]]
        if parked:
            try:
                await redrive_one(pool, chance.choice(parked)["dead_letter_id"], ledger.redrive)
            except Exception as error:
                if not may_pass(error) and not isinstance(error, DeadLetterUnknown):
                    raise


class ChosenIdentifiers:
    """Identifiers of the seed."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance

    def new(self) -> str:
        return str(uuid.UUID(int=self._chance.getrandbits(128), version=4))
