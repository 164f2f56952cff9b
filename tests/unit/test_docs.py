"""The documentation, held to the code: settings, metrics, links and commands."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
from typer.core import TyperGroup

from cli.main import app
from deploy.local.settings import REPOSITORY, SERVICES
from services.allowance.app import Settings as AllowanceSettings
from services.chassis.settings import Settings, SharedSettings
from services.grants.app import Settings as GrantsSettings
from services.notifications.app import Settings as NotificationsSettings
from services.payroll.app import Settings as PayrollSettings

OPERATOR = REPOSITORY / "docs" / "operator.md"
SETTINGS: tuple[type[Settings], ...] = (
    SharedSettings,
    GrantsSettings,
    PayrollSettings,
    AllowanceSettings,
    NotificationsSettings,
)
SOURCES = ("services", "cli", "deploy")
SET_BY_US = frozenset(
    {
        # What the local stack tells its own parts, whatever the caller says.
        "FRIKORT_PYTHON",
        "FRIKORT_SOCKET",
        "FRIKORT_GATEWAY_SIMULATOR_HOST",
        "FRIKORT_GATEWAY_SIMULATOR_PORT",
    }
)
BY_SERVICE = ("FRIKORT_<SERVICE>_OWNER_DATABASE_URL", "FRIKORT_<SERVICE>_URL")
"""Names that are put together where they are read: for the stack, migrations, command line."""


def _pages() -> list[Path]:
    """Give every Markdown file of the repository."""
    found = [*REPOSITORY.glob("*.md")]
    for folder in (*SOURCES, "docs", "contracts", "tests"):
        found += (REPOSITORY / folder).rglob("*.md")
    return sorted(found)


def _each_service(name: str) -> Iterator[str]:
    yield from {name.replace("<SERVICE>", service.upper()) for service in SERVICES}


def _documented() -> set[str]:
    """Give the settings that a table of the operator's page begins a line with."""
    lines = OPERATOR.read_text(encoding="utf-8").splitlines()
    rows = [re.match(r"\| `(FRIKORT_[A-Z_<>]+)` \|", line) for line in lines]
    return {name for row in rows if row for name in _each_service(row[1])}


def _read_by_services() -> set[str]:
    return {settings.variable(field) for settings in SETTINGS for field in settings.model_fields}


def _named_in_the_code() -> set[str]:
    """Give the settings that are written out anywhere in the code, those of services included."""
    code = [path for folder in SOURCES for path in (REPOSITORY / folder).rglob("*.py")]
    found: set[str] = set()
    for path in code:
        found |= set(re.findall(r'"(FRIKORT_[A-Z_]*[A-Z])"', path.read_text(encoding="utf-8")))
    return found


def test_operators_page_lists_every_setting_a_service_reads() -> None:
    assert _read_by_services() - _documented() == set()


def test_operators_page_lists_every_setting_the_code_names() -> None:
    forms_from_a_file = {name for name in _named_in_the_code() if name.endswith("_FILE")}

    assert _named_in_the_code() - forms_from_a_file - SET_BY_US - _documented() == set()


def test_operators_page_lists_no_setting_that_nobody_reads() -> None:
    put_together = {name for pattern in BY_SERVICE for name in _each_service(pattern)}

    assert _documented() - _read_by_services() - _named_in_the_code() - put_together == set()


def test_operators_page_lists_the_metrics_there_are_and_no_others() -> None:
    made = re.compile(r'(?:Gauge|Counter|Histogram)\(\s*"(frikort_[a-z_]+)"')
    code = (REPOSITORY / "services").rglob("*.py")
    there_are = {name for path in code for name in made.findall(path.read_text(encoding="utf-8"))}
    page = OPERATOR.read_text(encoding="utf-8")

    assert set(re.findall(r"^\| `(frikort_[a-z_]+)` \|", page, re.MULTILINE)) == there_are


def test_operators_page_explains_every_line_a_service_may_log() -> None:
    logged = re.compile(r'log\.(?:info|warning|error|exception|critical)\(\s*"([a-z_]+)"')
    code = (REPOSITORY / "services").rglob("*.py")
    lines = {name for path in code for name in logged.findall(path.read_text(encoding="utf-8"))}
    page = OPERATOR.read_text(encoding="utf-8")

    assert {line for line in lines if f"`{line}`" not in page} == set()


@pytest.mark.parametrize("page", _pages(), ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    text = _without_code(page.read_text(encoding="utf-8"))
    links = re.findall(r"\]\(([^)\s]+)\)", text)

    astray = [link for link in links if ":" not in link and not _leads_somewhere(page, link)]
    assert astray == []


@pytest.mark.parametrize("page", _pages(), ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_every_command_shown_is_in_the_command_line(page: Path) -> None:
    for shown in _commands(page.read_text(encoding="utf-8")):
        words = shlex.split(shown)
        command, options = _find(words)
        known = {name for p in command.params for name in (*p.opts, *p.secondary_opts)}

        assert not isinstance(command, TyperGroup) or len(words) == 0, f"{shown}: no such command"
        assert options - known - {"--help"} == set(), f"{shown}: no such option"


def _leads_somewhere(page: Path, link: str) -> bool:
    path, _, heading = link.partition("#")
    target = (page.parent / path).resolve() if path else page
    if not target.exists():
        return False
    return not heading or heading in _headings(target)


def _headings(page: Path) -> set[str]:
    """Give the anchors of a page's headings, as its readers' tools make them."""
    text = _without_code(page.read_text(encoding="utf-8"))
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def _without_code(text: str) -> str:
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


def _commands(text: str) -> Iterator[str]:
    """Give what follows `frikort` in code, up to the end of the command."""
    blocks = re.findall(r"^```\w*\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    code = [line for block in blocks for line in block.splitlines()]
    code += re.findall(r"`([^`\n]+)`", _without_code(text))
    for line in code:
        shown = re.match(r"(?:\$ )?(?:[A-Z_]+=\S+ )*(?:\.venv/bin/)?frikort ([a-z].*)", line)
        if shown:
            yield shown[1].partition("  #")[0].replace("…", "")


def _find(words: list[str]) -> tuple[Any, set[str]]:
    """Follow the words to a command; give it and the options they name."""
    command: Any = typer.main.get_command(app)
    while isinstance(command, TyperGroup) and words and words[0] in command.commands:
        command = command.commands[words.pop(0)]
    return command, {word.partition("=")[0] for word in words if word.startswith("--")}
