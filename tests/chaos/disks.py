"""A stack whose servers write their logs to small disks, which can be filled."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from deploy.local import postgres
from deploy.local.files import private_folder
from deploy.local.stack import Stack

SIZES = {"postgres": "768m", "kafka": "768m"}
TAKEN_OVER = ("FRIKORT_CACHE", "PATH", "JAVA_HOME")


@contextmanager
def small_disks(
    home: Path, environment: Mapping[str, str], say: Callable[[str], None]
) -> Iterator[tuple[Stack, dict[str, Path]]]:
    """Give a stack that is up, and the small disks under its servers; all erased at the end."""
    taken_over = {name: os.environ[name] for name in TAKEN_OVER if name in os.environ}
    stack = Stack.temporary(home, environment={**taken_over, **environment})
    with ExitStack() as mounted:
        disks = _mount(stack, mounted, say)
        try:
            stack.start()
            yield stack, disks
        finally:
            stack.stop()
    stack.erase()


def _mount(stack: Stack, mounted: ExitStack, say: Callable[[str], None]) -> dict[str, Path]:
    """Put small disks under Kafka's data and PostgreSQL's write-ahead log, where one may."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        say("no full disks: mounting one needs root")
        return {}
    home = private_folder(stack.settings.home)
    disks = {"kafka": private_folder(stack.settings.kafka_data), "postgres": home / "small-disk"}
    private_folder(disks["postgres"])
    for part, disk in disks.items():
        mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZES[part]},mode=700", "tmpfs", str(disk)]
        if subprocess.run(mount, check=False, capture_output=True).returncode:
            say(f"no full disks: {' '.join(mount)} is refused")
            return {}
        mounted.callback(_unmount, disk)
    postgres.prepare(stack.settings)
    log = stack.settings.postgres_data / "pg_wal"
    place = disks["postgres"] / "pg_wal"
    shutil.move(log, place)
    log.symlink_to(place)
    return disks


def _unmount(disk: Path) -> None:
    subprocess.run(["umount", "-l", str(disk)], check=False)  # noqa: S607
    shutil.rmtree(disk, ignore_errors=True)
