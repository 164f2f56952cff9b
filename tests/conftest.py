"""What holds for every test."""

from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import settings

TESTS = Path(__file__).parent

# No test depends on how fast the machine is.
settings.register_profile("frikort", parent=settings.default, deadline=None)
settings.load_profile("frikort")


def pytest_collection_modifyitems(items: Iterable[pytest.Item]) -> None:
    """Keep together what shares a stack: a file's tests, and all end-to-end tests."""
    for item in items:
        whole = item.path.is_relative_to(TESTS / "e2e")
        group = "e2e" if whole else str(item.path.relative_to(TESTS))
        item.add_marker(pytest.mark.xdist_group(group))
