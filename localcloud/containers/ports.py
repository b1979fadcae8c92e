"""Finds a port for a program that has to be told one."""

import contextlib
import random
import socket
from pathlib import Path

LINUX_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
IANA_FIRST_DYNAMIC_PORT = 49_152
FIRST_PORT = 10_000
PORTS_TO_TRY = 100


def free_port() -> int:
    """A TCP port that is free now at all addresses, and that the system gives to nobody before it is used.

    The system chooses the ports of connections, and of servers that take any, from a range of its own. A port
    below that range is taken only by a program that names it. Raises OSError if all are taken.
    """
    below = range(FIRST_PORT, _first_port_that_the_system_chooses())
    for port in random.sample(below, min(PORTS_TO_TRY, len(below))):
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("", port))
            return port
    with socket.socket() as probe:
        probe.bind(("", 0))
        return int(probe.getsockname()[1])


def _first_port_that_the_system_chooses() -> int:
    try:
        return int(LINUX_RANGE.read_text().split()[0])
    except OSError:
        return IANA_FIRST_DYNAMIC_PORT
