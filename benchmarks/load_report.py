"""docs/reliability.md: what `make load` measured, as a document."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from benchmarks.load_client import Run

if TYPE_CHECKING:
    from benchmarks.load import Measured

HEAD = """# Under load

`make load` asks the deployed chain (API Gateway, Lambda and endpoint on localcloud) and the self-hosted
server for explained verdicts on {reviews} test reviews of every length, and compares each answer in full with
the model's own. The clients run on the same cores. Each asks again as soon as it is answered, and waits as
long as a refusal (429 or 503) says. The limits of the stack's API are lifted meanwhile; Lambda's stays, which
is ten events at once.

Written by `make load` on {date}, on {machine}.
"""
PERCENTILES = (50, 95, 99)


def document(measured: Sequence[Measured], machine: str, date: str, reviews: int) -> str:
    lines = [HEAD.format(machine=machine, date=date, reviews=reviews)]
    for each in measured:
        lines += _part(each)
    return "\n".join(lines)


def _part(measured: Measured) -> Iterable[str]:
    yield f"## {measured.title}\n"
    yield "| clients | answers/s | p50 ms | p95 ms | p99 ms | refused | p50 ms | p99 ms | anything else |"
    yield "| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |"
    yield from map(_row, measured.runs)
    soak = measured.soak
    total = len(soak.answered) + len(soak.refused) + soak.wrong
    yield (
        f"\nThen {total:,} requests of {soak.clients} clients, {soak.throughput:.0f} answers a second: "
        f"{len(soak.refused):,} refused, {_others(soak.kinds)} else. Since the warm-up, memory changed by "
        f"{measured.growth:+.1%}.\n"
    )
    asked = max(1, len(measured.runs[0].answered))
    own = (measured.alone.own_cpu_seconds - measured.start.own_cpu_seconds) / asked
    others = (measured.alone.others_cpu_seconds - measured.start.others_cpu_seconds) / asked
    yield (
        f"Of processor time, a request of a single client takes {own * 1000:.1f} ms in the first of its "
        f"processes, and {others * 1000:.1f} ms in those that this one started.\n"
    )
    yield "| all its processes | memory MB | descriptors | threads |"
    yield "| --- | ---: | ---: | ---: |"
    moments = {"at the start": measured.start, "warm": measured.warm, "at the end": measured.end}
    for when, held in moments.items():
        yield f"| {when} | {held.memory_mb:,.0f} | {held.descriptors} | {held.threads} |"
    yield ""


def _row(run: Run) -> str:
    answered, refused = (_percentiles(times) for times in (run.answered, run.refused))
    counted = [str(run.clients), f"{run.throughput:,.0f}", *answered, f"{len(run.refused):,}"]
    return f"| {' | '.join([*counted, refused[0], refused[2], _others(run.kinds)])} |"


def _percentiles(seconds: list[float]) -> list[str]:
    if len(seconds) < 2:
        return ["-"] * len(PERCENTILES)
    cuts = statistics.quantiles(seconds, n=100, method="inclusive")
    return [f"{cuts[percentile - 1] * 1000:,.1f}" for percentile in PERCENTILES]


def _others(kinds: Counter[str]) -> str:
    return ", ".join(f"{number:,} {kind}" for kind, number in kinds.items()) or "nothing"
