"""Checkpoints to a second party, who keeps them where we cannot change them.

To a file, a line appended for each; to an address, each posted by itself. In order, each until
it is taken, then never again; what was taken while we died before noting it is given once more,
the same to the byte.
"""

import asyncio
import errno
import hashlib
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import httpx
import structlog
from prometheus_client import Gauge

from services.chassis.database import Connection, Pool, may_pass, transaction
from services.chassis.errors import describe

LOOK_EVERY_S = 1.0
BACK_OFF_S = 10.0
TIMEOUT_S = 5.0
BATCH_MAX = 5
"""Within one transaction, which may not last longer than `TRANSACTION_TIMEOUT_MS`."""
BEHIND = Gauge(
    "frikort_checkpoints_to_hand_over", "Checkpoints that a second party has not taken", ["to"]
)

log = structlog.get_logger()


class NotTakenError(Exception):
    """The second party did not take a checkpoint."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where checkpoints are handed to; `name` is told, `identity` tells two of a kind apart."""

    name: str
    identity: str
    give: Callable[[bytes], Awaitable[None]]


def file_place(path: Path) -> Place:
    """Make the place that is a file, a line for each checkpoint."""

    async def give(checkpoint: bytes) -> None:
        await asyncio.to_thread(_append, path, checkpoint + b"\n")

    return Place(name="file", identity=_identity("file", str(path)), give=give)


def endpoint_place(url: str, token: str | None, client: httpx.AsyncClient) -> Place:
    """Make the place that is an address; any 2xx says that a checkpoint is taken."""
    bearer = {} if token is None else {"Authorization": f"Bearer {token}"}
    headers = {"Content-Type": "application/json", **bearer}

    async def give(checkpoint: bytes) -> None:
        answer = await client.post(url, content=checkpoint, headers=headers, timeout=TIMEOUT_S)
        if not answer.is_success:
            raise NotTakenError(f"status {answer.status_code}")

    return Place(name="endpoint", identity=_identity("endpoint", url), give=give)


async def hand_over(pool: Pool, place: Place) -> None:
    """Hand over what a place does not have yet, again and again, until cancelled."""
    while True:
        pause_s = LOOK_EVERY_S
        try:
            while await _hand_over_some(pool, place):  # bounded by the checkpoints there are
                pass
        except (NotTakenError, OSError, httpx.HTTPError) as error:
            log.warning("checkpoint_not_handed_over", to=place.name, error=_said(error))
            pause_s = BACK_OFF_S
        except Exception as error:
            if not may_pass(error):
                raise
            log.warning("checkpoint_not_handed_over", to=place.name, error=describe(error))
        await asyncio.sleep(pause_s)


async def _hand_over_some(pool: Pool, place: Place) -> bool:
    """Hand over the next few, and tell whether there are more; one instance at a time does."""
    fault: Exception | None = None
    async with transaction(pool) as connection:
        taken = await _lock(connection, place)
        if taken is None:
            return False  # another instance is at it
        rows = await connection.fetch(
            """
            SELECT checkpoint_no, bytes
            FROM checkpoints
            WHERE checkpoint_no > $1
            ORDER BY checkpoint_no
            LIMIT $2
            """,
            taken,
            BATCH_MAX,
        )
        given = taken
        try:
            for row in rows:
                await place.give(row["bytes"])
                given = row["checkpoint_no"]
        except (NotTakenError, OSError, httpx.HTTPError) as error:
            fault = error  # what was taken before it is noted all the same
        if given != taken:
            await connection.execute(
                "UPDATE checkpoint_handovers SET checkpoint_no = $2 WHERE place = $1",
                place.identity,
                given,
            )
        last = await connection.fetchval("SELECT coalesce(max(checkpoint_no), 0) FROM checkpoints")
    BEHIND.labels(place.name).set(last - given)
    if fault is not None:
        raise fault
    return len(rows) == BATCH_MAX


async def _lock(connection: Connection, place: Place) -> int | None:
    await connection.execute(
        """
        INSERT INTO checkpoint_handovers (place, checkpoint_no)
        VALUES ($1, 0)
        ON CONFLICT DO NOTHING
        """,
        place.identity,
    )
    taken: int | None = await connection.fetchval(
        """
        SELECT checkpoint_no
        FROM checkpoint_handovers
        WHERE place = $1
        FOR UPDATE SKIP LOCKED
        """,
        place.identity,
    )
    return taken


def _append(path: Path, line: bytes) -> None:
    """Append a line so that it is on the disk when this returns.

    What a full disk cut short stays, for the file may only grow: the next line begins below it.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        size = os.fstat(descriptor).st_size
        torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
        whole = b"\n" + line if torn else line
        if os.write(descriptor, whole) < len(whole):
            raise OSError(errno.ENOSPC, "the line was cut short")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _identity(kind: str, address: str) -> str:
    """Tell places apart without keeping an address, which may have a secret in it."""
    return f"{kind}-{hashlib.sha256(address.encode()).hexdigest()[:16]}"


def _said(error: Exception) -> str:
    """Say what happened, without a failed request's own words: they hold the address."""
    if isinstance(error, httpx.HTTPError):
        return type(error).__name__
    return str(error) if isinstance(error, NotTakenError) else describe(error)
