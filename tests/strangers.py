"""What others than the cloud get from its servers: another user of this machine, and this user's programs."""

from __future__ import annotations

import os
import subprocess

import psutil
import pytest

NOBODY = 65534
needs_root = pytest.mark.skipif(os.getuid() != 0, reason="NOT TESTED: only root can act as another user")
ASKS = """
import socket, sys
for address in sys.argv[1:]:
    host, _, port = address.rpartition(":")
    answer = b""
    try:
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            connection.sendall(b"GET /ping HTTP/1.1\\r\\nHost: 127.0.0.1\\r\\n\\r\\n")
            answer = connection.recv(100)
    except OSError as error:
        answer = b"" if isinstance(error, ConnectionError) else repr(error).encode()
    print(address, answer.partition(b"\\r\\n")[0].decode("latin-1"))
"""


def process_listening_on(port: int) -> psutil.Process:
    """The process that serves a port of this machine."""
    pids = {
        each.pid
        for each in psutil.net_connections(kind="tcp")
        if each.status == psutil.CONN_LISTEN and each.laddr.port == port
    }
    [pid] = pids
    return psutil.Process(pid)


def listening(process: psutil.Process) -> dict[str, str]:
    """Where a process and its descendants listen for TCP, as host:port, and who each is."""
    found = {}
    for each in [process, *process.children(recursive=True)]:
        try:
            command = " ".join(each.cmdline())
            connections = each.net_connections(kind="tcp")
        except psutil.Error:
            continue
        for connection in connections:
            if connection.status == psutil.CONN_LISTEN:
                host = connection.laddr.ip.replace("0.0.0.0", "127.0.0.1").replace("::", "127.0.0.1")
                found.setdefault(f"{host}:{connection.laddr.port}", command)
    return found


def told(addresses: list[str], **user: int) -> dict[str, str]:
    """The first line that a program gets from each server; nothing where the connection is closed."""
    done = subprocess.run(
        ["/usr/bin/env", "python3", "-c", ASKS, *addresses],
        capture_output=True,
        text=True,
        check=True,
        cwd="/",
        **user,
    )
    return dict(line.split(" ", 1) for line in done.stdout.splitlines())


def open_to_others(process: psutil.Process) -> dict[str, str]:
    """Of the servers of a process and its descendants, those that do not refuse another user.

    By their address; what each said and which program it is.
    """
    servers = listening(process)
    assert servers
    lines = told(list(servers), user=NOBODY, group=NOBODY)
    assert lines.keys() == servers.keys()
    return {
        address: f"{line} <- {servers[address]}"
        for address, line in lines.items()
        if line and not line.startswith("HTTP/1.1 403")
    }
