"""A ledger that signs checkpoints, keys of the tests' own, and a second party that keeps heads."""

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from frikort_contracts.topics import CHECKPOINTS
from tests.integration.servers import Servers, ServiceProcess, payload


def written(key: bytes) -> str:
    """Write a key as its setting takes it."""
    return base64.urlsafe_b64encode(key).decode()


FIRST_KEY, SECOND_KEY = written(b"\x11" * 32), written(b"\x22" * 32)


def take(service: ServiceProcess, key: str | None = None) -> dict[str, Any]:
    """Have a checkpoint taken, and give it as it is published."""
    headers = {} if key is None else {"Idempotency-Key": key}
    answer: dict[str, Any] = (
        service.client.post("/v1/checkpoints", headers=headers).raise_for_status().json()
    )
    return {k: v for k, v in answer.items() if k not in {"event", "id", "position", "warnings"}}


def published(servers: Servers) -> list[dict[str, Any]]:
    return [payload(record) for record in servers.all_records(CHECKPOINTS.name, 1)]


class SecondParty(HTTPServer):
    """Keeps what it is sent; refuses the first few, and whoever bears no token."""

    def __init__(self, *, refuses: int) -> None:
        super().__init__(("127.0.0.1", 0), _Keeper)
        self.kept: list[dict[str, Any]] = []
        self.refuses = refuses

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/heads"


class _Keeper(BaseHTTPRequestHandler):
    server: SecondParty

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        known = self.headers["Authorization"] == "Bearer of-heads"
        if self.server.refuses or not known:
            self.server.refuses -= 1
            self.send_response(503)
        else:
            self.server.kept.append(json.loads(body))
            self.send_response(204)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def second_party(*, refuses: int) -> Iterator[SecondParty]:
    """Let a second party listen, in a thread."""
    party = SecondParty(refuses=refuses)
    thread = threading.Thread(target=party.serve_forever)
    thread.start()
    try:
        yield party
    finally:
        party.shutdown()
        thread.join()
        party.server_close()
