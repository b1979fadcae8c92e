"""What contract tests share: localcloud's HTTP server around an application that a test gives it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from localcloud import http_server
from localcloud.http_server import FrontServer


@pytest.fixture
def serve() -> Iterator[Callable[[Any], int]]:
    """Starts a server for an application; returns its port."""
    running: list[FrontServer] = []

    def start(application: Any) -> int:
        server = http_server.make_front_server("127.0.0.1", 0, application)
        http_server.serve_in_thread(server)
        running.append(server)
        return server.port

    yield start
    for server in running:
        server.shutdown()
        server.server_close()
