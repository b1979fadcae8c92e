"""The model computed by ONNX Runtime in int8, without torch: starts and answers several times sooner.

ONNX Runtime runs the LSTM (onnx_graph.py); n-grams, pooling over a review's rows, the dense layer and, for
explanations, the gradients are numpy. Explanations take their word weights from the float32 tensors, so
they equal torch's; the logit is that of the int8 graph, and differs from torch's by what rounding costs.
"""

import os
from collections.abc import Sequence
from functools import cached_property

import numpy as np

# Read at import: without it ONNX Runtime keeps an identity of this machine and reports to its makers.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import onnxruntime

from sentiment.artifact import LoadedModel, read_weights
from sentiment.batches import crop
from sentiment.errors import ArtifactError
from sentiment.explanation import Explanation, explained
from sentiment.ngrams import Ngrams
from sentiment.onnx_graph import FILE_NAME
from sentiment.vocabulary import NO_WORD
from sentiment.word_gradients import WordGradients


class OnnxEngine:
    """A model folder's graph, ready to predict and explain. Raises ArtifactError where it cannot be run."""

    name = "onnxruntime"

    def __init__(self, loaded: LoadedModel):
        self.loaded = loaded
        options = onnxruntime.SessionOptions()
        # One review is too little work to share, and a server answers several at once.
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        file = loaded.folder / FILE_NAME
        try:
            self._session = onnxruntime.InferenceSession(
                str(file), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # ONNX Runtime's kinds have no base of their own
            raise ArtifactError(f"{file}: ONNX Runtime cannot load it ({error})") from None
        small = ("dense.weight", "dense.bias", "mixture", "ngrams.keys", "ngrams.weights", "ngrams.bias")
        weights = read_weights(loaded, small)
        self._dense, self._bias = weights["dense.weight"][0], float(weights["dense.bias"][0])
        self._mixture = [float(weight) for weight in weights["mixture"]]
        self._ngrams = None
        if loaded.architecture.ngrams:
            keys, of_keys, (bias,) = (weights[f"ngrams.{name}"] for name in ("keys", "weights", "bias"))
            self._ngrams = Ngrams(loaded.architecture.ngrams, keys, of_keys, float(bias))

    def logits(self, reviews: Sequence[np.ndarray]) -> np.ndarray:
        """Logits (N,) of whole reviews as word ids; exactly 0 for one without words."""
        return np.array([self._logit(ids) if len(ids) else 0.0 for ids in reviews])

    def explain(self, reviews: Sequence[np.ndarray]) -> list[Explanation]:
        """For each review its logit and each word's weight."""
        architecture = self.loaded.architecture
        deep = [self._deep(crop(ids, architecture)) if len(ids) else 0.0 for ids in reviews]
        return explained(reviews, architecture, deep, self._mixture, self._gradients, self._ngrams)

    def _logit(self, ids: np.ndarray) -> float:
        of_deep, of_wide, bias = self._mixture
        logit = of_deep * self._deep(crop(ids, self.loaded.architecture)) + bias
        return logit if self._ngrams is None else logit + of_wide * self._ngrams.logit(ids)

    @cached_property
    def _gradients(self) -> WordGradients:
        """Made at the first explanation: it needs all tensors, and a prediction does not."""
        return WordGradients(self.loaded.architecture, read_weights(self.loaded))

    def _deep(self, ids: np.ndarray) -> float:
        """The logit of one cropped review. Reviews do not share a run: its roundings depend on all in it."""
        width = self.loaded.architecture.segment or len(ids)
        rows = -(-len(ids) // width)
        padded = np.full(rows * width, NO_WORD, dtype=np.int32)
        padded[: len(ids)] = ids
        lengths = np.full(rows, width, dtype=np.int64)
        lengths[-1] = len(ids) - (rows - 1) * width
        by_time = np.ascontiguousarray(padded.reshape(rows, width).T)
        pooled = self._session.run(None, {"ids": by_time, "lengths": lengths})
        if self.loaded.architecture.pooling == "last":
            return float(pooled[0][0] @ self._dense) + self._bias
        maximum, total = pooled[0].max(0), pooled[1].sum(0)
        of_maximum, of_mean = self._dense[: len(maximum)], self._dense[len(maximum) :]
        return float(maximum @ of_maximum) + float(total @ of_mean) / len(ids) + self._bias
