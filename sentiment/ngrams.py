"""The wide part: a linear term over the word n-grams of a review.

A review's logit is the sum of the weights of the distinct known n-grams it holds, divided by the square root
of how many they are, plus a bias. N-grams are exact 64-bit keys in a sorted array, found by bisection: no
hash, no collisions, and a table of a few megabytes. ngram_fit.py fits the weights.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from sentiment.vocabulary import limit

KEY_BITS = 20
WORDS_IN_KEYS = 1 << KEY_BITS
"""Word ids take 20 bits of a key, so that three of them fit 63; words beyond them count as infrequent."""


def ngram_keys(ids: np.ndarray, order: int) -> list[np.ndarray]:
    """Keys (int64) of a review's n-grams: entry n - 1 holds those of n words, one for each starting place."""
    keys = [limit(ids, WORDS_IN_KEYS).astype(np.int64)]
    for length in range(1, order):
        keys.append((keys[-1][:-1] << KEY_BITS) | keys[0][length:])
    return keys


class NgramTable(nn.Module):
    """Sorted keys (int64), a weight (float32) beside each; empty until `fill` or a state_dict fills it."""

    def __init__(self, order: int):
        super().__init__()
        self.order = order
        self.register_buffer("keys", torch.zeros(0, dtype=torch.int64))
        self.register_buffer("weights", torch.zeros(0))
        self.register_buffer("bias", torch.zeros(1))

    def fill(self, keys: np.ndarray, weights: np.ndarray, bias: float) -> None:
        self.keys = torch.from_numpy(keys.astype(np.int64)).to(self.bias.device)
        self.weights = torch.from_numpy(weights.astype(np.float32)).to(self.bias.device)
        self.bias.fill_(bias)

    def _load_from_state_dict(self, state_dict, prefix, *args):
        # The table's size belongs to the data, not to the architecture.
        for name in ("keys", "weights"):
            if prefix + name in state_dict:
                setattr(self, name, torch.zeros_like(state_dict[prefix + name], device=self.bias.device))
        super()._load_from_state_dict(state_dict, prefix, *args)

    def vocabulary_size(self) -> int:
        """One more than the largest word id that a key holds."""
        if not len(self.keys):
            return 0
        keys = self.keys.cpu().numpy()
        return (
            int(max((keys >> shift & (WORDS_IN_KEYS - 1)).max() for shift in (0, KEY_BITS, 2 * KEY_BITS))) + 1
        )

    def forward(self, reviews: Sequence[np.ndarray]) -> Tensor:
        """Logits (N,) of whole reviews as arrays of word ids; the bias alone where nothing is known."""
        known, weights, bias = self.keys.cpu().numpy(), self.weights.cpu().numpy(), float(self.bias)
        logits = []
        for ids in reviews:
            found = np.unique(np.concatenate([_rows_of(keys, known) for keys in ngram_keys(ids, self.order)]))
            found = found[found >= 0]
            logits.append(weights[found].sum(dtype=np.float64) / max(len(found), 1) ** 0.5 + bias)
        return torch.tensor(logits, device=self.bias.device, dtype=torch.float32)

    def word_shares(self, ids: np.ndarray) -> np.ndarray:
        """What each word of a review adds to its logit, apart from the bias.

        An n-gram's weight is shared evenly among its words and the places it stands at.
        """
        known, weights = self.keys.cpu().numpy(), self.weights.cpu().numpy()
        rows = [_rows_of(keys, known) for keys in ngram_keys(ids, self.order)]
        found, places = np.unique(np.concatenate(rows), return_counts=True)
        scale = max(int((found >= 0).sum()), 1) ** 0.5
        shares = np.zeros(len(ids))
        for length, row in enumerate(rows, start=1):
            there = np.flatnonzero(row >= 0)
            share = weights[row[there]] / (places[np.searchsorted(found, row[there])] * length * scale)
            for step in range(length):
                np.add.at(shares, there + step, share)
        return shares


def _rows_of(keys: np.ndarray, known: np.ndarray) -> np.ndarray:
    """The row of each key in the table, -1 where it is not in it."""
    if not len(known):
        return np.full(len(keys), -1)
    rows = np.minimum(np.searchsorted(known, keys), len(known) - 1)
    return np.where(known[rows] == keys, rows, -1)
