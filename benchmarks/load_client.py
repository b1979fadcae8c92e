"""Clients that send requests as fast as they are answered, and compare every answer with the model's own.

A refused client waits as long as the answer says, like the page and the examples. All clients run in one
thread and do little for a request, because they share the cores with the measured system and would otherwise
measure themselves.
"""

from __future__ import annotations

import heapq
import json
import selectors
import socket
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

LOOPBACK = ("127.0.0.1", "localhost")
PATIENCE_SECONDS = 60
OVERLOADED = (429, 503)
PIECE_BYTES = 65_536


@dataclass(frozen=True)
class Case:
    """A review as the body of a request, and the answer that the model itself gives."""

    body: bytes
    answer: dict[str, Any]


@dataclass
class Run:
    """The results of some clients. Times are in seconds."""

    clients: int
    seconds: float = 0.0
    answered: list[float] = field(default_factory=list)
    """How long each right answer took."""
    refused: list[float] = field(default_factory=list)
    """How long each 429 or 503 took that says when to come back."""
    kinds: Counter[str] = field(default_factory=Counter)
    """What was neither, by kind."""

    @property
    def throughput(self) -> float:
        """Right answers a second."""
        return len(self.answered) / self.seconds if self.seconds else 0.0

    @property
    def wrong(self) -> int:
        """How many requests got neither a right answer nor a refusal."""
        return self.kinds.total()

    def add(self, other: Run) -> None:
        """Adds a run that followed this one."""
        self.seconds += other.seconds
        self.answered += other.answered
        self.refused += other.refused
        self.kinds += other.kinds


def load(url: str, cases: Sequence[Case], clients: int, requests: int, seconds: float) -> Run:
    """Sends at most `requests` requests from so many clients at once, for at most `seconds` seconds.

    Raises ValueError for an address that is not this machine's.
    """
    parts = urlsplit(url)
    if parts.scheme != "http" or parts.hostname not in LOOPBACK:
        raise ValueError(f"{url} is not on this machine")
    address = parts.hostname, parts.port or 80
    head = f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: application/json\r\n"
    questions = [
        _Question(f"{head}Content-Length: {len(case.body)}\r\n\r\n".encode() + case.body, case.answer)
        for case in cases
    ]
    with selectors.DefaultSelector() as selector:
        return _Load(selector, address, questions, clients, requests, seconds).run()


class _Load:
    """Clients that send questions, and the results."""

    def __init__(
        self,
        selector: selectors.BaseSelector,
        address: tuple[str, int],
        questions: Sequence[_Question],
        clients: int,
        requests: int,
        seconds: float,
    ):
        self._selector = selector
        self._questions = questions
        self._requests = requests
        self._sent = 0
        self._run = Run(clients)
        self._began = time.perf_counter()
        self._end = self._began + seconds
        self._free = [(self._began, number, _Client(address, selector)) for number in range(clients)]
        """A heap of the clients without a request, by the time of their next one."""
        self._asking: dict[_Client, int] = {}
        """The clients that wait for answers, with their numbers, the longest waiting first."""

    def run(self) -> Run:
        """Send all requests, and receive the answers."""
        while self._free or self._asking:
            for key, _ in self._selector.select(self._seconds_to_wait()):
                self._receive(key.data)
            self._give_up()
            self._send()
        return self._run

    def _send(self) -> None:
        """Have the clients whose time has come send a request, or end if there are enough."""
        while self._free and self._free[0][0] <= (now := time.perf_counter()):
            _, number, client = heapq.heappop(self._free)
            if self._sent >= self._requests or now >= self._end:
                client.close()
                continue
            question = self._questions[self._sent % len(self._questions)]
            self._sent += 1
            self._asking[client] = number
            try:
                client.ask(question)
            except OSError as error:
                self._break_off(client, f"broken off ({type(error).__name__})")

    def _seconds_to_wait(self) -> float:
        times = [self._free[0][0]] if self._free else []
        if self._asking:
            times.append(next(iter(self._asking)).began + PATIENCE_SECONDS)
        return max(0.0, min(times) - time.perf_counter())

    def _receive(self, client: _Client) -> None:
        """Read what a client has got, and count the answer if it is complete."""
        if client not in self._asking:
            return client.close()  # the server has closed the idle connection
        try:
            if (answer := client.receive()) is not None:
                self._finish(client, self._count(answer, client))
        except (OSError, ValueError) as error:
            self._break_off(client, f"broken off ({type(error).__name__})")

    def _give_up(self) -> None:
        """Count the requests that have waited for too long."""
        latest = time.perf_counter() - PATIENCE_SECONDS
        while self._asking and (client := next(iter(self._asking))).began <= latest:
            self._break_off(client, "no answer")

    def _break_off(self, client: _Client, kind: str) -> None:
        client.close()
        self._run.kinds[kind] += 1
        self._finish(client, 0)

    def _finish(self, client: _Client, pause: float) -> None:
        """Free a client, which waits so many seconds before its next request."""
        now = time.perf_counter()
        self._run.seconds = now - self._began  # until the last answer, without pauses after it
        heapq.heappush(self._free, (min(now + pause, max(now, self._end)), self._asking.pop(client), client))

    def _count(self, answer: _Answer, client: _Client) -> float:
        """Count an answer; returns the seconds to wait before the next request."""
        took, run = answer.arrived - client.began, self._run
        if answer.status == 200:
            if client.question.is_answer(answer.body):
                run.answered.append(took)
            else:
                run.kinds["another answer than the model's"] += 1
        elif answer.status in OVERLOADED and "retry-after" in answer.headers:
            run.refused.append(took)
            return float(answer.headers["retry-after"])
        elif answer.status in OVERLOADED:
            run.kinds[f"status {answer.status} without Retry-After"] += 1
        else:
            run.kinds[f"status {answer.status}"] += 1
        return 0


@dataclass
class _Question:
    """A request, and the answer that the model itself gives."""

    request: bytes
    answer: dict[str, Any]
    _right: bytes | None = None
    """The last body that was this answer."""

    def is_answer(self, body: bytes) -> bool:
        """Whether a body is that answer, in full. It is parsed unless it equals the last right one."""
        if body != self._right:
            if json.loads(body) != self.answer:
                return False
            self._right = body
        return True


@dataclass(frozen=True)
class _Answer:
    """An answer, and when its last bytes came, by `time.perf_counter`."""

    status: int
    headers: dict[str, str]
    body: bytes
    arrived: float


class _Client:
    """A client, which opens a connection when needed and keeps it for the next request."""

    question: _Question
    began: float
    """When the current request began, before its connection was opened."""

    def __init__(self, address: tuple[str, int], selector: selectors.BaseSelector):
        self._address = address
        self._selector = selector
        self._connection: socket.socket | None = None
        self._received = b""

    def ask(self, question: _Question) -> None:
        """Send a request, which nothing on this machine delays. Raises OSError."""
        self.began = time.perf_counter()
        self.question, self._received = question, b""
        if self._connection is None:
            self._connection = socket.create_connection(self._address, PATIENCE_SECONDS)
            self._selector.register(self._connection, selectors.EVENT_READ, self)
        self._connection.sendall(question.request)

    def receive(self) -> _Answer | None:
        """Read what has come; returns the answer if that is complete. Raises OSError and ValueError."""
        assert self._connection is not None
        received = self._connection.recv(PIECE_BYTES)
        arrived = time.perf_counter()
        if not received:
            raise ConnectionAbortedError("the server has closed the connection")
        self._received += received
        answer = _parse(self._received, arrived)
        if answer is not None and answer.headers.get("connection", "").lower() == "close":
            self.close()
        return answer

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        if self._connection is not None:
            self._selector.unregister(self._connection)
            self._connection.close()
            self._connection = None


def _parse(received: bytes, arrived: float) -> _Answer | None:
    """The answer that has been received; None if a part is missing. Raises ValueError for other bytes."""
    head, end, body = received.partition(b"\r\n\r\n")
    if not end:
        return None
    start, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    if "content-length" not in headers:
        raise ValueError("the answer does not say how long it is")
    missing = int(headers["content-length"]) - len(body)
    if missing < 0:
        raise ValueError("the answer is longer than it says")
    return None if missing else _Answer(int(start.split()[1]), headers, body, arrived)
