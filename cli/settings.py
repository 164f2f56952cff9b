"""The command's settings, read from the environment in one place.

| variable | type | default | effect |
|---|---|---|---|
| `FRIKORT_GRANTS_URL`, `…_PAYROLL_URL`, `…_ALLOWANCE_URL`, `…_NOTIFICATIONS_URL` | address | this machine | where a service answers |
| `FRIKORT_PORT_BASE` | number | 8100 | the local stack's block of ports: services at +1 to +4 |
| `FRIKORT_RETRY_S` | seconds | 60 | how long `import` goes on asking a service that is away |
| `FRIKORT_ALLOWANCE_AUDITOR_DATABASE_URL` | address | the local stack's | where `ledger` reads |
| `FRIKORT_KAFKA` | servers | the local stack's | where `ledger replay --from topics` reads |
| `FRIKORT_ALLOWANCE_OWNER_DATABASE_URL` | address | the local stack's | what `ledger rebuild` runs as |
| `FRIKORT_WAIT_S` | seconds | 600 | how long `import --wait` waits for other services |
"""  # noqa: E501 - a table row is one line

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import typer

SERVICES: Final = ("grants", "payroll", "allowance", "notifications")
PORT_BASE_DEFAULT: Final = 8100
PORT_BASE_MAX: Final = 65_485
RETRY_S_DEFAULT: Final = 60.0
RETRY_ONCE_ASKED_S: Final = 5.0
"""For commands that a person waits for and that can simply be given again."""
WAIT_S_DEFAULT: Final = 600.0
AUDITOR_URL: Final = "FRIKORT_ALLOWANCE_AUDITOR_DATABASE_URL"
OWNER_URL: Final = "FRIKORT_ALLOWANCE_OWNER_DATABASE_URL"
HOME_DEFAULT: Final = Path(__file__).parents[1] / ".frikort"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the command is told: the services' addresses by name, and its patience."""

    addresses: Mapping[str, str]
    retry_s: float = RETRY_S_DEFAULT
    wait_s: float = WAIT_S_DEFAULT

    @property
    def brief_retry_s(self) -> float:
        """How long a command that asks once goes on asking."""
        return min(self.retry_s, RETRY_ONCE_ASKED_S)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Read the settings.

        Raises:
            typer.BadParameter: a setting that cannot be meant.
        """
        base = _number(environment, "FRIKORT_PORT_BASE", PORT_BASE_DEFAULT, most=PORT_BASE_MAX)
        return cls(
            addresses={
                service: _address(environment, service, f"http://127.0.0.1:{int(base) + place}")
                for place, service in enumerate(SERVICES, start=1)
            },
            retry_s=_number(environment, "FRIKORT_RETRY_S", RETRY_S_DEFAULT),
            wait_s=_number(environment, "FRIKORT_WAIT_S", WAIT_S_DEFAULT),
        )


def auditor_database_url(environment: Mapping[str, str]) -> str | None:
    """Give where the auditor's role connects: as set, else as the local stack has noted it."""
    given = environment.get(AUDITOR_URL)
    if given:
        return given
    home = environment.get("FRIKORT_HOME")
    noted = (Path(home) if home else HOME_DEFAULT) / "secrets" / "allowance-auditor-database-url"
    return noted.read_text(encoding="utf-8").strip() if noted.exists() else None


def owner_database_url(environment: Mapping[str, str]) -> str | None:
    """Give where the owner of the ledger's database connects: as set, else as it is noted."""
    given = environment.get(OWNER_URL)
    if given:
        return given
    home = environment.get("FRIKORT_HOME")
    noted = (Path(home) if home else HOME_DEFAULT) / "secrets" / "allowance-owner-database-url"
    return noted.read_text(encoding="utf-8").strip() if noted.exists() else None


def kafka_servers(environment: Mapping[str, str]) -> str | None:
    """Give where the topics are read: as set, else as the local stack has noted it."""
    given = environment.get("FRIKORT_KAFKA")
    if given:
        return given
    home = environment.get("FRIKORT_HOME")
    noted = (Path(home) if home else HOME_DEFAULT) / "stack.json"
    if not noted.exists():
        return None
    return str(json.loads(noted.read_text(encoding="utf-8"))["kafka"])


def _address(environment: Mapping[str, str], service: str, default: str) -> str:
    name = f"FRIKORT_{service.upper()}_URL"
    address = environment.get(name) or default
    try:
        parts = urlsplit(address)
        usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise typer.BadParameter(f"{name} is {address!r}: give an address, as {default}")
    return address.rstrip("/")


def _number(
    environment: Mapping[str, str], name: str, default: float, *, most: float = 86_400
) -> float:
    text = environment.get(name) or str(default)
    try:
        value = float(text)
    except ValueError:
        value = -1
    if not 0 <= value <= most:
        raise typer.BadParameter(f"{name} is {text!r}: give a number from 0 to {most:g}")
    return value
