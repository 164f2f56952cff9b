"""PostgreSQL and Kafka of one stack, given, in containers or on this machine, seen alike.

It says where they are and starts those that are ours; when to wait is the stack's to say.
"""

import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from deploy.local import kafka, modes, postgres, provision
from deploy.local.environments import auditor_url_file
from deploy.local.errors import StackRefusedError
from deploy.local.files import secret_file, write_private
from deploy.local.modes import Choice, Mode, database_setting, setting
from deploy.local.settings import Settings
from deploy.local.supervise import Supervisor

if TYPE_CHECKING:
    from deploy.local.containers import Containers

SERVERS: Final = ("postgres", "kafka")
_PORTS: Final = {"postgres": ("postgres",), "kafka": ("kafka", "kafka-controller")}


class Servers:
    """The two servers; ``environment`` is the caller's, which may give some of them."""

    def __init__(
        self, settings: Settings, environment: Mapping[str, str], supervisor: Supervisor
    ) -> None:
        self._settings = settings
        self._environment = environment
        self._supervisor = supervisor

    @functools.cached_property
    def choice(self) -> Choice:
        """Which servers are given and which are ours to start, and how."""
        return modes.decide(self._environment, _docker_answers)

    def mode(self, server: str) -> Mode:
        """Return how ``postgres`` or ``kafka`` runs."""
        return self.choice.kafka if server == "kafka" else self.choice.postgres or Mode.GIVEN

    @property
    def kafka(self) -> str:
        """The bootstrap servers."""
        given = setting(self._environment, "FRIKORT_KAFKA")
        return given or kafka.bootstrap_servers(self._settings)

    @property
    def superuser_url(self) -> str | None:
        """Where our own PostgreSQL's superuser connects; None when every database is given."""
        return postgres.superuser_url(self._settings) if self.choice.postgres else None

    def database_url(self, service: str, role: str) -> str:
        """Return where a role of a service connects.

        Raises: StackRefusedError when the service's database is given, but none for that role.
        """
        if self.choice.databases[service] is not Mode.GIVEN:
            return provision.database_url(self._settings, service, role)
        name = database_setting(service, role)
        given = setting(self._environment, name)
        if given is None:
            raise StackRefusedError(f"{service}'s database is given: set {name} too.")
        return given

    def ports(self) -> list[str]:
        """Return the parts whose ports our servers will take."""
        ours = [server for server in SERVERS if self.mode(server) is not Mode.GIVEN]
        return [part for server in ours for part in _PORTS[server]]

    def warning(self) -> str | None:
        """Return the line to say when PostgreSQL can only be run in the second-best way."""
        return postgres.warning() if self.choice.postgres is Mode.LOCAL else None

    def start(self, server: str) -> None:
        """Start a server that is ours, and do not wait for it.

        Raises: StackError, one line with the remedy.
        """
        if self.mode(server) is Mode.DOCKER:
            self._containers.start(server)
        elif server == "postgres":
            postgres.prepare(self._settings)
            self._supervisor.start_program(postgres.program(self._settings))
        else:
            kafka.prepare(self._settings)
            self._supervisor.start_program(kafka.program(self._settings))

    def answers(self, server: str) -> bool:
        """Tell whether a server takes work."""
        if server == "kafka":
            return kafka.answers(self.kafka)
        return self.superuser_url is None or postgres.answers(self.superuser_url)

    def create_databases(self) -> None:
        """Create the databases that are ours; note where the ledger's auditor and owner connect."""
        for service, mode in self.choice.databases.items():
            if mode is not Mode.GIVEN:
                provision.create_database(self._settings, service)
        is_ours = self.choice.databases["allowance"] is not Mode.GIVEN
        if is_ours or setting(self._environment, database_setting("allowance", "auditor")):
            url = self.database_url("allowance", "auditor")
            write_private(auditor_url_file(self._settings), url)
            secret_file(provision.auditor_key_file(self._settings))
        if is_ours:
            owner_url = self.database_url("allowance", "owner")
            write_private(provision.owner_url_file(self._settings), owner_url)

    def stop_containers(self) -> bool:
        """Stop the containers this home ever started, and tell whether any ran."""
        return self._has_containers() and self._containers.stop()

    def erase_containers(self) -> None:
        """Remove the data of the containers, which are stopped."""
        if self._has_containers():
            self._containers.erase()

    def _has_containers(self) -> bool:
        """Tell from the marks in the home, so that nobody else waits for Docker."""
        return any(self._settings.run.glob("*.container"))

    @functools.cached_property
    def _containers(self) -> "Containers":
        from deploy.local.containers import Containers  # noqa: PLC0415 -- as below

        return Containers(self._settings)


def _docker_answers() -> bool:
    # testcontainers is a development package, and slow to load.
    from deploy.local import containers  # noqa: PLC0415

    return containers.answers()
