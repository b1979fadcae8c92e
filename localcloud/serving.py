"""Threaded servers that take connections as fast as they come, and end at once when they are asked to."""

import _thread
import contextlib
import os
import selectors
import socket
import socketserver
import threading
from collections.abc import Iterator
from typing import Any


class PromptServer(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """A server with a thread for each connection.

    socketserver's own looks ten times a second whether it should end. And between one connection and the next
    it waits several times for the interpreter's lock, behind all threads that already have a connection: most
    of the time that a refusal takes under load.
    """

    daemon_threads = True
    block_on_close = False
    _wake_read = _wake_write = -1

    def __init__(self, *arguments: Any, **named: Any):
        super().__init__(*arguments, **named)
        self._ended = threading.Event()
        self._wake_read, self._wake_write = os.pipe()

    def serve_forever(self, poll_interval: float = 0.5) -> None:
        """Accepts connections until `shutdown` is called. Nothing is polled, so `poll_interval` is unused."""
        self.socket.setblocking(False)
        try:
            with selectors.DefaultSelector() as selector:
                selector.register(self, selectors.EVENT_READ)
                selector.register(self._wake_read, selectors.EVENT_READ)
                while self._wake_read not in [key.fileobj for key, _ in selector.select()]:
                    # Their threads compete with this one, so first take all that have come.
                    for connection, address in list(self._waiting()):
                        self._begin(connection, address)
        finally:
            self._ended.set()

    def _waiting(self) -> Iterator[tuple[socket.socket, Any]]:
        """The connections that wait to be accepted."""
        with contextlib.suppress(OSError):  # there is none left, or the next one is gone
            while True:
                connection, address = self.get_request()
                if not os.get_blocking(connection.fileno()):
                    connection.setblocking(True)  # some systems pass it on
                yield connection, address

    def _begin(self, connection: socket.socket, address: Any) -> None:
        try:
            if self.verify_request(connection, address):
                return self.process_request(connection, address)
        except Exception:
            self.handle_error(connection, address)
        self.shutdown_request(connection)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Starts the thread of a connection, and does not wait until it runs, as threading.Thread does."""
        _thread.start_new_thread(self.process_request_thread, (request, client_address))

    def shutdown(self) -> None:
        """Ends `serve_forever`, which runs in another thread, and waits until it has returned."""
        if self._wake_write >= 0:  # it may be closed already
            os.write(self._wake_write, b".")
            self._ended.wait()

    def server_close(self) -> None:
        super().server_close()
        for end in (self._wake_read, self._wake_write):
            if end >= 0:
                os.close(end)
        self._wake_read = self._wake_write = -1
