"""Brings Kafka's jars into the cache with Maven, and checks each against its recorded digest.

``python -m deploy.local.jars`` does it; where they are complete already it does nothing.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from deploy.local.errors import StackError, StackRefusedError
from deploy.local.settings import Settings

KAFKA_VERSION: Final = "4.3.1"
POM: Final = Path(__file__).with_name("pom.xml")
DIGESTS: Final = Path(__file__).with_name("kafka-jars.sha256")
_STAMP: Final = "digests-checked"


def jars_folder(settings: Settings) -> Path:
    """Return the folder in the cache that holds this version's jars."""
    return settings.cache / f"kafka-{KAFKA_VERSION}"


def require_jars(settings: Settings) -> Path:
    """Return the folder of complete jars.

    Raises: StackRefusedError when they have not been brought in.
    """
    folder = jars_folder(settings)
    if not _is_complete(folder):
        raise StackRefusedError(f"Kafka's jars are not in {folder}: run `make install`.")
    return folder


def bring_jars(settings: Settings) -> bool:
    """Bring the jars into the cache; False when they were there. May be called any time.

    Raises: StackRefusedError when Maven is missing, fails, or brings a jar with another digest.
    """
    folder = jars_folder(settings)
    if _is_complete(folder):
        return False
    maven = shutil.which("mvn")
    if maven is None:
        raise StackRefusedError("No mvn in PATH: install Apache Maven 3.6 or newer.")
    gathering = folder.with_name(f"{folder.name}.{os.getpid()}")
    try:
        _resolve(maven, gathering)
        _check_digests(gathering)
        (gathering / _STAMP).write_bytes(_stamp())
        shutil.rmtree(folder, ignore_errors=True)
        gathering.rename(folder)
    finally:
        shutil.rmtree(gathering, ignore_errors=True)
    return True


def _resolve(maven: str, folder: Path) -> None:
    command = [maven, "-q", "-B", "-f", str(POM), "dependency:copy-dependencies"]
    result = subprocess.run(  # noqa: S603 -- the machine's own Maven with our pinned pom
        [*command, f"-DoutputDirectory={folder}"], capture_output=True, text=True, check=False
    )
    if result.returncode:
        sys.stderr.write(result.stdout + result.stderr)
        raise StackRefusedError(
            "Maven could not bring Kafka's jars (its words are above):"
            " see that it reaches its repository, then run `make install` again."
        )


def _check_digests(folder: Path) -> None:
    recorded = (line.split("  ", 1) for line in DIGESTS.read_text("utf-8").splitlines())
    expected = {name: digest for digest, name in recorded}
    found = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.glob("*.jar")
    }
    wrong = sorted(
        name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name)
    )
    if wrong:
        raise StackRefusedError(
            f"Maven brought other jars than {DIGESTS.name} records: {', '.join(wrong)}."
            " Clear them from Maven's local repository and run `make install` again."
        )


def _is_complete(folder: Path) -> bool:
    stamp = folder / _STAMP
    return stamp.exists() and stamp.read_bytes() == _stamp()


def _stamp() -> bytes:
    return hashlib.sha256(POM.read_bytes() + DIGESTS.read_bytes()).hexdigest().encode()


def main() -> int:
    """Bring the jars for the settings of the environment and return the exit status."""
    try:
        bring_jars(Settings.from_environment(os.environ))
    except StackError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_status
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
