"""The processes of a run: each does one thing with one model, with nothing else in memory or on the clock.

    python -m benchmarks.worker fit REFERENCE CORPUS FOLDER     train a reference and store it
    python -m benchmarks.worker score KIND FOLDER CORPUS FILE   its probabilities for every file of the corpus
    python -m benchmarks.worker serve KIND FOLDER CORPUS [S]    answer one review, then measure answering many
    python -m benchmarks.worker first KIND FOLDER               answer one review and end

KIND is "reference", "recipe", or a recipe by one of its runtimes, "onnxruntime" or "torch", and FOLDER the
stored model; or "predecessor" (predecessor.py), "predecessor-lean" with this project's tokenizer, and FOLDER
a corpus. Each measurement of `serve` ends after S seconds. `serve` and `first` read the first review as a
JSON string from standard input and print "ready" once it is answered; `serve` then prints its figures as
JSON. Both keep to one processor core.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

ROUNDS = 5
NEAREST = 101
LONG_WORDS = 500
LONGEST = 20_000
"""The most characters of a review that the API accepts."""
BATCH = 64
BATCHES = 16
SECONDS = 10.0
MIN_SAMPLES = 5
PREDECESSOR_VOCABULARY = 2000
SCORED = ("validation", "test", "snippets", "sentences")
RECIPES = {"recipe": None, "onnxruntime": "onnxruntime", "torch": "torch"}
QUICK_SETTINGS = {"epochs": 1, "num_round": 60}
Probabilities = Callable[[list[str]], Sequence[float]]
"""From reviews to the probabilities of positive, as a list or an array (N,)."""


def main(arguments: list[str]) -> None:
    """Run the command that the first argument names."""
    commands: dict[str, Callable[..., None]] = {"fit": fit, "score": score, "serve": serve, "first": first}
    commands[arguments[0]](*arguments[1:])


def fit(name: str, corpus: str, folder: str, quick: str) -> None:
    """Train a reference, and store it in `folder`."""
    import joblib

    from benchmarks.corpus import read_labelled
    from benchmarks.references import REFERENCES

    reference = REFERENCES[name]
    settings = dict(reference.settings)
    if quick == "quick":
        settings |= {name: limit for name, limit in QUICK_SETTINGS.items() if name in settings}
    train, validation = (read_labelled(Path(corpus), split) for split in ("train", "validation"))
    model = reference.fit(train, validation, settings, lambda line: print(line, flush=True))
    joblib.dump(model, Path(folder) / "model.joblib", compress=3)


def load(kind: str, folder: str) -> tuple[Probabilities, Any]:
    """A function from reviews to probabilities, and the model behind it."""
    if kind in RECIPES:
        from sentiment.serving.predictor import Predictor

        predictor = Predictor.from_folder(folder, runtime=RECIPES[kind])
        return lambda reviews: [each.probability for each in predictor.predict(reviews)], predictor
    if kind.startswith("predecessor"):
        from benchmarks import predecessor
        from benchmarks.corpus import read_labelled
        from sentiment.text.predecessor.review_to_words import review_to_words

        tokenize = predecessor.review_to_words if kind == "predecessor" else review_to_words
        texts = read_labelled(Path(folder), "train").texts[:PREDECESSOR_VOCABULARY]
        model = predecessor.Predecessor(tokenize, [review_to_words(text) for text in texts])
        return model.probabilities, model
    import joblib

    model = joblib.load(Path(folder) / "model.joblib")
    return model.probabilities, model


def score(kind: str, folder: str, corpus: str, file: str) -> None:
    """Write the probabilities for each file of a corpus to `file` (.npz)."""
    import numpy as np

    from benchmarks.corpus import read_labelled

    probabilities, model = load(kind, folder)
    scored = {}
    for name in SCORED:
        if not (Path(corpus) / f"{name}.jsonl").is_file():
            continue  # a corpus without a test split
        scored[name] = np.asarray(probabilities(read_labelled(Path(corpus), name).texts), dtype=np.float64)
    np.savez(file, allow_pickle=False, **scored)
    described = model.describe() if kind == "recipe" else {}
    print(json.dumps({"model": described}), flush=True)


def answer_first(kind: str, folder: str) -> tuple[Probabilities, Any]:
    """Load the model and answer the review on standard input; "ready" stops the parent's clock."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    review = json.loads(sys.stdin.readline())
    probabilities, model = load(kind, folder)
    probabilities([review])
    print("ready", flush=True)
    return probabilities, model


def first(kind: str, folder: str) -> None:
    """Answer one review and end."""
    answer_first(kind, folder)


def serve(kind: str, folder: str, corpus: str, seconds: str = str(SECONDS)) -> None:
    """Answer one review; then measure latency and throughput, and print the figures as JSON."""
    max_seconds = float(seconds)
    probabilities, model = answer_first(kind, folder)
    import numpy as np

    from benchmarks.corpus import read_labelled

    texts = read_labelled(Path(corpus), "test").texts
    lengths = np.array([len(text.split()) for text in texts])
    figures: dict[str, Any] = {}
    for name, words in (("median", float(np.median(lengths))), ("long", LONG_WORDS)):
        nearest = np.argsort(np.abs(lengths - words), kind="stable")[:NEAREST]
        reviews = [texts[row] for row in nearest]
        figures[name] = {
            "words": words,
            **percentiles(lambda review: probabilities([review]), reviews, max_seconds),
        }
        if kind in RECIPES:
            explained = percentiles(lambda review: model.explain([review]), reviews, max_seconds)
            figures[name]["explained"] = explained
    figures["reviews_per_second"] = rate(probabilities, texts, max_seconds)
    if kind in RECIPES:
        figures["explained_per_second"] = rate(model.explain, texts, max_seconds)
        figures["longest_explained"] = {
            name: percentiles(lambda review: model.explain([review]), [review] * MIN_SAMPLES, max_seconds)
            for name, review in longest_reviews(texts).items()
        }
    print(json.dumps(figures), flush=True)


def longest_reviews(texts: list[str]) -> dict[str, str]:
    """Reviews of LONGEST characters: words as people write them, and characters that take the most time."""
    repeated = {"tags": "<b>", "entities": "&#39;", "escaped entities": "&amp;", "emoji": "\U0001f60d"}
    found = {"words": " ".join(texts)} | {name: text * LONGEST for name, text in repeated.items()}
    return {name: text[:LONGEST] for name, text in found.items()}


def percentiles(answer: Callable[[str], object], reviews: list[str], max_seconds: float) -> dict[str, float]:
    """Milliseconds from text to answer, p50 and p99, over ROUNDS rounds after a warm-up.

    Ends after `max_seconds` seconds, once MIN_SAMPLES reviews are measured.
    """
    import numpy as np

    for review in reviews[:MIN_SAMPLES]:
        answer(review)
    seconds, until = [], time.perf_counter() + max_seconds
    for review in reviews * ROUNDS:
        started = time.perf_counter()
        answer(review)
        ended = time.perf_counter()
        seconds.append(ended - started)
        if ended > until and len(seconds) >= MIN_SAMPLES:
            break
    p50, p99 = np.percentile(seconds, (50, 99)) * 1000
    return {"p50_ms": float(p50), "p99_ms": float(p99)}


def rate(answer: Callable[[list[str]], object], texts: list[str], max_seconds: float) -> float:
    """Reviews a second in at most BATCHES batches of BATCH; none begins after `max_seconds`."""
    started, done = time.perf_counter(), 0
    for start in range(0, min(len(texts), BATCH * BATCHES), BATCH):
        batch = texts[start : start + BATCH]
        answer(batch)
        done += len(batch)
        if time.perf_counter() - started > max_seconds:
            break
    return done / (time.perf_counter() - started)


if __name__ == "__main__":
    main(sys.argv[1:])
