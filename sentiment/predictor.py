"""Text in, prediction out: what the endpoint, batch transform and any other host of the model share.

Word weights are gradient times input for the LSTM and the exact shares of the linear term for the n-grams, in
the logit's own units: above 0 pushes to positive. They stand in reading order with the words as written. A
review in which no word is left (emoji only, or stop words only for the predecessor's preprocessing) gives no
evidence: its probability is exactly 0.5 and its list of words empty.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from sentiment.artifact import LoadedModel, read_model
from sentiment.model import collate, crop
from sentiment.text import tokenize_with_places, tokenizer
from sentiment.vocabulary import encode


@dataclass(frozen=True)
class Prediction:
    """`probability` is that of a positive review; `words` are (word as written, weight), where asked for."""

    sentiment: str
    probability: float
    words: list[tuple[str, float]] | None = None


class Predictor:
    """A loaded model and its preprocessing. Safe to share between threads: predicting changes nothing."""

    def __init__(self, loaded: LoadedModel):
        self.loaded = loaded
        self.model = loaded.model
        self._tokenize = tokenizer(loaded.tokenizer)

    @classmethod
    def from_folder(cls, folder: str | Path, device: str = "cpu") -> "Predictor":
        """Load a model folder. Raises ArtifactError."""
        return cls(read_model(folder, device))

    @property
    def version(self) -> str:
        return self.loaded.version

    def predict(self, reviews: Sequence[str]) -> list[Prediction]:
        """Predictions for many reviews, in batches of like length."""
        ids = [encode(self.loaded.word_dict, self._tokenize(review)) for review in reviews]
        return [_prediction(float(logit)) for logit in self.model.logits(ids)]

    def explain(self, review: str) -> Prediction:
        """The prediction for one review with the weight of each of its words."""
        tokens = tokenize_with_places(review, self.loaded.tokenizer)
        ids = encode(self.loaded.word_dict, [token.word for token in tokens])
        logit, weights = self.logit_and_weights(ids)
        words = [
            (token.surface, round(float(weight), 4)) for token, weight in zip(tokens, weights, strict=True)
        ]
        return _prediction(logit, words)

    def logit_and_weights(self, ids: np.ndarray) -> tuple[float, np.ndarray]:
        """The logit of a review as ids, and each word's weight (float64); 0 for words the model skips."""
        weights = np.zeros(len(ids))
        if not len(ids):
            return 0.0, weights
        architecture = self.model.architecture
        batch = collate([crop(ids, architecture)], architecture).to(self.model.device)
        # cuDNN's LSTM has no gradients outside of training.
        with torch.enable_grad(), torch.backends.cudnn.flags(enabled=False):
            embedded = self.model.embedding(batch.ids).detach().requires_grad_()
            deep = self.model(batch, embedded)
            (gradient,) = torch.autograd.grad(deep.sum(), embedded)
        products = (gradient * embedded).sum(2).detach()
        of_deep, of_wide, bias = self.model.mixture.tolist()
        read = of_deep * products[batch.ids > 0].cpu().double().numpy()
        logit = of_deep * float(deep.detach()) + bias
        if len(ids) > len(read):
            weights[: architecture.head] = read[: architecture.head]
            weights[len(ids) - architecture.tail :] += read[architecture.head :]
        else:
            weights += read
        if self.model.ngrams is not None:
            shares = self.model.ngrams.word_shares(ids)
            weights += of_wide * shares
            logit += of_wide * (float(shares.sum()) + float(self.model.ngrams.bias))
        return logit, weights


def _prediction(logit: float, words: list[tuple[str, float]] | None = None) -> Prediction:
    probability = 1 / (1 + float(np.exp(-logit)))
    return Prediction("positive" if probability >= 0.5 else "negative", probability, words)
