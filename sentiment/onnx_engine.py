"""The model computed by ONNX Runtime, without torch: starts and answers several times sooner.

ONNX Runtime runs the LSTM, whose weights are stored in int8 (onnx_graph.py); n-grams, pooling over a review's
words, the dense layer and, for explanations, the words' weights are numpy. Logits and weights differ from
torch's by what storing in int8 costs, and are the same on every processor to within float32's rounding.
"""

import os
from collections.abc import Sequence

import numpy as np

# Read at import: without it ONNX Runtime keeps an identity of this machine and reports to its makers.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import onnxruntime

from sentiment.artifact import EIGHT_BIT_PRODUCTS, LoadedModel, read_weights
from sentiment.batches import crop
from sentiment.ending import emphasis
from sentiment.errors import ArtifactError
from sentiment.explanation import Explanation, explanation
from sentiment.ngrams import Ngrams
from sentiment.onnx_graph import FILE_NAME, deep_graph
from sentiment.vocabulary import NO_WORD
from sentiment.word_weights import word_weights


class OnnxEngine:
    """A model folder's graph, ready to predict and explain. Raises ArtifactError where it cannot be run."""

    name, weights, arithmetic = "onnxruntime", "int8", "float32"

    def __init__(self, loaded: LoadedModel):
        self.loaded = loaded
        options = onnxruntime.SessionOptions()
        # One review is too little work to share, and a server answers several at once.
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        file = loaded.folder / FILE_NAME
        graph = str(file)
        if loaded.format == EIGHT_BIT_PRODUCTS:
            graph = deep_graph(loaded.architecture, read_weights(loaded))
        try:
            self._session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime's kinds have no base of their own
            raise ArtifactError(f"{file}: ONNX Runtime cannot load it ({error})") from None
        small = ("dense.weight", "dense.bias", "mixture", "ngrams.keys", "ngrams.weights")
        weights = read_weights(loaded, small)
        self._dense, self._bias = weights["dense.weight"][0], float(weights["dense.bias"][0])
        of_deep, of_wide = weights["mixture"].tolist()
        self._mixture = of_deep, of_wide
        a = loaded.architecture
        to_come = np.arange(a.head + a.tail - 1, -1, -1)
        self._emphasis = emphasis(to_come, a.ending).astype(np.float32)
        self._ngrams = None
        if a.ngrams:
            self._ngrams = Ngrams(
                a.ngram_patterns(), a.ending, weights["ngrams.keys"], weights["ngrams.weights"]
            )

    def logits(self, reviews: Sequence[np.ndarray]) -> np.ndarray:
        """Logits (N,) of whole reviews as word ids; exactly 0 for one without words."""
        return np.array([self._logit(ids) if len(ids) else 0.0 for ids in reviews])

    def explain(self, reviews: Sequence[np.ndarray]) -> list[Explanation]:
        """For each review its logit and each word's weight."""
        return [self._explain(ids) if len(ids) else Explanation(0.0, np.zeros(0)) for ids in reviews]

    def _logit(self, ids: np.ndarray) -> float:
        of_deep, of_wide = self._mixture
        cropped = crop(ids, self.loaded.architecture)
        logit = of_deep * self._deep(self._states(cropped), len(cropped))
        return logit if self._ngrams is None else logit + of_wide * self._ngrams.logit(ids)

    def _explain(self, ids: np.ndarray) -> Explanation:
        architecture = self.loaded.architecture
        cropped = crop(ids, architecture)
        states = self._states(cropped)
        weights = word_weights(states, len(cropped), self._dense, architecture)
        deep = Explanation(self._deep(states, len(cropped)), weights)
        return explanation(ids, architecture, self._mixture, deep, self._ngrams)

    def _states(self, ids: np.ndarray) -> np.ndarray:
        """The LSTM's states (R, T, directions, hidden_dim) in the rows of one cropped review."""
        width = self.loaded.architecture.segment or len(ids)
        rows = -(-len(ids) // width)
        padded = np.full(rows * width, NO_WORD, dtype=np.int32)
        padded[: len(ids)] = ids
        by_time = np.ascontiguousarray(padded.reshape(rows, width).T)
        (states,) = self._session.run(None, {"ids": by_time})
        return states.transpose(2, 0, 1, 3)

    def _deep(self, states: np.ndarray, words: int) -> float:
        """The LSTM's logit of a cropped review of so many words; only its last row has padding."""
        rows, steps = states.shape[:2]
        of_words = states.reshape(rows * steps, -1)[:words]
        if self.loaded.architecture.pooling == "last":
            return float(of_words[-1] @ self._dense) + self._bias
        of_maximum, of_mean = np.split(self._dense, 2)
        weights = self._emphasis[len(self._emphasis) - words :]
        mean = weights @ of_words / weights.sum()
        return float(of_words.max(0) @ of_maximum) + float(mean @ of_mean) + self._bias
