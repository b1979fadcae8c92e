"""The contribution of each word to the LSTM's logit, from the states that prediction computes anyway.

The logit is linear in the pooled values: for each unit the maximum of its states and their weighted mean, or
its last state. A state is the sum of the steps that led to it, h_k = (h_1 - h_0) + ... + (h_k - h_(k-1)), so
the logit is a sum over steps, and each step reads one word. The weight of a word is the sum of its steps'
contributions to the logit, over all units and both directions. The weights add up to the logit, except for
the bias and for padding that the backward direction reads first. Murdoch and Szlam (ICLR 2017) decompose the
output of an LSTM like this.

No gradient and no second run are needed. benchmarks/faithfulness.py compares the method with gradients,
integrated gradients and occlusion.
"""

from functools import lru_cache

import numpy as np

from sentiment.model.architecture import Architecture
from sentiment.model.emphasis import emphasis

MAX_CACHED = 256
"""So many arrays are kept that depend only on the number of words; those of `fast` have at most 4 kB each."""


def word_weights(states: np.ndarray, words: int, dense: np.ndarray, architecture: Architecture) -> np.ndarray:
    """The weight (N,) of each of the N `words` of one review, float64.

    `states` (R, T, D, H) are those of D directions of H units in the review's R rows of T words, the last of
    which is padded. `dense` are the weights of the pooled values: (2 * D * H,), or (H,) if pooling is "last".
    """
    rows, steps, directions, units = states.shape
    if architecture.pooling == "last":
        return _moves((states[:, :, 0] @ dense)[None]).reshape(-1)[:words].astype(np.float64)
    of_maximum, of_mean = dense.reshape(2, directions, units)
    projected = np.empty((directions, rows, steps), dtype=states.dtype)
    for each in range(directions):
        np.matmul(states[:, :, each], of_mean[each], out=projected[each])
    weights = _counts_in_mean(words, rows, steps, directions, architecture.ending) * _moves(projected)
    # To a unit's maximum, the steps of its row count that lead there.
    flat = states.reshape(rows * steps, directions * units)
    row, place = np.divmod(flat[:words].argmax(0).reshape(directions, units), steps)
    direction = np.arange(directions)[:, None]
    to_maximum = _moves(states[row, :, direction, np.arange(units)])  # (D, H, T)
    to_maximum *= _leads_to(steps, directions)[direction, place]
    weights += (np.arange(rows)[:, None] == row[:, None]) * of_maximum[:, None] @ to_maximum
    total: np.ndarray = weights.sum(0)
    return total.reshape(-1)[:words]


def _moves(states: np.ndarray) -> np.ndarray:
    """The change of `states` (D, ..., T) by each step; before the first they are 0.

    The second direction begins at the end.
    """
    moves = states.copy()
    moves[0, ..., 1:] -= states[0, ..., :-1]
    moves[1:, ..., :-1] -= states[1:, ..., 1:]
    return moves


@lru_cache(maxsize=MAX_CACHED)
def _leads_to(steps: int, directions: int) -> np.ndarray:
    """For each step (D, T), which steps (T,) of its row lead to the state after it."""
    onwards = np.tri(steps, dtype=bool)
    return np.stack([onwards, onwards.T][:directions])


@lru_cache(maxsize=MAX_CACHED)
def _counts_in_mean(words: int, rows: int, steps: int, directions: int, ending: float) -> np.ndarray:
    """How much each step (D, R, T) counts in the mean over the words.

    A step lasts to the end of its row, so it counts once for each word still to be read.
    """
    in_mean = np.zeros(rows * steps)
    in_mean[:words] = emphasis(np.arange(words - 1, -1, -1), ending)
    in_mean = (in_mean / in_mean.sum()).reshape(rows, steps)
    onwards, backwards = in_mean[:, ::-1].cumsum(1)[:, ::-1], in_mean.cumsum(1)
    return np.stack([onwards, backwards][:directions])
