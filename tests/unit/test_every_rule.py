"""Every rule of the scheme, R1 to R44, has a test that bears its number.

In the test's name (`test_r17_…`) or in the name of a row of a decision table (`R17: …`, where
the case is put in words: a number alone, as in an answer's list of rules, names no row).
"""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

RULES = range(1, 45)
TESTS = Path(__file__).parents[1]
ROW = re.compile(r"R\d+(, R\d+)*:? [a-zA-Z0-9][^§]{4,100}$")
"""What cites a law (§) is a text that is compared."""


def test_every_rule_has_a_test_that_bears_its_number() -> None:
    found: dict[int, list[str]] = defaultdict(list)
    for path in sorted(TESTS.rglob("test_*.py")):
        for name in _names(ast.parse(path.read_text("utf-8"))):
            for number in _rules(name):
                found[number].append(f"{path.name}: {name}")

    assert [f"R{rule}" for rule in RULES if not found[rule]] == []


def _names(module: ast.Module) -> Iterator[str]:
    """Give the names of tests, and of the rows of their tables."""
    for node in ast.walk(module):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                if name.startswith("test_"):
                    yield name
            case ast.Constant(value=str(text)) if ROW.match(text):
                yield text
            case _:
                pass


def _rules(name: str) -> list[int]:
    pattern = r"_r(\d+)(?=_|$)" if name.startswith("test_") else r"\bR(\d+)\b"
    return [int(number) for number in re.findall(pattern, name)]
