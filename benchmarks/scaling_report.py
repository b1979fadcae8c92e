"""docs/scaling.md and its picture: what benchmarks/scaling.py measured, and what follows for a fleet."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import charts, machine
from sentiment.files import atomic_write

PICTURE = "bench-scaling.svg"
REVIEWS = 100_000_000
SYNTHETIC_WORDS, REVIEW_WORDS = 10, 230
"""Words of a review that is prepared to be measured, and of those of IMDb on average."""


class Fleet(NamedTuple):
    """Machines that the time and the price of a large corpus are worked out for."""

    instance_type: str
    machines: int
    processors: int
    dollars_an_hour: float
    gigabits: float


# The network is 1.25 Gbit/s for 4 vCPUs, as AWS gives 10 for the 32 of m5.8xlarge (docs.aws.amazon.com/
# AWSEC2/latest/UserGuide/ec2-instance-network-bandwidth.html); the price is that of SageMaker's pricing page
# on 2026-11-23 (pipeline/bill.py).
FLEET = Fleet("ml.m5.xlarge", 16, 4, 0.23, 1.25)
HEAD = """# More than one machine

```console
$ make train INSTANCES=4                                  # four machines share each batch
$ make train INSTANCES=4 INSTANCE_TYPE=ml.c5.2xlarge SPOT=1
$ make evaluate INSTANCES=4                               # trains and tests on four machines each
$ make train ON=sagemaker INSTANCES=8      # eight machines prepare the reviews, and train on them
$ .venv/bin/python train/prepare.py --reviews FOLDER --output FOLDER   # reviews that are too many to hold
```

`INSTANCES` applies to every job of a command, as `RECIPE` does; with `ENDPOINT=instances` it is the number of
the endpoint's instances, and a job has one machine. A different number of machines gives a different model,
because each machine draws its own dropout, so the model is stored under a different key. torchrun starts one
process for each GPU of a machine, or one for all its processors. CPUs communicate by gloo, GPUs by NCCL, in
bfloat16 where they support it: the code is the same, and has not been run on GPUs. Spot instances give the
same model bit for bit: a step's randomness depends only on the seed and the step's number, and an interrupted
job continues from the checkpoint that it wrote.

`train/prepare.py` writes shards of up to 25,000 reviews and one vocabulary, a file of reviews at a time. With
`ON=sagemaker` a processing job runs it: the reviews are uploaded in at least 100 files, and each machine
prepares those that it gets. While `make` uploads a CSV file (`DATA=kaggle`), it holds 50 MB of it in memory;
the lines are first written below `build/`.

If the train channel holds shards (SageMaker distributes them by `ShardedByS3Key`), each process reads its
own, one at a time, in a new order each epoch, and never holds the others. The n-grams and the word vectors
are fitted to the first 100,000 reviews of the first process, since fitting holds all its reviews in memory.
The LSTM then learns by itself, not what the n-grams leave over (`ngram_folds`).
Without `ON` every machine holds all reviews, and the first one fits to all of them: better for corpora as
small as the project's own.
"""


def write(result: dict[str, Any], target: Path) -> list[str]:
    """Write the document and the picture; returns their names."""
    with atomic_write(target / "scaling.md") as temporary:
        temporary.write_text("\n".join(document(result)) + "\n", encoding="utf-8")
    charts.draw_scaling(result, target / PICTURE)
    return ["scaling.md", PICTURE]


def fleet(row: dict[str, Any]) -> str:
    """The processes and hosts of a row, in words."""
    what = f"{row['hosts']} hosts" if row["hosts"] > 1 else f"{row['processes']} processes"
    return "1 process" if row["hosts"] * row["processes"] == 1 else what


def document(result: dict[str, Any]) -> Iterable[str]:
    """The lines of docs/scaling.md."""
    parts = [result[name] for name in ("training", "preparing", "memory", "fitting")]
    loads = [load for part in parts for load in part["load"]]
    quick = "A quick run: not to be quoted. " if result["quick"] else ""
    yield HEAD
    yield (
        f"{quick}Written by `make scaling`, measured {min(part['measured'] for part in parts)} UTC on "
        f"{machine.summary(result['machine'])}. Its load average was {min(loads):.1f} to {max(loads):.1f} "
        f"meanwhile{_busy(result, max(loads))}.\n"
    )
    yield "## Training\n"
    yield f"![Reviews a second, and the share of communication]({PICTURE})\n"
    titles = "on | batch | reviews/s | ms a step | ms of it in communication | processor ms"
    yield f"| {titles} |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: |"
    for row in result["training"]["rows"]:
        yield (
            f"| {fleet(row)} | {row['batch']} | {row['reviews_per_second']:,.0f} | "
            f"{1e3 * row['step_seconds']:,.0f} | {1e3 * row['communication_seconds']:,.0f} | "
            f"{1e3 * row['processor_seconds']:,.0f} |"
        )
    steps = result["training"]["rows"][0]["steps"]
    yield (
        f"\nMedians of {steps} steps of `fast` in float32 on made-up reviews. Processor time is "
        "that of the first process; each has one thread. Communication includes waiting for the slowest "
        "process. Each host is a torchrun, on the same cores: the rows show what communication costs, not "
        "what more machines gain.\n"
    )
    yield "## Preparing\n"
    yield "| processes | reviews/s | reviews a second of processor time |"
    yield "| ---: | ---: | ---: |"
    for row in result["preparing"]["rows"]:
        of_processor = row["reviews"] / row["processor_seconds"]
        yield f"| {row['processes']} | {row['reviews_per_second']:,.0f} | {of_processor:,.0f} |"
    small, large = result["memory"]["rows"]
    yield (
        f"\n{small['reviews']:,} reviews took {small['peak_mb']:,.0f} MB at most, {large['reviews']:,} "
        f"{large['peak_mb']:,.0f} MB ({large['peak_mb'] / small['peak_mb'] - 1:+.0%}) and "
        f"{large['seconds']:,.0f} s. All are synthetic: {SYNTHETIC_WORDS} words each, of 30,000 different.\n"
    )
    few, more = result["fitting"]["rows"]
    each = (more["peak_mb"] - few["peak_mb"]) / (more["reviews"] - few["reviews"])
    yield (
        f"Fitting n-grams to {few['reviews']:,} and {more['reviews']:,} reviews of real lengths took "
        f"{few['peak_mb']:,.0f} and {more['peak_mb']:,.0f} MB: {each * 100:.0f} GB for 100,000 if growth is "
        "linear. So training reads a larger corpus in shards, and fits n-grams to a part of it.\n"
    )
    yield from _on_paper(result)


def _busy(result: dict[str, Any], load: float) -> str:
    if load <= 1.5 * result["machine"]["cores"]:
        return ""
    return ": other work took most of it, and the seconds below are several times those of an idle one"


def _on_paper(result: dict[str, Any]) -> Iterable[str]:
    one = next(row for row in result["training"]["rows"] if row["hosts"] * row["processes"] == 1)
    alone = result["preparing"]["rows"][0]
    words_a_second = SYNTHETIC_WORDS * alone["reviews"] / alone["processor_seconds"]
    plan = on_paper(one, words_a_second / REVIEW_WORDS)
    yield f"## {REVIEWS / 1e6:.0f} million reviews, on paper\n"
    yield f"| on {FLEET.machines} x `{FLEET.instance_type}` | hours | dollars |"
    yield "| --- | ---: | ---: |"
    for what, hours in plan.items():
        price = hours * FLEET.machines * FLEET.dollars_an_hour
        yield f"| {what} | {hours:,.1f} | {price:,.0f} |"
    yield "\nWhat this assumes:\n"
    yield (
        f"- A machine of {FLEET.processors} vCPUs, which are {FLEET.processors // 2} cores, is as fast as "
        f"the {result['machine']['cores']} cores here, and has no other work: a step takes its processor "
        f"time, shared among {FLEET.processors // 2} threads."
    )
    yield (
        f"- Each machine has {one['batch']} reviews of a batch, so that a batch has "
        f"{one['batch'] * FLEET.machines:,}; whether the recipe learns as well with that was not measured."
    )
    yield (
        f"- A step sends the gradients ({one['gradient_mb']:.0f} MB) around a ring, 2 (N - 1) / N times, at "
        f"{FLEET.gigabits:g} Gbit/s, and none of that overlaps with computation."
    )
    yield "- Every epoch reads every review once; `fast` has two. Machines do not wait for the slowest."
    yield (
        f"- Preparing uses one process a machine, and a real review, of {REVIEW_WORDS} words, takes "
        f"{REVIEW_WORDS / SYNTHETIC_WORDS:.0f} times as long as a made-up one of {SYNTHETIC_WORDS}."
    )
    yield (
        f"- ${FLEET.dollars_an_hour} an hour each, the list price of us-east-1; spot instances cost less. "
        "Starting and storage are left out."
    )


def on_paper(one: dict[str, Any], prepared_a_second: float) -> dict[str, float]:
    """Hours that the fleet needs for the large corpus, by what it does."""
    ring = 2 * (FLEET.machines - 1) / FLEET.machines
    sending = ring * one["gradient_mb"] * 8 / (FLEET.gigabits * 1000)
    computing = one["processor_seconds"] / (FLEET.processors // 2)
    steps = REVIEWS / (one["batch"] * FLEET.machines)
    return {
        "preparing": REVIEWS / (prepared_a_second * FLEET.machines) / 3600,
        "training, an epoch": steps * (computing + sending) / 3600,
        "of it in communication": steps * sending / 3600,
        "training, two epochs": 2 * steps * (computing + sending) / 3600,
    }
