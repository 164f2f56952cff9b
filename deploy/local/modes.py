"""Decides whether servers are given, run in Docker, or run on this machine, and says which.

Servers given by settings win, each by itself; Docker is taken when asked for; else the parts run
here. Nothing is started.
"""

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.local.errors import PartUnreachableError, SettingsError
from deploy.local.settings import SERVICES


class Mode(enum.StrEnum):
    """Where a server comes from."""

    GIVEN = "given"
    DOCKER = "docker"
    LOCAL = "local"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What was decided: for Kafka, and for each service's database."""

    kafka: Mode
    databases: Mapping[str, Mode]

    @property
    def postgres(self) -> Mode | None:
        """How our own PostgreSQL runs; None when every database is given."""
        return next((mode for mode in self.databases.values() if mode is not Mode.GIVEN), None)

    def describe(self) -> str:
        """Say in one line what was chosen."""
        given = [name for name, mode in self.databases.items() if mode is Mode.GIVEN]
        databases = str(self.postgres or Mode.GIVEN)
        if given and self.postgres:
            databases += f" (given for {', '.join(given)})"
        return f"Kafka: {self.kafka}. PostgreSQL: {databases}."


def decide(environment: Mapping[str, str], docker_answers: Callable[[], bool]) -> Choice:
    """Choose a mode for every server.

    Raises: SettingsError for a word or a half that can't be meant; PartUnreachableError when
    Docker is asked for, needed, and does not answer.
    """
    asked = environment.get("FRIKORT_STACK") or Mode.LOCAL.value
    if asked not in {Mode.LOCAL, Mode.DOCKER}:
        raise SettingsError(f"FRIKORT_STACK is {asked!r}: set it to docker or local, or unset it.")
    ours = Mode(asked)
    kafka = Mode.GIVEN if setting(environment, "FRIKORT_KAFKA") else ours
    databases = {
        service: Mode.GIVEN if _is_database_given(environment, service) else ours
        for service in SERVICES
    }
    choice = Choice(kafka=kafka, databases=databases)
    if Mode.DOCKER in {choice.kafka, choice.postgres} and not docker_answers():
        raise PartUnreachableError(
            "FRIKORT_STACK is docker, but no Docker daemon answers: start it, or unset"
            " FRIKORT_STACK to run everything on this machine without Docker."
        )
    return choice


def setting(environment: Mapping[str, str], name: str) -> str | None:
    """Return the setting ``name``, or the content of the file that ``name_FILE`` names."""
    if environment.get(name):
        return environment[name]
    file = environment.get(f"{name}_FILE")
    return Path(file).read_text(encoding="utf-8").strip() if file else None


def database_setting(service: str, role: str = "app") -> str:
    """Return the name of the setting with a service's database, as one of its roles."""
    infix = "" if role == "app" else f"{role.upper()}_"
    return f"FRIKORT_{service.upper()}_{infix}DATABASE_URL"


def _is_database_given(environment: Mapping[str, str], service: str) -> bool:
    names = [database_setting(service), database_setting(service, "owner")]
    found = [name for name in names if setting(environment, name)]
    if len(found) == 1:
        (missing,) = set(names) - set(found)
        raise SettingsError(
            f"{found[0]} is set without {missing}: set both (the second one runs the"
            " migrations), or neither."
        )
    return bool(found)
