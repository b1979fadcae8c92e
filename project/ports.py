"""Ports of this machine: whether one is free, and when a server that was started answers at it."""

from __future__ import annotations

import socket
import time
import urllib.request
from collections.abc import Callable

from project.supervisor import Program

HOST = "127.0.0.1"
POLL_SECONDS = 0.2
CONNECT_SECONDS = 1.0


class NotReadyError(Exception):
    """A server has ended, or does not answer in time; the message says which and shows the end of its log."""


def is_free(port: int, host: str = HOST) -> bool:
    """Whether a server could listen at the port: nobody does, at this address or at all of them."""
    with socket.socket() as caller, socket.socket() as listener:
        caller.settimeout(CONNECT_SECONDS)
        if caller.connect_ex((host, port)) == 0:
            return False
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError:
            return False
    return True


def free_port(host: str = HOST) -> int:
    """A port that is free now."""
    with socket.socket() as listener:
        listener.bind((host, 0))
        port: int = listener.getsockname()[1]
        return port


def answers(url: str) -> bool:
    """Whether a GET of the address is answered with success."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status < 300)
    except OSError:  # errors of HTTP are OSErrors too
        return False


def wait_until_answers(
    url: str, program: Program, seconds: float, tell: Callable[[float], None] = lambda waited: None
) -> None:
    """Wait until the program's server answers at the address.

    `tell` is called with the seconds waited so far at each look. Raises NotReadyError where the program ends
    or has not answered after `seconds`.
    """
    started = time.monotonic()
    while not answers(url):
        if (status := program.poll()) is not None:
            raise NotReadyError(f"{program.name} ended with status {status}:\n{program.last_lines()}")
        waited = time.monotonic() - started
        if waited > seconds:
            where = f"; its log is {program.log}" if program.log else ""
            raise NotReadyError(f"{program.name} has not been ready for {seconds:.0f} s{where}")
        tell(waited)
        time.sleep(POLL_SECONDS)
