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
    by_step = states.reshape(rows * steps, directions, units)
    to_come = np.arange(words - 1, -1, -1)
    in_mean = np.zeros(rows * steps)
    in_mean[:words] = emphasis(to_come, architecture.ending)
    in_mean = (in_mean / in_mean.sum()).reshape(rows, steps)
    every_unit, every_row, places = np.arange(units), np.arange(rows)[:, None], np.arange(steps)
    weights = np.zeros((rows, steps))
    for direction in range(directions):
        of_direction, backward = by_step[:, direction], direction == 1
        if architecture.pooling == "last":
            weights += _moves((of_direction @ dense).reshape(rows, steps), backward)
            continue
        of_maximum, of_mean = dense.reshape(2, directions, units)[:, direction]
        # A step lasts to the end of its row, so it counts in the mean once for each word still to be read.
        lasting = in_mean.cumsum(1) if backward else in_mean[:, ::-1].cumsum(1)[:, ::-1]
        weights += lasting * _moves((of_direction @ of_mean).reshape(rows, steps), backward)
        # To a unit's maximum, the steps of its row count that lead there.
        row, place = np.divmod(of_direction[:words].argmax(0), steps)
        leads_there = (places >= place[:, None]) if backward else (places <= place[:, None])
        of_rows = states[row, :, direction, every_unit]  # (H, T)
        to_maximum = _moves(of_rows, backward) * leads_there * of_maximum[:, None]
        weights += (every_row == row).astype(to_maximum.dtype) @ to_maximum
    result: np.ndarray = weights.reshape(-1)[:words]
    return result


def _moves(states: np.ndarray, backward: bool) -> np.ndarray:
    """The change of `states` (N, T) by each step, in reading direction; before the first step they are 0."""
    moves = states.copy()
    if backward:
        moves[:, :-1] -= states[:, 1:]
    else:
        moves[:, 1:] -= states[:, :-1]
    return moves
