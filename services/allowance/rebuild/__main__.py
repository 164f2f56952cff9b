"""The rebuild as a program: the one place that reads its setting and opens its connection.

Writes JSON lines (`frikort_contracts.rebuilds`) to standard output. Exit status 0: done; 1:
refused, and why is the last line; 3: the database does not answer.
"""

import argparse
import asyncio
import os
import sys

import asyncpg

from frikort_contracts.rebuilds import RebuildLine, RebuildRefusal
from services.allowance.fold import ChainBroken
from services.allowance.rebuild.run import Rebuild
from services.chassis.database import PASSING, Connection
from services.chassis.errors import Rejection, describe

OWNER = "FRIKORT_ALLOWANCE_OWNER_DATABASE_URL"
_SESSION = {
    "application_name": "frikort-rebuild",
    "timezone": "UTC",
    "jit": "off",
    "work_mem": "64MB",
    "temp_buffers": "64MB",
    "idle_in_transaction_session_timeout": "60s",  # whoever dies meanwhile holds nobody back
}


def main() -> int:
    """Rebuild the read models of the database that the environment names."""
    parser = argparse.ArgumentParser(
        prog="python -m services.allowance.rebuild", description=__doc__
    )
    parser.add_argument("--dry-run", action="store_true", help="compare, and change nothing")
    dry_run: bool = parser.parse_args().dry_run
    if not os.environ.get(OWNER):
        sys.exit(f"set {OWNER}: a rebuild runs as the database's owner")
    try:
        asyncio.run(_rebuild(os.environ[OWNER], dry_run=dry_run))
    except Rejection as error:
        return _refuse(error.code, str(error))
    except ChainBroken as error:
        advice = "find out with `frikort ledger verify`; nothing was changed"
        return _refuse("journal-broken", f"{error}: {advice}")
    except asyncpg.InsufficientPrivilegeError as error:
        return _refuse("not-the-owner", f"{OWNER} must name the owner's role: {describe(error)}")
    except (BrokenPipeError, KeyboardInterrupt):
        return 1  # interrupted, or nobody listens any more: nothing was changed
    except PASSING as error:
        sys.stderr.write(f"the database does not answer: {describe(error)}\n")
        return 3
    return 0


async def _rebuild(owner_url: str, *, dry_run: bool) -> None:
    connection: Connection = await asyncpg.connect(owner_url, server_settings=_SESSION, timeout=10)
    try:
        outcome = await Rebuild(connection=connection, report=_write).run(dry_run=dry_run)
    finally:
        connection.terminate()  # on the way out of an error nothing more is said to the server
    _write(RebuildLine(outcome=outcome))


def _refuse(code: str, message: str) -> int:
    _write(RebuildLine(refusal=RebuildRefusal(code=code, message=message)))
    return 1


def _write(line: RebuildLine) -> None:
    """Write a line at once: whoever listens no more is noticed before anything is changed."""
    sys.stdout.write(line.model_dump_json(exclude_none=True) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
