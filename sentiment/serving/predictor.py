"""Predict the sentiment of texts: the common interface of the endpoint, batch transform and other hosts.

A word's weight is its contribution to the logit: above 0, it speaks for positive. Explanations list the words
in reading order, as written, with their positions in the review. A review without any words (only
punctuation, or only stop words with the predecessor's preprocessing) gets no verdict: its probability is
exactly 0.5, and its list of words is empty.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from sentiment.errors import ArtifactError
from sentiment.serving.artifact import LoadedModel, read_model
from sentiment.serving.engine import Engine
from sentiment.serving.evidence import SHORT_WORDS, Evidence
from sentiment.text.negation import NEGATED, NegationMarker
from sentiment.text.spelling import Spelling
from sentiment.text.tokens import Tokens
from sentiment.text.vocabulary import INFREQUENT

LABELS = ("negative", "positive")
RUNTIMES = ("onnxruntime", "torch")


class Cut(NamedTuple):
    """The part `review[start:end]` of a long review that the LSTM did not read, and its number of `words`."""

    start: int
    end: int
    words: int


@dataclass(frozen=True)
class Prediction:
    """The verdict on one review: `sentiment`, and the `probability` that it is positive.

    If `unsure`, the text gets no verdict, and `reason` says why (evidence.py): "no_evidence", "not_english",
    or "mixed" if too few verdicts with such a probability were right on validation.

    An explanation also has `words`, each as (word as written, weight), `spans`, the position
    `review[start:end]` of each in Unicode code points, and `cut`, the part that the LSTM skipped, if any (the
    n-grams still cover it). Of the `word_count` words, `unknown_words` are not in the model's vocabulary.
    """

    sentiment: str
    probability: float
    unsure: bool
    reason: str | None = None
    words: list[tuple[str, float]] | None = None
    spans: list[tuple[int, int]] | None = None
    cut: Cut | None = None
    word_count: int = 0
    unknown_words: int = 0


class Predictor:
    """A loaded model with its preprocessing. Threads may share it."""

    def __init__(self, loaded: LoadedModel, engine: Engine):
        self.loaded = loaded
        self.engine = engine
        a = loaded.architecture
        self._marked = NegationMarker(
            loaded.word_dict, a.vocab_size, a.negation_scope, loaded.tokenizer.negation
        )
        self._spelling = Spelling(loaded.word_dict)
        self._unsure = (loaded.metrics.get("calibration") or {}).get("unsure")
        band = None if self._unsure is None else (self._unsure[0], self._unsure[1])
        reads_all_words = not loaded.tokenizer.drops_words
        self._evidence = Evidence(loaded.word_dict, engine.ngrams, engine.opinion, band, reads_all_words)

    @classmethod
    def from_folder(cls, folder: str | Path, device: str = "cpu", runtime: str | None = None) -> "Predictor":
        """Load a model folder. Raises ArtifactError.

        `runtime` is "onnxruntime" or "torch". By default it is "onnxruntime" on the CPU if that is installed.
        Only the chosen package is imported.
        """
        loaded = read_model(folder)
        if runtime is None:
            runtime = "onnxruntime" if device == "cpu" and find_spec("onnxruntime") else "torch"
        if runtime not in RUNTIMES:
            raise ArtifactError(f"there is no runtime {runtime!r}; choose one of {', '.join(RUNTIMES)}")
        if runtime == "onnxruntime":
            from sentiment.serving.onnx_engine import OnnxEngine

            return cls(loaded, OnnxEngine(loaded))
        from sentiment.serving.torch_engine import TorchEngine

        return cls(loaded, TorchEngine(loaded, device))

    @property
    def version(self) -> str:
        """The version that identifies the model (artifact.py)."""
        return self.loaded.version

    def describe(self) -> dict[str, Any]:
        """Describe the model for people: version, measured quality, and the words it reads.

        It is the body of GET /model (infra/openapi.yaml) without the limits of the API.
        """
        metrics, architecture = self.loaded.metrics, self.loaded.architecture
        measured = metrics.get("calibration") or {}
        return {
            "model": self.version,
            "recipe": self.loaded.recipe.get("name"),
            "labels": list(LABELS),
            "metrics": {
                "validation": {
                    "accuracy": metrics.get("validation_accuracy"),
                    "reviews": metrics.get("validation_reviews"),
                }
            },
            "calibration": {
                "expected_calibration_error": measured.get("expected_calibration_error"),
                **{name: measured[name] for name in ("chance", "bins", "short_texts") if name in measured},
            },
            "training": {
                "reviews": metrics.get("train_reviews"),
                "short_texts": metrics.get("train_short_texts"),
            },
            "unsure": self._unsure,
            "words": {"head": architecture.head, "tail": architecture.tail},
            "runtime": self.engine.name,
            "weights": self.engine.weights,
            "arithmetic": self.engine.arithmetic,
        }

    def predict(self, reviews: Sequence[str]) -> list[Prediction]:
        """Predict the sentiment of reviews, in order."""
        words = [self.loaded.tokenizer(review) for review in reviews]
        ids = [self.ids(found) for found in words]
        logits = self.engine.logits(ids).tolist()
        return [self._prediction(*of_review) for of_review in zip(reviews, words, ids, logits, strict=True)]

    def explain(self, reviews: Sequence[str]) -> list[Prediction]:
        """Predict the sentiment of reviews, in order, with the weight and the position of each word."""
        tokens = [self.loaded.tokenizer.locate(review) for review in reviews]
        ids = [self.ids(found.words) for found in tokens]
        explained = self.engine.explain(ids)
        return [
            self._prediction(review, found.words, numbers, logit, **self._explanation(found, weights))
            for review, found, numbers, (logit, weights) in zip(reviews, tokens, ids, explained, strict=True)
        ]

    def _explanation(self, tokens: Tokens, weights: np.ndarray) -> dict[str, Any]:
        """The members of a Prediction that explain it."""
        return {
            "words": list(zip(tokens.surfaces, np.round(weights, 4).tolist(), strict=True)),
            "spans": list(zip(tokens.starts, tokens.ends, strict=True)),
            "cut": self._cut(tokens),
        }

    def ids(self, words: Sequence[str]) -> np.ndarray:
        """The marked ids (N,) of a review's words (negation.py). Short texts have typing errors corrected."""
        spelling = self._spelling if len(words) < SHORT_WORDS else None
        return self._marked(self.loaded.tokenizer.encode(self.loaded.word_dict, words, spelling))

    def _prediction(
        self, review: str, found: Sequence[str], ids: np.ndarray, logit: float, **explanation: Any
    ) -> Prediction:
        probability = 1 / (1 + math.exp(-logit)) if logit > -700 else 0.0
        reason = self._evidence.reason(review, found, ids, probability)
        return Prediction(
            LABELS[probability >= 0.5],
            probability,
            reason is not None,
            reason,
            word_count=len(ids),
            unknown_words=int(np.count_nonzero(ids & (NEGATED - 1) == INFREQUENT)),
            **explanation,
        )

    def _cut(self, tokens: Tokens) -> Cut | None:
        skipped = self.loaded.architecture.skipped(len(tokens.words))
        if not skipped:
            return None
        return Cut(tokens.starts[skipped.start], tokens.ends[skipped.stop - 1], len(skipped))
