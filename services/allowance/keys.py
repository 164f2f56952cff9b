"""The keys that checkpoints are signed with: each but the first endorsed by the one before it.

See docs/decisions/0014-checkpoints.md.
"""

import base64
import datetime as dt
from collections.abc import Mapping
from typing import Any

from services.allowance.signing import Signer
from services.chassis.database import Connection, Pool, deciding_again, transaction


class SigningKeyNotEndorsedError(Exception):
    """A new signing key comes without the one before it, which would vouch for it."""


async def register_key(
    pool: Pool, signer: Signer, before: Signer | None, *, now: dt.datetime
) -> None:
    """Enter a key that is new, endorsed by the newest; one that is entered already stays so.

    Called at every start, by every instance: who comes second finds it entered.

    Raises:
        SigningKeyNotEndorsedError: the key is new, and `before` is not the newest.
    """

    async def attempt() -> None:
        async with transaction(pool) as connection:
            await _register(connection, signer, before, now)

    await deciding_again(attempt)


async def read_newest_key_id(connection: Connection) -> str | None:
    """Name the key that signs now."""
    newest: str | None = await connection.fetchval(
        "SELECT key_id FROM signing_keys ORDER BY key_no DESC LIMIT 1"
    )
    return newest


async def read_keys(pool: Pool) -> list[dict[str, str | None]]:
    """Give the public keys in order, as a file of keys has them."""
    async with pool.acquire() as connection:
        rows = await connection.fetch("SELECT * FROM signing_keys ORDER BY key_no")
    return [_shown(row) for row in rows]


async def _register(
    connection: Connection, signer: Signer, before: Signer | None, now: dt.datetime
) -> None:
    rows = await connection.fetch("SELECT key_no, key_id FROM signing_keys ORDER BY key_no")
    if signer.key_id in {row["key_id"] for row in rows}:
        return
    endorsed_by = endorsement = None
    if rows:
        newest = rows[-1]["key_id"]
        if before is None or before.key_id != newest:
            raise SigningKeyNotEndorsedError(
                f"signing key {signer.key_id} is new: give the key before it, {newest}, as "
                "FRIKORT_ALLOWANCE_SIGNING_KEY_BEFORE, so that it endorses the new one"
            )
        endorsed_by, endorsement = before.key_id, before.endorse(signer.public_key)
    await connection.execute(
        """
        INSERT INTO signing_keys (key_no, key_id, public_key, endorsed_by, endorsement, added_at)
        VALUES ($1, $2, $3, $4, $5, $6)
        """,
        len(rows) + 1,
        signer.key_id,
        signer.public_key,
        endorsed_by,
        endorsement,
        now,
    )


def _shown(row: Mapping[str, Any]) -> dict[str, str | None]:
    endorsement = row["endorsement"]
    return {
        "key_id": row["key_id"],
        "public_key": base64.b64encode(row["public_key"]).decode(),
        "endorsed_by": row["endorsed_by"],
        "endorsement": None if endorsement is None else base64.b64encode(endorsement).decode(),
    }
