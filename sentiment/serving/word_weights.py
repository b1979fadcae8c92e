"""The contribution of each word to the LSTM's logit, from the states that prediction computes anyway.

The logit is linear in the pooled values: for each unit the maximum of its states and their weighted mean, or
its last state. A state is the sum of the steps that led to it, h_k = (h_1 - h_0) + ... + (h_k - h_(k-1)), so
the logit is a sum over steps, and each step reads one word. The weight of a word is the sum of its steps'
contributions to the logit, over all units and both directions. The weights add up to the logit, except for
the bias and for padding that the backward direction reads first. Murdoch and Szlam (ICLR 2017) decompose the
output of an LSTM like this.

No gradient and no second run are needed. benchmarks/faithfulness.py compares the method with gradients,
integrated gradients and occlusion: it is as faithful as gradients and occlusion, at a fraction of the cost.
"""

import numpy as np

from sentiment.model.architecture import Architecture
from sentiment.model.emphasis import emphasis


def word_weights(states: np.ndarray, words: int, dense: np.ndarray, architecture: Architecture) -> np.ndarray:
    """The weight (N,) of each of the N `words` of one review, float64.

    `states` (R, T, D, H) are those of D directions of H units in the review's R rows of T words, the last of
    which is padded. `dense` are the weights of the pooled values: (2 * D * H,), or (H,) if pooling is "last".
    """
    rows, steps, directions, units = states.shape
    if architecture.pooling == "last":
        return _moves(states.reshape(rows, steps, units) @ dense).reshape(-1)[:words].astype(np.float64)
    of_maximum, of_mean = dense.reshape(2, directions, units)
    in_mean = np.zeros(rows * steps)
    in_mean[:words] = emphasis(np.arange(words - 1, -1, -1), architecture.ending)
    in_mean = (in_mean / in_mean.sum()).reshape(rows, steps)
    # The steps (D, R, T) in reading direction: those of the second direction run from the end of a row.
    read = np.empty((directions, rows, steps, units), dtype=states.dtype)
    lasting = np.empty((directions, rows, steps))
    for direction, onwards in enumerate((1, -1)[:directions]):
        read[direction] = states[:, ::onwards, direction]
        # A step lasts to the end of its row, so it counts in the mean once for each word still to be read.
        lasting[direction] = in_mean[:, ::-onwards].cumsum(1)[:, ::-1]
    weights = lasting * _moves((read @ of_mean[:, None, :, None])[..., 0])
    # To a unit's maximum, the steps of its row count that lead there.
    row, place = np.divmod(states.reshape(rows * steps, directions, units)[:words].argmax(0), steps)
    place[1:] = steps - 1 - place[1:]
    of_rows = read[np.arange(directions)[:, None], row, :, np.arange(units)]  # (D, H, T)
    leads_there = np.arange(steps) <= place[..., None]
    to_maximum = _moves(of_rows) * leads_there * of_maximum[..., None]
    weights += (np.arange(rows)[:, None] == row[:, None]).astype(to_maximum.dtype) @ to_maximum
    total: np.ndarray = weights[0]
    if directions > 1:
        total = total + weights[1, :, ::-1]
    return total.reshape(-1)[:words]


def _moves(states: np.ndarray) -> np.ndarray:
    """The change of `states` (..., T) by each step in reading direction; before the first they are 0."""
    moves = states.copy()
    moves[..., 1:] -= states[..., :-1]
    return moves
