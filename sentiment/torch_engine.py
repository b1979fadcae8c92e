"""The model computed by torch: on every device, and wherever ONNX Runtime is not installed."""

from collections.abc import Sequence

import numpy as np
import torch

from sentiment.artifact import LoadedModel, read_weights
from sentiment.batches import crop, groups_of_like_length
from sentiment.errors import ArtifactError
from sentiment.explanation import Explanation, explanation
from sentiment.model import LSTMClassifier, collate
from sentiment.word_weights import word_weights

ROWS_AT_ONCE = 64


class TorchEngine:
    """An LSTMClassifier that predicts and explains. Raises ArtifactError for weights that do not fit."""

    name, weights, arithmetic = "torch", "float32", "float32"

    def __init__(self, loaded: LoadedModel, device: str | torch.device = "cpu"):
        self.model = load_model(loaded, device)

    def logits(self, reviews: Sequence[np.ndarray]) -> np.ndarray:
        """Logits (N,) of whole reviews as word ids; exactly 0 for one without words."""
        return self.model.logits(reviews).cpu().double().numpy()

    def explain(self, reviews: Sequence[np.ndarray]) -> list[Explanation]:
        """For each review its logit and each word's weight."""
        model, architecture = self.model, self.model.architecture
        ngrams = None if model.ngrams is None else model.ngrams.as_arrays()
        of_deep, of_wide = model.mixture.tolist()
        dense = model.dense.weight.detach()[0].cpu().numpy()
        results = [Explanation(0.0, np.zeros(0))] * len(reviews)
        cropped = [crop(ids, architecture) for ids in reviews]
        for numbers in groups_of_like_length(cropped, architecture, ROWS_AT_ONCE):
            batch = collate([cropped[number] for number in numbers], architecture)
            logits, states = model.logits_and_states(batch.to(model.device))
            first_rows = np.flatnonzero(np.diff(batch.review.numpy(), prepend=-1))
            of_reviews = np.split(states.cpu().numpy(), first_rows[1:])
            for number, logit, of_review in zip(numbers, logits.tolist(), of_reviews, strict=True):
                weights = word_weights(of_review, len(cropped[number]), dense, architecture)
                deep = Explanation(logit, weights)
                results[number] = explanation(reviews[number], architecture, (of_deep, of_wide), deep, ngrams)
        return results


def load_model(loaded: LoadedModel, device: str | torch.device = "cpu") -> LSTMClassifier:
    """The classifier of a model folder, ready to predict. Raises ArtifactError."""
    model = LSTMClassifier(loaded.architecture)
    arrays = read_weights(loaded)
    try:
        model.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()})
    except (RuntimeError, TypeError) as error:
        raise ArtifactError(f"the model in {loaded.folder} cannot be read: {error}") from None
    return model.to(device).eval()
