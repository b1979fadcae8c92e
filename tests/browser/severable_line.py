"""A TCP connection through which a browser reaches a server, and which can be cut and restored."""

from __future__ import annotations

import contextlib
import select
import socket
import socketserver
import threading


class Line:
    """Connections to `port` go on to port `to` of this machine. Where the line is cut, nobody is there."""

    def __init__(self, to: int) -> None:
        self._to, self.port = to, 0

    def __enter__(self) -> Line:
        self.mend()
        return self

    def __exit__(self, *exception: object) -> None:
        self.cut()

    def mend(self) -> None:
        self._server = _Relay(("127.0.0.1", self.port), self._to)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def cut(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Relay(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False

    def __init__(self, address: tuple[str, int], to: int) -> None:
        self.to = to
        self.open: set[socket.socket] = set()
        super().__init__(address, _Connection)

    def server_close(self) -> None:
        super().server_close()
        for end in tuple(self.open):
            with contextlib.suppress(OSError):  # it has just been closed
                end.shutdown(socket.SHUT_RDWR)


class _Connection(socketserver.BaseRequestHandler):
    server: _Relay

    def handle(self) -> None:
        self.server.open.add(self.request)
        with socket.create_connection(("127.0.0.1", self.server.to)) as onward, contextlib.suppress(OSError):
            other = {self.request: onward, onward: self.request}
            while True:
                for end in select.select([*other], [], [])[0]:
                    if not (data := end.recv(65_536)):
                        return
                    other[end].sendall(data)

    def finish(self) -> None:
        self.server.open.discard(self.request)
