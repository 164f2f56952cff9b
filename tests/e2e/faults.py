"""Kills services of a running stack in the middle of what they do."""

import os
import signal
from collections.abc import Callable

from deploy.local.stack import Stack
from tests.integration.servers import wait_for

BEGUN_S = 60.0


def kill_in_the_middle(
    stack: Stack, service: str, *, begun: Callable[[], bool], ended: Callable[[], bool]
) -> None:
    """Kill a service once something has begun, and wait until the supervisor has started it.

    It is frozen before it is killed, so that what had not ended then is what the kill cut off.
    """
    pid = stack.pid(service)
    wait_for(begun, what=f"work for {service} to be killed in", timeout_s=BEGUN_S)
    os.kill(pid, signal.SIGSTOP)
    in_time = not ended()
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: stack.pid(service) not in {0, pid}, what=f"{service} to be started again")
    assert in_time, f"{service} had done its work before it was killed"
