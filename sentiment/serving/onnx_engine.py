"""Compute the model with ONNX Runtime, without torch: it starts and answers several times faster.

ONNX Runtime runs the LSTM, whose weights are stored in int8 (onnx_graph.py). numpy does the rest: n-grams,
pooling over a review's words, the dense layer, and the words' weights. Logits and weights differ from torch's
by the quantization error, and are the same on all processors up to the rounding of float32.
"""

import os
from collections.abc import Sequence

import numpy as np

# ONNX Runtime reads this at import. Otherwise it stores an id of this machine and sends usage data.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import onnxruntime

from sentiment.errors import ArtifactError
from sentiment.model.emphasis import emphasis
from sentiment.model.ngrams import Ngrams
from sentiment.serving.artifact import EIGHT_BIT_PRODUCTS, LoadedModel, check_weights, read_weights
from sentiment.serving.engine import Engine, Explanation
from sentiment.serving.onnx_graph import FILE_NAME, deep_graph, read_tensors
from sentiment.serving.word_weights import word_weights
from sentiment.text.vocabulary import NO_WORD


class OnnxEngine(Engine):
    """Runs the graph of a model folder. Raises ArtifactError if that fails."""

    name, weights, arithmetic = "onnxruntime", "int8", "float32"

    def __init__(self, loaded: LoadedModel):
        options = onnxruntime.SessionOptions()
        # One review is too little work for several threads, and a server answers several at once.
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        small = ("dense.weight", "dense.bias", "mixture", "ngrams.keys", "ngrams.weights", "opinion")
        weights = read_weights(loaded, small)
        graph = _graph_of(loaded)
        try:
            self._session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime's errors have no common base class
            file = loaded.folder / FILE_NAME
            raise ArtifactError(f"{file}: ONNX Runtime cannot load it ({error})") from None
        self._dense, self._bias = weights["dense.weight"][0], float(weights["dense.bias"][0])
        a = loaded.architecture
        to_come = np.arange(a.head + a.tail - 1, -1, -1)
        self._emphasis = emphasis(to_come, a.ending).astype(np.float32)
        ngrams = None
        if a.ngrams:
            try:
                ngrams = Ngrams(
                    a.ngram_patterns(), a.ending, weights["ngrams.keys"], weights["ngrams.weights"]
                )
            except ValueError as error:
                raise ArtifactError(f"{loaded.folder / 'weights.npz'} cannot be read: {error}") from None
        super().__init__(a, weights["mixture"].tolist(), ngrams, weights.get("opinion"))

    def deep_logits(self, cropped: Sequence[np.ndarray]) -> np.ndarray:
        """The LSTM's logits (N,) of N cropped reviews, each computed by itself."""
        return np.array([self._pool(self._states(ids), len(ids)) if len(ids) else 0.0 for ids in cropped])

    def deep_explanations(self, cropped: Sequence[np.ndarray]) -> list[Explanation]:
        """The LSTM's logit and word weights of each cropped review."""
        return [self._deep_explanation(ids) for ids in cropped]

    def _deep_explanation(self, ids: np.ndarray) -> Explanation:
        if not len(ids):
            return Explanation(0.0, np.zeros(0))
        states = self._states(ids)
        weights = word_weights(states, len(ids), self._dense, self.architecture)
        return Explanation(self._pool(states, len(ids)), weights)

    def _states(self, ids: np.ndarray) -> np.ndarray:
        """The LSTM's states (R, T, directions, hidden_dim) for the R rows of one cropped review."""
        width = self.architecture.segment or len(ids)
        rows = -(-len(ids) // width)
        padded = np.full(rows * width, NO_WORD, dtype=np.int32)
        padded[: len(ids)] = ids
        by_time = np.ascontiguousarray(padded.reshape(rows, width).T)
        (states,) = self._session.run(None, {"ids": by_time})
        return np.ascontiguousarray(states.transpose(2, 0, 1, 3))

    def _pool(self, states: np.ndarray, words: int) -> float:
        """The LSTM's logit of a cropped review from its states (R, T, ...) and its number of words.

        Only the last row has padding.
        """
        rows, steps = states.shape[:2]
        of_words = states.reshape(rows * steps, -1)[:words]
        if self.architecture.pooling == "last":
            return float(of_words[-1] @ self._dense) + self._bias
        of_maximum, of_mean = self._dense.reshape(2, -1)
        weights = self._emphasis[len(self._emphasis) - words :]
        mean = weights @ of_words / weights.sum()
        return float(of_words.max(0) @ of_maximum) + float(mean @ of_mean) + self._bias


def _graph_of(loaded: LoadedModel) -> bytes:
    """The content of the graph's file. Raises ArtifactError for any that deep_graph cannot have written."""
    if loaded.format == EIGHT_BIT_PRODUCTS:
        return deep_graph(loaded.architecture, read_weights(loaded))
    file = loaded.folder / FILE_NAME
    try:
        content = file.read_bytes()
        for name, tensor in read_tensors(content, loaded.architecture).items():
            check_weights(name, tensor)
    except (OSError, ValueError) as error:
        raise ArtifactError(f"{file} cannot be read: {error}") from None
    return content
