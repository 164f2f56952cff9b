"""Apache Kafka as one KRaft node on the JVM, on 127.0.0.1 only."""

import asyncio
import base64
import contextlib
import logging
import socket
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from deploy.local.errors import StackRefusedError
from deploy.local.files import private_folder, write_private
from deploy.local.jars import require_jars
from deploy.local.java import find_java
from deploy.local.programs import Program
from deploy.local.settings import HOST, Settings

CONNECT_TIMEOUT_S: Final = 2.0
REQUEST_TIMEOUT_MS: Final = 2000
_JVM: Final = (
    "-Xms256m",
    "-Xmx512m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",  # a third less processor time than compiling twice, on two cores
    "-XX:+ExitOnOutOfMemoryError",
)

_PLACES: Final = """\
controller.quorum.voters=1@{host}:{controller_port}
listeners=PLAINTEXT://{bind}:{port},CONTROLLER://{host}:{controller_port}
advertised.listeners=PLAINTEXT://{host}:{port}
log.dirs={data}
"""
_TUNING: Final = """\
# Written at every start by deploy/local/kafka.py.
process.roles=broker,controller
node.id=1
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
controller.listener.names=CONTROLLER

# Topics are made by our own code, and history is kept for ever.
auto.create.topics.enable=false
num.partitions=1
default.replication.factor=1
min.insync.replicas=1
log.retention.ms=-1
log.retention.bytes=-1

# One node: one replica of everything, few partitions, no waiting for other members.
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
offsets.retention.minutes=525600
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=1
group.initial.rebalance.delay.ms=0

# After a kill -9 the old session must run out before the broker answers again.
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=300

# Two cores and half a gigabyte.
num.network.threads=2
num.io.threads=4
log.cleaner.dedupe.buffer.size=33554432
"""

# To standard output: the supervisor keeps and rotates every part's log in the same way.
_LOGGING: Final = """\
status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{ISO8601} %p %c: %m%n
rootLogger.level = warn
rootLogger.appenderRef.console.ref = console
logger.kafka.name = kafka.server.KafkaRaftServer
logger.kafka.level = info
logger.version.name = org.apache.kafka.common.utils.AppInfoParser
logger.version.level = info
"""


def prepare(settings: Settings) -> None:
    """Make the data folder unless it is there, and write the configuration. May be called again.

    Raises: StackRefusedError when Java or the jars are missing, or the folder can't be formatted.
    """
    data = private_folder(settings.kafka_data)
    write_private(_configuration_path(settings), properties(settings, data=_escape(data)))
    write_private(_logging_path(settings), _LOGGING)
    if not (data / "meta.properties").exists():
        _format(settings)


def program(settings: Settings) -> Program:
    """Describe the broker for the supervisor."""
    command = [*_java(settings, *_JVM), "kafka.Kafka", str(_configuration_path(settings))]
    return Program(name="kafka", command=command, environment={})


def bootstrap_servers(settings: Settings) -> str:
    """Return where clients connect."""
    return f"{HOST}:{settings.port('kafka')}"


def answers(bootstrap: str) -> bool:
    """Tell whether a broker at ``bootstrap`` names itself. Not to be called in an event loop."""
    with _quiet_client():
        return any(map(_is_listening, bootstrap.split(","))) and asyncio.run(
            _has_brokers(bootstrap)
        )


@contextlib.contextmanager
def _quiet_client() -> Iterator[None]:
    """Keep the client from logging that a broker we wait for is not there yet."""
    logger = logging.getLogger("aiokafka")
    logger.addFilter(_refuse)
    try:
        yield
    finally:
        logger.removeFilter(_refuse)


def _refuse(_record: logging.LogRecord) -> bool:
    return False


def _is_listening(address: str) -> bool:
    host, _, port = address.strip().rpartition(":")
    try:
        socket.create_connection((host, int(port)), CONNECT_TIMEOUT_S).close()
    except OSError:
        return False
    return True


def properties(settings: Settings, *, data: str, bind: str = HOST) -> str:
    """Render the broker's configuration; ``bind`` is the address it listens on."""
    return _TUNING + _PLACES.format(
        host=HOST,
        bind=bind,
        port=settings.port("kafka"),
        controller_port=settings.port("kafka-controller"),
        data=data,
    )


def new_cluster_id() -> str:
    """Make a cluster's id, in Kafka's notation of a UUID; it may not begin with a dash."""
    return base64.urlsafe_b64encode(b"\x00" + uuid.uuid4().bytes[1:]).decode().rstrip("=")


async def _has_brokers(bootstrap: str) -> bool:
    client = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=REQUEST_TIMEOUT_MS)
    try:
        await client.start()
        return bool((await client.describe_cluster())["brokers"])
    except (KafkaError, OSError):
        return False
    finally:
        await client.close()


def _escape(path: Path) -> str:
    """Write a path as a Java property: the backslash alone is special in a value."""
    return str(path).replace("\\", "\\\\")


def _format(settings: Settings) -> None:
    command = [
        *_java(settings, "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"),
        *("kafka.tools.StorageTool", "format", "--ignore-formatted"),
        *("--cluster-id", new_cluster_id(), "--config", str(_configuration_path(settings))),
    ]
    result = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if result.returncode:
        told = (result.stderr + result.stdout).strip().splitlines()
        raise StackRefusedError(
            f"Kafka's data folder could not be made: {told[-1] if told else '?'}"
        )


def _java(settings: Settings, *options: str) -> list[str]:
    return [
        find_java(),
        *options,
        f"-Dlog4j2.configurationFile={_logging_path(settings)}",
        *("-cp", f"{require_jars(settings)}/*"),
    ]


def _configuration_path(settings: Settings) -> Path:
    return settings.home / "kafka.properties"


def _logging_path(settings: Settings) -> Path:
    return settings.home / "kafka-log4j2.properties"
