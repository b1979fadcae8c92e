"""Train, score and time one contestant, each in processes of its own."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.corpus import SENTENCE_KINDS, Corpus, read_labelled, sentences
from benchmarks.errors import BenchError
from benchmarks.references import REFERENCES, Reference
from benchmarks.results import Results, key_of
from project.paths import PROJECT
from project.sources import training_sources
from sentiment.data.prepared import prepare, texts_beside
from sentiment.evaluation.metrics import accuracy
from sentiment.training.recipes import METRIC_DEFINITIONS, RECIPES

HERE = Path(__file__).parent
THRESHOLDS = (0.854, 0.90)
"""Validation accuracies whose first reaching is timed: what the predecessor published, and nine in ten."""
COLD_STARTS = 5
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"), "1"
)
SHORT_SPINS = {"GOMP_SPINCOUNT": "1000"}
"""As train/train.py sets it: OpenMP threads that spin long stall on a shared machine."""
_METRICS = {entry["Name"]: re.compile(entry["Regex"]) for entry in METRIC_DEFINITIONS}
_SECONDS = re.compile(r"\bseconds=([0-9.]+)")
Say = Callable[[str], None]


@dataclass(frozen=True)
class Contestant:
    """One row of the table: a reference, or a recipe of the product with a seed.

    `precision` is the number format that a recipe trains in; by default, the one that it chooses itself.
    """

    name: str
    title: str
    kind: str
    seed: int = 0
    precision: str | None = None

    @property
    def identity(self) -> str:
        """The beginning of the names of its files and results."""
        return "-".join([self.name, str(self.seed), *([self.precision] if self.precision else [])])

    def key(self, corpus: Corpus, quick: bool) -> str:
        """Return the key of its training: a hash of data, program and settings."""
        if self.kind == "recipe":
            sources = training_sources()
        else:
            sources = [HERE / name for name in ("references.py", "fasttext.py", "corpus.py")]
            sources += sorted((PROJECT / "sentiment" / "text").rglob("*.py"))
        settings = dict(REFERENCES[self.name].settings) if self.kind == "reference" else {}
        return key_of(self.identity, corpus.key, quick, settings, *sources)


SEMI = Contestant("semi", "`semi`", "recipe")
"""It needs unlabelled reviews, which only the official layout has."""


def contestants() -> dict[str, Contestant]:
    """Everything that takes part by default, the product's recipes last."""
    rows = [Contestant("predecessor", "the predecessor's LSTM", "recipe")]
    rows += [Contestant(reference.name, reference.title, "reference") for reference in REFERENCES.values()]
    rows += [Contestant(name, f"`{name}`", "recipe") for name in ("fast", "best")]
    return {row.name: row for row in rows}


@dataclass(frozen=True)
class Bench:
    """One run: its corpus, its cache of results, its folder, and the function that prints progress.

    `aclimdb` is the folder of the official layout, if there is one.
    """

    corpus: Corpus
    results: Results
    folder: Path
    quick: bool
    say: Say
    aclimdb: Path | None = None

    def contestant(self, name: str) -> Contestant:
        """The contestant of that name. Raises KeyError."""
        return contestants()[name]

    def model_folder(self, contestant: Contestant) -> Path:
        """Where the trained model of a contestant is stored."""
        return self.folder / "models" / contestant.identity

    def scores(self, contestant: Contestant) -> dict[str, np.ndarray]:
        """The probabilities that `accuracy` kept: validation, test, snippets, sentences."""
        with np.load(self._scores_file(contestant)) as arrays:
            return {name: arrays[name] for name in arrays.files}

    def _scores_file(self, contestant: Contestant) -> Path:
        return self.folder / "scores" / f"{contestant.identity}.npz"

    def train(self, contestant: Contestant) -> dict[str, Any]:
        """Seconds from raw reviews to a stored model, memory, and the learning curve by the clock."""
        folder = self.model_folder(contestant)

        def measured() -> dict[str, Any]:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            run = self._train_recipe if contestant.kind == "recipe" else self._train_reference
            return run(contestant, folder) | {"size_mb": size_mb(folder)}

        key = contestant.key(self.corpus, self.quick)
        again = self.results.again or not (folder.is_dir() and any(folder.iterdir()))
        results = Results(self.results.folder, self.results.machine, again)
        result, was_cached = results.cached(f"{contestant.identity}-train", key, measured)
        self.say(
            f"{'kept' if was_cached else 'trained'}: {result['seconds']:.1f} s, {result['size_mb']:.1f} MB"
        )
        return result

    def _train_reference(self, contestant: Contestant, folder: Path) -> dict[str, Any]:
        mode = "quick" if self.quick else "full"
        command = worker("fit", contestant.name, self.corpus.folder, folder, mode)
        done = run_process(command, self.say)
        return {
            "seconds": done.seconds,
            "prepare_seconds": 0.0,
            "peak_mib": done.peak_mib,
            "curve": curve(done.lines),
        }

    def _train_recipe(self, contestant: Contestant, folder: Path) -> dict[str, Any]:
        cache = self.folder / "prepared" / contestant.name
        shutil.rmtree(cache, ignore_errors=True)
        started = time.monotonic()
        recipe = RECIPES[contestant.name]
        reviews = self.corpus.reviews_for(recipe)
        beside = texts_beside(recipe.short_texts, reviews.rows)
        prepared = prepare(reviews, recipe.tokenizer, cache, beside=beside)
        preparing = time.monotonic() - started
        command = [sys.executable, PROJECT / "train" / "train.py", "--recipe", contestant.name]
        command += ["--train", prepared.train, "--validation", prepared.validation, "--model-dir", folder]
        if recipe.self_training:
            command += ["--unlabelled", prepared.channels["unlabelled"]]
        command += ["--seed", contestant.seed, *(["--epochs", 1] if self.quick else [])]
        command += ["--precision", contestant.precision] if contestant.precision else []
        done = run_process(command, self.say)
        points = [(preparing + seconds, accuracy) for seconds, accuracy in curve(done.lines)]
        return {
            "seconds": preparing + done.seconds,
            "prepare_seconds": preparing,
            "peak_mib": done.peak_mib,
            "curve": points,
            "epoch_seconds": epoch_seconds(done.lines),
        }

    def accuracy(self, contestant: Contestant) -> dict[str, Any]:
        """Accuracy with its interval on every file of the corpus, and what the model says of itself."""
        file = self._scores_file(contestant)

        def measured() -> dict[str, Any]:
            file.parent.mkdir(parents=True, exist_ok=True)
            done = run_process(
                worker("score", contestant.kind, self.model_folder(contestant), self.corpus.folder, file),
                lambda line: None,
            )
            scored = self.scores(contestant)
            rows = {
                name: accuracy(read_labelled(self.corpus.folder, name).labels, p)
                for name, p in scored.items()
            }
            return {**rows, **json.loads(done.lines[-1][1])}

        key = key_of(contestant.key(self.corpus, self.quick), HERE / "worker.py")
        again = self.results.again or not file.is_file()
        results = Results(self.results.folder, self.results.machine, again)
        result, _ = results.cached(f"{contestant.identity}-accuracy", key, measured)
        for split in ("validation", "test"):
            if split in result:
                low, high = result[split]["interval"]
                self.say(f"{split} {result[split]['accuracy']:.2%} ({low:.2%} to {high:.2%})")
        return result

    def serving(self, contestant: Contestant) -> dict[str, Any]:
        """Cold start, and latency and throughput on one core, preprocessing included."""

        def measured() -> dict[str, Any]:
            folder = self.model_folder(contestant)
            texts = self.corpus.reviews.select("test").texts
            review = sorted(texts, key=len)[len(texts) // 2]
            first = [
                first_answer(worker("first", contestant.kind, folder), review)[0]
                for _ in range(0 if self.quick else COLD_STARTS - 1)
            ]
            seconds, figures = first_answer(
                worker("serve", contestant.kind, folder, self.corpus.folder), review
            )
            return {**figures, "cold_start_s": float(np.median([*first, seconds]))}

        key = key_of(contestant.key(self.corpus, self.quick), HERE / "worker.py", HERE / "measure.py")
        result, _ = self.results.cached(f"{contestant.identity}-serving", key, measured)
        self.say(
            f"one review {result['median']['p50_ms']:.2f} ms (p99 {result['median']['p99_ms']:.2f}), "
            f"{result['reviews_per_second']:,.0f} reviews/s, cold start {result['cold_start_s']:.2f} s"
        )
        return result

    def trained(self, names: Sequence[str]) -> dict[str, Path]:
        """The folders of those recipes that are trained, in that order; where none is, `fast` is trained."""
        if not any(self._is_trained(self.contestant(name)) for name in names):
            self.model_of("fast")
        return {
            name: self.model_folder(self.contestant(name))
            for name in names
            if self._is_trained(self.contestant(name))
        }

    def model_of(self, name: str) -> Path:
        """The folder of this contestant's model, which is trained unless it is there."""
        contestant = self.contestant(name)
        if not self._is_trained(contestant):
            self.train(contestant)
        return self.model_folder(contestant)

    def _is_trained(self, contestant: Contestant) -> bool:
        key = contestant.key(self.corpus, self.quick)
        is_cached = self.results.has(f"{contestant.identity}-train", key)
        return is_cached and self.model_folder(contestant).is_dir()

    def row(self, contestant: Contestant, seeds: int = 1) -> dict[str, Any]:
        """One row of the table: all three measurements, and accuracies of further seeds of newer recipes."""
        trained, scored = self.train(contestant), self.accuracy(contestant)
        of_seeds = [self._of_seed(contestant, scored)]
        for seed in range(
            1, seeds if contestant.kind == "recipe" and contestant.name != "predecessor" else 1
        ):
            self.say(f"seed {seed}")
            another = replace(contestant, seed=seed)
            self.train(another)
            of_seeds.append(self._of_seed(another, self.accuracy(another)))
        serving = self.serving(contestant)
        return {
            "name": contestant.name,
            "title": contestant.title,
            "kind": contestant.kind,
            "settings": dict(REFERENCES[contestant.name].settings) if contestant.kind == "reference" else {},
            "source": REFERENCES[contestant.name].source if contestant.kind == "reference" else "",
            "train": trained,
            "accuracy": scored,
            "serving": serving,
            "seeds": of_seeds,
            "time_to": {
                f"{threshold:.3f}": time_to(threshold, trained, scored["validation"]["accuracy"])
                for threshold in THRESHOLDS
            },
        }

    def _of_seed(self, contestant: Contestant, scored: dict[str, Any]) -> dict[str, Any]:
        """The accuracies of one seed: on the files of the corpus, and on each kind of short sentence."""
        labelled, kinds = sentences()
        found = {name: scored[name] for name in ("validation", "test", "snippets")}
        for kind in SENTENCE_KINDS:
            rows = np.flatnonzero(np.array(kinds) == kind)
            found[kind] = accuracy(labelled.labels[rows], self.scores(contestant)["sentences"][rows])
        return found


@dataclass(frozen=True)
class Finished:
    """A process that ended well: its wall-clock seconds, peak memory, and lines with their second."""

    seconds: float
    peak_mib: float
    lines: list[tuple[float, str]]


def run_process(command: Sequence[object], say: Say) -> Finished:
    """Run a command, showing its lines as they come. Raises BenchError where it fails."""
    started = time.monotonic()
    process = subprocess.Popen(
        [str(part) for part in command],
        cwd=PROJECT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**SHORT_SPINS, **os.environ},
    )
    lines = []
    assert process.stdout is not None
    try:
        for line in process.stdout:
            lines.append((time.monotonic() - started, line.rstrip()))
            say(f"| {line.rstrip()}")
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    finally:
        if process.returncode is None:
            process.kill()
            process.wait()
    if process.returncode:
        last = "\n".join(line for _, line in lines[-5:])
        raise BenchError(f"{' '.join(map(str, command))}\nended with {process.returncode}: {last}")
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return Finished(time.monotonic() - started, usage.ru_maxrss / unit, lines)


def first_answer(command: Sequence[object], review: str) -> tuple[float, dict[str, Any]]:
    """Seconds from starting a process to its first answer, and the figures it then prints, if any."""
    started = time.monotonic()
    process = subprocess.Popen(
        [str(part) for part in command],
        cwd=PROJECT,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, **ONE_THREAD},
    )
    assert process.stdin is not None and process.stdout is not None
    with process:
        process.stdin.write(json.dumps(review) + "\n")
        process.stdin.flush()
        line = process.stdout.readline()
        seconds = time.monotonic() - started
        rest = process.stdout.read()
    if process.returncode or line.strip() != "ready":
        raise BenchError(f"{' '.join(map(str, command))} ended with {process.returncode}")
    return seconds, json.loads(rest) if rest.strip() else {}


def curve(lines: list[tuple[float, str]]) -> list[tuple[float, float]]:
    """Return (second, validation accuracy) of each line that ends an epoch."""
    points = []
    for seconds, line in lines:
        epoch, accuracy = _METRICS["epoch"].search(line), _METRICS["validation:accuracy"].search(line)
        if epoch and accuracy:
            points.append((seconds, float(accuracy[1])))
    return points


def epoch_seconds(lines: list[tuple[float, str]]) -> list[float]:
    """Return the seconds that each epoch's steps took, as the trainer prints them."""
    ends = (line for _, line in lines if _METRICS["epoch"].search(line))
    return [float(found[1]) for line in ends if (found := _SECONDS.search(line))]


def time_to(threshold: float, trained: dict[str, Any], validation_accuracy: float) -> float | None:
    """Return the seconds until an epoch reached the validation accuracy `threshold`; None if none did."""
    reached = [seconds for seconds, accuracy in trained["curve"] if accuracy >= threshold]
    return min(reached, default=trained["seconds"] if validation_accuracy >= threshold else None)


def size_mb(folder: Path) -> float:
    """Millions of bytes on disk, without the inference code that a model folder carries."""
    files = (
        file for file in folder.rglob("*") if file.is_file() and "code" not in file.relative_to(folder).parts
    )
    return sum(file.stat().st_size for file in files) / 1e6


def worker(*arguments: object) -> list[object]:
    """Return the command of a worker process (worker.py)."""
    return [sys.executable, "-m", "benchmarks.worker", *arguments]


def choose(reference: Reference, corpus: Corpus, say: Say) -> list[dict[str, Any]]:
    """Validation accuracy of every candidate of the reference's grid, the best first."""
    train, validation = (read_labelled(corpus.folder, name) for name in ("train", "validation"))
    rows = []
    for candidate in reference.candidates():
        model = reference.fit(train, validation, candidate, lambda line: None)
        score = accuracy(validation.labels, model.probabilities(validation.texts))["accuracy"]
        tried = {name: candidate[name] for name in reference.grid}
        rows.append({"settings": tried, "validation_accuracy": round(score, 5)})
        say(f"{reference.name} {tried}: {score:.2%}")
    return sorted(rows, key=lambda row: -row["validation_accuracy"])
