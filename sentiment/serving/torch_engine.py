"""Compute the model with torch: on any device, and where ONNX Runtime is not installed."""

from collections.abc import Sequence

import numpy as np
import torch

from sentiment.errors import ArtifactError
from sentiment.model.layout import bucket_by_length
from sentiment.model.lstm import LSTMClassifier, collate
from sentiment.serving.artifact import LoadedModel, read_weights
from sentiment.serving.engine import Engine, Explanation
from sentiment.serving.word_weights import word_weights

MAX_ROWS = 64
"""Rows in a batch of explanations, all of whose states are kept in memory."""


class TorchEngine(Engine):
    """Runs an LSTMClassifier. Raises ArtifactError for weights that do not fit the architecture."""

    name, weights, arithmetic = "torch", "float32", "float32"

    def __init__(self, loaded: LoadedModel, device: str | torch.device = "cpu"):
        self.model = load_model(loaded, device)
        ngrams = opinion = None
        if self.model.ngrams is not None:
            ngrams, opinion = self.model.ngrams.as_arrays(), self.model.opinion.cpu().numpy()
        super().__init__(loaded.architecture, self.model.mixture.tolist(), ngrams, opinion)

    def deep_logits(self, cropped: Sequence[np.ndarray]) -> np.ndarray:
        """The LSTM's logits (N,) of N cropped reviews."""
        return self.model.deep_logits(cropped).cpu().double().numpy()

    def deep_explanations(self, cropped: Sequence[np.ndarray]) -> list[Explanation]:
        """The LSTM's logit and word weights of each cropped review."""
        dense = self.model.dense.weight.detach()[0].cpu().numpy()
        results = [Explanation(0.0, np.zeros(0))] * len(cropped)
        for numbers in bucket_by_length(cropped, self.architecture, MAX_ROWS):
            batch = collate([cropped[number] for number in numbers], self.architecture)
            logits, states = self.model.logits_and_states(batch.to(self.model.device))
            first_rows = np.flatnonzero(np.diff(batch.review.numpy(), prepend=-1))
            of_reviews = np.split(states.cpu().numpy(), first_rows[1:])
            for number, logit, of_review in zip(numbers, logits.tolist(), of_reviews, strict=True):
                weights = word_weights(of_review, len(cropped[number]), dense, self.architecture)
                results[number] = Explanation(logit, weights)
        return results


def load_model(loaded: LoadedModel, device: str | torch.device = "cpu") -> LSTMClassifier:
    """Load the classifier of a model folder, in evaluation mode. Raises ArtifactError."""
    arrays = read_weights(loaded)
    model = LSTMClassifier(loaded.architecture)
    try:
        model.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()})
        if model.ngrams is not None:
            model.ngrams.as_arrays()
    except (RuntimeError, TypeError, ValueError) as error:
        raise ArtifactError(f"{loaded.folder / 'weights.npz'} cannot be read: {error}") from None
    return model.to(device).eval()
