"""Servers that end at once when they are asked to, and sleep until a client connects."""

import os
import selectors
import socketserver
import threading
from typing import Any


class PromptServer(socketserver.TCPServer):
    """A server whose loop waits for connections and for `shutdown`, instead of looking every so often."""

    timeout = 0  # of `handle_request`: the client may be gone when it is called
    _asked = _ask = -1

    def __init__(self, *arguments: Any, **named: Any):
        super().__init__(*arguments, **named)
        self._ended = threading.Event()
        self._asked, self._ask = os.pipe()

    def serve_forever(self, poll_interval: float = 0.5) -> None:
        """Accepts connections until `shutdown` is called. Nothing is polled."""
        try:
            with selectors.DefaultSelector() as selector:
                selector.register(self, selectors.EVENT_READ)
                selector.register(self._asked, selectors.EVENT_READ)
                while True:
                    ready = [key.fileobj for key, _ in selector.select()]
                    if self._asked in ready:
                        return
                    self.handle_request()
        finally:
            self._ended.set()

    def shutdown(self) -> None:
        """Ends `serve_forever`, which runs in another thread, and waits until it has returned."""
        os.write(self._ask, b".")
        self._ended.wait()

    def server_close(self) -> None:
        super().server_close()
        self._close_pipe()

    def _close_pipe(self) -> None:
        for end in (self._asked, self._ask):
            if end >= 0:
                os.close(end)
        self._asked = self._ask = -1
