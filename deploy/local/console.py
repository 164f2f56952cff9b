"""Brings the console's styles, icons and fonts: npm's pinned packages, then the files it serves.

``python -m deploy.local.console`` does it; where they are complete already it does nothing. What
is served lies in a folder that git ignores; the rest of the packages stays in ``node_modules``.
"""

import hashlib
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from deploy.local.errors import StackError, StackRefusedError
from deploy.local.settings import REPOSITORY

PINNED: Final = ("package.json", "package-lock.json", ".npmrc")
SERVED: Final = REPOSITORY / "services" / "chassis" / "web" / "static" / "dkfds"
AXE: Final = REPOSITORY / "node_modules" / "axe-core" / "axe.min.js"
"""What the tests look for barriers with; it is not served."""
BUILT: Final = REPOSITORY / "node_modules" / "dkfds" / "dist"
_STYLES: Final = Path("css") / "dkfds.min.css"
_STAMP: Final = "installed-from"
_NPM: Final = ("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")


def bring_console() -> bool:
    """Bring the files into place; False when they were there. May be called any time.

    Raises: StackRefusedError when npm is missing or fails.
    """
    stamp = SERVED / _STAMP
    key = _key()
    if AXE.exists() and stamp.exists() and stamp.read_text("utf-8") == key:
        return False
    npm = shutil.which("npm")
    if npm is None:
        raise StackRefusedError("No npm in PATH: install Node.js 18 or newer with npm.")
    if subprocess.run([npm, *_NPM], cwd=REPOSITORY, check=False).returncode:  # noqa: S603
        raise StackRefusedError("npm did not install everything; its words are above.")
    shutil.rmtree(SERVED, ignore_errors=True)
    for file in files_needed(BUILT):
        target = SERVED / file
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(BUILT / file, target)
    shutil.copyfile(BUILT / "LICENSE.md", SERVED / "LICENSE")
    stamp.write_text(key, encoding="utf-8")
    return True


def files_needed(built: Path) -> list[Path]:
    """Name the styles, and every file that they name, as far as the package has it."""
    text = (built / _STYLES).read_text(encoding="utf-8")
    named = {Path("css", url).as_posix() for url in re.findall(r'url\("?([^")]+)"?\)', text)}
    inside = {Path(name.replace("css/../", "")) for name in named if "css/../" in name}
    return [_STYLES, *sorted(f for f in inside if (built / f).is_file())]


def _key() -> str:
    digest = hashlib.sha256()
    for name in PINNED:
        digest.update((REPOSITORY / name).read_bytes())
    return digest.hexdigest()


def main() -> int:
    """Bring the files and return the exit status."""
    try:
        bring_console()
    except StackError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
