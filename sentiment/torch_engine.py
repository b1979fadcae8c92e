"""The model computed by torch: on every device, and wherever ONNX Runtime is not installed."""

from collections.abc import Sequence

import numpy as np
import torch

from sentiment.artifact import LoadedModel, read_weights
from sentiment.errors import ArtifactError
from sentiment.explanation import Explanation, explained
from sentiment.model import LSTMClassifier


class TorchEngine:
    """An LSTMClassifier that predicts and explains. Raises ArtifactError for weights that do not fit."""

    name = "torch"

    def __init__(self, loaded: LoadedModel, device: str | torch.device = "cpu"):
        self.model = load_model(loaded, device)

    def logits(self, reviews: Sequence[np.ndarray]) -> np.ndarray:
        """Logits (N,) of whole reviews as word ids; exactly 0 for one without words."""
        return self.model.logits(reviews).cpu().double().numpy()

    def explain(self, reviews: Sequence[np.ndarray]) -> list[Explanation]:
        """For each review its logit and each word's weight."""
        model = self.model
        ngrams = None if model.ngrams is None else model.ngrams.as_arrays()
        deep = model.deep_logits(reviews).tolist()
        return explained(
            reviews, model.architecture, deep, model.mixture.tolist(), model.word_weights, ngrams
        )


def load_model(loaded: LoadedModel, device: str | torch.device = "cpu") -> LSTMClassifier:
    """The classifier of a model folder, ready to predict. Raises ArtifactError."""
    model = LSTMClassifier(loaded.architecture)
    arrays = read_weights(loaded)
    try:
        model.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()})
    except (RuntimeError, TypeError) as error:
        raise ArtifactError(f"the model in {loaded.folder} cannot be read: {error}") from None
    return model.to(device).eval()
