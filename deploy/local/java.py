"""Finds the Java that runs Kafka, and says in one line what is missing."""

import os
import re
import shutil
import subprocess
from typing import Final

from deploy.local.errors import StackRefusedError

JAVA_MAJOR_MIN: Final = 17
_REMEDY: Final = (
    f"install a Java runtime {JAVA_MAJOR_MIN} or newer and put it on PATH or in JAVA_HOME."
)


def find_java() -> str:
    """Return the path of a ``java`` that is new enough: JAVA_HOME's, else the one on PATH.

    Raises: StackRefusedError when there is none, or it is too old.
    """
    home = os.environ.get("JAVA_HOME")
    java = shutil.which("java", path=f"{home}/bin") if home else shutil.which("java")
    if java is None:
        raise StackRefusedError(f"No java in {'JAVA_HOME' if home else 'PATH'}: {_REMEDY}")
    answer = subprocess.run([java, "-version"], capture_output=True, text=True, check=False)  # noqa: S603 -- the machine's own java
    major = major_version(answer.stderr)
    if major is None or major < JAVA_MAJOR_MIN:
        raise StackRefusedError(f"{java} is Java {major or 'of an unknown version'}: {_REMEDY}")
    return java


def major_version(banner: str) -> int | None:
    """Read the major version from what ``java -version`` prints: 1.8.0 is 8, 17.0.15 is 17."""
    match = re.search(r'version "(?:1\.)?(\d+)', banner)
    return int(match[1]) if match else None
