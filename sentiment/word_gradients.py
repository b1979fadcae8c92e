"""What each word does to the LSTM's logit: its vector times the logit's gradient, with numpy alone.

The gradient is taken where every word vector is half as long (SCALE): that is the midpoint rule, with one
point, for the integral of integrated gradients (Sundararajan, Taly and Yan, ICML 2017) from no words at all
to the review. It costs one gradient, as gradient times input does, and is measured more faithful
(benchmarks/faithfulness.py).

torch's autograd gives the same; this serves where torch is not loaded. Both directions of the LSTM run side
by side, in float32, and everything that does not depend on the step before is computed for all steps at
once.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from sentiment.architecture import Architecture
from sentiment.batches import Rows, lay_out
from sentiment.vocabulary import NO_WORD

SCALE = 0.5
_GATES = (0, 1, 3, 2)
"""torch lays out input, forget, cell, output; here the sigmoids come first: input, forget, output, cell."""


class WordGradients:
    """The LSTM of a model, prepared for gradients; `weights` are the model's arrays by torch's names."""

    def __init__(self, architecture: Architecture, weights: Mapping[str, np.ndarray]):
        self.architecture = architecture
        self._vectors = weights["embedding.weight"]
        self._dense = weights["dense.weight"][0]
        suffixes = ["", "_reverse"] if architecture.bidirectional else [""]
        stacked = {
            name: np.stack([_by_gates(weights[f"lstm.{name}_l0{suffix}"]) for suffix in suffixes])
            for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        }
        self._inputs, self._states = stacked["weight_ih"], stacked["weight_hh"]  # (D, 4H, E), (D, 4H, H)
        # sigmoid(z) is (1 + tanh(z / 2)) / 2: with the halves in the weights, one tanh serves all gates.
        half = np.full((1, 4 * architecture.hidden_dim, 1), 0.5, dtype=np.float32)
        half[:, 3 * architecture.hidden_dim :] = 1
        self._input_columns = np.ascontiguousarray((self._inputs * half).transpose(0, 2, 1))
        self._state_columns = np.ascontiguousarray((self._states * half).transpose(0, 2, 1))
        self._bias = (stacked["bias_ih"] + stacked["bias_hh"]) * half[:, :, 0]

    def __call__(self, reviews: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The weight of each word of cropped reviews that have words, one array a review."""
        rows = lay_out(reviews, self.architecture)
        vectors = self._vectors[rows.ids.T]  # (T, R, E)
        ordered = np.stack([vectors, vectors[::-1]] if self.architecture.bidirectional else [vectors])
        gates, cells, tanh_cells = self._forward(ordered * np.float32(SCALE))
        states = gates[:, :, :, 2] * tanh_cells
        slopes = self._slopes_of_states(states, rows)
        changes = self._backward(gates, cells, tanh_cells, slopes)
        directions, steps, count, features = ordered.shape
        of_vectors = changes.reshape(directions, steps * count, -1) @ self._inputs
        products = np.einsum(
            "dtre,dtre->dtr", of_vectors.reshape(directions, steps, count, features), ordered
        )
        total = products[0] + products[1, ::-1] if self.architecture.bidirectional else products[0]
        flat = total.T[rows.ids > NO_WORD].astype(np.float64)
        return np.split(flat, np.cumsum([len(ids) for ids in reviews])[:-1])

    def _forward(self, inputs: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Gates (D, T, R, 4, H), cells around each step (D, T + 1, R, H), and tanh of those after it."""
        directions, steps, count, features = inputs.shape
        hidden = self.architecture.hidden_dim
        gates = inputs.reshape(directions, steps * count, features) @ self._input_columns
        gates += self._bias[:, None]
        gates = gates.reshape(directions, steps, count, 4 * hidden)
        by_gate = gates.reshape(directions, steps, count, 4, hidden)
        cells = np.zeros((directions, steps + 1, count, hidden), dtype=np.float32)
        tanh_cells = np.empty((directions, steps, count, hidden), dtype=np.float32)
        state = np.zeros((directions, count, hidden), dtype=np.float32)
        of_state = np.empty((directions, count, 4 * hidden), dtype=np.float32)
        added = np.empty_like(state)
        for step in range(steps):
            gate = gates[:, step]
            np.matmul(state, self._state_columns, out=of_state)
            gate += of_state
            np.tanh(gate, out=gate)
            sigmoids = gate[:, :, : 3 * hidden]
            sigmoids *= 0.5
            sigmoids += 0.5
            of_input, of_forget, of_output, of_cell = by_gate[:, step].transpose(2, 0, 1, 3)
            cell = cells[:, step + 1]
            np.multiply(of_forget, cells[:, step], out=cell)
            np.multiply(of_input, of_cell, out=added)
            cell += added
            np.tanh(cell, out=tanh_cells[:, step])
            np.multiply(of_output, tanh_cells[:, step], out=state)
        return by_gate, cells, tanh_cells

    def _slopes_of_states(self, states: np.ndarray, rows: Rows) -> np.ndarray:
        """How the logit changes with each state (D, T, R, H), in the order in which each direction runs."""
        directions, steps, count, hidden = states.shape
        slopes = np.zeros_like(states)
        if self.architecture.pooling == "last":
            slopes[0, rows.lengths - 1, np.arange(count)] = self._dense
            return slopes
        of_maximum, of_mean = self._dense.reshape(2, directions, hidden)
        is_word = np.arange(steps)[:, None] < rows.lengths
        words = np.bincount(rows.review, weights=rows.lengths, minlength=rows.reviews)[rows.review]
        first_rows = np.flatnonzero(np.diff(rows.review, prepend=-1))
        for direction in range(directions):
            backwards = slice(None, None, -1 if direction else 1)
            by_place = states[direction, backwards]  # in reading order, (T, R, H)
            slope = slopes[direction, backwards]
            share = (is_word / words).astype(np.float32)
            slope += share[:, :, None] * of_mean[direction]
            masked = np.where(is_word[:, :, None], by_place, -np.inf)
            place = masked.argmax(0)
            row_maximum = np.take_along_axis(masked, place[None], 0)[0]
            maximum = np.maximum.reduceat(row_maximum, first_rows, 0)[rows.review]
            row, unit = np.nonzero(row_maximum == maximum)
            slope[place[row, unit], row, unit] += of_maximum[direction, unit]
        return slopes

    def _backward(
        self, gates: np.ndarray, cells: np.ndarray, tanh_cells: np.ndarray, slopes: np.ndarray
    ) -> np.ndarray:
        """How the logit changes with what goes into each gate (D, T, R, 4H)."""
        directions, steps, count, _, hidden = gates.shape
        of_input, of_forget, of_output, of_cell = (gates[:, :, :, gate] for gate in range(4))
        factors = np.empty_like(gates)  # of the cell's slope for three gates, of the state's for the output's
        factors[:, :, :, 0] = of_cell * of_input * (1 - of_input)
        factors[:, :, :, 1] = cells[:, :-1] * of_forget * (1 - of_forget)
        factors[:, :, :, 2] = tanh_cells * of_output * (1 - of_output)
        factors[:, :, :, 3] = of_input * (1 - of_cell * of_cell)
        through_tanh = of_output * (1 - tanh_cells * tanh_cells)
        changes = np.empty((directions, count, 4, hidden), dtype=np.float32)
        all_changes = np.empty((directions, steps, count, 4 * hidden), dtype=np.float32)
        cell_slope = np.zeros((directions, count, hidden), dtype=np.float32)
        state_slope = slopes[:, steps - 1].copy()
        added = np.empty_like(cell_slope)
        for step in range(steps - 1, -1, -1):
            np.multiply(state_slope, through_tanh[:, step], out=added)
            cell_slope += added
            np.multiply(cell_slope[:, :, None], factors[:, step], out=changes)
            np.multiply(state_slope, factors[:, step, :, 2], out=changes[:, :, 2])
            flat = changes.reshape(directions, count, 4 * hidden)
            all_changes[:, step] = flat
            if step:
                np.matmul(flat, self._states, out=state_slope)
                state_slope += slopes[:, step - 1]
                cell_slope *= of_forget[:, step]
        return all_changes


def _by_gates(matrix: np.ndarray) -> np.ndarray:
    return np.concatenate([np.split(matrix, 4)[gate] for gate in _GATES])
