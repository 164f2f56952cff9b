"""Prepares a fresh clone: virtual environment, packages, Kafka's jars, styles, compiled code.

``make install`` runs it with the machine's own Python, so it uses the standard library alone.
It is keyed on the content of what it reads: a second time it does nothing.
"""

import contextlib
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path
from typing import Final

REPOSITORY: Final = Path(__file__).resolve().parents[2]
ENVIRONMENT: Final = REPOSITORY / ".venv"
PYTHON: Final = ENVIRONMENT / "bin" / "python"
STAMP: Final = ENVIRONMENT / "installed-from"
COMPILED: Final = ENVIRONMENT / "compiled-from"
INPUTS: Final = ("requirements.txt", "pyproject.toml", "contracts/pyproject.toml")
PYTHON_MIN: Final = (3, 11)


def main() -> int:
    """Do what is missing and return the exit status; what stands in the way is said in a line."""
    missing = _missing()
    if missing:
        sys.stderr.write(f"{missing}\n")
        return 1
    key = _key()
    if not PYTHON.exists() or not STAMP.exists() or STAMP.read_text("utf-8") != key:
        status = _install_packages()
        if status:
            sys.stderr.write("pip did not install everything; its words are above.\n")
            return status
        STAMP.write_text(key, encoding="utf-8")
    with _compiling():
        return _run("-m", "deploy.local.jars") or _run("-m", "deploy.local.console")


@contextlib.contextmanager
def _compiling() -> Iterator[None]:
    """Have what posts a backlog compiled meanwhile; a ledger without it is slower, no worse."""
    modules = [*REPOSITORY.glob("services/*/compiled/*.py"), *REPOSITORY.glob("cli/compiled/*.py")]
    key = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(modules))).hexdigest()
    if COMPILED.exists() and COMPILED.read_text("utf-8") == key:
        yield
        return
    sys.stdout.write("Compiling what posts a backlog for this machine: half a minute, once.\n")
    sys.stdout.flush()
    loading = [str(PYTHON), "-m", "services.allowance.bulk_loading"]
    with subprocess.Popen(loading, cwd=REPOSITORY) as compiler:  # noqa: S603 - our own command
        yield
    if compiler.returncode == 0:
        COMPILED.write_text(key, encoding="utf-8")


def _missing() -> str | None:
    if sys.version_info < PYTHON_MIN:
        found = sys.version.split()[0]
        return f"Python is {found}: install 3.11 or newer and `make PYTHON=python3.11 install`."
    if importlib.util.find_spec("ensurepip") is None:
        return "This Python has no ensurepip: install its venv package (python3-venv)."
    if shutil.which("java") is None and not os.environ.get("JAVA_HOME"):
        return "No java in PATH or JAVA_HOME: install a Java runtime 17 or newer."
    if shutil.which("mvn") is None:
        return "No mvn in PATH: install Apache Maven 3.6 or newer."
    if shutil.which("node") is None or shutil.which("npm") is None:
        return "No node or npm in PATH: install Node.js 18 or newer, and npm."
    return None


def _key() -> str:
    digest = hashlib.sha256(f"{REPOSITORY} {sys.version}".encode())
    for name in INPUTS:
        digest.update((REPOSITORY / name).read_bytes())
    return digest.hexdigest()


def _install_packages() -> int:
    if not PYTHON.exists():
        venv.create(ENVIRONMENT, with_pip=True, clear=True)
    pip = ("-m", "pip", "--disable-pip-version-check", "--quiet", "install")
    pinned = _run(*pip, "--require-hashes", "-r", "requirements.txt")
    return pinned or _run(
        *(*pip, "--no-deps", "--no-build-isolation", "-e", "contracts", "-e", ".")
    )


def _run(*arguments: str) -> int:
    return subprocess.run([PYTHON, *arguments], cwd=REPOSITORY, check=False).returncode  # noqa: S603


if __name__ == "__main__":
    raise SystemExit(main())
