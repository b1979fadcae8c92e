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
    """The LSTM of a model, prepared for gradients; `weights` are the model's arrays by torch's names.

    Arrays have the axes T (steps), D (directions), R (rows of the batch), then 4 gates and H (units): what a
    step touches lies together.
    """

    def __init__(self, architecture: Architecture, weights: Mapping[str, np.ndarray]):
        self.architecture = architecture
        self._vectors = weights["embedding.weight"]
        self._dense = weights["dense.weight"][0]
        suffixes = ["", "_reverse"] if architecture.bidirectional else [""]
        of_inputs, of_states, bias_ih, bias_hh = (
            np.stack([_by_gates(weights[f"lstm.{name}_l0{suffix}"]) for suffix in suffixes])
            for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        )
        # sigmoid(z) is 0.5 tanh(z / 2) + 0.5: with the halves in the weights, one tanh serves all gates.
        self._slope = np.full(4 * architecture.hidden_dim, 0.5, dtype=np.float32)
        self._slope[3 * architecture.hidden_dim :] = 1
        self._shift = 1 - self._slope
        self._input_columns = np.ascontiguousarray((of_inputs * self._slope[:, None]).transpose(0, 2, 1))
        self._state_columns = np.ascontiguousarray((of_states * self._slope[:, None]).transpose(0, 2, 1))
        self._bias = (bias_ih + bias_hh) * self._slope
        self._states = of_states
        # From halves back to what the words put into the gates, and from scaled word vectors to whole ones.
        self._whole = 1 / (self._slope * np.float32(SCALE))

    def __call__(self, reviews: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The weight of each word of cropped reviews that have words, one array a review."""
        rows = lay_out(reviews, self.architecture)
        of_words = self._into_gates(rows)
        gates, cells, tanh_cells = self._forward(of_words)
        slopes = self._slopes_of_states(gates[:, :, :, 2] * tanh_cells, rows)
        changes = self._backward(gates, cells, tanh_cells, slopes)
        # Gradient times vector, without the gradient: (changes @ weights) . vector is changes . (weights @
        # vector), and that product is what the word put into the gates.
        products = (changes.reshape(of_words.shape) * of_words) @ self._whole
        total = products[:, 0] + products[::-1, 1] if self.architecture.bidirectional else products[:, 0]
        flat = total.T[rows.ids > NO_WORD].astype(np.float64)
        return np.split(flat, np.cumsum([len(ids) for ids in reviews])[:-1])

    def _into_gates(self, rows: Rows) -> np.ndarray:
        """What the scaled word vectors put into the gates (T, D, R, 4H), the second direction backwards."""
        count, steps = rows.ids.shape
        vectors = (self._vectors[rows.ids.T] * np.float32(SCALE)).reshape(steps * count, -1)
        of_words = np.empty((steps, len(self._input_columns), count, len(self._slope)), dtype=np.float32)
        for direction, columns in enumerate(self._input_columns):
            by_place = (vectors @ columns).reshape(steps, count, -1)
            of_words[:, direction] = by_place[::-1] if direction else by_place
        return of_words

    def _forward(self, of_words: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Gates (T, D, R, 4, H), cells around each step (T + 1, D, R, H), and tanh of those after it."""
        steps, directions, count, _ = of_words.shape
        hidden = self.architecture.hidden_dim
        gates = of_words + self._bias[:, None]
        by_gate = gates.reshape(steps, directions, count, 4, hidden)
        cells = np.zeros((steps + 1, directions, count, hidden), dtype=np.float32)
        tanh_cells = np.empty((steps, directions, count, hidden), dtype=np.float32)
        state, added = np.zeros((2, directions, count, hidden), dtype=np.float32)
        of_state = np.empty((directions, count, 4 * hidden), dtype=np.float32)
        for step in range(steps):
            gate, cell = gates[step], cells[step + 1]
            np.matmul(state, self._state_columns, out=of_state)
            gate += of_state
            np.tanh(gate, out=gate)
            gate *= self._slope
            gate += self._shift
            of_gates = by_gate[step]
            np.multiply(of_gates[:, :, 1], cells[step], out=cell)
            np.multiply(of_gates[:, :, 0], of_gates[:, :, 3], out=added)
            cell += added
            np.tanh(cell, out=tanh_cells[step])
            np.multiply(of_gates[:, :, 2], tanh_cells[step], out=state)
        return by_gate, cells, tanh_cells

    def _slopes_of_states(self, states: np.ndarray, rows: Rows) -> np.ndarray:
        """How the logit changes with each state (T, D, R, H), in the order in which each direction runs."""
        steps, directions, count, hidden = states.shape
        slopes = np.zeros_like(states)
        if self.architecture.pooling == "last":
            slopes[rows.lengths - 1, 0, np.arange(count)] = self._dense
            return slopes
        of_maximum, of_mean = self._dense.reshape(2, directions, hidden)
        is_word = np.arange(steps)[:, None] < rows.lengths
        first_rows = np.flatnonzero(np.diff(rows.review, prepend=-1))
        words = np.add.reduceat(rows.lengths, first_rows)[rows.review]
        share = (is_word / words).astype(np.float32)
        for direction in range(directions):
            by_place, slope = states[:, direction], slopes[:, direction]  # in reading order, (T, R, H)
            if direction:
                by_place, slope = by_place[::-1], slope[::-1]
            np.multiply(share[:, :, None], of_mean[direction], out=slope)
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
        """How the logit changes with what goes into each gate (T, D, R, 4, H)."""
        steps, directions, count, _, hidden = gates.shape
        of_input, of_forget, of_output, of_cell = (gates[:, :, :, gate] for gate in range(4))
        # First by how much a slope counts: the state's for the output gate, the cell's for the others.
        changes = np.empty_like(gates)
        changes[:, :, :, 0] = of_cell * of_input * (1 - of_input)
        changes[:, :, :, 1] = cells[:-1] * of_forget * (1 - of_forget)
        changes[:, :, :, 2] = tanh_cells * of_output * (1 - of_output)
        changes[:, :, :, 3] = of_input * (1 - of_cell * of_cell)
        through_tanh = of_output * (1 - tanh_cells * tanh_cells)
        both = np.zeros((directions, count, 4, hidden), dtype=np.float32)
        cell_slope, added = np.zeros((2, directions, count, hidden), dtype=np.float32)
        state_slope = slopes[steps - 1].copy()
        for step in range(steps - 1, -1, -1):
            np.multiply(state_slope, through_tanh[step], out=added)
            cell_slope += added
            both[:] = cell_slope[:, :, None]
            both[:, :, 2] = state_slope
            change = changes[step]
            change *= both
            if step:
                np.matmul(change.reshape(directions, count, 4 * hidden), self._states, out=state_slope)
                state_slope += slopes[step - 1]
                cell_slope *= of_forget[step]
        return changes


def _by_gates(matrix: np.ndarray) -> np.ndarray:
    return np.concatenate([np.split(matrix, 4)[gate] for gate in _GATES])
