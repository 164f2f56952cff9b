"""Load, decide, append: the one way a command becomes events, alone or by the thousand.

A workspace loads the streams that some commands touch, decides them one by one in memory, and
appends all at once. Without the append it rehearses: so a file is checked before a row counts.
"""

import datetime as dt
import json
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

from pydantic import JsonValue

from frikort_contracts.imports import Position
from frikort_contracts.types import Request, format_moment
from services.chassis import event_store
from services.chassis.clock import Clock
from services.chassis.codec import Codec
from services.chassis.database import Connection, Pool, deciding_again, transaction
from services.chassis.errors import IdempotencyMismatch, Rejection
from services.chassis.event_store import NewEvent
from services.chassis.identifiers import Identifiers
from services.chassis.vault import Vault

BEGINNING = dt.datetime.min.replace(tzinfo=dt.UTC)
S = TypeVar("S")
E = TypeVar("E")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What a workspace is given so that it needs no globals."""

    clock: Clock
    ids: Identifiers
    vault: Vault
    production: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A request to change something; `key` makes it repeatable."""

    operation: str
    request: Request
    key: str | None
    traceparent: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The recorded fact, and where it stands; `repeated` if it was recorded before."""

    body: dict[str, JsonValue]
    position: Position
    warnings: tuple[str, ...] = ()
    repeated: bool = False


class KeptRefusal(Rejection):
    """The refusal that was the first answer under this key."""

    code = "refused"

    def __init__(self, code: str, message: str, field_name: str | None) -> None:
        super().__init__(message)
        self.code = code  # type: ignore[misc]  # each kept refusal has its own
        self.field = field_name  # type: ignore[misc]


class RegisteredInFuture(Rejection):
    """A source system cannot have learned something tomorrow."""

    kept = False  # tomorrow it may be right
    code = "registered-in-future"
    field = "registered_at"


@dataclass(slots=True)
class Stream(Generic[S]):
    """A stream as loaded and as decided since."""

    state: S
    version: int = 0
    recorded_at: dt.datetime = BEGINNING


@dataclass(slots=True)
class _Answered:
    """`content` is the request itself, or one fingerprint per field where it was stored."""

    operation: str
    content: Request | dict[str, str]
    answer: dict[str, JsonValue]
    recorded_at: dt.datetime


@dataclass(slots=True)
class Recording(Generic[E]):
    """An event with what is recorded beside it; `private` is sealed, what is None left out."""

    event: E
    municipality_code: str
    known_at: dt.datetime
    private: Mapping[str, str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded(Generic[E]):
    """An event at its place in its stream, not encoded yet: a rehearsal never needs that."""

    stream_id: str
    version: int
    event_id: str
    type: str
    recorded_at: dt.datetime
    traceparent: str
    recording: Recording[E]


class Workspace(ABC, Generic[S, E]):
    """Subclasses say what to load (`prefetch`) and how to decide (`decide`)."""

    service: ClassVar[str]
    codec: ClassVar[Codec[Any]]

    def __init__(self, tools: Tools) -> None:
        self.tools = tools
        self.streams: dict[str, Stream[S]] = {}
        self._answers: dict[str, _Answered | None] = {}
        self._new_answers: dict[str, _Answered] = {}
        self._recorded: list[Recorded[E]] = []
        self.person_keys: dict[str, bytes] = {}
        self._new_keys: dict[str, bytes] = {}

    @abstractmethod
    async def prefetch(self, connection: Connection, requests: Sequence[Request]) -> None:
        """Load what deciding these requests needs and is not loaded yet."""

    @abstractmethod
    def decide(self, command: Command, now: dt.datetime) -> Answer:
        """Decide one command on the loaded state and record its events with `record`.

        Raises:
            Rejection: the command is refused; nothing was recorded.
        """

    @abstractmethod
    def initial(self, stream_id: str) -> S:
        """Give the state of a stream without events."""

    @abstractmethod
    def evolve(self, state: S, event: E) -> S:
        """Apply one event of history; never refuses."""

    async def store(self, connection: Connection) -> None:
        """Write this service's own tables, beside the events; the default has none."""

    async def load(self, connection: Connection, commands: Sequence[Command]) -> None:
        """Load the answers to keys used before, and what the new commands need.

        The answers are looked for again once the state is loaded: who finds there what the same
        key did a moment ago finds the answer too, and is not refused for it.
        """
        keys = {c.key for c in commands if c.key is not None} - self._answers.keys()
        await self._load_answers(connection, keys)
        fresh = [c for c in commands if c.key is None or self._answers[c.key] is None]
        if fresh:
            await self.prefetch(connection, [c.request for c in fresh])
            await self._load_answers(connection, {c.key for c in fresh if c.key is not None})

    async def load_streams(self, connection: Connection, stream_ids: Sequence[str]) -> None:
        """Fold the streams that are not loaded yet, and fetch their persons' keys."""
        missing = sorted(set(stream_ids) - self.streams.keys())
        if not missing:
            return
        for stream_id in missing:
            self.add_stream(stream_id)
        for row in await event_store.histories(connection, missing):
            stream = self.streams[str(row["stream_id"])]
            stream.state = self.evolve(stream.state, self.codec.decode(row["type"], row["data"]))
            stream.version = row["version"]
            stream.recorded_at = row["recorded_at"]
        keys = await connection.fetch(
            "SELECT * FROM person_keys WHERE person_id = ANY($1::UUID[])", missing
        )
        self.person_keys |= {str(row["person_id"]): row["wrapped_key"] for row in keys}

    def add_stream(self, stream_id: str) -> None:
        """Begin a stream that does not exist yet."""
        self.streams[stream_id] = Stream(self.initial(stream_id))

    def handle(self, command: Command) -> Answer:
        """Give the first answer to a key used before; else decide.

        Raises:
            IdempotencyMismatch: the key was used for other content.
            Rejection: the command is refused.
        """
        answered = None if command.key is None else self._answers.get(command.key)
        if answered is not None:
            return _first_answer(answered, command, self._macs_of)
        answer = self.decide(command, self.tools.clock.now())
        kept: dict[str, JsonValue] = {
            "body": answer.body,
            "position": answer.position.model_dump(),
            "warnings": list(answer.warnings),
        }
        self._keep(command, kept)
        return answer

    def keep_refusal(self, command: Command, rejection: Rejection) -> None:
        """Make a refusal the answer for ever, if it follows from the request alone."""
        if rejection.kept and not isinstance(rejection, IdempotencyMismatch | KeptRefusal):
            refusal: dict[str, JsonValue] = {
                "code": rejection.code,
                "message": str(rejection),
                "field": rejection.field,
            }
            self._keep(command, {"refusal": refusal})

    def known_at(self, registered_at: dt.datetime | None, now: dt.datetime) -> dt.datetime:
        """Set when a fact was learned: when the source system did, else now.

        Raises:
            RegisteredInFuture: the source system cannot have learned it yet.
        """
        if registered_at is not None and registered_at > now:
            raise RegisteredInFuture(
                f"registered_at {format_moment(registered_at)} is in the future; give when the "
                "source system learned it, or leave it out for now"
            )
        return registered_at or now

    def record(
        self, stream_id: str, recording: Recording[E], command: Command, now: dt.datetime
    ) -> tuple[Position, Recorded[E]]:
        """Put an event at the end of a stream in memory, to be appended by `flush`."""
        stream = self.streams[stream_id]
        stream.recorded_at = max(now, stream.recorded_at)
        stream.version += 1
        stream.state = self.evolve(stream.state, recording.event)
        recorded = Recorded(
            stream_id=stream_id,
            version=stream.version,
            event_id=self.tools.ids.new(),
            type=self.codec.kind(recording.event),
            recorded_at=stream.recorded_at,
            traceparent=command.traceparent,
            recording=recording,
        )
        self._recorded.append(recorded)
        position = Position(service=self.service, citizen_id=stream_id, version=stream.version)
        return position, recorded

    def go_on_from(self, earlier: "Workspace[S, E]") -> None:
        """Take over the streams of a workspace that was flushed, instead of loading them.

        Should others have written since, the append conflicts, as ever.
        """
        self.streams = earlier.streams
        self.person_keys = earlier.person_keys

    async def flush(self, connection: Connection) -> None:
        """Append everything decided, with the answers, in the caller's transaction."""
        events = [self._encode(recorded) for recorded in self._recorded]  # and new persons' keys
        if self._new_keys:
            await connection.executemany(
                "INSERT INTO person_keys (person_id, wrapped_key) VALUES ($1, $2)",
                list(self._new_keys.items()),
            )
        await self.store(connection)
        await connection.execute(
            """
            INSERT INTO commands (key, operation, field_macs, answer, recorded_at)
            SELECT * FROM unnest(
              $1::TEXT[], $2::TEXT[], $3::JSONB[], $4::JSON[], $5::TIMESTAMPTZ[]
            )
            """,
            [self._key_mac(key) for key in self._new_answers],
            [answered.operation for answered in self._new_answers.values()],
            [json.dumps(self._macs_of(answer.content)) for answer in self._new_answers.values()],
            [json.dumps(answered.answer) for answered in self._new_answers.values()],
            [answered.recorded_at for answered in self._new_answers.values()],
        )
        await event_store.append(connection, events)

    async def _load_answers(self, connection: Connection, keys: Collection[str]) -> None:
        by_mac = {self._key_mac(key): key for key in keys}
        rows = await connection.fetch("SELECT * FROM commands WHERE key = ANY($1)", list(by_mac))
        self._answers |= dict.fromkeys(keys)
        for row in rows:
            self._answers[by_mac[row["key"]]] = _Answered(
                row["operation"],
                json.loads(row["field_macs"]),
                json.loads(row["answer"]),
                row["recorded_at"],
            )

    def _keep(self, command: Command, answer: dict[str, JsonValue]) -> None:
        if command.key is not None:
            answered = _Answered(command.operation, command.request, answer, self.tools.clock.now())
            self._answers[command.key] = self._new_answers[command.key] = answered

    def _key_mac(self, key: str) -> str:
        """Give a key's fingerprint: a row's key holds its reference, which is free text."""
        return self.tools.vault.field_mac("idempotency-key", key)

    def _macs_of(self, content: Request | dict[str, str]) -> dict[str, str]:
        if isinstance(content, dict):
            return content
        fields = content.model_dump(mode="json", exclude_none=True)
        return {name: self.tools.vault.field_mac(name, str(v)) for name, v in fields.items()}

    def _encode(self, recorded: Recorded[E]) -> NewEvent:
        recording = recorded.recording
        return NewEvent(
            stream_id=recorded.stream_id,
            version=recorded.version,
            event_id=recorded.event_id,
            type=recorded.type,
            data=self.codec.encode(recording.event)[1],
            private=self._seal(recorded.stream_id, recorded.event_id, recording.private),
            recorded_at=recorded.recorded_at,
            known_at=recording.known_at,
            municipality_code=recording.municipality_code,
            correlation_id=recorded.event_id,
            causation_id=None,
            traceparent=recorded.traceparent,
        )

    def _seal(self, person_id: str, event_id: str, texts: Mapping[str, str | None]) -> bytes | None:
        private = {name: text for name, text in texts.items() if text is not None}
        if not private:
            return None
        if person_id not in self.person_keys:
            key = self.tools.vault.new_person_key(person_id)
            self.person_keys[person_id] = self._new_keys[person_id] = key
        text = json.dumps(private).encode()
        return self.tools.vault.seal(self.person_keys[person_id], person_id, event_id, text)


def _first_answer(
    answered: _Answered,
    command: Command,
    macs_of: Callable[[Request | dict[str, str]], dict[str, str]],
) -> Answer:
    if answered.operation != command.operation:
        raise IdempotencyMismatch(field="operation")
    first, now = macs_of(answered.content), macs_of(command.request)
    for name in type(command.request).model_fields:
        if first.get(name) != now.get(name):
            raise IdempotencyMismatch(field=name)
    refusal = answered.answer.get("refusal")
    if isinstance(refusal, dict):
        field_name = None if refusal["field"] is None else str(refusal["field"])
        raise KeptRefusal(str(refusal["code"]), str(refusal["message"]), field_name)
    body = answered.answer["body"]
    if not isinstance(body, dict):
        raise TypeError("a stored answer has a body")
    position = Position.model_validate(answered.answer["position"])
    warnings = answered.answer.get("warnings")
    return Answer(
        body=body,
        position=position,
        warnings=tuple(map(str, warnings)) if isinstance(warnings, list) else (),
        repeated=True,
    )


async def run_command(pool: Pool, make: Callable[[], Workspace[S, E]], command: Command) -> Answer:
    """Carry one command out, durably; decided again when another writer was first.

    May be called twice with the same key: the second call gets the first answer.

    Raises:
        Rejection: refused; a kept refusal is recorded as the answer for ever.
        ConflictError: other writers were first three times.
        TransientError: the database failed; the command may or may not be recorded.
    """

    async def attempt() -> Answer | Rejection:
        async with transaction(pool) as connection:
            workspace = make()
            await workspace.load(connection, [command])
            try:
                outcome: Answer | Rejection = workspace.handle(command)
            except Rejection as rejection:
                workspace.keep_refusal(command, rejection)
                outcome = rejection
            await workspace.flush(connection)
        return outcome

    typed: Callable[[], Awaitable[Answer | Rejection]] = attempt
    outcome = await deciding_again(typed)
    if isinstance(outcome, Rejection):
        raise outcome
    return outcome
