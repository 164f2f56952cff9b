"""What the console is built on: pinned packages of no registry, and the files it serves."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.local import browser, console
from deploy.local.errors import StackRefusedError
from deploy.local.settings import REPOSITORY


def test_packages_are_pinned_by_their_content_and_by_no_address() -> None:
    pinned = (REPOSITORY / "package-lock.json").read_text(encoding="utf-8")
    packages = json.loads(pinned)["packages"]
    wanted = json.loads((REPOSITORY / "package.json").read_text(encoding="utf-8"))
    exact = {**wanted["dependencies"], **wanted["devDependencies"]}

    found = {name: package for name, package in packages.items() if name}
    assert {name: package["version"] for name, package in found.items()} == {
        f"node_modules/{name}": version for name, version in exact.items()
    }
    assert all(package["integrity"].startswith("sha512-") for package in found.values())
    assert "://" not in pinned
    assert "omit-lockfile-registry-resolved=true" in (REPOSITORY / ".npmrc").read_text("utf-8")


def test_every_file_that_the_styles_name_is_served() -> None:
    needed = console.files_needed(console.BUILT)

    assert Path("css/dkfds.min.css") in needed
    assert {path.parts[0] for path in needed} == {"css", "fonts", "img"}
    assert [path for path in needed if not (console.SERVED / path).is_file()] == []


def test_files_that_are_there_are_not_brought_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")  # no npm could be found

    assert console.bring_console() is False


def test_missing_npm_is_said_in_a_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(console, "SERVED", tmp_path)
    monkeypatch.setenv("PATH", "")

    with pytest.raises(StackRefusedError, match="No npm in PATH: install Node"):
        console.bring_console()


def test_machine_without_a_browser_is_told_what_to_install(tmp_path: Path) -> None:
    told = subprocess.run(
        [sys.executable, "-m", "deploy.local.browser"],
        cwd=REPOSITORY,
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (told.returncode, told.stderr) == (0, f"{browser.MISSING}\n")
