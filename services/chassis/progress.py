"""Progress: whether what was recorded elsewhere has arrived here.

Nobody asks a service what another has read; who wants to know asks the one that should have it.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence

from frikort_contracts.imports import (
    Position,
    PositionProgress,
    ProgressRequest,
    ProgressResponse,
)
from services.chassis import inbox
from services.chassis.database import Connection, Pool

WAIT_S_MAX = 60.0
POLL_S = 0.02

Ask = Callable[[Sequence[Position]], Awaitable[list[PositionProgress]]]
ReadVersions = Callable[[Connection, str, Sequence[str]], Awaitable[Mapping[str, int]]]
"""Given a topic and streams, how far each has been read, held messages included."""


async def answer_progress(request: ProgressRequest, ask: Ask) -> ProgressResponse:
    """Ask until nothing is pending, or until the time the caller waits is up."""
    deadline = time.monotonic() + min(request.wait_s, WAIT_S_MAX)
    while True:
        answers = await ask(request.positions)
        settled = all(answer.state != "pending" for answer in answers)
        if settled or time.monotonic() >= deadline:
            return ProgressResponse(progress=tuple(answers))
        await asyncio.sleep(POLL_S)


def own_progress(service: str) -> Ask:
    """Answer for a service that reads no topic: what it recorded itself is applied."""

    async def ask(positions: Sequence[Position]) -> list[PositionProgress]:
        return [
            PositionProgress(
                position=position, state="applied" if position.service == service else "pending"
            )
            for position in positions
        ]

    return ask


def inbox_progress(
    pool: Pool, service: str, read_versions: ReadVersions = inbox.read_versions
) -> Ask:
    """Answer from the inbox: applied, pending, waiting with its code, or parked with its id."""

    async def ask(positions: Sequence[Position]) -> list[PositionProgress]:
        streams: dict[str, set[str]] = {}
        for position in positions:
            streams.setdefault(position.service, set()).add(position.citizen_id)
        async with pool.acquire() as connection:
            # Held last: a message held between the two queries would else count as applied.
            read = {
                source: await read_versions(connection, f"frikort-{source}", sorted(found))
                for source, found in streams.items()
                if source != service
            }
            held = await _held(connection, {s for found in streams.values() for s in found})
        return [_one(position, service, held, read) for position in positions]

    return ask


HeldKey = tuple[str, str, int]


async def _held(connection: Connection, streams: set[str]) -> dict[HeldKey, tuple[bool, str, str]]:
    rows = await connection.fetch(
        """
        SELECT topic, stream_id, version, parked, reason, dead_letter_id
        FROM held_messages
        WHERE stream_id = ANY($1)
        """,
        sorted(streams),
    )
    return {
        (row["topic"], row["stream_id"], row["version"]): (
            row["parked"],
            row["reason"],
            str(row["dead_letter_id"]),
        )
        for row in rows
    }


def _one(
    position: Position,
    service: str,
    held: Mapping[HeldKey, tuple[bool, str, str]],
    read: Mapping[str, Mapping[str, int]],
) -> PositionProgress:
    stream = position.citizen_id
    if position.service == service:
        return PositionProgress(position=position, state="applied")
    found = held.get((f"frikort-{position.service}", stream, position.version))
    if found is not None:
        parked, reason, dead_letter_id = found
        return PositionProgress(
            position=position,
            state="parked" if parked else "waiting",
            code=reason,
            dead_letter_id=dead_letter_id if parked else None,
        )
    applied = position.version <= read[position.service].get(stream, 0)
    return PositionProgress(position=position, state="applied" if applied else "pending")
