"""Checkpoints of the ledger: taken in one snapshot, signed, stored; on demand and by the clock.

Two that are taken at once conflict on the number, and one of them is decided again and finds
that nothing has changed since. The relay publishes them (`outbox.checkpoints_source`).
"""

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, ClassVar

import orjson
import structlog
from prometheus_client import Gauge

from frikort_contracts.allowance import CheckpointSigned
from frikort_contracts.imports import Position
from frikort_contracts.types import Request
from services.allowance.checkpoint import (
    FIRST_NO,
    Head,
    Heads,
    Summary,
    sign_checkpoint,
    summarise,
    summary_of,
)
from services.allowance.keys import read_newest_key_id
from services.allowance.signing import Signer
from services.chassis.clock import Clock
from services.chassis.codec import Codec
from services.chassis.database import Connection, Pool, may_pass
from services.chassis.errors import Rejection, StateRejection, describe
from services.chassis.event_store import OUTBOX_CHANNEL
from services.chassis.identifiers import traceparent
from services.chassis.workspace import Answer, Command, Tools, Workspace

STREAM = "checkpoints"
OPERATION = "checkpoints"
LOOK_EVERY_S = 5.0
SHOWN_MAX = 100
TAKEN_AT = Gauge(
    "frikort_checkpoint_taken_seconds", "When the newest checkpoint was taken, in Unix time"
)

log = structlog.get_logger()


class SigningKeyMissing(StateRejection):
    """This service has no key to sign checkpoints with."""

    code = "signing-key-missing"


class SigningKeyRetired(StateRejection):
    """Another key has come after this instance's own."""

    code = "signing-key-retired"


class TakeCheckpoint(Request):
    """Take a checkpoint now: there is nothing more to say."""


class CheckpointWorkspace(Workspace[None, object]):
    """Takes a checkpoint; where nothing has changed since the last, that one is the answer."""

    service: ClassVar[str] = "allowance"
    codec: ClassVar[Codec[Any]] = Codec([])

    def __init__(self, tools: Tools, signer: Signer | None) -> None:
        super().__init__(tools)
        self._signer = signer
        self._newest_key: str | None = None
        self._last: Mapping[str, Any] | None = None
        self._summary: Summary | None = None
        self._taken: tuple[str, CheckpointSigned] | None = None

    def initial(self, stream_id: str) -> None:
        """Checkpoints have no citizen's stream."""

    def evolve(self, state: None, event: object) -> None:
        """Checkpoints have no citizen's stream."""

    async def prefetch(self, connection: Connection, requests: Sequence[Request]) -> None:
        """Load the last checkpoint and then all heads, and make the tree over them."""
        del requests
        if self._signer is None:
            return
        self._newest_key = await read_newest_key_id(connection)
        self._last = next(iter(await read_latest(connection, 1)), None)
        heads = await read_heads(connection)
        self._summary = await asyncio.to_thread(summarise, heads)  # others go on meanwhile

    def decide(self, command: Command, now: dt.datetime) -> Answer:
        """Sign the heads.

        Raises:
            SigningKeyMissing: there is no key to sign with.
            SigningKeyRetired: a newer key is in use.
        """
        del command
        signer, summary, last = self._signer, self._summary, self._last
        if signer is None or summary is None:
            raise SigningKeyMissing(
                "no checkpoint can be signed: set FRIKORT_ALLOWANCE_SIGNING_KEY and start again"
            )
        if self._newest_key != signer.key_id:
            raise SigningKeyRetired(
                f"this instance signs with {signer.key_id}, and {self._newest_key} has come after "
                "it: give every instance the newest key"
            )
        if last is not None:
            published = orjson.loads(last["bytes"])
            if (summary_of(published), published["key_id"]) == (summary, signer.key_id):
                return _answer(str(last["event_id"]), published, repeated=True)
        taken = sign_checkpoint(
            summary,
            checkpoint_no=FIRST_NO if last is None else last["checkpoint_no"] + 1,
            taken_at=now if last is None else max(now, last["taken_at"]),
            signer=signer,
        )
        event_id = self.tools.ids.new()
        self._taken = event_id, taken
        return _answer(event_id, taken.model_dump(mode="json", exclude_none=True))

    async def store(self, connection: Connection) -> None:
        """Append the checkpoint, and wake the relay at commit."""
        if self._taken is None:
            return
        event_id, taken = self._taken
        await connection.execute(
            """
            INSERT INTO checkpoints (checkpoint_no, event_id, key_id, taken_at, bytes)
            VALUES ($1, $2, $3, $4, $5)
            """,
            taken.checkpoint_no,
            event_id,
            taken.key_id,
            taken.taken_at,
            taken.to_json(),
        )
        await connection.execute(f"NOTIFY {OUTBOX_CHANNEL}")


async def read_latest(connection: Connection, count: int) -> list[Mapping[str, Any]]:
    """Give the latest checkpoints, the newest first."""
    rows: list[Mapping[str, Any]] = await connection.fetch(
        "SELECT * FROM checkpoints ORDER BY checkpoint_no DESC LIMIT $1", count
    )
    return rows


async def read_heads(connection: Connection) -> Heads:
    """Read where every chain ends: in one statement, so in one snapshot.

    An entry, its citizen's head and its partition's number are written in one transaction, so
    that a snapshot has all of them or none.
    """
    rows = await connection.fetch(
        """
        SELECT 'citizen' AS kind, citizen_id::TEXT AS name, entry_no::BIGINT AS number, head
        FROM citizens
        WHERE entry_no > 0
        UNION ALL
        SELECT 'partition', partition::TEXT, journal_seq, NULL
        FROM ledger_partitions
        UNION ALL
        (SELECT 'rules', 'rules', version, hash FROM rules ORDER BY version DESC LIMIT 1)
        """
    )
    found: dict[str, dict[str, Head]] = {"citizen": {}, "partition": {}, "rules": {}}
    for row in rows:
        found[row["kind"]][row["name"]] = Head(row["number"], row["head"])
    partitions = found["partition"]
    return Heads(
        positions=[partitions[str(partition)].number for partition in range(len(partitions))],
        citizens=found["citizen"],
        rules=found["rules"].get("rules"),
    )


async def take_by_the_clock(
    pool: Pool, clock: Clock, take: Callable[[Command], Awaitable[Answer]], *, every_s: float
) -> None:
    """Take a checkpoint whenever one is due, until cancelled.

    However many instances there are, one is taken: the others find that none is due any more.
    """
    while True:
        try:
            if await _is_due(pool, clock.now(), every_s):
                trace = traceparent(None)
                answer = await take(
                    Command(
                        operation=OPERATION, request=TakeCheckpoint(), key=None, traceparent=trace
                    )
                )
                log.info("checkpoint_taken", checkpoint=answer.position.version)
        except Rejection as refusal:
            log.warning("checkpoint_refused", code=refusal.code)
        except Exception as error:
            if not may_pass(error):
                raise
            log.warning("checkpoint_interrupted", error=describe(error))
        await asyncio.sleep(min(LOOK_EVERY_S, every_s))


async def _is_due(pool: Pool, now: dt.datetime, every_s: float) -> bool:
    """Tell whether the last is old enough and something has been entered since."""
    async with pool.acquire() as connection:
        last = next(iter(await read_latest(connection, 1)), None)
        if last is not None:
            TAKEN_AT.set(last["taken_at"].timestamp())
            if (now - last["taken_at"]).total_seconds() < every_s:
                return False
        row = await connection.fetchrow(
            """
            SELECT
              (SELECT sum(journal_seq)::BIGINT FROM ledger_partitions) AS entries,
              (SELECT coalesce(max(version), 0) FROM rules) AS rules_version
            """
        )
    there_is = (row["entries"], row["rules_version"])
    if last is None:
        return there_is != (0, 0)
    covered = orjson.loads(last["bytes"])
    return there_is != (covered["entries"], covered["rules_version"])


def _answer(event_id: str, published: dict[str, Any], *, repeated: bool = False) -> Answer:
    return Answer(
        body={"event": CheckpointSigned.TYPE, "id": event_id, **published},
        position=Position(
            service="allowance", citizen_id=STREAM, version=published["checkpoint_no"]
        ),
        repeated=repeated,
    )
