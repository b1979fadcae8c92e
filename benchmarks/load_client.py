"""Clients that send requests as fast as they are answered, and compare every answer with the model's own.

A refused client waits as long as the answer says, like the page and the examples. All clients run in one
process, with plain asyncio streams, because they share the cores with the measured system.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from urllib.parse import urlsplit

LOOPBACK = ("127.0.0.1", "localhost")
PATIENCE_SECONDS = 60
OVERLOADED = (429, 503)


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
    return asyncio.run(_load(parts.hostname, parts.port or 80, parts.path, cases, clients, requests, seconds))


async def _load(
    host: str, port: int, path: str, cases: Sequence[Case], clients: int, requests: int, seconds: float
) -> Run:
    run, numbers = Run(clients), count()
    began = time.perf_counter()

    async def client() -> None:
        connection = _Connection(host, port, path)
        while (number := next(numbers)) < requests and (left := began + seconds - time.perf_counter()) > 0:
            pause = await _ask(connection, cases[number % len(cases)], run)
            run.seconds = time.perf_counter() - began  # until the last answer, without pauses after it
            await asyncio.sleep(min(pause, left))
        connection.close()

    await asyncio.gather(*(client() for _ in range(clients)))
    return run


async def _ask(connection: _Connection, case: Case, run: Run) -> float:
    """Sends one request, and counts how it ended; returns the seconds to wait before the next."""
    began = time.perf_counter()
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            status, headers, body = await connection.post(case.body)
    except TimeoutError:
        connection.close()
        run.kinds["no answer"] += 1
        return 0
    except (OSError, EOFError, ValueError) as error:
        connection.close()
        run.kinds[f"broken off ({type(error).__name__})"] += 1
        return 0
    took = time.perf_counter() - began
    if status == 200:
        if json.loads(body) == case.answer:
            run.answered.append(took)
        else:
            run.kinds["another answer than the model's"] += 1
    elif status in OVERLOADED and "retry-after" in headers:
        run.refused.append(took)
        return float(headers["retry-after"])
    elif status in OVERLOADED:
        run.kinds[f"status {status} without Retry-After"] += 1
    else:
        run.kinds[f"status {status}"] += 1
    return 0


class _Connection:
    """A connection that is opened when needed and kept for the next request."""

    def __init__(self, host: str, port: int, path: str):
        self._address = host, port
        self._head = f"POST {path} HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: application/json\r\n"
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def post(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        if self._streams is not None and self._streams[0].at_eof():
            self.close()  # the server has closed the idle connection
        if self._streams is None:
            self._streams = await asyncio.open_connection(*self._address)
        reader, writer = self._streams
        writer.write(f"{self._head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        start, *lines = head.rstrip().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        content = await reader.readexactly(int(headers["content-length"]))
        if headers.get("connection", "").lower() == "close":
            self.close()
        return int(start.split()[1]), headers, content

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None
