"""The deep part of a model as an ONNX graph: int8 word vectors, an int8 LSTM, pooling in float32.

A graph takes `ids` (T, R) and `lengths` (R,), the rows of sentiment.batches.collate laid out by time, and
gives what the pooling needs of each row: its `maximum` and `total` over the words (R, features), or the
output at its `last` word (R, hidden_dim). For explanations it gives all `states` too (T, directions, R,
hidden_dim): an output that is not asked for costs nothing. Adding up a review's rows and the dense layer are
left to the engine: that is a handful of products. Each word vector and each column of the LSTM's matrices has
a scale of its own, which keeps the loss of accuracy within noise; inputs and states are quantised by the
operator as it runs.
"""

from collections.abc import Mapping

import numpy as np

from sentiment import onnx_format as onnx
from sentiment.architecture import Architecture

FILE_NAME = "model.onnx"
STATES = "states"
_GATES = (0, 3, 1, 2)
"""torch lays out input, forget, cell, output; ONNX input, output, forget, cell."""
_LOWEST = float(np.finfo(np.float32).min)


def deep_graph(
    architecture: Architecture, weights: Mapping[str, np.ndarray], quantized: bool = True
) -> bytes:
    """The file of the graph; `weights` are the model's arrays by torch's names."""
    tensors, nodes = _embedding(weights["embedding.weight"], quantized)
    lstm_tensors, lstm_inputs = _lstm(architecture, weights, quantized)
    tensors |= lstm_tensors
    is_last = architecture.pooling == "last"
    # Reviews are padded to whole segments in training too: backwards, a segment begins with its padding.
    run = ["embedded", *lstm_inputs[:3], "lengths32" if is_last else "", "", "", "", *lstm_inputs[3:]]
    nodes.append(onnx.node("Cast", ["lengths"], ["lengths32"], to=onnx.TYPES["int32"]))
    nodes.append(
        onnx.node(
            "DynamicQuantizeLSTM" if quantized else "LSTM",
            run,
            [STATES, "last_states"],
            domain=onnx.MICROSOFT if quantized else "",
            hidden_size=architecture.hidden_dim,
            direction="bidirectional" if architecture.bidirectional else "forward",
        )
    )
    features = architecture.hidden_dim * (2 if architecture.bidirectional else 1)
    if is_last:
        tensors["first_axis"] = np.array([0])
        nodes.append(onnx.node("Squeeze", ["last_states", "first_axis"], ["last"]))
    else:
        pool_tensors, pool_nodes = _pooling(features)
        tensors |= pool_tensors
        nodes += pool_nodes
    inputs = {"ids": ("int32", ["T", "R"]), "lengths": ("int64", ["R"])}
    outputs = {name: ("float32", ["R", features]) for name in pooled_outputs(architecture)}
    directions = features // architecture.hidden_dim
    outputs[STATES] = ("float32", ["T", directions, "R", architecture.hidden_dim])
    return onnx.model(nodes, tensors, inputs, outputs)


def pooled_outputs(architecture: Architecture) -> tuple[str, ...]:
    """The names of what the pooling needs."""
    return ("last",) if architecture.pooling == "last" else ("maximum", "total")


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


def _pooling(features: int) -> tuple[dict[str, np.ndarray], list[bytes]]:
    """Maximum and total over the words of each row, both directions side by side (R, features)."""
    tensors = {
        "zero": np.array(0),
        "one": np.array(1),
        "time_axis": np.array([1]),
        "unit_axes": np.array([1, 3]),
        "first_axis": np.array([0]),
        "lowest": np.array(_LOWEST, dtype=np.float32),
        "nothing": np.array(0, dtype=np.float32),
        "flat": np.array([-1, features]),
    }
    nodes = [
        onnx.node("Shape", ["ids"], ["size"]),
        onnx.node("Gather", ["size", "zero"], ["steps"]),
        onnx.node("Range", ["zero", "steps", "one"], ["places"]),
        onnx.node("Unsqueeze", ["places", "time_axis"], ["places_column"]),
        onnx.node("Less", ["places_column", "lengths"], ["is_word"]),
        onnx.node("Unsqueeze", ["is_word", "unit_axes"], ["is_word_wide"]),
        onnx.node("Where", ["is_word_wide", STATES, "lowest"], ["for_maximum"]),
        onnx.node("ReduceMax", ["for_maximum"], ["row_maximum"], axes=[0], keepdims=0),
        onnx.node("Where", ["is_word_wide", STATES, "nothing"], ["for_total"]),
        onnx.node("ReduceSum", ["for_total", "first_axis"], ["row_total"], keepdims=0),
    ]
    for name in ("maximum", "total"):
        nodes.append(onnx.node("Transpose", [f"row_{name}"], [f"{name}_rows"], perm=[1, 0, 2]))
        nodes.append(onnx.node("Reshape", [f"{name}_rows", "flat"], [name]))
    return tensors, nodes


def _by_onnx_gates(matrix: np.ndarray) -> np.ndarray:
    return np.concatenate([np.split(matrix, 4)[gate] for gate in _GATES])


def _int8(matrix: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """The matrix rounded to int8, and the scale (float32) of each of its rows along `axis`."""
    scale = np.maximum(np.abs(matrix).max(axis=axis, keepdims=True), 1e-12) / 127
    return np.rint(matrix / scale).astype(np.int8), scale.astype(np.float32)
