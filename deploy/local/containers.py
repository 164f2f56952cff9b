"""PostgreSQL and Kafka as containers, on the ports and with the passwords of the local ones.

Their data are in volumes named after the home; ``stop`` leaves those, ``erase`` removes them.
Needs the development packages, for testcontainers is one of them.
"""

import contextlib
import hashlib
from collections.abc import Iterator
from typing import Any, Final

import docker
import docker.errors
from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer

from deploy.local import kafka
from deploy.local.errors import PartUnreachableError
from deploy.local.files import private_folder, read_secret
from deploy.local.jars import KAFKA_VERSION
from deploy.local.postgres import TUNING
from deploy.local.settings import HOST, Settings

POSTGRES_IMAGE: Final = "postgres:18"
KAFKA_IMAGE: Final = f"apache/kafka:{KAFKA_VERSION}"
PING_TIMEOUT_S: Final = 5
STOP_TIMEOUT_S: Final = 30
_POSTGRES_DATA: Final = "/var/lib/postgresql"
_KAFKA_DATA: Final = "/var/lib/kafka/data"
_PARTS: Final = ("kafka", "postgres")


def answers() -> bool:
    """Tell whether a Docker daemon answers."""
    try:
        return bool(docker.from_env(timeout=PING_TIMEOUT_S).ping())
    except (docker.errors.DockerException, OSError):
        return False


class Containers:
    """The containers of one home."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def start(self, server: str) -> None:
        """Start ``postgres`` or ``kafka`` in a container; do not wait for it.

        Raises: PartUnreachableError with Docker's words.
        """
        if server == "postgres":
            self._start_postgres()
        else:
            self._start_kafka()

    def stop(self) -> bool:
        """Stop and remove this home's containers, if it has any; tell whether it had."""
        if not answers():  # nor does anything run
            return False
        ran = False
        for part in self._marked():
            with _docker_said(), contextlib.suppress(docker.errors.NotFound):
                container = docker.from_env().containers.get(self._name(part))
                ran = True
                container.stop(timeout=STOP_TIMEOUT_S)
                container.remove(force=True)
        return ran

    def erase(self) -> None:
        """Remove the volumes with the data of this home's containers, which are stopped."""
        for part in self._marked():
            with _docker_said(), contextlib.suppress(docker.errors.NotFound):
                docker.from_env().volumes.get(self._name(part)).remove()

    def _start_postgres(self) -> None:
        container = (
            DockerContainer(POSTGRES_IMAGE)
            .with_env(
                "POSTGRES_PASSWORD", read_secret(self._settings.secrets / "postgres-superuser")
            )
            .with_env("POSTGRES_INITDB_ARGS", "--locale-provider=builtin --locale=C.UTF-8")
            .with_command(["postgres", *(f"-c{name}={value}" for name, value in TUNING.items())])
        )
        self._start("postgres", container, data=_POSTGRES_DATA, inner_port=5432)

    def _start_kafka(self) -> None:
        container = (
            DockerContainer(KAFKA_IMAGE)
            .with_env("CLUSTER_ID", _cluster_id(self._settings))
            .with_env("KAFKA_HEAP_OPTS", "-Xms256m -Xmx512m")
        )
        # Inside the container it listens everywhere; outside, Docker binds 127.0.0.1 alone.
        properties = kafka.properties(self._settings, data=_KAFKA_DATA, bind="0.0.0.0")  # noqa: S104
        for line in properties.splitlines():
            name, is_property, value = line.partition("=")
            if is_property:
                container.with_env(f"KAFKA_{name.upper().replace('.', '_')}", value)
        port = self._settings.port("kafka")
        self._start("kafka", container, data=_KAFKA_DATA, inner_port=port)

    def _start(self, part: str, container: DockerContainer, *, data: str, inner_port: int) -> None:
        name = self._name(part)
        # The containers outlive this process with `up --detach`; stop() removes them.
        testcontainers_config.ryuk_disabled = True
        address: Any = (HOST, self._settings.port(part))
        container.ports[f"{inner_port}/tcp"] = address  # with_bind_ports() can't name the address
        with _docker_said(), contextlib.suppress(docker.errors.NotFound):
            docker.from_env().containers.get(name).remove(force=True)
        private_folder(self._settings.run)
        (self._settings.run / f"{part}.container").write_text(name, encoding="utf-8")
        with _docker_said():
            container.with_name(name).with_volume_mapping(name, data, "rw")
            container.with_kwargs(restart_policy={"Name": "on-failure"}).start()

    def _marked(self) -> list[str]:
        """Return the parts that were ever started as containers here: others ask Docker nothing."""
        return [part for part in _PARTS if (self._settings.run / f"{part}.container").exists()]

    def _name(self, part: str) -> str:
        digest = hashlib.sha256(str(self._settings.home).encode()).hexdigest()
        return f"frikort-{digest[:12]}-{part}"


def _cluster_id(settings: Settings) -> str:
    """Return the id the volume was formatted with; it must stay the same."""
    path = settings.secrets / "kafka-cluster-id"
    return read_secret(path, kafka.new_cluster_id)


@contextlib.contextmanager
def _docker_said() -> Iterator[None]:
    try:
        yield
    except docker.errors.DockerException as error:
        raise PartUnreachableError(f"Docker did not do it: {error}") from error
