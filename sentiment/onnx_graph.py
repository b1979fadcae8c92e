"""The LSTM of a model as an ONNX graph, with int8 word vectors and int8 matrices.

A graph takes `ids` (T, R), the rows of sentiment.batches laid out by time, and gives all `states` (T,
directions, R, hidden_dim). Pooling and the dense layer are left to the engine: numpy does them sooner than
ONNX Runtime's operators, and explanations need the states anyway. Each word vector and each column of the
LSTM's matrices has a scale of its own, which keeps the loss of accuracy within noise; inputs and states are
quantised by the operator as it runs.
"""

from collections.abc import Mapping

import numpy as np

from sentiment import onnx_format as onnx
from sentiment.architecture import Architecture

FILE_NAME = "model.onnx"
_GATES = (0, 3, 1, 2)
"""torch lays out input, forget, cell, output; ONNX input, output, forget, cell."""


def deep_graph(
    architecture: Architecture, weights: Mapping[str, np.ndarray], quantized: bool = True
) -> bytes:
    """The file of the graph; `weights` are the model's arrays by torch's names."""
    tensors, nodes = _embedding(weights["embedding.weight"], quantized)
    lstm_tensors, lstm_inputs = _lstm(architecture, weights, quantized)
    tensors |= lstm_tensors
    # Reviews are padded to whole segments in training too: backwards, a segment begins with its padding.
    run = ["embedded", *lstm_inputs[:3], "", "", "", "", *lstm_inputs[3:]]
    nodes.append(
        onnx.node(
            "DynamicQuantizeLSTM" if quantized else "LSTM",
            run,
            ["states"],
            domain=onnx.MICROSOFT if quantized else "",
            hidden_size=architecture.hidden_dim,
            direction="bidirectional" if architecture.bidirectional else "forward",
        )
    )
    directions = 2 if architecture.bidirectional else 1
    inputs = {"ids": ("int32", ["T", "R"])}
    outputs = {"states": ("float32", ["T", directions, "R", architecture.hidden_dim])}
    return onnx.model(nodes, tensors, inputs, outputs)


def _embedding(vectors: np.ndarray, quantized: bool) -> tuple[dict[str, np.ndarray], list[bytes]]:
    if not quantized:
        return {"vectors": vectors}, [onnx.node("Gather", ["vectors", "ids"], ["embedded"])]
    rounded, scale = _int8(vectors, axis=1)
    return {"vectors": rounded, "vector_scales": scale}, [
        onnx.node("Gather", ["vectors", "ids"], ["rounded"]),
        onnx.node("Cast", ["rounded"], ["as_float"], to=onnx.TYPES["float32"]),
        onnx.node("Gather", ["vector_scales", "ids"], ["scales"]),
        onnx.node("Mul", ["as_float", "scales"], ["embedded"]),
    ]


def _lstm(
    architecture: Architecture, weights: Mapping[str, np.ndarray], quantized: bool
) -> tuple[dict[str, np.ndarray], list[str]]:
    """The LSTM's tensors, and their names in the order of the operator's inputs."""
    directions = ["", "_reverse"] if architecture.bidirectional else [""]

    def stacked(name: str) -> np.ndarray:
        return np.stack([_by_onnx_gates(weights[f"lstm.{name}_l0{suffix}"]) for suffix in directions])

    bias = np.concatenate([stacked("bias_ih"), stacked("bias_hh")], axis=1)
    if not quantized:
        tensors = {"W": stacked("weight_ih"), "R": stacked("weight_hh"), "B": bias}
        return tensors, ["W", "R", "B"]
    tensors = {"B": bias}
    for name, matrix in (("W", stacked("weight_ih")), ("R", stacked("weight_hh"))):
        rounded, scale = _int8(matrix, axis=2)
        tensors[name] = np.ascontiguousarray(rounded.transpose(0, 2, 1))
        tensors[name + "_scale"] = scale[:, :, 0]
        tensors[name + "_zero"] = np.zeros(scale.shape[:2], dtype=np.int8)
    return tensors, ["W", "R", "B", "W_scale", "W_zero", "R_scale", "R_zero"]


def _by_onnx_gates(matrix: np.ndarray) -> np.ndarray:
    return np.concatenate([np.split(matrix, 4)[gate] for gate in _GATES])


def _int8(matrix: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """The matrix rounded to int8, and the scale (float32) of each of its rows along `axis`."""
    scale = np.maximum(np.abs(matrix).max(axis=axis, keepdims=True), 1e-12) / 127
    return np.rint(matrix / scale).astype(np.int8), scale.astype(np.float32)
