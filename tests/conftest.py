"""What holds for every test."""

from hypothesis import settings

# No test depends on how fast the machine is.
settings.register_profile("frikort", parent=settings.default, deadline=None)
settings.load_profile("frikort")
