"""The wide part as a torch module, so that its table is saved and loaded with the other tensors."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sentiment.model.ngrams import KEY_BITS, Ngrams, Pattern
from sentiment.text.negation import NEGATED


class NgramTable(nn.Module):
    """A table of n-grams: sorted `keys` (K,), int64, and `weights` (K,), float32.

    It is empty until `fill` or a state_dict fills it.
    """

    keys: Tensor
    weights: Tensor

    def __init__(self, patterns: Sequence[Pattern], ending: float = 0.0):
        super().__init__()
        self.patterns, self.ending = patterns, ending
        self._ngrams: Ngrams | None = None
        self.register_buffer("keys", torch.zeros(0, dtype=torch.int64))
        self.register_buffer("weights", torch.zeros(0))

    def fill(self, keys: np.ndarray, weights: np.ndarray) -> None:
        """Replace the content of the table by sorted keys (K,) and their weights (K,)."""
        device = self.keys.device
        self.keys = torch.from_numpy(keys.astype(np.int64)).to(device)
        self.weights = torch.from_numpy(weights.astype(np.float32)).to(device)
        self._ngrams = None

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        # The table's size belongs to the data, not to the architecture.
        for name in ("keys", "weights"):
            if prefix + name in state_dict:
                setattr(self, name, torch.zeros_like(state_dict[prefix + name], device=self.keys.device))
        self._ngrams = None
        super()._load_from_state_dict(state_dict, prefix, *args)

    def vocabulary_size(self) -> int:
        """One more than the largest word id that a key holds."""
        if not len(self.keys):
            return 0
        keys = self.keys.cpu().numpy()
        largest = max((keys >> shift & (NEGATED - 1)).max() for shift in (0, KEY_BITS, 2 * KEY_BITS))
        return int(largest) + 1

    def as_arrays(self) -> Ngrams:
        """The same table for numpy. Raises ValueError for keys that are not ascending."""
        if self._ngrams is None:
            keys, weights = self.keys.cpu().numpy(), self.weights.cpu().numpy()
            self._ngrams = Ngrams(self.patterns, self.ending, keys, weights)
        return self._ngrams

    def forward(self, reviews: Sequence[np.ndarray]) -> Tensor:
        """The logits (N,) of N whole reviews as word ids; 0 for a review without known n-grams."""
        ngrams = self.as_arrays()
        logits = [ngrams.logit(ids) for ids in reviews]
        return torch.tensor(logits, device=self.keys.device, dtype=torch.float32)
