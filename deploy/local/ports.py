"""Which ports are free on this machine, and who has the others."""

import random
import socket
from collections.abc import Collection, Mapping
from typing import Final

import psutil

from deploy.local.errors import StackRefusedError
from deploy.local.settings import HOST, PORT_BLOCK_SIZE, PORT_OFFSETS

# Below Linux's range of ephemeral ports (32768 and up), so that no client takes one meanwhile.
FREE_BLOCK_MIN: Final = 12_000
FREE_BLOCK_MAX: Final = 32_000
FREE_BLOCK_ATTEMPTS_MAX: Final = 100


def is_free(port: int) -> bool:
    """Tell whether a server could listen on ``port`` now; it may be taken a moment later."""
    with socket.socket() as probe:
        # As servers do: a connection that lingers in TIME_WAIT is no hindrance.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def require_free(ports: Mapping[str, int]) -> None:
    """Check that every part's port is free.

    Raises: StackRefusedError naming each taken port, who has it if that can be told, the remedy.
    """
    taken = {part: port for part, port in ports.items() if not is_free(port)}
    if not taken:
        return
    owners = _owners(taken.values())
    told = ", ".join(
        f"{port} ({part}) is taken{owners.get(port, '')}" for part, port in taken.items()
    )
    raise StackRefusedError(
        f"Port {told}: end what listens there,"
        " or set FRIKORT_PORT_BASE to the start of another free block of 50."
    )


def free_port_base() -> int:
    """Return the start of a block of ports in which every part's port is free.

    Raises: StackRefusedError after a bounded number of attempts.
    """
    bases = range(FREE_BLOCK_MIN, FREE_BLOCK_MAX, PORT_BLOCK_SIZE)
    for base in random.sample(bases, FREE_BLOCK_ATTEMPTS_MAX):
        if all(is_free(base + offset) for offset in PORT_OFFSETS.values()):
            return base
    raise StackRefusedError(
        "No free block of ports was found: end other servers, or set FRIKORT_PORT_BASE."
    )


def _owners(ports: Collection[int]) -> dict[int, str]:
    try:
        connections = psutil.net_connections(kind="tcp")
    except psutil.AccessDenied:
        return {}
    listening = [
        (connection.laddr.port, connection.pid)
        for connection in connections
        if connection.status == psutil.CONN_LISTEN and connection.laddr and connection.pid
    ]
    return {port: f" by process {pid}{_name(pid)}" for port, pid in listening if port in ports}


def _name(pid: int) -> str:
    try:
        return f" ({psutil.Process(pid).name()})"
    except psutil.Error:
        return ""
