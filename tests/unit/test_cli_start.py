"""The command starts fast: what only `up`, `demo` and the auditor need is loaded when they run."""

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.main import app

SLOW = ("aiokafka", "asyncpg", "deploy", "faststream", "psycopg", "services.chassis")


def test_the_command_loads_neither_stack_nor_drivers_to_begin_with() -> None:
    asked = f"import sys, cli.main; print([m for m in {SLOW!r} if m in sys.modules])"

    told = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)

    assert told.stdout.strip() == "[]"


@pytest.mark.parametrize("command", ["up", "down", "demo"])
def test_commands_of_the_machine_explain_themselves(command: str) -> None:
    result = CliRunner().invoke(app, [command, "--help"])

    assert (result.exit_code, "Usage" in result.stdout) == (0, True)


def test_down_says_when_nothing_runs(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["down"], env={"FRIKORT_HOME": str(tmp_path)})

    assert result.exit_code == 0
    assert f"Nothing runs in {tmp_path}" in result.stderr.replace("\n", "")
