"""The LSTM of a model as an ONNX graph, with word vectors and matrices stored in int8.

The graph takes `ids` (T, R), the transposed rows of layout.py, and returns `states` (T, directions, R,
hidden_dim). The engine does the pooling and the dense layer: numpy is faster at these than ONNX Runtime's
operators, and explanations need the states anyway. Each word vector and each row of the LSTM's matrices has a
scale of its own, so that the loss of accuracy is within noise.

The integers become float32 when the graph is loaded (matrices) or when a word is looked up (vectors), and all
sums are float32, so that every processor computes the same up to rounding. ONNX Runtime's LSTM with 8-bit
products (DynamicQuantizeLSTM) does not: on x86-64 without VNNI it multiplies unsigned inputs by signed
weights with an instruction whose 16-bit sums of two products saturate ("When to use U8S8" in
onnxruntime.ai/docs/performance/model-optimizations/quantization.html). Nor is it faster for the small LSTMs
of `fast` and `best`.
"""

from collections.abc import Mapping

import numpy as np

from sentiment.model.architecture import Architecture
from sentiment.serving import onnx_format as onnx

FILE_NAME = "model.onnx"
_INPUTS: onnx.Values = {"ids": ("int32", ["T", "R"])}
_GATES = (0, 3, 1, 2)
"""torch lays out input, forget, cell, output; ONNX input, output, forget, cell."""


def deep_graph(
    architecture: Architecture, weights: Mapping[str, np.ndarray], quantized: bool = True
) -> bytes:
    """The content of the ONNX file; `weights` are the model's arrays by torch's names.

    With `quantized=False`, vectors and matrices are stored in float32.
    """
    directions = ["", "_reverse"] if architecture.bidirectional else [""]

    def stacked(name: str) -> np.ndarray:
        return np.stack([_by_onnx_gates(weights[f"lstm.{name}_l0{suffix}"]) for suffix in directions])

    vectors = weights["embedding.weight"]
    tensors = {"B": np.concatenate([stacked("bias_ih"), stacked("bias_hh")], axis=1)}
    matrices = {"W": stacked("weight_ih"), "R": stacked("weight_hh")}
    if quantized:
        tensors["vectors"], tensors["vector_scales"] = _int8(vectors)
        for name, matrix in matrices.items():
            tensors[f"{name}_rounded"], tensors[f"{name}_scales"] = _int8(matrix)
    else:
        tensors |= {"vectors": vectors, **matrices}
    return onnx.model(_nodes(architecture, quantized), tensors, _INPUTS, _outputs(architecture))


def read_tensors(content: bytes, architecture: Architecture) -> dict[str, np.ndarray]:
    """The tensors by name in the content of an ONNX file that `deep_graph` has written, quantized.

    Raises ValueError for any other content: an ONNX file may hold any program, also one that takes all
    memory.
    """
    directions, gates = _directions(architecture), 4 * architecture.hidden_dim
    kinds: onnx.Kinds = {
        "B": ("float32", (directions, 2 * gates)),
        "vectors": ("int8", (architecture.embeddings, architecture.embedding_dim)),
        "vector_scales": ("float32", (architecture.embeddings, 1)),
        "W_rounded": ("int8", (directions, gates, architecture.embedding_dim)),
        "W_scales": ("float32", (directions, gates, 1)),
        "R_rounded": ("int8", (directions, gates, architecture.hidden_dim)),
        "R_scales": ("float32", (directions, gates, 1)),
    }
    nodes = _nodes(architecture, quantized=True)
    return onnx.read_tensors(content, nodes, kinds, _INPUTS, _outputs(architecture))


def _nodes(architecture: Architecture, quantized: bool) -> list[bytes]:
    nodes = [onnx.node("Gather", ["vectors", "ids"], ["embedded"])]
    if quantized:
        nodes = [
            onnx.node("Gather", ["vectors", "ids"], ["rounded"]),
            onnx.node("Gather", ["vector_scales", "ids"], ["scales"]),
            *_as_float("rounded", "scales", "embedded"),
            *_as_float("W_rounded", "W_scales", "W"),
            *_as_float("R_rounded", "R_scales", "R"),
        ]
    # No sequence_lens: in training, too, the backward direction begins with a segment's padding.
    nodes.append(
        onnx.node(
            "LSTM",
            ["embedded", "W", "R", "B"],
            ["states"],
            hidden_size=architecture.hidden_dim,
            direction="bidirectional" if architecture.bidirectional else "forward",
        )
    )
    return nodes


def _outputs(architecture: Architecture) -> onnx.Values:
    return {"states": ("float32", ["T", _directions(architecture), "R", architecture.hidden_dim])}


def _directions(architecture: Architecture) -> int:
    return 2 if architecture.bidirectional else 1


def _as_float(integers: str, scales: str, result: str) -> list[bytes]:
    """Convert int8 to float32; ONNX Runtime applies this to constants once, when it loads a graph."""
    return [
        onnx.node("Cast", [integers], [f"{integers}_float"], to=onnx.TYPES["float32"]),
        onnx.node("Mul", [f"{integers}_float", scales], [result]),
    ]


def _by_onnx_gates(matrix: np.ndarray) -> np.ndarray:
    return np.concatenate([np.split(matrix, 4)[gate] for gate in _GATES])


def _int8(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Quantize a matrix (..., N) to int8; also return the float32 scale (..., 1) of each row."""
    scale = np.maximum(np.abs(matrix).max(axis=-1, keepdims=True), 1e-12) / 127
    return np.rint(matrix / scale).astype(np.int8), scale.astype(np.float32)
