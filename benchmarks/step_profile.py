"""Where the time of a training step goes, and how near it comes to the machine's limit.

    python benchmarks/step_profile.py --recipe best
    python benchmarks/step_profile.py --recipe best --embedding-dim 128 --hidden-dim 128

Reviews are random ids as long as the sample's (230 words in the mean). The limit is the rate of a square
matrix product in the same number format on the same threads, measured in the same run. Floating point
operations are those of the LSTM's matrix products, forward (once) and backward (twice), for each pass.
"""

import argparse
import os
import sys
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
os.environ.setdefault("GOMP_SPINCOUNT", "1000")  # as train.py does, and says why

import torch  # noqa: E402

from sentiment.channels import Channel  # noqa: E402
from sentiment.model import LSTMClassifier, collate  # noqa: E402
from sentiment.processes import Processes  # noqa: E402
from sentiment.recipes import RECIPES, Recipe, recipe  # noqa: E402
from sentiment.steps import Stepper  # noqa: E402

MEDIAN_WORDS, SPREAD = 175, 0.65
"""Lengths of the sample's reviews are about log-normal: median, and deviation of the logarithm."""
SQUARE = 2048
WARM_UP = 3


def main() -> None:
    options = parse()
    torch.set_num_threads(options.threads)
    changes = {name: getattr(options, name) for name in ("embedding_dim", "hidden_dim", "head", "tail")}
    chosen = recipe(options.recipe, **{name: value for name, value in changes.items() if value is not None})
    stepper, numbers = make_stepper(chosen, options.steps + WARM_UP, options.precision == "bfloat16")
    for step in range(WARM_UP):
        stepper.step(step, numbers[step])
    started = time.perf_counter()
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        for step in range(WARM_UP, WARM_UP + options.steps):
            stepper.step(step, numbers[step])
    seconds = (time.perf_counter() - started) / options.steps
    work = np.mean([operations(stepper, rows) for rows in numbers[WARM_UP:]])
    limit = matrix_product_rate(torch.bfloat16 if options.precision == "bfloat16" else torch.float32)
    print(profile.key_averages().table(sort_by="self_cpu_time_total", row_limit=options.rows))
    print(
        f"{chosen.name}: {seconds * 1e3:.0f} ms a step of {chosen.batch_size} reviews, "
        f"{work / 1e9:.1f} GFLOP, {work / seconds / 1e9:.0f} GFLOP/s; "
        f"a {SQUARE} x {SQUARE} product of {options.precision} on {options.threads} threads: "
        f"{limit / 1e9:.0f} GFLOP/s; share {work / seconds / limit:.0%}"
    )


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    labelled = sorted(name for name, its in RECIPES.items() if not its.virtual_adversarial)
    parser.add_argument("--recipe", default="best", choices=labelled)
    for name in ("embedding-dim", "hidden-dim", "head", "tail"):
        parser.add_argument(f"--{name}", type=int, help="instead of the recipe's")
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--precision", default="bfloat16", choices=("bfloat16", "float32"))
    parser.add_argument("--rows", type=int, default=20, help="lines of the table")
    return parser.parse_args()


def make_stepper(chosen: Recipe, steps: int, bfloat16: bool) -> tuple[Stepper, list[np.ndarray]]:
    """A stepper over made-up reviews, and the rows of each step."""
    random = np.random.default_rng(0)
    reviews = steps * chosen.batch_size
    lengths = np.exp(random.normal(np.log(MEDIAN_WORDS), SPREAD, reviews)).astype(np.int64) + 1
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    tokens = random.integers(1, chosen.vocab_size, offsets[-1]).astype(np.int32)
    channel = Channel(tokens, offsets, random.integers(0, 2, reviews).astype(np.int8))
    torch.manual_seed(0)
    model = LSTMClassifier(chosen.architecture(), chosen.dropouts()).train()
    stepper = Stepper(model, chosen, channel, None, steps, 0, bfloat16, Processes())
    return stepper, np.array_split(np.arange(reviews), steps)


def operations(stepper: Stepper, rows: np.ndarray) -> float:
    """Floating point operations of the LSTM's products in a step, padding included as it is computed."""
    a = stepper.model.architecture
    words = collate([stepper.reviews[row] for row in rows], a).ids.numel()
    directions = 2 if a.bidirectional else 1
    forward = 2 * words * directions * 4 * a.hidden_dim * (a.embedding_dim + a.hidden_dim)
    return forward * 3 * (2 if stepper.recipe.adversarial else 1)


def matrix_product_rate(dtype: torch.dtype) -> float:
    """Operations a second of a square product, the best of ten."""
    left, right = torch.randn(2, SQUARE, SQUARE).to(dtype)
    seconds = []
    for _ in range(10):
        started = time.perf_counter()
        left @ right
        seconds.append(time.perf_counter() - started)
    return 2 * SQUARE**3 / min(seconds)


if __name__ == "__main__":
    main()
