"""Measure the faithfulness of word weights by deletion and insertion curves on validation reviews.

Words are processed in the order of their weights, those for the verdict first. Deletion replaces them by an
infrequent word, so that the probability of the verdict falls; insertion puts them into a review of infrequent
words, so that it rises (Petsiuk, Das and Saenko, RISE, BMVC 2018). Faithful weights give a small area under
the first curve and a large one under the second. All candidates weigh the n-grams by their exact shares, and
differ in the weights for the LSTM.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.measure import Bench
from sentiment.model.layout import crop
from sentiment.model.lstm import LSTMClassifier, collate
from sentiment.progress import Progress
from sentiment.serving.artifact import read_model
from sentiment.serving.engine import Explanation
from sentiment.serving.predictor import Predictor
from sentiment.serving.torch_engine import TorchEngine
from sentiment.text.vocabulary import INFREQUENT, NO_WORD

REVIEWS, QUICK_REVIEWS = 200, 6
SHARES = (0.0, 0.01, 0.02, 0.03, 0.05, 0.08, 0.12, 0.16, 0.2, 0.3, 0.4, 0.5)
"""Shares of a review's words after which the curves are read."""
PREFERRED = ("best", "fast")
INTEGRATION_STEPS = 16
BATCH_SIZE = 32
COLUMNS = ("words in order of", "deletion area", "insertion area", "ms a review")
TITLES = {
    "states": "a fifth of the moves of the states (ours)",
    "moves": "moves of the states",
    "gradient": "gradient x input",
    "half_gradient": "gradient at half the input",
    "integrated": f"integrated gradients, {INTEGRATION_STEPS} steps",
    "occlusion": "occlusion",
    "ngrams": "n-grams alone",
    "random": "random order",
}
Weigh = Callable[[np.ndarray], np.ndarray]


def measure(bench: Bench) -> dict[str, Any]:
    """Curves, areas and milliseconds of every candidate, on the best recipe that is trained."""
    recipe, folder = next(iter(bench.trained(PREFERRED).items()))
    texts = bench.corpus.reviews.select("validation").texts
    wanted = QUICK_REVIEWS if bench.quick else REVIEWS
    chosen = np.linspace(0, len(texts) - 1, min(wanted, len(texts))).astype(int)
    found = curves(TorchEngine(read_model(folder)), ids_of(folder, [texts[row] for row in chosen]))
    return {
        "measured": time.strftime("%Y-%m-%d %H:%M", time.gmtime()),
        "recipe": recipe,
        "version": Predictor.from_folder(folder).version,
        "reviews": len(chosen),
        "shares": list(SHARES),
        "rows": [{"name": name, "title": TITLES[name]} | row for name, row in found.items()],
    }


def ids_of(folder: Path, texts: list[str]) -> list[np.ndarray]:
    """The marked word ids of those texts that have words."""
    predictor = Predictor.from_folder(folder)
    found = [predictor.ids(predictor.loaded.tokenizer(text)) for text in texts]
    return [ids for ids in found if len(ids)]


def curves(engine: TorchEngine, reviews: list[np.ndarray]) -> dict[str, dict[str, Any]]:
    """Return for each candidate mean probabilities of the verdict at SHARES, areas, and ms per review."""
    weighers = candidates(engine)
    seconds = dict.fromkeys(weighers, 0.0)
    read: dict[str, list[np.ndarray]] = {name: [] for name in weighers}
    with Progress("faithfulness", len(reviews), "reviews") as shown:
        for ids in reviews:
            verdict = 1 if engine.logits([ids])[0] >= 0 else -1
            for name, weigh in weighers.items():
                started = time.perf_counter()
                weights = weigh(ids)
                seconds[name] += time.perf_counter() - started
                changed = changed_reviews(ids, np.argsort(-verdict * weights, kind="stable"))
                logits = engine.logits(changed)
                read[name].append(1 / (1 + np.exp(-verdict * logits)))
            shown.add()
    result = {}
    for name, rows in read.items():
        deletion, insertion = np.mean(rows, axis=0).reshape(2, len(SHARES))
        result[name] = {
            "deletion": deletion.tolist(),
            "insertion": insertion.tolist(),
            "deletion_area": area(deletion),
            "insertion_area": area(insertion),
            "ms": seconds[name] / len(reviews) * 1000,
        }
    return result


def changed_reviews(ids: np.ndarray, order: np.ndarray) -> list[np.ndarray]:
    """Return the review with the first of `order` deleted, for each of SHARES; then with only those left."""
    deleted, inserted = [], []
    for share in SHARES:
        first = order[: round(share * len(ids))]
        without, alone = ids.copy(), np.full_like(ids, INFREQUENT)
        without[first] = INFREQUENT
        alone[first] = ids[first]
        deleted.append(without)
        inserted.append(alone)
    return [*deleted, *inserted]


def area(curve: np.ndarray) -> float:
    """The mean height of a curve over SHARES."""
    return float(np.trapezoid(curve, SHARES) / (SHARES[-1] - SHARES[0]))


def candidates(engine: TorchEngine) -> Mapping[str, Weigh]:
    """Return by name, in the order of TITLES, the functions from a review's ids to its words' weights."""
    model = engine.model
    random = np.random.default_rng(0)

    def with_ngrams(of_deep: Weigh) -> Weigh:
        def weigh(ids: np.ndarray) -> np.ndarray:
            deep = Explanation(0.0, of_deep(crop(ids, model.architecture)))
            return engine.explanation(ids, deep, 1.0).weights

        return weigh

    return {
        "states": lambda ids: engine.explain([ids])[0].weights,
        "moves": with_ngrams(lambda ids: engine.deep_explanations([ids])[0].weights),
        "gradient": with_ngrams(lambda ids: integrated(model, ids, (1.0,))),
        "half_gradient": with_ngrams(lambda ids: integrated(model, ids, (0.5,))),
        "integrated": with_ngrams(
            lambda ids: integrated(model, ids, (np.arange(INTEGRATION_STEPS) + 0.5) / INTEGRATION_STEPS)
        ),
        "occlusion": with_ngrams(lambda ids: occluded(model, ids)),
        "ngrams": with_ngrams(lambda ids: np.zeros(len(ids))),
        "random": lambda ids: random.normal(size=len(ids)),
    }


def integrated(model: LSTMClassifier, ids: np.ndarray, scales: Sequence[float] | np.ndarray) -> np.ndarray:
    """Each word's vector times the mean gradient of the LSTM's logit over scaled versions of all vectors.

    A single scale of 1 is gradient times input; evenly spaced scales are integrated gradients with zero
    vectors as baseline (Sundararajan, Taly and Yan, ICML 2017).
    """
    batch = collate([ids], model.architecture)
    embedded = model.embedding(batch.ids).detach()
    total = torch.zeros_like(embedded)
    for scale in scales:
        scaled = (embedded * float(scale)).requires_grad_()
        total += torch.autograd.grad(model(batch, scaled).sum(), scaled)[0]
    weights: np.ndarray = (total / len(scales) * embedded).sum(2)[batch.ids > NO_WORD].double().numpy()
    return weights


@torch.inference_mode()
def occluded(model: LSTMClassifier, ids: np.ndarray) -> np.ndarray:
    """Return the decrease of the LSTM's logit for each word, when it is replaced by an infrequent one."""
    without = np.tile(ids, (len(ids), 1))
    np.fill_diagonal(without, INFREQUENT)
    logits = [
        model(collate(list(without[start : start + BATCH_SIZE]), model.architecture))
        for start in range(0, len(ids), BATCH_SIZE)
    ]
    whole = model(collate([ids], model.architecture))
    falls: np.ndarray = (whole - torch.cat(logits)).double().numpy()
    return falls


def cells(row: dict[str, Any]) -> list[str]:
    """One line of the table, in the order of COLUMNS."""
    return [
        row["title"],
        f"{row['deletion_area']:.3f}",
        f"{row['insertion_area']:.3f}",
        f"{row['ms']:.2f}",
    ]
