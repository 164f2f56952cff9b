"""Bring a service's database to its present form: `python -m services.chassis.migrate SERVICE`.

Runs as the owner role (`FRIKORT_<SERVICE>_OWNER_DATABASE_URL`), with yoyo: numbered SQL files,
forward only, each applied once, under a lock. The parts of the chassis that a service uses
come before its own files; which rights the running role gets stands in the service's own.
"""

import importlib
import os
import sys
from pathlib import Path

import yoyo

CHASSIS_MIGRATIONS = Path(__file__).parent / "migrations"


def migrate(service: str, owner_url: str) -> int:
    """Apply what is missing and give how many files that were."""
    package = importlib.import_module(f"services.{service}")
    own = Path(str(package.__file__)).parent / "migrations"
    sources = [str(CHASSIS_MIGRATIONS / part) for part in package.CHASSIS_PARTS] + [str(own)]
    backend = yoyo.get_backend(owner_url.replace("postgresql://", "postgresql+psycopg://", 1))
    with backend.lock():
        missing = backend.to_apply(yoyo.read_migrations(*sources))
        backend.apply_migrations(missing)
    backend.connection.close()
    return len(missing)


def main() -> None:
    """Migrate the service named on the command line."""
    service = sys.argv[1]
    variable = f"FRIKORT_{service.upper()}_OWNER_DATABASE_URL"
    if variable not in os.environ:
        sys.exit(f"set {variable}: migrations run as the database's owner")
    applied = migrate(service, os.environ[variable])
    sys.stderr.write(f"{service}: {applied} migrations applied\n")


if __name__ == "__main__":
    main()
