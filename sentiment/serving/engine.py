"""The base class of engines, which compute a model's logits and the weight of each word in them.

Subclasses run the LSTM, one with ONNX Runtime and one with torch.

A word's weight is its contribution to the logit. The n-grams' part is exact, since they are a linear model.
The LSTM's part is derived from its states (word_weights.py); beside n-grams, only LSTM_SHARE of it counts.
Words that the LSTM skips have only the n-grams' part.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from sentiment.model.architecture import Architecture
from sentiment.model.layout import crop
from sentiment.model.mixture import combine, part_weights, weighted_sum
from sentiment.model.ngrams import Ngrams

LSTM_SHARE = 0.2
"""The share of the LSTM's word weights that counts beside n-grams. In full they are exaggerated: a state that
moves forth at one word and back at the next gives large weights to both, and nothing to the verdict. This
share makes the weights at least as faithful as gradients (benchmarks/faithfulness.py). It was chosen on other
reviews and sentences of validation than those that are measured."""


class Explanation(NamedTuple):
    """The logit of a review of N words, and the `weights` (N,) of its words, float64."""

    logit: float
    weights: np.ndarray


class Engine(ABC):
    """Computes a model. Reviews are arrays of all their word ids, with negated words marked (negation.py).

    `name` is the package that runs the LSTM; `weights` and `arithmetic` are the number formats in which its
    weights are stored and its sums are computed. `opinion` are the weights of model/opinion.py; a model
    without n-grams has none.
    """

    name: str
    weights: str
    arithmetic: str

    def __init__(
        self,
        architecture: Architecture,
        mixture: Sequence[float],
        ngrams: Ngrams | None,
        opinion: np.ndarray | None,
    ):
        self.architecture = architecture
        self.opinion = opinion
        self.mixture = np.asarray(mixture, dtype=np.float64)
        self.ngrams = ngrams

    @abstractmethod
    def deep_logits(self, cropped: Sequence[np.ndarray]) -> np.ndarray:
        """The LSTM's logits (N,) of N cropped reviews; that of a review without words is arbitrary."""

    @abstractmethod
    def deep_explanations(self, cropped: Sequence[np.ndarray]) -> list[Explanation]:
        """The LSTM's logit and word weights for each cropped review; arbitrary for a review without words."""

    def logits(self, reviews: Sequence[np.ndarray]) -> np.ndarray:
        """The logits (N,) of N reviews, float64; exactly 0 for a review without words."""
        deep = self.deep_logits([crop(ids, self.architecture) for ids in reviews])
        wide = np.zeros(len(reviews))
        if self.ngrams is not None:
            wide = np.array([self.ngrams.logit(ids) for ids in reviews])
        return combine(deep, wide, self.mixture, np.array([len(ids) for ids in reviews], dtype=np.int64))

    def explain(self, reviews: Sequence[np.ndarray]) -> list[Explanation]:
        """The logit of each review, and the weights of its words."""
        deep = self.deep_explanations([crop(ids, self.architecture) for ids in reviews])
        share = 1.0 if self.ngrams is None else LSTM_SHARE
        return [self.explanation(ids, of_deep, share) for ids, of_deep in zip(reviews, deep, strict=True)]

    def explanation(self, ids: np.ndarray, deep: Explanation, share: float) -> Explanation:
        """Combine the LSTM's explanation of the cropped review (`deep`) with that of the n-grams.

        A `share` of the LSTM's word weights counts.
        """
        if not len(ids):
            return Explanation(0.0, np.zeros(0))
        part = part_weights(self.mixture, np.array([len(ids)]))
        of_deep, of_wide = part[0]
        wide, weights = 0.0, np.zeros(len(ids))
        if self.ngrams is not None:
            wide, weights = self.ngrams.explain(ids)
            weights *= of_wide
        skipped = self.architecture.skipped(len(ids))
        of_lstm = share * of_deep * deep.weights
        weights[: skipped.start] += of_lstm[: skipped.start]
        weights[skipped.stop :] += of_lstm[skipped.start :]
        return Explanation(float(weighted_sum(deep.logit, wide, part)[0]), weights)
