"""docs/reliability.md: what `make load` measured, as a document."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from benchmarks.load_client import Run
from benchmarks.load_measure import PERCENTILES, Measured, goals, percentile

HEAD = """# Under load

`make load` asks the deployed chain (API Gateway, Lambda and endpoint on localcloud) and the self-hosted
server for explained verdicts on {reviews} test reviews of every length, and compares each answer in full with
the model's own. The clients run on the same cores. Each sends its next request as soon as it has an answer,
and after a refusal (429 or 503) waits for as long as that says. The limits of the stack's API are lifted for
the time; Lambda's limit of ten concurrent events stays.

Written by `make load` on {date}, on {machine}.
"""


def document(measured: Sequence[Measured], machine: str, date: str, reviews: int) -> str:
    """What was measured, as Markdown."""
    lines = [HEAD.format(machine=machine, date=date, reviews=reviews)]
    for each in measured:
        lines += _part(each)
    return "\n".join(lines)


def _part(measured: Measured) -> Iterable[str]:
    yield f"## {measured.title}\n"
    yield "| aimed at | found | |"
    yield "| --- | ---: | --- |"
    for goal in goals(measured):
        yield f"| {goal.text} | {goal.found} | {goal.verdict} |"
    yield "\n| clients | answers/s | p50 ms | p95 ms | p99 ms | refused | p50 ms | p99 ms | anything else |"
    yield "| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |"
    yield from map(_row, measured.runs)
    soak = measured.soak
    total = len(soak.answered) + len(soak.refused) + soak.wrong
    yield (
        f"\nThen {total:,} requests of {soak.clients} clients, {soak.throughput:.0f} answers a second: "
        f"{len(soak.refused):,} refused, {_others(soak.kinds)} else. Since the warm-up, memory changed by "
        f"{measured.growth:+.1%}.\n"
    )
    yield (
        f"A request of a single client takes {measured.root_cpu_ms:.1f} ms of processor time in the first "
        f"process, and {measured.others_cpu_ms:.1f} ms in those that this process started.\n"
    )
    yield "| all its processes | memory MB | descriptors | threads |"
    yield "| --- | ---: | ---: | ---: |"
    moments = {"at the start": measured.start, "warm": measured.warm, "at the end": measured.end}
    for when, used in moments.items():
        yield f"| {when} | {used.memory_mb:,.0f} | {used.descriptors} | {used.threads} |"
    yield ""


def _row(run: Run) -> str:
    answered, refused = (_percentiles(times) for times in (run.answered, run.refused))
    counted = [str(run.clients), f"{run.throughput:,.0f}", *answered, f"{len(run.refused):,}"]
    return f"| {' | '.join([*counted, refused[0], refused[2], _others(run.kinds)])} |"


def _percentiles(seconds: Sequence[float]) -> list[str]:
    found = [percentile(seconds, percent) for percent in PERCENTILES]
    return ["-" if value is None else f"{value:,.1f}" for value in found]


def _others(kinds: Counter[str]) -> str:
    return ", ".join(f"{number:,} {kind}" for kind, number in kinds.items()) or "nothing"
