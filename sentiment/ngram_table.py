"""The wide part as a module of a torch model, so that its table travels with the other tensors."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from sentiment.negation import word_roles
from sentiment.ngrams import KEY_BITS, WORDS_IN_KEYS, NgramFeatures, Ngrams


class NgramTable(nn.Module):
    """Keys (int64, ascending), a weight (float32) beside each, and the roles of words; empty until `fill` or
    a state_dict fills it."""

    def __init__(self, features: NgramFeatures):
        super().__init__()
        self._features = features
        self._ngrams: Ngrams | None = None
        self.register_buffer("keys", torch.zeros(0, dtype=torch.int64))
        self.register_buffer("weights", torch.zeros(0))
        self.register_buffer("roles", torch.from_numpy(features.roles))

    @property
    def features(self) -> NgramFeatures:
        return replace(self._features, roles=self.roles.cpu().numpy())

    def learn_roles(self, word_dict: Mapping[str, int], vocab_size: int) -> None:
        """Take the roles of the first `vocab_size` words from the vocabulary."""
        self.roles = torch.from_numpy(word_roles(word_dict, vocab_size)).to(self.keys.device)
        self._ngrams = None

    def fill(self, keys: np.ndarray, weights: np.ndarray) -> None:
        device = self.keys.device
        self.keys = torch.from_numpy(keys.astype(np.int64)).to(device)
        self.weights = torch.from_numpy(weights.astype(np.float32)).to(device)
        self._ngrams = None

    def _load_from_state_dict(self, state_dict, prefix, *args):
        # The table's size belongs to the data, not to the architecture.
        for name in ("keys", "weights", "roles"):
            if prefix + name in state_dict:
                setattr(self, name, torch.zeros_like(state_dict[prefix + name], device=self.keys.device))
        self._ngrams = None
        super()._load_from_state_dict(state_dict, prefix, *args)

    def vocabulary_size(self) -> int:
        """One more than the largest word id that a key holds."""
        if not len(self.keys):
            return 0
        keys = self.keys.cpu().numpy()
        largest = max((keys >> shift & (WORDS_IN_KEYS - 1)).max() for shift in (0, KEY_BITS, 2 * KEY_BITS))
        return int(largest) + 1

    def as_arrays(self) -> Ngrams:
        """The same table for numpy."""
        if self._ngrams is None:
            self._ngrams = Ngrams(self.features, self.keys.cpu().numpy(), self.weights.cpu().numpy())
        return self._ngrams

    def forward(self, reviews: Sequence[np.ndarray]) -> Tensor:
        """Logits (N,) of whole reviews as arrays of word ids; 0 where nothing is known."""
        ngrams = self.as_arrays()
        logits = [ngrams.logit(ids) for ids in reviews]
        return torch.tensor(logits, device=self.keys.device, dtype=torch.float32)
