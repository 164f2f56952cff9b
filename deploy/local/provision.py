"""Makes databases, roles, tables and topics; whatever is there already is left as it is."""

import os
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import psycopg
from psycopg import sql

from deploy.local.errors import PartUnreachableError
from deploy.local.files import read_secret
from deploy.local.modes import database_setting
from deploy.local.postgres import superuser_url
from deploy.local.programs import without_settings
from deploy.local.settings import HOST, SERVICES, Settings

# The owner runs migrations, the app role runs the service, the auditor reads the ledger.
ROLES: Final[Mapping[str, tuple[str, ...]]] = {
    service: ("owner", "app", "auditor") if service == "allowance" else ("owner", "app")
    for service in SERVICES
}
MIGRATION_TIMEOUT_S: Final = 120


def database_url(settings: Settings, service: str, role: str) -> str:
    """Return where a role of a service connects on our own server."""
    user = f"{service}_{role}"
    password = read_secret(settings.secrets / f"{user}-password")
    return f"postgresql://{user}:{password}@{HOST}:{settings.port('postgres')}/frikort_{service}"


def owner_url_file(settings: Settings) -> Path:
    """Return the file that tells `frikort ledger rebuild` where the ledger's owner connects."""
    return settings.secrets / "allowance-owner-database-url"


def auditor_key_file(settings: Settings) -> Path:
    """Return the file of the key that `frikort ledger export` signs packs with."""
    return settings.secrets / "auditor-signing-key"


def create_database(settings: Settings, service: str) -> None:
    """Create a service's roles and its database, which nobody else may enter."""
    with psycopg.connect(superuser_url(settings), autocommit=True) as connection:
        for role in ROLES[service]:
            _create_role(connection, settings, f"{service}_{role}")
        database = sql.Identifier(f"frikort_{service}")
        found = connection.execute(
            "SELECT 1 FROM pg_database WHERE datname = %s", [f"frikort_{service}"]
        ).fetchone()
        if not found:
            owner = sql.Identifier(f"{service}_owner")
            connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(database, owner))
        connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(database))
        for role in ROLES[service]:
            grantee = sql.Identifier(f"{service}_{role}")
            connection.execute(
                sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(database, grantee)
            )


def migrate(urls: Mapping[str, str]) -> None:
    """Run the migrations of each service as its owner; ``urls`` are the owners', by service.

    Raises: PartUnreachableError with the migration's last line.
    """
    with ThreadPoolExecutor(max_workers=len(urls) or 1) as pool:
        runs = [
            pool.submit(
                _run,
                "services.chassis.migrate",
                service,
                **{database_setting(service, "owner"): url},
            )
            for service, url in urls.items()
        ]
    for run in runs:
        run.result()


def create_topics(kafka: str) -> None:
    """Create the topics that are missing.

    Raises: PartUnreachableError with the last line said.
    """
    _run("services.chassis.topics", FRIKORT_KAFKA=kafka)


def _create_role(
    connection: psycopg.Connection[tuple[object, ...]], settings: Settings, role: str
) -> None:
    password = read_secret(settings.secrets / f"{role}-password")
    # Sent as PostgreSQL keeps it, so that no log could hold the password.
    kept = connection.pgconn.encrypt_password(
        password.encode(), role.encode(), b"scram-sha-256"
    ).decode()
    found = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone()
    verb = sql.SQL("ALTER" if found else "CREATE")
    connection.execute(
        sql.SQL("{} ROLE {} LOGIN PASSWORD {}").format(verb, sql.Identifier(role), kept)
    )


def _run(module: str, *arguments: str, **environment: str) -> None:
    result = subprocess.run(  # noqa: S603 -- our own module
        [sys.executable, "-m", module, *arguments],
        env=without_settings(os.environ) | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=MIGRATION_TIMEOUT_S,
    )
    if result.returncode:
        told = (result.stdout + result.stderr).strip().splitlines()
        command = " ".join((module, *arguments))
        raise PartUnreachableError(f"{command} failed: {told[-1] if told else 'it said nothing'}")
