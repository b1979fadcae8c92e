"""A server whose connections wait for requests without a thread; the threads of a pool answer these."""

import contextlib
import os
import selectors
import threading
import time
from collections import OrderedDict, deque
from typing import Any, Protocol

from localcloud.growing_pool import GrowingPool
from localcloud.serving import PromptServer

WAKE = b"w"
"""Wakes the serving thread; any other byte ends it."""
PIPE_BYTES = 4096


class Handler(Protocol):
    """Answers the requests of one connection."""

    request: Any
    """The accepted connection."""
    client_address: Any
    connection: Any
    """The connection in use: the accepted one, or TLS over it."""
    idle_seconds: float
    """How long the connection may wait for its next request."""
    waits: bool
    """Whether `handle` has returned because there is no further request yet."""

    def handle(self) -> None:
        """Answers the requests that have come."""

    def finish(self) -> None:
        """Ends the connection."""


class PooledServer(PromptServer):
    """Calls the handler of a connection, in a thread of the pool, whenever a request begins.

    With a thread for each connection, many that connect at once would be answered in turns, and all late.
    """

    closing = False
    """Whether connections end after their current answer."""

    def __init__(self, *arguments: Any, max_connections: int, max_idle: int, **named: Any):
        self._places = threading.BoundedSemaphore(max_connections)
        self._max_idle = max_idle
        self._pool = GrowingPool(self._answer, max_connections)
        self.idle: OrderedDict[Handler, float] = OrderedDict()
        """The handlers of waiting connections, the longest waiting first, and until when each may wait."""
        self._returned: deque[Handler] = deque()
        """The handlers of connections that are to wait."""
        self._is_asleep = False
        super().__init__(*arguments, **named)

    def serve_forever(self, poll_interval: float = 0.5) -> None:
        """Serves connections until `shutdown` is called. Nothing is polled, so `poll_interval` is unused."""
        self.socket.setblocking(False)
        try:
            with selectors.DefaultSelector() as self._selector:
                self._selector.register(self, selectors.EVENT_READ)
                self._selector.register(self._wake_read, selectors.EVENT_READ)
                while self._serve():
                    pass
                self.closing = True
                self._pool.close()
                for handler in list(self.idle):
                    self._stop_waiting(handler)
                    self._end(handler)
                self._end_returned()
        finally:
            self._ended.set()

    def has_waiting_requests(self) -> bool:
        """Whether requests wait for a thread, which then should not wait for a client."""
        return self._pool.has_waiting()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Has the pool answer a new connection, or turns it away."""
        if not self._places.acquire(blocking=False):
            self.turn_away(request)
            self.shutdown_request(request)
            return
        try:
            handler = self.make_handler(request, client_address)
        except BaseException:
            self._places.release()
            raise
        self._pool.submit(handler)

    def make_handler(self, connection: Any, address: Any) -> Handler:
        """The handler of a new connection."""
        raise NotImplementedError

    def turn_away(self, connection: Any) -> None:
        """Answers a connection that is one too many."""

    def _serve(self) -> bool:
        """Waits until something happens, and passes it on; returns False after `shutdown`."""
        for key, _ in self._wait():
            if key.fileobj is self:
                for connection, address in list(self._waiting()):
                    self._begin(connection, address)
            elif key.data is not None:
                self._stop_waiting(key.data)
                self._pool.submit(key.data)
            elif os.read(self._wake_read, PIPE_BYTES).strip(WAKE):
                return False
        self._take_returned()
        self._end_overdue()
        return True

    def _wait(self) -> list[tuple[selectors.SelectorKey, int]]:
        """Waits for connections and requests, until something else is to be done."""
        until_growth = self._pool.grow()
        times = [min(self.idle.values()) - time.monotonic()] if self.idle else []
        if until_growth is not None:
            times.append(until_growth)
        self._is_asleep = True
        if self._returned:  # before it could be seen that this thread sleeps
            times.append(0)
        ready = self._selector.select(max(0, min(times)) if times else None)
        self._is_asleep = False
        return ready

    def _take_returned(self) -> None:
        while self._returned:
            handler = self._returned.popleft()
            self.idle[handler] = time.monotonic() + handler.idle_seconds
            self._selector.register(handler.connection, selectors.EVENT_READ, handler)

    def _stop_waiting(self, handler: Handler) -> None:
        del self.idle[handler]
        self._selector.unregister(handler.connection)

    def _end_overdue(self) -> None:
        """Ends connections that have waited too long, and those that have waited longest of too many."""
        overdue = list(self.idle)[: max(0, len(self.idle) - self._max_idle)]
        now = time.monotonic()
        if min(self.idle.values(), default=now + 1) <= now:
            overdue = [one for one, until in self.idle.items() if until <= now or one in overdue]
        for handler in overdue:
            self._stop_waiting(handler)
            self._end(handler)

    def _answer(self, handler: Handler) -> None:
        """Answers the requests that a connection brings, in a thread of the pool."""
        handler.waits = False
        try:
            handler.handle()
        except Exception:
            handler.waits = False
            self.handle_error(handler.request, handler.client_address)
        if not handler.waits:
            return self._end(handler)
        self._returned.append(handler)
        if self.closing:
            self._end_returned()
        elif self._is_asleep:
            self._is_asleep = False
            os.write(self._wake_write, WAKE)

    def _end_returned(self) -> None:
        """Ends the connections that nobody waits for any more."""
        with contextlib.suppress(IndexError):  # there is none left
            while True:
                self._end(self._returned.popleft())

    def _end(self, handler: Handler) -> None:
        try:
            handler.finish()
        except Exception:
            self.handle_error(handler.request, handler.client_address)
        finally:
            self.shutdown_request(handler.request)
            self._places.release()
