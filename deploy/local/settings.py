"""Where the local stack lives and which ports it takes; it reads settings and opens nothing."""

import hashlib
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deploy.local.errors import SettingsError

REPOSITORY: Final = Path(__file__).resolve().parents[2]
HOST: Final = "127.0.0.1"

# The place of each part in the block of ports, counted from FRIKORT_PORT_BASE.
PORT_OFFSETS: Final[Mapping[str, int]] = {
    "grants": 1,
    "payroll": 2,
    "allowance": 3,
    "notifications": 4,
    "kafka": 10,
    "kafka-controller": 11,
    "postgres": 12,
    "gateway-simulator": 20,
}
SERVICES: Final = ("grants", "payroll", "allowance", "notifications")
PORT_BASE_DEFAULT: Final = 8100
PORT_BLOCK_SIZE: Final = 50
PORT_BASE_MIN: Final = 1024
PORT_BASE_MAX: Final = 65535 - PORT_BLOCK_SIZE

# The supervisor binds "<path>.<pid>" first; a socket path holds at most 107 bytes on Linux.
SOCKET_PATH_BYTES_MAX: Final = 90

# What a stack makes in its home.
OWN_FOLDERS: Final = (
    "gateway-simulator",
    "kafka",
    "logs",
    "postgres",
    "postgres.new",
    "programs",
    "run",
    "secrets",
)
OWN_FILES: Final = (".lock", "kafka-log4j2.properties", "kafka.properties", "stack.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One local stack: its folder, its block of ports, and the cache it shares with others."""

    home: Path
    port_base: int = PORT_BASE_DEFAULT
    cache: Path = REPOSITORY / ".cache"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Read ``FRIKORT_HOME``, ``FRIKORT_PORT_BASE`` and ``FRIKORT_CACHE``.

        Raises: SettingsError for a port base that is no number or leaves no room.
        """
        return cls(
            home=_folder(environment.get("FRIKORT_HOME"), default=REPOSITORY / ".frikort"),
            port_base=_port_base(environment.get("FRIKORT_PORT_BASE")),
            cache=_folder(environment.get("FRIKORT_CACHE"), default=REPOSITORY / ".cache"),
        )

    def port(self, part: str) -> int:
        """Return the port of a service or another part, by its name in ``PORT_OFFSETS``."""
        return self.port_base + PORT_OFFSETS[part]

    @property
    def logs(self) -> Path:
        """The folder with one log file per part."""
        return self.home / "logs"

    @property
    def programs(self) -> Path:
        """The folder that says how each program is started; it holds passwords."""
        return self.home / "programs"

    @property
    def run(self) -> Path:
        """The folder that says which processes this stack has started."""
        return self.home / "run"

    @property
    def secrets(self) -> Path:
        """The folder of passwords and keys."""
        return self.home / "secrets"

    @property
    def postgres_data(self) -> Path:
        """PostgreSQL's data folder."""
        return self.home / "postgres"

    @property
    def kafka_data(self) -> Path:
        """Kafka's data folder."""
        return self.home / "kafka"

    @property
    def summary(self) -> Path:
        """The file in which a running stack tells the other commands where it is."""
        return self.home / "stack.json"

    @property
    def socket(self) -> Path:
        """The supervisor's socket: in the home, or in a short folder if that path is too long."""
        path = self.run / "supervisor.sock"
        if len(str(path).encode()) <= SOCKET_PATH_BYTES_MAX:
            return path
        digest = hashlib.sha256(str(self.home).encode()).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"frikort-{digest}" / "supervisor.sock"


def _folder(value: str | None, *, default: Path) -> Path:
    return Path(value).expanduser().resolve() if value else default


def _port_base(value: str | None) -> int:
    if not value:
        return PORT_BASE_DEFAULT
    if not (value.isdecimal() and PORT_BASE_MIN <= int(value) <= PORT_BASE_MAX):
        raise SettingsError(
            f"FRIKORT_PORT_BASE is {value!r}: give a number"
            f" from {PORT_BASE_MIN} to {PORT_BASE_MAX}."
        )
    return int(value)
