"""An SMS gateway on this machine that speaks GatewayAPI's protocol and sends no text to anybody.

``python -m deploy.local.gateway_simulator`` listens on 127.0.0.1. It refuses what the real one
refuses, keeps what it took (``GET /texts``), and reports to the callback, signed, what would
have become of it: ENROUTE, then DELIVERED, or UNDELIVERABLE for numbers that end in 99. It is
told to misbehave with ``POST /behaviour``. Like the real one it does not know a reference it
has seen before: a text sent twice is here twice.
"""

import asyncio
import base64
import binascii
import hmac
import itertools
import json
import os
import time
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import gsm0338  # noqa: F401 - registers the codec
import httpx
import jwt
import uvicorn
from fastapi import FastAPI, Header, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from deploy.local.files import private_folder

UNDELIVERABLE_ENDING: Final = "99"
FIRST_ID: Final = 1_000_001
TEXTS_FILE: Final = "texts.jsonl"
PART_SEPTETS: Final = 160
CHAINED_SEPTETS: Final = 153
PART_UCS2: Final = 70
CHAINED_UCS2: Final = 67
MSISDN_DIGITS_MIN: Final = 8
MSISDN_DIGITS_MAX: Final = 15
REPORT_AFTER_S: Final = 0.02
REPORTS_AT_ONCE: Final = 32
# The real one waits 60 s, 120 s and longer; nobody here has that long.
REPORT_RETRIES_S: Final = (0.5, 1.0, 2.0, 4.0, 8.0)
ANSWER_TIMEOUT_S: Final = 15.0


class Recipient(BaseModel):
    """Whom a text goes to."""

    msisdn: int


class Mtsms(BaseModel):
    """A text as `POST /rest/mtsms` takes it; unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    sender: str = Field(pattern=r"^([^\W_]|[ .&-]){1,11}$|^\d{1,15}$")
    message: str = Field(min_length=1)
    recipients: list[Recipient] = Field(min_length=1)
    userref: str | None = Field(default=None, max_length=64)
    callback_url: str | None = None
    encoding: Literal["UTF8", "UCS2"] = "UTF8"
    message_class: Literal["standard", "premium", "secret"] = Field(
        default="standard", alias="class"
    )
    max_parts: int = Field(default=6, ge=1, le=255)
    validity_period: int | None = None
    sendtime: int | None = None
    label: str | None = None
    priority: str | None = None


class Behaviour(BaseModel):
    """How to misbehave: each counter is for that many texts, then all is well again."""

    model_config = ConfigDict(extra="forbid")

    fail_next: int = 0
    status: int = 503
    error_body: bool = True
    drop_answer: int = 0
    """Take the text, then close the connection without an answer."""
    delay_answer_s: float = 0
    """Take the text, and report on it, but answer this much later."""
    hold_reports: bool = False
    """Send no reports; those held are sent once this is false again."""


@dataclass(slots=True, kw_only=True)
class Text:
    """A text that was taken."""

    id: int
    userref: str | None
    msisdn: str
    message: str
    sender: str
    status: str
    callback_url: str | None = field(repr=False)


class RefusedError(Exception):
    """What the gateway answers instead of taking a text."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class Simulator:
    """The gateway's state: what it took, how it behaves, and the reports on their way."""

    def __init__(self, *, token: str, webhook_secret: str, home: Path | None) -> None:
        self._token = token
        self._webhook_secret = webhook_secret
        self._file = None if home is None else private_folder(home) / TEXTS_FILE
        self.texts = {} if self._file is None else _read_texts(self._file)
        self._ids = itertools.count(max(self.texts, default=FIRST_ID - 1) + 1)
        self.behaviour = Behaviour()
        self._reporting: set[asyncio.Task[None]] = set()
        self._places = asyncio.Semaphore(REPORTS_AT_ONCE)
        self._released = asyncio.Event()
        self._client = httpx.AsyncClient(timeout=ANSWER_TIMEOUT_S, trust_env=False)

    def behave(self, behaviour: Behaviour) -> None:
        """Behave like this from now on."""
        self.behaviour = behaviour
        if not behaviour.hold_reports:
            self._released.set()
            self._released = asyncio.Event()

    def require_token(self, authorization: str | None) -> None:
        """Check the token, which is Basic's user name with an empty password.

        Raises: RefusedError (401).
        """
        scheme, _, encoded = (authorization or "").partition(" ")
        try:
            given = base64.b64decode(encoded, validate=True)
        except binascii.Error:
            given = b""
        if scheme.lower() != "basic" or not hmac.compare_digest(given, f"{self._token}:".encode()):
            raise RefusedError(401, "0x0200", "Invalid API token")

    def take(self, request: Mtsms) -> list[Text]:
        """Take a text, one for each recipient, and report on it soon.

        Raises: RefusedError (422).
        """
        _check(request)
        taken = [
            Text(
                id=next(self._ids),
                userref=request.userref,
                msisdn=str(recipient.msisdn),
                message=request.message,
                sender=request.sender,
                status="BUFFERED",
                callback_url=request.callback_url,
            )
            for recipient in request.recipients
        ]
        for text in taken:
            self.texts[text.id] = text
            self._write("text", asdict(text))
            if text.callback_url is not None:
                task = asyncio.create_task(self._report_on(text, text.callback_url))
                self._reporting.add(task)
                task.add_done_callback(self._reporting.discard)
        return taken

    async def close(self) -> None:
        """Stop reporting."""
        for task in self._reporting:
            task.cancel()
        await asyncio.gather(*self._reporting, return_exceptions=True)
        await self._client.aclose()

    async def _report_on(self, text: Text, callback_url: str) -> None:
        undeliverable = text.msisdn.endswith(UNDELIVERABLE_ENDING)
        for status in ("ENROUTE", "UNDELIVERABLE" if undeliverable else "DELIVERED"):
            await asyncio.sleep(REPORT_AFTER_S)
            while self.behaviour.hold_reports:
                await self._released.wait()
            text.status = status
            self._write("status", {"id": text.id, "status": status})
            await self._report(text, callback_url)

    async def _report(self, text: Text, callback_url: str) -> None:
        """Post a report until it is taken, or the retries are used up."""
        report: dict[str, Any] = {
            "id": text.id,
            "msisdn": int(text.msisdn),
            "time": int(time.time()),
            "status": text.status,
            "userref": text.userref,
            "country_code": "DK",
            "country_prefix": 45,
        }
        headers = {"X-Gwapi-Signature": jwt.encode(report, self._webhook_secret, "HS256")}
        for pause_s in (*REPORT_RETRIES_S, None):
            async with self._places:
                try:
                    answer = await self._client.post(callback_url, json=report, headers=headers)
                except httpx.HTTPError:
                    answer = None
            if (answer is not None and answer.is_success) or pause_s is None:
                return
            await asyncio.sleep(pause_s)

    def _write(self, kind: str, fields: Mapping[str, Any]) -> None:
        if self._file is not None:
            with self._file.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"kind": kind, **fields}, ensure_ascii=False) + "\n")


def _check(request: Mtsms) -> None:
    if request.encoding == "UTF8":
        try:
            length = len(request.message.encode("gsm03.38"))
        except UnicodeEncodeError as error:
            character = request.message[error.start]
            raise RefusedError(422, "0x0213", f"{character!r} is not in GSM 03.38") from error
        parts = 1 if length <= PART_SEPTETS else -(-length // CHAINED_SEPTETS)
    else:
        length = len(request.message.encode("utf-16-be")) // 2
        parts = 1 if length <= PART_UCS2 else -(-length // CHAINED_UCS2)
    if parts > request.max_parts:
        raise RefusedError(422, "0x0213", f"{parts} parts, {request.max_parts} allowed")
    for recipient in request.recipients:
        if not MSISDN_DIGITS_MIN <= len(str(recipient.msisdn)) <= MSISDN_DIGITS_MAX:
            raise RefusedError(422, "0x0213", "msisdn is country code and number")


def make_app(simulator: Simulator) -> FastAPI:
    """Return the simulator's HTTP application."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await simulator.close()

    app = FastAPI(title="Gateway simulator", lifespan=lifespan)

    @app.exception_handler(RefusedError)
    async def refused(_: Request, error: RefusedError) -> JSONResponse:
        return _error(error.status, error.code, str(error))

    @app.exception_handler(RequestValidationError)
    async def malformed(_: Request, error: RequestValidationError) -> JSONResponse:
        return _error(422, "0x0213", str(error.errors()[0]["msg"]))

    @app.post("/rest/mtsms")
    async def send(
        request: Mtsms, authorization: Annotated[str | None, Header()] = None
    ) -> Response:
        simulator.require_token(authorization)
        behaviour = simulator.behaviour
        if behaviour.fail_next > 0:
            behaviour.fail_next -= 1
            return _failure(behaviour)
        taken = simulator.take(request)
        if behaviour.delay_answer_s:
            await asyncio.sleep(behaviour.delay_answer_s)
        if behaviour.drop_answer > 0:
            behaviour.drop_answer -= 1
            return StreamingResponse(_nothing(), headers={"content-length": "2"})
        cost = {"total_cost": 0.0, "currency": "DKK", "countries": {"DK": len(taken)}}
        return JSONResponse({"ids": [text.id for text in taken], "usage": cost})

    @app.get("/texts")
    async def texts() -> dict[str, list[dict[str, Any]]]:
        shown = ("id", "userref", "msisdn", "message", "sender", "status")
        return {
            "texts": [{name: getattr(t, name) for name in shown} for t in simulator.texts.values()]
        }

    @app.post("/behaviour")
    async def behave(behaviour: Behaviour) -> Behaviour:
        simulator.behave(behaviour)
        return behaviour

    return app


def _error(status: int, code: str, message: str) -> JSONResponse:
    body = {"code": code, "incident_uuid": str(uuid.uuid4()), "message": message, "variables": None}
    return JSONResponse(body, status_code=status)


def _failure(behaviour: Behaviour) -> Response:
    if behaviour.error_body:
        return _error(behaviour.status, "0x0500", "told to fail")
    return Response(status_code=behaviour.status)


async def _nothing() -> AsyncIterator[bytes]:
    """End an answer before its end, so that the server closes the connection."""
    chunks: tuple[bytes, ...] = ()
    for chunk in chunks:
        yield chunk


def _read_texts(file: Path) -> dict[int, Text]:
    """Read back what was taken before a restart."""
    texts: dict[int, Text] = {}
    if file.exists():
        for line in file.read_text(encoding="utf-8").splitlines():
            fields = json.loads(line)
            if fields.pop("kind") == "text":
                texts[fields["id"]] = Text(**fields)
            else:
                texts[fields["id"]].status = fields["status"]
    return texts


def _secret(environment: Mapping[str, str], name: str) -> str:
    if name in environment:
        return environment[name]
    return Path(environment[f"{name}_FILE"]).read_text(encoding="utf-8").strip()


def main() -> None:
    """Serve until told to end."""
    home = os.environ.get("FRIKORT_GATEWAY_SIMULATOR_HOME")
    simulator = Simulator(
        token=_secret(os.environ, "FRIKORT_NOTIFICATIONS_GATEWAY_TOKEN"),
        webhook_secret=_secret(os.environ, "FRIKORT_NOTIFICATIONS_WEBHOOK_SECRET"),
        home=Path(home) if home else None,
    )
    uvicorn.run(
        make_app(simulator),
        host=os.environ.get("FRIKORT_GATEWAY_SIMULATOR_HOST", "127.0.0.1"),
        port=int(os.environ["FRIKORT_GATEWAY_SIMULATOR_PORT"]),
        log_level="warning",
        access_log=False,
    )


if __name__ == "__main__":
    main()
