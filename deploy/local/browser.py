"""Installs the browser that the console's tests drive, where that takes no more than asking.

``make test`` runs it. It is Debian's own Chromium, by its package name; on any other machine, or
for anyone but root, it says in a line what to install, and the tests that need it are left out.
"""

import os
import shutil
import subprocess
import sys
from typing import Final

PACKAGE: Final = "chromium"
MISSING: Final = "No chromium in PATH: install Debian's package chromium to test the console."
_QUIET: Final = {"DEBIAN_FRONTEND": "noninteractive"}


def find_browser() -> str | None:
    """Give where the browser is, None where there is none."""
    return shutil.which(PACKAGE)


def main() -> int:
    """Install the browser if it is missing; to be without one fails nothing."""
    if find_browser() is None and os.geteuid() == 0 and shutil.which("apt-get") is not None:
        _apt_get("update")
        _apt_get("install", "-y", "--no-install-recommends", PACKAGE)
    if find_browser() is None:
        sys.stderr.write(f"{MISSING}\n")
    return 0


def _apt_get(*arguments: str) -> None:
    subprocess.run(  # noqa: S603
        ["apt-get", "-qq", *arguments],  # noqa: S607 - whichever the machine has
        env=os.environ | _QUIET,
        stdout=subprocess.DEVNULL,
        check=False,
    )


if __name__ == "__main__":
    raise SystemExit(main())
