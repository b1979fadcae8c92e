"""Python runs this when it starts in a model's container, where PYTHONPATH leads here.

Containers share the machine's network, so all its users and every web page in a browser can connect to a
server in one. Python's servers there close connections of other users before anything is read, as the front
door does (peers.py), and the model's server all but those of the cloud.
"""

import importlib.machinery
import importlib.util
import mmap
import os
import socket
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PEERS = HERE.parents[1] / "peers.py"
ANNOUNCEMENT = "LOCALCLOUD_ANNOUNCEMENT_FILE"
"""The variable with the file in which the cloud announces its connections (Announcement in exchange.py)."""


def guard_servers() -> None:
    """Have `accept` of all sockets pass over the connections that are not for them."""
    peers = _run("localcloud_peers", PEERS)
    peers.peers_are_known()  # finds it out once, by accepting a connection itself
    announced = _announced()
    accept = socket.socket.accept

    def accept_own(self: socket.socket) -> tuple[socket.socket, Any]:
        while True:
            connection, address = accept(self)
            if connection.family == socket.AF_UNIX:
                return connection, address
            expected = _is_expected(announced, self.getsockname()[1], address[1])
            if expected and peers.is_of_this_user(connection):
                return connection, address
            connection.close()

    socket.socket.accept = accept_own  # type: ignore[method-assign]


def _announced() -> "memoryview[int]":
    """The memory that is shared with the cloud; of this process alone where the cloud announces nothing."""
    if file := os.environ.get(ANNOUNCEMENT):
        with open(file, "r+b") as opened:
            return memoryview(mmap.mmap(opened.fileno(), 0)).cast("I")
    return memoryview(bytearray(4)).cast("I")


def _is_expected(announced: "memoryview[int]", own: int, client: int) -> bool:
    """Whether a server's port is not that of the model's server, or its client's is the announced one.

    Each announcement counts once, since another program may get the client's port when that has closed its
    connection. There is none yet while the cloud has not found the server.
    """
    server, expected = divmod(announced[0], 1 << 16)
    if server != own:
        return True
    if expected != client:
        return False
    announced[0] = server << 16
    return True


def run_the_next() -> None:
    """Run the interpreter's own sitecustomize, which this one hides."""
    others = [place for place in sys.path if place != str(HERE)]
    found = importlib.machinery.PathFinder.find_spec("sitecustomize", others)
    if found and found.origin:
        _run("sitecustomize", Path(found.origin))


def _run(name: str, file: Path) -> Any:
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


guard_servers()
run_the_next()
