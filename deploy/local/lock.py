"""Writes requirements.in from the two pyproject files, so that packages are named once.

``make lock`` runs it before it pins; a test compares the file with what this would write.
"""

import sys
import tomllib
from pathlib import Path
from typing import Final

REPOSITORY: Final = Path(__file__).resolve().parents[2]
REQUIREMENTS: Final = REPOSITORY / "requirements.in"
# What an editable installation without build isolation needs beside the build backend.
INSTALLATION: Final = ("editables>=0.5", "pip>=25")


def render() -> str:
    """Return requirements.in: what runs, what develops, what installs; our own packages apart."""
    ours = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))
    contracts = tomllib.loads((REPOSITORY / "contracts/pyproject.toml").read_text("utf-8"))
    names = {
        *ours["project"]["dependencies"],
        *ours["project"]["optional-dependencies"]["dev"],
        *contracts["project"]["dependencies"],
        *ours["build-system"]["requires"],
        *INSTALLATION,
    } - {contracts["project"]["name"]}
    return "# Written by `make lock` from the pyproject files.\n" + "".join(
        f"{name}\n" for name in sorted(names)
    )


def main() -> None:
    """Write the file."""
    REQUIREMENTS.write_text(render(), encoding="utf-8")
    sys.stderr.write(f"{REQUIREMENTS.name} written\n")


if __name__ == "__main__":
    main()
