"""Dead letters: the messages that are parked here, shown to a person and tried again.

A redrive takes the message and what waits behind it as if they came now, in order, in one
transaction. What still cannot be read stays where it is, and its citizen's others behind it.
"""

import base64
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson
from fastapi import APIRouter

from frikort_contracts.dead_letters import (
    DEAD_LETTERS_PER_CALL,
    DeadLetter,
    DeadLetterContent,
    DeadLetterPage,
    Redriven,
)
from frikort_contracts.types import Identifier
from services.chassis.database import Connection, Pool, deciding_again, transaction
from services.chassis.errors import NotFound
from services.chassis.inbox import Lane

Redrive = Callable[[Connection, Lane, str], Awaitable[None]]
"""Given a lane and a subject, take again what is held of it; runs in one transaction."""

_SELECT = """
    SELECT
      h.*,
      (
        SELECT count(*)
        FROM held_messages AS b
        WHERE b.topic = h.topic
          AND b.stream_id = h.stream_id
          AND NOT b.parked
      ) AS behind
    FROM held_messages AS h
    """


class DeadLetterUnknown(NotFound):
    """No parked message has this id: it never had, or it has been applied."""

    code = "dead-letter-unknown"


def dead_letter_routes(pool: Pool, service: str, redrive: Redrive) -> APIRouter:
    """Serve the parked messages of a service; `redrive` is how it takes one again."""
    router = APIRouter(prefix="/v1/dead-letters", tags=["operation"])

    @router.get("")
    async def parked(after: Identifier | None = None) -> DeadLetterPage:
        """List the messages that are set aside, the oldest first."""
        async with pool.acquire() as connection:
            return await _page(connection, service, after)

    @router.get("/{dead_letter_id}")
    async def show(dead_letter_id: Identifier) -> DeadLetterContent:
        """Show a message that is set aside, with its headers and bytes."""
        async with pool.acquire() as connection:
            return _content(service, await _find(connection, dead_letter_id))

    @router.post("/{dead_letter_id}/redrive")
    async def again(dead_letter_id: Identifier) -> Redriven:
        """Take a message again, and then what waits behind it, in order."""
        return await deciding_again(lambda: redrive_one(pool, dead_letter_id, redrive))

    return router


def no_dead_letter_routes() -> APIRouter:
    """Serve the parked messages of a service that reads no topic: there are none, ever."""
    router = APIRouter(prefix="/v1/dead-letters", tags=["operation"])

    @router.get("")
    async def parked(after: Identifier | None = None) -> DeadLetterPage:
        """List the messages that are set aside: none, for this service reads no topic."""
        del after
        return DeadLetterPage(dead_letters=(), next_after=None)

    @router.get("/{dead_letter_id}")
    async def show(dead_letter_id: Identifier) -> DeadLetterContent:
        """Refuse: nothing is set aside here."""
        raise _unknown(dead_letter_id)

    @router.post("/{dead_letter_id}/redrive")
    async def again(dead_letter_id: Identifier) -> Redriven:
        """Refuse: nothing is set aside here."""
        raise _unknown(dead_letter_id)

    return router


async def redrive_one(pool: Pool, dead_letter_id: str, redrive: Redrive) -> Redriven:
    """Take a parked message again; say what became of it.

    Raises:
        DeadLetterUnknown: nothing is parked under this id.
        ConflictError: another writer was first; nothing was changed.
    """
    async with transaction(pool) as connection:
        letter = await _find(connection, dead_letter_id)
        lane, subject = (letter["topic"], letter["partition"]), letter["stream_id"]
        before = await _held(connection, lane, subject)
        await redrive(connection, lane, subject)
        after = await _held(connection, lane, subject)
        await _keep_times(connection, {key: before[key] for key in after if key in before})
        own = after.get(letter["dead_letter_id"])
        if own is None:
            released = len(before.keys() - after.keys()) - 1  # others may have come meanwhile
            return Redriven(dead_letter_id=dead_letter_id, state="applied", released=released)
        await connection.execute(
            "UPDATE held_messages SET attempts = $2 WHERE dead_letter_id = $1",
            letter["dead_letter_id"],
            letter["attempts"] + 1,
        )
        state = "parked" if own["parked"] else "waiting"
        return Redriven(dead_letter_id=dead_letter_id, state=state, reason=own["reason"])


async def _held(connection: Connection, lane: Lane, subject: str) -> dict[uuid.UUID, Any]:
    rows = await connection.fetch(
        """
        SELECT dead_letter_id, parked, reason, held_at
        FROM held_messages
        WHERE topic = $1
          AND stream_id = $2
        """,
        lane[0],
        subject,
    )
    return {row["dead_letter_id"]: row for row in rows}


async def _keep_times(connection: Connection, held: Mapping[uuid.UUID, Any]) -> None:
    """Have what is held again say since when: it was not only now."""
    await connection.executemany(
        "UPDATE held_messages SET held_at = $2 WHERE dead_letter_id = $1",
        [(dead_letter_id, row["held_at"]) for dead_letter_id, row in held.items()],
    )


async def _page(connection: Connection, service: str, after: str | None) -> DeadLetterPage:
    rows = await connection.fetch(
        f"""
        {_SELECT}
        WHERE h.parked
          AND (
            $1::UUID IS NULL
            OR (h.held_at, h.dead_letter_id) > (
              SELECT
                held_at,
                dead_letter_id
              FROM held_messages
              WHERE dead_letter_id = $1
            )
          )
        ORDER BY h.held_at, h.dead_letter_id
        LIMIT $2
        """,  # noqa: S608 - no value is put into it
        after,
        DEAD_LETTERS_PER_CALL,
    )
    full = len(rows) == DEAD_LETTERS_PER_CALL
    return DeadLetterPage(
        dead_letters=tuple(DeadLetter(**_fields(service, row)) for row in rows),
        next_after=str(rows[-1]["dead_letter_id"]) if full else None,
    )


async def _find(connection: Connection, dead_letter_id: str) -> Any:
    row = await connection.fetchrow(
        f"{_SELECT} WHERE h.parked AND h.dead_letter_id = $1::UUID",
        dead_letter_id,
    )
    if row is None:
        raise _unknown(dead_letter_id)
    return row


def _unknown(dead_letter_id: str) -> DeadLetterUnknown:
    return DeadLetterUnknown(f"no message is set aside here under {dead_letter_id}; list what is")


def _content(service: str, row: Any) -> DeadLetterContent:
    value: bytes = row["value"] or b""
    return DeadLetterContent(
        **_fields(service, row),
        key=None if row["key"] is None else row["key"].decode(errors="replace"),
        headers=_headers(row),
        value_base64=base64.b64encode(value).decode(),
        text=_text(value),
    )


def _fields(service: str, row: Any) -> dict[str, Any]:
    return {
        "dead_letter_id": str(row["dead_letter_id"]),
        "service": service,
        "topic": row["topic"],
        "partition": row["partition"],
        "offset": row["message_offset"],
        "subject": row["stream_id"],
        "version": row["version"],
        "type": _headers(row).get("ce_type"),
        "reason": row["reason"],
        "parked_at": row["held_at"],
        "attempts": row["attempts"],
        "behind": row["behind"],
    }


def _headers(row: Any) -> dict[str, str]:
    headers: dict[str, str] = orjson.loads(row["headers"])
    return headers


def _text(value: bytes) -> str | None:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return None
