"""The graph that is written without the onnx package, compared with that package and with torch."""

from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from sentiment.model.architecture import Architecture
from sentiment.model.layout import lay_out
from sentiment.model.lstm import LSTMClassifier, collate
from sentiment.serving import onnx_format
from sentiment.serving.onnx_graph import deep_graph, read_tensors

SEGMENTS = {"bidirectional": True, "pooling": "max_mean", "segment": 8}
SHAPES = [SEGMENTS, SEGMENTS | {"segment": 0, "bidirectional": False}, SEGMENTS | {"bidirectional": False}]
LAST = {"bidirectional": False, "pooling": "last", "segment": 0}


def model_of(**shape) -> LSTMClassifier:
    torch.manual_seed(4)
    settings = {
        "vocab_size": 50,
        "embedding_dim": 6,
        "hidden_dim": 5,
        "head": 40,
        "tail": 0,
        "ngrams": 0,
        "ngram_skip": 0,
        "negation_scope": 0,
        "ending": 0.0,
    }
    return LSTMClassifier(Architecture(**settings | shape)).eval()


def graph_of(model: LSTMClassifier, quantized: bool) -> bytes:
    weights = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
    return deep_graph(model.architecture, weights, quantized)


def some_reviews(lengths=(3, 30, 8, 1, 17)) -> list[np.ndarray]:
    random = np.random.default_rng(3)
    return [random.integers(1, 50, length) for length in lengths]


@pytest.mark.parametrize("quantized", [True, False])
@pytest.mark.parametrize("shape", [*SHAPES, LAST], ids=str)
def test_the_file_is_valid_and_computes_what_torch_does(shape, quantized):
    model, reviews = model_of(**shape), some_reviews()
    file = graph_of(model, quantized)
    onnx.checker.check_model(onnx.load_from_string(file), full_check=True)
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    rows = lay_out(reviews, model.architecture)
    (found,) = session.run(None, {"ids": rows.ids.T.astype(np.int32)})
    batch = collate(reviews, model.architecture)
    with torch.no_grad():
        states = model.lstm(model.embedding(batch.ids))[0].numpy()
    near = {"atol": 0.01 if quantized else 1e-6}
    for row, length in enumerate(rows.lengths):
        of_row = found[:length, :, row].reshape(length, -1)
        np.testing.assert_allclose(of_row, states[row, :length], **near)


@pytest.mark.parametrize("shape", [*SHAPES, LAST], ids=str)
def test_the_tensors_of_a_graph_are_read_back(shape):
    model = model_of(**shape)
    tensors = read_tensors(graph_of(model, quantized=True), model.architecture)
    vectors = model.embedding.weight.detach().numpy()
    error = np.abs(tensors["vectors"] * tensors["vector_scales"] - vectors)
    assert (error <= tensors["vector_scales"] * 0.501).all()
    assert tensors["R_rounded"].dtype == np.int8 and np.abs(tensors["R_rounded"]).max() == 127
    with pytest.raises(ValueError, match="not the graph of the model's architecture"):
        read_tensors(graph_of(model, quantized=False), model.architecture)


def test_reading_a_graph_takes_no_memory_for_what_the_architecture_claims():
    model = model_of(**LAST)
    claimed = replace(model.architecture, vocab_size=100_000_000, embedding_dim=100_000)
    with pytest.raises(ValueError, match="not the graph of the model's architecture"):
        read_tensors(graph_of(model, quantized=True), claimed)


def test_every_dimension_and_attribute_is_read_back():
    tensors = {"table": np.arange(300, dtype=np.int64).reshape(2, 150), "one": np.array(-5, dtype=np.int8)}
    node = onnx_format.node("Thing", ["table", "", "one"], ["out"], a=-1, b="text", c=[1, 200])
    read = onnx.load_from_string(
        onnx_format.model([node], tensors, {"x": ("int32", ["T", 3])}, {"out": ("float32", [])})
    )
    for name, array in tensors.items():
        (tensor,) = (one for one in read.graph.initializer if one.name == name)
        np.testing.assert_array_equal(onnx.numpy_helper.to_array(tensor), array)
    (thing,) = read.graph.node
    assert (thing.op_type, list(thing.input)) == ("Thing", ["table", "", "one"])
    attributes = {one.name: onnx.helper.get_attribute_value(one) for one in thing.attribute}
    assert attributes == {"a": -1, "b": b"text", "c": [1, 200]}
    dimensions = read.graph.input[0].type.tensor_type.shape.dim
    assert dimensions[0].dim_param == "T" and dimensions[1].dim_value == 3


def test_no_product_is_of_integers():
    """Processors differ in how they sum 8-bit products; float32 they all compute alike."""
    operators = [
        node.op_type for node in onnx.load_from_string(graph_of(model_of(**SEGMENTS), True)).graph.node
    ]
    assert set(operators) == {"Gather", "Cast", "Mul", "LSTM"}


def test_int8_is_a_fraction_of_the_size():
    model = model_of(**SEGMENTS, vocab_size=5000, embedding_dim=32)
    assert len(graph_of(model, True)) < 0.35 * len(graph_of(model, False))


def test_the_same_model_gives_the_same_bytes():
    assert graph_of(model_of(**SEGMENTS), True) == graph_of(model_of(**SEGMENTS), True)
