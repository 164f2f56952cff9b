"""What holds for every test."""

from typing import Any

from hypothesis import settings
from xdist.scheduler import LoadFileScheduling

WHOLE = "tests/e2e/"

# No test depends on how fast the machine is.
settings.register_profile("frikort", parent=settings.default, deadline=None)
settings.load_profile("frikort")


class ByStack(LoadFileScheduling):  # type: ignore[misc] # xdist has no types
    """Keeps on one worker what shares a stack: a file's tests, and all end-to-end tests."""

    def _split_scope(self, nodeid: str) -> str:
        return WHOLE if nodeid.startswith(WHOLE) else nodeid.partition("::")[0]


def pytest_xdist_make_scheduler(config: Any, log: Any) -> ByStack:
    """Deal the tests out to the workers."""
    return ByStack(config, log)
