"""Ports of this machine: find free ones, and wait until a server answers."""

from __future__ import annotations

import contextlib
import random
import socket
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

from project.supervisor import Program

HOST = "127.0.0.1"
TAKEN = "is taken"
POLL_SECONDS = 0.2
CONNECT_SECONDS = 1.0
LINUX_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
IANA_FIRST_DYNAMIC_PORT = 49_152
FIRST_PORT = 10_000
PORTS_TO_TRY = 100


class NotReadyError(Exception):
    """A server has ended or has not answered in time; the message names it, and its log."""


def is_free(port: int, host: str = HOST) -> bool:
    """Whether a server could listen on the port, at this address."""
    return not obstacle(port, host)


def obstacle(port: int, host: str = HOST) -> str:
    """Why no server could listen on the port, as it continues "port 80"; empty if one could."""
    with socket.socket() as caller, socket.socket() as listener:
        caller.settimeout(CONNECT_SECONDS)
        if caller.connect_ex((host, port)) == 0:
            return TAKEN
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except PermissionError:
            return "is for programs of root alone"
        except OSError:
            return TAKEN
    return ""


def free_port(host: str = HOST) -> int:
    """Find a port that is free now, and that the system gives to nobody before it is used.

    The system chooses the ports of connections, and of servers that take any, from a range of its own. A port
    below that range is taken only by a program that names it. Raises OSError if all are taken.
    """
    below = range(FIRST_PORT, _first_port_that_the_system_chooses())
    for port in random.sample(below, min(PORTS_TO_TRY, len(below))):
        with contextlib.suppress(OSError), socket.socket() as listener:
            listener.bind((host, port))
            return port
    with socket.socket() as listener:
        listener.bind((host, 0))
        return int(listener.getsockname()[1])


def _first_port_that_the_system_chooses() -> int:
    try:
        return int(LINUX_RANGE.read_text().split()[0])
    except OSError:
        return IANA_FIRST_DYNAMIC_PORT


def answers(url: str) -> bool:
    """Whether a GET request to the URL succeeds."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status < 300)
    except OSError:  # HTTPError is an OSError, too
        return False


def wait_until_answers(
    url: str, program: Program, seconds: float, report: Callable[[float], None] = lambda waited: None
) -> None:
    """Wait until a program's server answers at the URL, for at most `seconds`.

    `report` is called repeatedly with the seconds waited so far. Raises NotReadyError if the program ends
    or does not answer in time.
    """
    started = time.monotonic()
    while not answers(url):
        if (status := program.poll()) is not None:
            raise NotReadyError(f"{program.name} ended with status {status}:\n{program.last_lines()}")
        waited = time.monotonic() - started
        if waited > seconds:
            where = f"; its log is {program.log}" if program.log else ""
            raise NotReadyError(f"{program.name} was not ready after {seconds:.0f} s{where}")
        report(waited)
        time.sleep(POLL_SECONDS)
