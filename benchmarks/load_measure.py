"""Measure a system under load, and check the results against goals."""

from __future__ import annotations

import contextlib
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import psutil

from benchmarks.load_client import Case, Run, load

LEVELS = (1, 8, 32, 128)
"""Numbers of simultaneous clients."""
SOAK_CLIENTS = 8
WARM_UP_SHARE = 0.25
"""The share of the soak's requests that fill caches and buffers; memory is compared afterwards."""
MIN_SOAK_REQUESTS = 5_000
"""The minimum number of requests for a warm-up."""
MAX_SOAK_SECONDS = 1_800
START_SECONDS = 60
START_CLIENTS = 32
"""More than may be answered at a time."""

MAX_OWN_MS = 5.0
MAX_REFUSAL_MS = 100.0
MAX_GROWTH = 0.05
MAX_SLOWDOWN = 2.0
MIN_THROUGHPUT = 0.95
"""The minimum throughput in relation to that of 8 clients; two equal runs may differ by this much."""
PERCENTILES = (50, 95, 99)


@dataclass(frozen=True)
class Usage:
    """The current memory and other resources of a tree of processes, and its processor time."""

    memory_mb: float
    descriptors: int
    threads: int
    root_cpu_seconds: float
    """Of the tree's root alone: localcloud's own process."""
    others_cpu_seconds: float

    @classmethod
    def by(cls, root: psutil.Process) -> Usage:
        """The current usage of a process and all its descendants."""
        memory = descriptors = threads = 0
        seconds = {True: 0.0, False: 0.0}
        for process in [root, *root.children(recursive=True)]:
            with contextlib.suppress(psutil.NoSuchProcess), process.oneshot():
                memory += process.memory_info().rss
                descriptors += process.num_fds()
                threads += process.num_threads()
                seconds[process == root] += sum(process.cpu_times()[:2])
        return cls(memory / 2**20, descriptors, threads, seconds[True], seconds[False])


@dataclass(frozen=True)
class Measured:
    """The measurements of a system under load."""

    title: str
    root_is_its_own: bool
    """Whether the first process does work of its own, as localcloud does, or only starts those that work."""
    runs: Sequence[Run]
    soak: Run
    start: Usage
    alone: Usage
    """After the run of a single client."""
    warm: Usage
    end: Usage

    @property
    def growth(self) -> float:
        """The growth of memory from the end of the warm-up to the end of the soak."""
        return self.end.memory_mb / self.warm.memory_mb - 1

    @property
    def wrong(self) -> int:
        """The number of requests that got neither the model's answer nor a refusal with a time to retry."""
        return self.soak.wrong + sum(run.wrong for run in self.runs)

    @property
    def root_cpu_ms(self) -> float:
        """Processor time of the first process for a request of a single client, in milliseconds."""
        seconds = self.alone.root_cpu_seconds - self.start.root_cpu_seconds
        return seconds * 1000 / max(1, len(self.runs[0].answered))

    @property
    def others_cpu_ms(self) -> float:
        """Processor time of the processes that it started, for such a request, in milliseconds."""
        seconds = self.alone.others_cpu_seconds - self.start.others_cpu_seconds
        return seconds * 1000 / max(1, len(self.runs[0].answered))

    def run_of(self, clients: int) -> Run:
        """The run of so many clients; one of LEVELS."""
        return next(run for run in self.runs if run.clients == clients)


@dataclass(frozen=True)
class Goal:
    """Something aimed at, and what came of it, in words."""

    text: str
    found: str
    reached: bool | None
    """None where too few requests were sent to tell."""
    on_every_machine: bool = False
    """Whether it has nothing to do with how fast the machine is."""

    @property
    def verdict(self) -> str:
        """Whether it was reached, in words."""
        return {True: "reached", False: "NOT REACHED", None: "not measured"}[self.reached]


def goals(measured: Measured) -> Iterator[Goal]:
    """The goals for a system under load, with its results."""
    yield Goal(
        "every request gets the model's answer, or a refusal with Retry-After",
        f"{measured.wrong:,} did not",
        not measured.wrong,
        on_every_machine=True,
    )
    if measured.root_is_its_own:
        own = measured.root_cpu_ms
        text = f"localcloud takes less than {MAX_OWN_MS:g} ms of processor time for a request of one client"
        yield Goal(text, f"{own:.1f} ms", own < MAX_OWN_MS)
    few, many = measured.run_of(8), measured.run_of(32)
    yield Goal(
        f"32 clients get as many answers a second as 8 do (at least {MIN_THROUGHPUT:.0%})",
        f"{many.throughput:.0f} and {few.throughput:.0f}",
        many.throughput >= MIN_THROUGHPUT * few.throughput,
    )
    most = measured.run_of(128)
    slow, quick = percentile(most.answered, 50), percentile(few.answered, 50)
    yield Goal(
        f"what is admitted of 128 clients takes at most {MAX_SLOWDOWN:g} times as long as of 8 (p50)",
        "nothing was answered" if slow is None or quick is None else f"{slow:.0f} ms and {quick:.0f} ms",
        slow is not None and quick is not None and slow <= MAX_SLOWDOWN * quick,
    )
    refused = [seconds for run in measured.runs for seconds in run.refused]
    longest = percentile(refused, 95)
    yield Goal(
        f"refusals take less than {MAX_REFUSAL_MS:g} ms (p95)",
        "nothing was refused" if longest is None else f"{longest:.0f} ms",
        longest is None or longest < MAX_REFUSAL_MS,
    )
    sent = len(measured.soak.answered) + len(measured.soak.refused) + measured.soak.wrong
    enough = sent >= MIN_SOAK_REQUESTS
    yield Goal(
        f"memory grows by at most {MAX_GROWTH:.0%} over {sent:,} requests",
        f"{measured.growth:+.1%}" if enough else "too few for a warm-up",
        measured.growth <= MAX_GROWTH if enough else None,
        on_every_machine=True,
    )


def percentile(seconds: Sequence[float], percent: int) -> float | None:
    """A percentile in milliseconds; None if there are too few values."""
    if len(seconds) < 2:
        return None
    return statistics.quantiles(seconds, n=100, method="inclusive")[percent - 1] * 1000


def measure(
    title: str,
    url: str,
    root: psutil.Process,
    cases: Sequence[Case],
    *,
    requests: int,
    seconds: float,
    root_is_its_own: bool,
    report: Callable[[str], None],
) -> Measured:
    """Measure with each number of clients for `seconds`, and then until all requests have been sent.

    `report` is called with a description of each run.
    """
    # Until everything has been started: each of Lambda's places, of which eight clients would leave two.
    load(url, cases, START_CLIENTS, len(cases), START_SECONDS)
    start = Usage.by(root)
    runs: list[Run] = []
    used: list[Usage] = []
    for clients in LEVELS:
        runs.append(load(url, cases, clients, requests, seconds))
        used.append(Usage.by(root))
        report(summary(runs[-1]))
    warming = round(requests * WARM_UP_SHARE)
    soak = load(url, cases, SOAK_CLIENTS, warming, MAX_SOAK_SECONDS * WARM_UP_SHARE)
    warm = Usage.by(root)
    soak.add(load(url, cases, SOAK_CLIENTS, requests - warming, MAX_SOAK_SECONDS * (1 - WARM_UP_SHARE)))
    end = Usage.by(root)
    report(summary(soak))
    return Measured(title, root_is_its_own, runs, soak, start, used[0], warm, end)


def summary(run: Run) -> str:
    """A run on one line."""
    p50 = percentile(run.answered, 50)
    return (
        f"{run.clients} clients: {run.throughput:.0f} answers/s, "
        f"p50 {'-' if p50 is None else f'{p50:.1f}'} ms, {len(run.refused)} refused, {run.wrong} wrong"
    )
