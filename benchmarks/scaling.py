"""Measure how training and preparing scale with processes and hosts: `make scaling`.

Everything runs on this machine's cores. Each host is a torchrun of its own, as SageMaker's toolkit starts one
on each instance; the processes communicate by TCP as they do there. From the measurements, docs/scaling.md
estimates the time and the price of 100 million reviews on a fleet, and states the assumptions.
"""

from __future__ import annotations

import sentiment.interrupts  # noqa: F401

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import machine, scaling_report
from benchmarks.errors import BenchError
from project import ports
from project.console import say, step
from project.paths import BUILD, PROJECT
from sentiment.files import atomic_write
from sentiment.training.command_line import Parser, exit_status

DOCS = PROJECT / "docs"
FIGURES = "scaling.json"
COUNTS = (1, 2, 4)
WARM_UP, STEPS, QUICK_STEPS = 1, 8, 3
PREPARED = 40_000
"""Reviews that are prepared to see how fast it goes."""
CORPUS, LARGER = 25_000, 40
"""Reviews of the project's own corpus, and how many times as many the large one has."""
QUICK_SHARE = 50
FITTED = (2_000, 6_000)
"""Reviews that n-grams are fitted to, to see what memory each takes."""
VOCABULARY = 30_000
"""Distinct words of the synthetic reviews, drawn by Zipf's law."""
FILE_REVIEWS = 12_500


def main(arguments: list[str] | None = None) -> int:
    """Run the command line. Returns the exit status; errors are one line on standard error."""
    parser = Parser(prog="python -m benchmarks.scaling", description=__doc__.split("\n")[0])
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"only these: {', '.join(PARTS)}")
    parser.add_argument("--quick", action="store_true", help="in miniature: not to be quoted")
    parser.add_argument("--worker", metavar="JSON", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.worker:
        work(json.loads(options.worker))
        return 0
    return exit_status(lambda: run(options), BenchError)


def run(options: argparse.Namespace) -> None:
    """Measure the parts, and write the document. Raises BenchError."""
    target = BUILD / "bench" / "quick" / "report" if options.quick else DOCS
    target.mkdir(parents=True, exist_ok=True)
    if unknown := set(options.parts) - PARTS.keys():
        raise BenchError(f"there is no {', '.join(sorted(unknown))}; choose from {', '.join(PARTS)}")
    for name in options.parts or PARTS:
        step(PARTS[name][0])
        _keep(target / FIGURES, name, _part(name, options.quick), options.quick)
    result = json.loads((target / FIGURES).read_text(encoding="utf-8"))
    if missing := PARTS.keys() - result.keys():
        say(f"kept; the document needs {', '.join(sorted(missing))} as well")
        return
    names = scaling_report.write(result, target)
    say(f"wrote: {', '.join([FIGURES, *names])} in {target}")


def _part(name: str, quick: bool) -> dict[str, Any]:
    """Measure one part: its rows, the date, and the load of the machine before and after."""
    load, began = os.getloadavg()[0], time.strftime("%Y-%m-%d %H:%M", time.gmtime())
    rows = PARTS[name][1](quick)
    return {"measured": began, "load": [load, os.getloadavg()[0]], "rows": rows}


def _keep(file: Path, name: str, part: dict[str, Any], quick: bool) -> None:
    """Store the figures of a part with those of the other parts."""
    kept = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    kept |= {"quick": quick, "machine": machine.describe(), name: part}
    with atomic_write(file) as temporary:
        temporary.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


def training(quick: bool) -> list[dict[str, Any]]:
    """Steps of `fast` by processes and by hosts."""
    rows = []
    for hosts, processes in [(1, count) for count in COUNTS] + [(count, 1) for count in COUNTS[1:]]:
        # The whole batch is shared; then each process has one of that size.
        for shared in (True, False) if hosts * processes > 1 else (True,):
            rows.append(_training(hosts, processes, shared, QUICK_STEPS if quick else STEPS))
            say(f"{scaling_report.fleet(rows[-1])}: {rows[-1]['reviews_per_second']:,.0f} reviews/s")
    return rows


def preparing(quick: bool) -> list[dict[str, Any]]:
    """Preparing synthetic reviews by processes."""
    reviews, rows = PREPARED // (QUICK_SHARE if quick else 1), []
    with tempfile.TemporaryDirectory() as scratch:
        for count in COUNTS:
            rows.append(_preparing(Path(scratch) / str(count), count, reviews))
            say(f"{count} processes: {rows[-1]['reviews_per_second']:,.0f} reviews/s")
    return rows


def memory(quick: bool) -> list[dict[str, Any]]:
    """The peak memory of preparing a small and a large corpus."""
    small, rows = CORPUS // (QUICK_SHARE if quick else 1), []
    with tempfile.TemporaryDirectory() as scratch:
        for reviews in (small, small * LARGER):
            rows.append(_memory(Path(scratch) / str(reviews), reviews))
            say(f"{reviews:,} reviews: {rows[-1]['peak_mb']:,.0f} MB")
    return rows


def fitting(quick: bool) -> list[dict[str, Any]]:
    """The peak memory of fitting n-grams."""
    return [_fitting(count // (QUICK_SHARE if quick else 1)) for count in FITTED]


PARTS: dict[str, tuple[str, Callable[[bool], list[dict[str, Any]]]]] = {
    "training": ("Training steps", training),
    "preparing": ("Preparing", preparing),
    "memory": ("Memory of preparing", memory),
    "fitting": ("Memory of fitting n-grams", fitting),
}


def work(case: dict[str, Any]) -> None:
    """Run one process of a training: take the steps of a case. The first one prints its figures as JSON."""
    import torch

    from benchmarks.training import synthetic_channel
    from sentiment.model.lstm import LSTMClassifier
    from sentiment.training.batches import InMemoryBatches
    from sentiment.training.distributed import process_group
    from sentiment.training.recipes import recipe
    from sentiment.training.steps import Stepper

    torch.set_num_threads(1)
    chosen = recipe("fast")
    with process_group("cpu") as group:
        size = chosen.batch_size * (1 if case["shared"] else group.size)
        steps = WARM_UP + case["steps"]
        channel = synthetic_channel(chosen, steps * size)
        torch.manual_seed(0)
        model = LSTMClassifier(chosen.architecture(), chosen.dropouts()).train()
        held = InMemoryBatches(channel, model.architecture, size, 0, group)
        stepper = Stepper(model, chosen, steps, 0, False, group)
        seconds, communicating, processor = [], [], []
        for number, batch in enumerate(held.of_epoch(0, 0)):
            before, started, used = group.seconds, time.perf_counter(), time.process_time()
            stepper.step(number, batch)
            if number >= WARM_UP:
                seconds.append(time.perf_counter() - started)
                communicating.append(group.seconds - before)
                processor.append(time.process_time() - used)
        figures = {
            "batch": size,
            "step_seconds": float(np.median(seconds)),
            "reviews_per_second": size / float(np.median(seconds)),
            "processor_seconds": float(np.median(processor)),
            "communication_seconds": float(np.median(communicating)),
            "gradient_mb": sum(parameter.numel() for parameter in model.parameters()) * 4 / 1e6,
        }
        if group.is_first:
            print(json.dumps(figures), flush=True)


def _training(hosts: int, processes: int, shared: bool, steps: int) -> dict[str, Any]:
    case = {"shared": shared, "steps": steps}
    worker = ["-m", "benchmarks.scaling", "--worker", json.dumps(case)]
    if hosts * processes == 1:
        commands = [[sys.executable, *worker]]
    else:
        torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", str(processes)]
        meeting = ["--master-addr", "127.0.0.1", "--master-port", str(ports.free_port())]
        commands = [
            [*torchrun, "--nnodes", str(hosts), "--node-rank", str(rank), *meeting, *worker]
            for rank in range(hosts)
        ]
    printed = "".join(_all_outputs(commands))
    line = next(line for line in printed.splitlines() if line.startswith("{"))
    row: dict[str, Any] = json.loads(line)
    return {"hosts": hosts, "processes": processes} | case | row


def _preparing(folder: Path, processes: int, reviews: int) -> dict[str, Any]:
    """Measure preparing: each process has files of its own, like each instance of a job."""
    commands = []
    for number in range(processes):
        own = folder / str(number)
        write_reviews(own, reviews // processes, seed=number)
        commands.append(_prepare_command(own))
    started, used = time.perf_counter(), _processor_seconds_of_children()
    _all_outputs(commands)
    return {
        "processes": processes,
        "reviews": reviews,
        "reviews_per_second": reviews / (time.perf_counter() - started),
        "processor_seconds": _processor_seconds_of_children() - used,
    }


def _memory(folder: Path, reviews: int) -> dict[str, Any]:
    write_reviews(folder, reviews, seed=1)
    command = _prepare_command(folder)
    program = (
        "import resource, sys\n"
        "from train import prepare\n"
        "code = prepare.main(sys.argv[2:])\n"
        "peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "print(peak / (1 << (20 if sys.platform == 'darwin' else 10)))\n"
        "sys.exit(code)\n"
    )
    started = time.perf_counter()
    [printed] = _all_outputs([[sys.executable, "-c", program, *command[1:]]])
    return {
        "reviews": reviews,
        "peak_mb": float(printed.splitlines()[-1]),
        "seconds": time.perf_counter() - started,
    }


def _fitting(reviews: int) -> dict[str, Any]:
    """The memory of fitting the n-grams of `fast` to so many reviews of people's lengths."""
    program = (
        "import resource, sys\n"
        "import numpy as np\n"
        "from benchmarks.training import synthetic_channel\n"
        "from sentiment.model.lstm import LSTMClassifier\n"
        "from sentiment.training.ngram_fit import fit_ngrams\n"
        "from sentiment.training.recipes import recipe\n"
        "chosen = recipe('fast')\n"
        "channel = synthetic_channel(chosen, int(sys.argv[1]))\n"
        "table = LSTMClassifier(chosen.architecture(), chosen.dropouts()).ngrams\n"
        "weights = np.ones(len(channel))\n"
        "settings = chosen.ngram_min_reviews, chosen.ngram_c, chosen.ngram_fragments\n"
        "fit_ngrams(table, channel, weights, *settings)\n"
        "peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "print(peak / (1 << (20 if sys.platform == 'darwin' else 10)))\n"
    )
    [printed] = _all_outputs([[sys.executable, "-c", program, str(reviews)]])
    return {"reviews": reviews, "peak_mb": float(printed.splitlines()[-1])}


def write_reviews(folder: Path, reviews: int, seed: int) -> None:
    """Write made-up reviews as files of lines, of words drawn by Zipf's law."""
    folder.mkdir(parents=True)
    draws = random.Random(seed)
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = ["".join(letters[number // 26**place % 26] for place in range(4)) for number in range(VOCABULARY)]
    weights = list(np.cumsum(1 / np.arange(1, VOCABULARY + 1)).tolist())
    for start in range(0, reviews, FILE_REVIEWS):
        with (folder / f"{start:09}.jsonl").open("w", encoding="utf-8") as stream:
            for number in range(start, min(start + FILE_REVIEWS, reviews)):
                text = " ".join(draws.choices(words, cum_weights=weights, k=scaling_report.SYNTHETIC_WORDS))
                stream.write(json.dumps({"review": text, "sentiment": number % 2}) + "\n")


def _prepare_command(folder: Path) -> list[str]:
    program = str(PROJECT / "train" / "prepare.py")
    return [sys.executable, program, f"--reviews={folder}", f"--output={folder / 'prepared'}"]


def _all_outputs(commands: Sequence[Sequence[str]]) -> list[str]:
    """Run programs at the same time, and return their outputs. Raises BenchError if one fails."""
    running = [
        subprocess.Popen(command, cwd=PROJECT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for command in commands
    ]
    outputs = [process.communicate() for process in running]
    for process, (_, errors) in zip(running, outputs, strict=True):
        if process.returncode:
            raise BenchError(f"a process failed:\n{errors}")
    return [printed for printed, _ in outputs]


def _processor_seconds_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    sys.exit(main())
