"""The local stack on real processes: it starts, keeps, restarts and ends what it started."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
import psycopg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from deploy.local import kafka, postgres, provision
from deploy.local.errors import PartUnreachableError, StackRefusedError
from deploy.local.programs import recorded_process
from deploy.local.settings import SERVICES
from deploy.local.stack import GATEWAY, Stack
from deploy.local.supervise import SUPERVISOR

pytestmark = pytest.mark.slow

RECOVERY_S = 30.0
STAND_IN = """
import http.server, sys
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Answer).serve_forever()
"""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    found = Stack.temporary(tmp_path_factory.mktemp("home"), environment=_caller())
    found.start_servers()
    yield found
    found.erase()
    assert not found.settings.home.exists()


def _caller() -> dict[str, str]:
    """Whatever servers the caller of the tests gives, these are about our own."""
    return {name: value for name, value in os.environ.items() if name == "FRIKORT_CACHE"}


def _again(stack: Stack, **commands: list[str]) -> Stack:
    """The same home, seen by another process's object."""
    by_program = {name.replace("_", "-"): command for name, command in commands.items()}
    return Stack(stack.settings, environment=_caller(), commands=by_program)


def _family(stack: Stack) -> list[psutil.Process]:
    supervisor = recorded_process(stack.settings, SUPERVISOR)
    assert supervisor is not None
    return [supervisor, *supervisor.children(recursive=True)]


def _still_running(family: list[psutil.Process]) -> list[psutil.Process]:
    return [
        process
        for process in family
        if process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    ]


def _wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + RECOVERY_S
    while not condition():
        assert time.monotonic() < deadline, "did not come back"
        time.sleep(0.05)


def _superuser_url(stack: Stack) -> str:
    assert stack.superuser_url is not None
    return stack.superuser_url


async def _keep_record(bootstrap: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic("kept", num_partitions=1, replication_factor=1)])
    await admin.close()
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all")
    await producer.start()
    await producer.send_and_wait("kept", b"value")
    await producer.stop()


async def _kept_record(bootstrap: str) -> bytes | None:
    consumer = AIOKafkaConsumer("kept", bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    record = await asyncio.wait_for(consumer.getone(), RECOVERY_S)
    await consumer.stop()
    value: bytes | None = record.value
    return value


def test_the_versions_are_those_promised(stack: Stack) -> None:
    with psycopg.connect(_superuser_url(stack)) as connection:
        row = connection.execute("SHOW server_version").fetchone()

    assert row is not None
    assert row[0].startswith("18.")
    assert "Kafka version: 4.3.1" in (stack.settings.logs / "kafka.log").read_text()


def test_a_second_start_in_the_same_home_is_refused(stack: Stack) -> None:
    with pytest.raises(StackRefusedError, match="already runs"):
        _again(stack).start()

    assert postgres.answers(_superuser_url(stack))


def test_taken_ports_are_named_before_anything_starts(stack: Stack, tmp_path: Path) -> None:
    other = Stack(
        type(stack.settings)(home=tmp_path, port_base=stack.settings.port_base),
        environment=_caller(),
    )

    with pytest.raises(StackRefusedError, match="is taken by process"):
        other.start()

    assert not list(tmp_path.glob("logs/*"))


def test_roles_enter_their_own_database_only(stack: Stack) -> None:
    for service in ("grants", "allowance"):
        provision.create_database(stack.settings, service)
        provision.create_database(stack.settings, service)

    for role in ("owner", "app", "auditor"):
        assert postgres.answers(stack.database_url("allowance", role))
    foreign = stack.database_url("grants").replace("frikort_grants", "frikort_allowance")
    with pytest.raises(psycopg.OperationalError, match="permission denied"):
        psycopg.connect(foreign)


def test_given_servers_are_used_and_left_running(stack: Stack, tmp_path: Path) -> None:
    given = {**_caller(), "FRIKORT_KAFKA": stack.kafka}
    for service in SERVICES:
        given[f"FRIKORT_{service.upper()}_DATABASE_URL"] = _superuser_url(stack)
        given[f"FRIKORT_{service.upper()}_OWNER_DATABASE_URL"] = _superuser_url(stack)
    guest = Stack.temporary(tmp_path / "guest", environment=given)

    guest.start_servers()

    assert guest.choice.describe() == "Kafka: given. PostgreSQL: given."
    assert guest.pid("kafka") == guest.pid("postgres") == 0
    assert guest.env("grants")["FRIKORT_KAFKA"] == stack.kafka
    guest.erase()
    assert postgres.answers(_superuser_url(stack))
    assert kafka.answers(stack.kafka)


def test_data_survive_a_restart_that_leaves_no_process(stack: Stack) -> None:
    with psycopg.connect(_superuser_url(stack), autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS one")
    asyncio.run(_keep_record(stack.kafka))
    family = _family(stack)

    assert stack.stop()

    assert not _still_running(family)
    assert not stack.stop()
    stack.start_servers()
    with psycopg.connect(_superuser_url(stack)) as connection:
        assert connection.execute("SELECT one FROM kept").fetchall() == [(1,)]
    assert asyncio.run(_kept_record(stack.kafka)) == b"value"


def test_what_is_killed_comes_back(stack: Stack) -> None:
    home = _again(
        stack,
        payroll=[sys.executable, "-c", STAND_IN, str(stack.settings.port("payroll"))],
    )
    home.start_services(["payroll"])
    killed = {name: home.pid(name) for name in ("payroll", "postgres", "kafka")}

    for pid in killed.values():
        os.kill(pid, signal.SIGKILL)

    _wait_for(lambda: all(home.pid(name) not in {0, pid} for name, pid in killed.items()))
    _wait_for(lambda: postgres.answers(_superuser_url(stack)))
    _wait_for(lambda: kafka.answers(stack.kafka))
    _wait_for(lambda: _answers(home.service_url("payroll")))


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).is_success
    except httpx.HTTPError:
        return False


def test_a_program_stopped_on_purpose_stays_stopped(stack: Stack) -> None:
    home = _again(
        stack,
        gateway_simulator=[sys.executable, "-c", STAND_IN, str(stack.settings.port(GATEWAY))],
        notifications=[sys.executable, "-c", STAND_IN, str(stack.settings.port("notifications"))],
    )
    home.start_services(["notifications"])

    home.stop_program("notifications")

    assert home.pid("notifications") == 0
    assert home.pid(GATEWAY) != 0


def test_a_service_that_cannot_start_is_named_with_its_last_words(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deploy.local.stack.STARTS_MAX", 2)
    home = _again(stack, grants=[sys.executable, "-c", "raise SystemExit('no such table')"])

    with pytest.raises(
        PartUnreachableError, match="grants does not stay up: no such table"
    ) as caught:
        home.start_services(["grants"])

    assert caught.value.exit_status == 3


def test_after_a_killed_supervisor_down_leaves_nothing(stack: Stack) -> None:
    family = _family(stack)
    bystander = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)

    family[0].kill()
    assert len(_still_running(family)) > 2
    stopped = _again(stack).stop()

    assert stopped
    assert not _still_running(family)
    assert bystander.poll() is None
    bystander.communicate()
