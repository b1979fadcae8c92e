"""Compare a training step with the machine's limit, and break down its time.

The reviews are random ids, with the lengths of the sample's reviews (a mean of 230 words). The limit is the
rate of a square matrix product in the same number format with the same threads, measured in the same process.
Floating point operations are those of the LSTM's matrix products, forward (once) and backward (twice), for
each pass; the rest of a step counts only as time.
"""

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from benchmarks.errors import BenchError
from benchmarks.measure import SHORT_SPINS, Bench
from project.paths import PROJECT
from sentiment.data.channels import Channel
from sentiment.model.lstm import LSTMClassifier, collate
from sentiment.training.batches import Batch, InMemoryBatches
from sentiment.training.distributed import ProcessGroup
from sentiment.training.precision import bfloat16_failure
from sentiment.training.recipes import Recipe, recipe
from sentiment.training.steps import Stepper

CASES = (
    {"recipe": "fast"},
    {"recipe": "best"},
    {"recipe": "best", "embedding_dim": 128, "hidden_dim": 128},
)
PRECISIONS = {"bfloat16": torch.bfloat16, "float32": torch.float32}
STEPS, QUICK_STEPS, WARM_UP = 20, 2, 3
MEDIAN_WORDS, SPREAD = 175, 0.65
"""Lengths of the sample's reviews are about log-normal: median, and deviation of the logarithm."""
SQUARE, PRODUCTS = 2048, 10
SHOWN = 4
COLUMNS = ("a step of", "numbers", "ms", "GFLOP/s", "the machine's", "share", "most of its time goes to")


def measure(bench: Bench) -> dict[str, Any]:
    """A row for each case and number format, each measured in a process of its own.

    A format that the processor does not support gets a row with the `failure` instead of figures.
    """
    rows = []
    for case in CASES[:1] if bench.quick else CASES:
        for precision in PRECISIONS:
            steps = QUICK_STEPS if bench.quick else STEPS
            row = {**case, "precision": precision, "steps": steps}
            if precision == "bfloat16" and (failure := bfloat16_failure("cpu")) is not None:
                rows.append(row | {"failure": failure})
                bench.say(f"{title(row)}, {precision}: not possible on this processor ({failure})")
                continue
            rows.append(_in_a_process(row))
            bench.say(f"{title(row)}, {precision}: {rows[-1]['milliseconds']:.0f} ms a step")
    return {
        "measured": time.strftime("%Y-%m-%d %H:%M", time.gmtime()),
        "rows": rows,
        "without_bfloat16": without_bfloat16(bench),
    }


def without_bfloat16(bench: Bench) -> dict[str, Any]:
    """The seconds of each epoch of `fast` in float32, and the validation accuracy after the last one."""
    contestant = bench.contestant("fast")
    if bfloat16_failure("cpu") is None:
        contestant = replace(contestant, precision="float32")
    trained = bench.train(contestant)
    return {"epoch_seconds": trained["epoch_seconds"], "validation_accuracy": trained["curve"][-1][1]}


def cells(row: dict[str, Any]) -> list[str]:
    """One line of the table, in the order of COLUMNS."""
    if "failure" in row:
        return [title(row), row["precision"], *["-"] * 4, "not possible on this processor"]
    return [
        title(row),
        row["precision"],
        f"{row['milliseconds']:.0f}",
        f"{row['gflops']:,.0f}",
        f"{row['limit_gflops']:,.0f}",
        f"{row['gflops'] / row['limit_gflops']:.0%}",
        ", ".join(f"{_operator(name)} {share:.0%}" for name, share in row["operators"].items()),
    ]


def _operator(name: str) -> str:
    """The name of an operator as a profile gives it, without where in torch it was evaluated."""
    return name.rpartition(": ")[2]


def title(row: dict[str, Any]) -> str:
    """The title of a row: its recipe, and what was changed in it."""
    wider = f" with {row['hidden_dim']} units" if "hidden_dim" in row else ""
    return f"`{row['recipe']}`{wider}"


def profile(case: dict[str, Any]) -> dict[str, Any]:
    """The figures of a case: {"recipe", "precision", "steps"}, and fields to change in the recipe."""
    changes = {name: case[name] for name in case.keys() - {"recipe", "precision", "steps"}}
    steps, precision = case["steps"], case["precision"]
    chosen = recipe(case["recipe"], early_words=0, **changes)  # a step over whole reviews
    stepper, batches = _stepper(chosen, WARM_UP + steps, precision == "bfloat16")
    for number in range(WARM_UP):
        stepper.step(number, batches[number])
    seconds = []
    for number in range(WARM_UP, WARM_UP + steps):
        started = time.perf_counter()
        stepper.step(number, batches[number])
        seconds.append(time.perf_counter() - started)
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profiled:
        stepper.step(number, batches[number])
    operators = profiled.key_averages()
    total = sum(each.self_cpu_time_total for each in operators)
    longest = sorted(operators, key=lambda each: -each.self_cpu_time_total)[:SHOWN]
    work = np.mean([_operations(stepper, batch) for batch in batches[WARM_UP:]])
    return case | {
        "threads": torch.get_num_threads(),
        "milliseconds": 1e3 * float(np.median(seconds)),
        "gflops": float(work / np.mean(seconds)) / 1e9,
        "limit_gflops": _matrix_product_rate(PRECISIONS[precision]) / 1e9,
        "operators": {each.key.removeprefix("aten::"): each.self_cpu_time_total / total for each in longest},
    }


def _in_a_process(case: dict[str, Any]) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.training", json.dumps(case)],
        cwd=PROJECT,
        env={**os.environ, **SHORT_SPINS},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BenchError(f"a training step could not be measured:\n{done.stderr}")
    row: dict[str, Any] = json.loads(done.stdout)
    return row


def _stepper(chosen: Recipe, steps: int, bfloat16: bool) -> tuple[Stepper, list[Batch]]:
    """A stepper over made-up reviews, and the batch of each step."""
    channel = synthetic_channel(chosen, steps * chosen.batch_size)
    torch.manual_seed(0)
    model = LSTMClassifier(chosen.architecture(), chosen.dropouts()).train()
    group = ProcessGroup()
    held = InMemoryBatches(channel, model.architecture, chosen.batch_size, 0, group)
    batches = [held.of_rows(rows) for rows in np.array_split(np.arange(len(channel)), steps)]
    return Stepper(model, chosen, steps, 0, bfloat16, group), batches


def synthetic_channel(chosen: Recipe, reviews: int) -> Channel:
    """Reviews of random words, as long as those of people."""
    random = np.random.default_rng(0)
    lengths = np.exp(random.normal(np.log(MEDIAN_WORDS), SPREAD, reviews)).astype(np.int64) + 1
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    tokens = random.integers(1, chosen.vocab_size, offsets[-1]).astype(np.int32)
    return Channel(tokens, offsets, random.integers(0, 2, reviews).astype(np.int8))


def _operations(stepper: Stepper, batch: Batch) -> float:
    """Return the floating-point operations of the LSTM's matrix products in a step, padding included."""
    a = stepper.model.architecture
    words = collate(batch.reviews, a).ids.numel()
    directions = 2 if a.bidirectional else 1
    forward = 2 * words * directions * 4 * a.hidden_dim * (a.embedding_dim + a.hidden_dim)
    return forward * 3 * (2 if stepper.recipe.adversarial else 1)


def _matrix_product_rate(dtype: torch.dtype) -> float:
    """Return the operations a second of a square matrix product, the best of PRODUCTS."""
    left, right = torch.randn(2, SQUARE, SQUARE).to(dtype)
    seconds = []
    for _ in range(PRODUCTS):
        started = time.perf_counter()
        left @ right
        seconds.append(time.perf_counter() - started)
    return 2 * SQUARE**3 / min(seconds)


if __name__ == "__main__":
    print(json.dumps(profile(json.loads(sys.argv[1]))))
