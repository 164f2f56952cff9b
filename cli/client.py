"""The one HTTP client: addresses, retries, and problem details turned into what to do.

A service may be restarted at any moment, so a call that got no answer, or one of the 500s, is
made again for a bounded time. That is safe: every write carries a key or changes nothing when
repeated.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, Self, TypeVar
from urllib.parse import urlsplit

import httpx
from pydantic import BaseModel, ValidationError

from cli.errors import ConflictError, ContractError, Rejection, TransientError
from cli.settings import Settings

M = TypeVar("M", bound=BaseModel)

PAUSE_FIRST_S: Final = 0.1
PAUSE_MAX_S: Final = 2.0
CONNECT_TIMEOUT_S: Final = 5.0
READ_TIMEOUT_S: Final = 60.0
LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})

Query = Mapping[str, str | int]


@dataclass(slots=True, kw_only=True)
class Client:
    """Calls to the services by name; use it as a context manager.

    `on_absence` is told once per absence that a service does not answer, and for how long it
    will be asked again.
    """

    settings: Settings
    retry_s: float
    on_absence: Callable[[str], None] = lambda _message: None
    _connections: dict[str, httpx.Client] = field(default_factory=dict)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for connection in self._connections.values():
            connection.close()

    def get(self, service: str, path: str, answer: type[M], *, query: Query | None = None) -> M:
        """Read from a service."""
        return self._parse(service, answer, self._call("GET", service, path, query=query))

    def post(self, service: str, path: str, answer: type[M], *, body: BaseModel | None = None) -> M:
        """Send a body that may be sent again, and read the answer."""
        return self._parse(service, answer, self._call("POST", service, path, body=body))

    def put(
        self, service: str, path: str, *, body: BaseModel, headers: Mapping[str, str] | None = None
    ) -> Any:
        """Put a body; give the answer's JSON, None if it has none."""
        response = self._call("PUT", service, path, body=body, headers=headers)
        if not response.content:
            return None
        try:
            return response.json()
        except ValueError as error:
            raise _not_understood(service) from error

    def _call(
        self,
        method: str,
        service: str,
        path: str,
        *,
        query: Query | None = None,
        body: BaseModel | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Make a call, again and again while the service is away.

        Raises:
            TransientError: it stayed away for `retry_s` seconds.
            Rejection, ConflictError, ContractError: it answered with a problem.
        """
        connection = self._connect(service)
        content = None if body is None else body.model_dump_json(exclude_none=True).encode()
        content_type = {} if body is None else {"Content-Type": "application/json"}
        deadline, pause_s, told = time.monotonic() + self.retry_s, PAUSE_FIRST_S, False
        while True:  # bounded by the deadline
            try:
                response = connection.request(
                    method,
                    path,
                    params=query,
                    content=content,
                    headers={**content_type, **(headers or {})},
                )
            except httpx.TransportError as error:
                absence = _say_absence(error)
            else:
                if response.status_code < httpx.codes.INTERNAL_SERVER_ERROR:
                    return _judge(service, response)
                absence = f"answers with status {response.status_code}"
            remaining_s = deadline - time.monotonic()
            if remaining_s <= 0:
                raise self._unreachable(service, absence)
            if not told:
                address = self.settings.addresses[service]
                self.on_absence(f"{service} at {address} {absence}; trying for {remaining_s:.0f} s")
                told = True
            time.sleep(min(pause_s, remaining_s))
            pause_s = min(pause_s * 2, PAUSE_MAX_S)

    def _connect(self, service: str) -> httpx.Client:
        if service not in self._connections:
            address = self.settings.addresses[service]
            self._connections[service] = httpx.Client(
                base_url=address,
                timeout=httpx.Timeout(READ_TIMEOUT_S, connect=CONNECT_TIMEOUT_S),
                headers={"User-Agent": "frikort-cli"},
                # A proxy on the way out of the municipality does not know this machine's services.
                trust_env=urlsplit(address).hostname not in LOOPBACK,
            )
        return self._connections[service]

    def _unreachable(self, service: str, absence: str) -> TransientError:
        return TransientError(
            f"{service} at {self.settings.addresses[service]} {absence}: start it "
            f"with `frikort up`, or say where it is with FRIKORT_{service.upper()}_URL "
            "or FRIKORT_PORT_BASE"
        )

    def _parse(self, service: str, answer: type[M], response: httpx.Response) -> M:
        try:
            return answer.model_validate_json(response.content)
        except ValidationError as error:
            raise _not_understood(service) from error


def _judge(service: str, response: httpx.Response) -> httpx.Response:
    """Let a success through and raise a problem as the family it belongs to."""
    if response.is_success:
        return response
    try:
        problem = response.json()
        code, message = str(problem["code"]), _say_problem(problem)
    except (ValueError, KeyError, TypeError) as error:
        raise ContractError(
            f"{service} answers {response.status_code} without saying why; "
            "is this address really that service, and of this version?"
        ) from error
    if response.status_code == httpx.codes.CONFLICT:
        raise (
            ConflictError(f"{message} ({code}); it may succeed later")
            if ("Retry-After" in response.headers)
            else Rejection(f"{message} ({code})", code=code)
        )
    raise Rejection(f"{message} ({code})", code=code)


def _say_problem(problem: Mapping[str, Any]) -> str:
    detail = problem.get("detail") or problem.get("title") or "the service refuses"
    return str(detail).rstrip(".")


def _say_absence(error: httpx.TransportError) -> str:
    if isinstance(error, httpx.TimeoutException):
        return "does not answer in time"
    if isinstance(error, httpx.ConnectError):
        return "is not reachable"
    return "broke off the connection"


def _not_understood(service: str) -> ContractError:
    return ContractError(
        f"the answer of {service} cannot be read; are the command and it of one version?"
    )
