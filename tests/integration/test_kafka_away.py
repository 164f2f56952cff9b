"""A service that starts while Kafka is away: it serves, and reads once Kafka is there."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from tests.integration.servers import Servers, ServiceProcess, wait_for

pytestmark = pytest.mark.slow

HOST = "127.0.0.1"


@pytest.fixture
def door() -> Iterator[socket.socket]:
    """An address that nobody answers at until it listens."""
    with socket.socket() as closed:
        closed.bind((HOST, 0))
        yield closed


@pytest.fixture
def payroll(servers: Servers, door: socket.socket) -> Iterator[ServiceProcess]:
    """The service, told that Kafka is behind the door."""
    service = servers.service("payroll", FRIKORT_KAFKA=f"{HOST}:{door.getsockname()[1]}")
    service.launch()
    yield service
    service.close()


def test_a_service_serves_while_kafka_is_away_and_reads_once_it_is_there(
    servers: Servers, door: socket.socket, payroll: ServiceProcess
) -> None:
    wait_for(lambda: _answers(payroll), what="payroll to serve")
    away = payroll.client.get("/readyz")

    with _open(door, to=servers.stack.kafka):
        wait_for(lambda: payroll.client.get("/readyz").is_success, what="payroll to be ready")

    assert (away.status_code, away.json()["code"]) == (503, "not-ready")
    assert "the consumer has not joined its group" in away.json()["detail"]
    assert payroll.stop() == 0


def test_a_service_that_never_saw_kafka_ends_when_it_is_told_to(payroll: ServiceProcess) -> None:
    wait_for(lambda: _answers(payroll), what="payroll to serve")

    assert payroll.stop() == 0


def _answers(service: ServiceProcess) -> bool:
    try:
        return service.client.get("/healthz").is_success
    except httpx.TransportError:
        return False


@contextmanager
def _open(door: socket.socket, *, to: str) -> Iterator[None]:
    """Let callers through to a server, byte by byte."""
    door.listen()
    threading.Thread(target=_let_in, args=(door, to), daemon=True).start()
    yield


def _let_in(door: socket.socket, to: str) -> None:
    host, port = to.split(":")
    while True:
        try:
            caller, _ = door.accept()
        except OSError:  # the door is gone
            return
        server = socket.create_connection((host, int(port)))
        for source, target in ((caller, server), (server, caller)):
            threading.Thread(target=_pass_on, args=(source, target), daemon=True).start()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    try:
        while piece := source.recv(65536):
            target.sendall(piece)
    except OSError:
        pass
    finally:
        target.close()
