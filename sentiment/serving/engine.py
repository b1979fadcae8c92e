"""What computes a loaded model: the n-grams, the sum of both parts and each word's weight.

How the LSTM runs is left to the subclasses, one for ONNX Runtime and one for torch.

A word's weight is what it does to the logit, in the logit's own units. The LSTM's words have their weights
from its states (word_weights.py), the n-grams the exact shares of their linear term. Words that the LSTM
skips have the shares alone.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from sentiment.model.architecture import Architecture
from sentiment.model.layout import crop
from sentiment.model.mixture import combine, part_weights
from sentiment.model.ngrams import Ngrams


class Explanation(NamedTuple):
    """The logit of a review, and the weight of each of its words (float64)."""

    logit: float
    weights: np.ndarray


class Engine(ABC):
    """A model that predicts and explains. Reviews are whole, as arrays of marked word ids (negation.py).

    `name` is that of the package that runs the LSTM; `weights` and `arithmetic` are the number formats that
    its weights are stored in, and that it is computed in.
    """

    name: str
    weights: str
    arithmetic: str

    def __init__(self, architecture: Architecture, mixture: Sequence[float], ngrams: Ngrams | None):
        self.architecture = architecture
        self.mixture = np.asarray(mixture, dtype=np.float64)
        self.ngrams = ngrams

    @abstractmethod
    def deep_logits(self, cropped: Sequence[np.ndarray]) -> np.ndarray:
        """The LSTM's logits (N,) of cropped reviews; anything for one without words."""

    @abstractmethod
    def deep_explanations(self, cropped: Sequence[np.ndarray]) -> list[Explanation]:
        """The LSTM's logit and word weights of each cropped review; anything for one without words."""

    def logits(self, reviews: Sequence[np.ndarray]) -> np.ndarray:
        """Logits (N,), float64; exactly 0 for a review without words."""
        deep = self.deep_logits([crop(ids, self.architecture) for ids in reviews])
        wide = np.zeros(len(reviews))
        if self.ngrams is not None:
            wide = np.array([self.ngrams.logit(ids) for ids in reviews])
        return combine(deep, wide, self.mixture, np.array([len(ids) for ids in reviews], dtype=np.int64))

    def explain(self, reviews: Sequence[np.ndarray]) -> list[Explanation]:
        """For each review its logit and each word's weight."""
        deep = self.deep_explanations([crop(ids, self.architecture) for ids in reviews])
        return [self.explanation(ids, of_deep) for ids, of_deep in zip(reviews, deep, strict=True)]

    def explanation(self, ids: np.ndarray, deep: Explanation) -> Explanation:
        """The explanation of a whole review; `deep` is the LSTM's alone, of the cropped review."""
        if not len(ids):
            return Explanation(0.0, np.zeros(0))
        lengths = np.array([len(ids)])
        of_deep, of_wide = part_weights(self.mixture, lengths)[0]
        wide, weights = 0.0, np.zeros(len(ids))
        if self.ngrams is not None:
            wide, shares = self.ngrams.explain(ids)
            weights = of_wide * shares
        skipped = self.architecture.skipped(len(ids))
        of_lstm = of_deep * deep.weights
        weights[: skipped.start] += of_lstm[: skipped.start]
        weights[skipped.stop :] += of_lstm[skipped.start :]
        logit = combine(np.array([deep.logit]), np.array([wide]), self.mixture, lengths)
        return Explanation(float(logit[0]), weights)
