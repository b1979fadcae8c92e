"""Python runs this when it starts in a model's container, where PYTHONPATH leads here.

Containers share the machine's network, so all its users can connect to a server in one. Python's servers
there then do as the front door does (peers.py): connections of others are closed before anything is read.
"""

import importlib.machinery
import importlib.util
import socket
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PEERS = HERE.parents[1] / "peers.py"


def hear_only_this_user() -> None:
    """Have `accept` of all sockets pass over the connections of other users, where the system tells."""
    peers = _run("localcloud_peers", PEERS)
    if not peers.peers_are_known():
        return
    accept = socket.socket.accept

    def accept_own(self: socket.socket) -> tuple[socket.socket, Any]:
        while True:
            connection, address = accept(self)
            if connection.family == socket.AF_UNIX or peers.is_of_this_user(connection):
                return connection, address
            connection.close()

    socket.socket.accept = accept_own  # type: ignore[method-assign]


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


hear_only_this_user()
run_the_next()
