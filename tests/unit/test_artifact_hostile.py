"""Hostile model folders: each is refused by an ArtifactError that names the file, or can answer.

The checksums of these folders are right: they were made, not damaged on their way.
"""

import io
import json
import math
import shutil
import tracemalloc
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sentiment_fixtures import model_folder

from sentiment.errors import ArtifactError
from sentiment.files import CHECKSUMS, write_checksums
from sentiment.serving import onnx_format
from sentiment.serving.artifact import read_model
from sentiment.serving.onnx_graph import deep_graph, read_tensors
from sentiment.serving.predictor import RUNTIMES, Predictor

JSON_FILES = ("config.json", "word_dict.json", "metrics.json")
DEEP = 100_000


class Folder:
    """A copy of a good model folder in which one file at a time is another."""

    def __init__(self, path):
        self.path = shutil.copytree(model_folder(), path)
        self._good = {
            file: (self.path / file).read_bytes() for file in (*JSON_FILES, "weights.npz", "model.onnx")
        }

    def bytes_of(self, name):
        return self._good[name]

    def parsed(self, name):
        return json.loads(self._good[name])

    def arrays(self):
        with np.load(io.BytesIO(self._good["weights.npz"])) as arrays:
            return dict(arrays)

    def put(self, name, content):
        for file, good in self._good.items():
            (self.path / file).write_bytes(good)
        (self.path / name).write_bytes(
            content if isinstance(content, bytes) else json.dumps(content).encode()
        )
        write_checksums(self.path)

    def answers_or_is_refused(self, name, runtimes=RUNTIMES):
        """Whether it was refused, by each runtime in turn."""
        refused = []
        for runtime in runtimes:
            try:
                predictor = Predictor.from_folder(self.path, runtime=runtime)
                (prediction,) = predictor.explain(["A not so good film"])
            except ArtifactError as error:
                assert name in str(error)
                refused.append(True)
            else:
                assert 0 <= prediction.probability <= 1
                json.dumps([predictor.describe(), prediction.words], allow_nan=False)
                refused.append(False)
        return refused


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return Folder(tmp_path_factory.mktemp("hostile") / "model")


def changed(content, path, value):
    """A copy of parsed JSON in which the member at `path` is `value`, or is missing where that is None."""
    copy = json.loads(json.dumps(content))
    *parents, last = path
    inner = copy
    for name in parents:
        inner = inner[name]
    if value is None:
        inner.pop(last, None)
    else:
        inner[last] = value
    return copy


def npy(header, data=b""):
    """A .npy file whose header is this text."""
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + data


def npz(members, compression=zipfile.ZIP_STORED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in members.items():
            if not isinstance(content, bytes):
                stream = io.BytesIO()
                np.save(stream, content)
                content = stream.getvalue()
            archive.writestr(f"{name}.npy", content)
    return buffer.getvalue()


@pytest.mark.slow
def test_the_error_is_short_however_much_is_wrong(folder):
    config = folder.parsed("config.json")
    long = "x" * 100_000
    for content in (
        changed(config, ["format"], long),
        changed(config, ["preprocessing", "tokenizer"], long),
        changed(config, ["preprocessing", "version"], long),
        changed(config, ["architecture", "embedding_dim"], long),
        changed(config, ["architecture", "embedding_dim"], [long]),
    ):
        folder.put("config.json", content)
        with pytest.raises(ArtifactError) as refused:
            read_model(folder.path)
        assert len(str(refused.value)) < 1_000
    folder.put("config.json", config)
    (folder.path / CHECKSUMS).write_text(json.dumps({f"{long}{number}": "x" for number in range(9)}))
    with pytest.raises(ArtifactError, match=r"and [0-9]+ more") as refused:
        read_model(folder.path)
    assert len(str(refused.value)) < 2_000


@pytest.mark.slow
def test_a_list_that_names_nothing_verifies_nothing(tmp_path):
    folder = shutil.copytree(model_folder(), tmp_path / "model")
    for content in (
        "{}",
        "[]",
        '[["config.json", "x"]]',
        '"config.json"',
        "null",
        "7",
        "[" * DEEP,
        '{"a":' * DEEP,
    ):
        (folder / CHECKSUMS).write_text(content)
        with pytest.raises(ArtifactError, match=r"checksums\.json"):
            read_model(folder)
    (folder / CHECKSUMS).write_bytes(b"\xff{}")
    with pytest.raises(ArtifactError, match=r"checksums\.json: not readable \(it is not UTF-8: byte 0"):
        read_model(folder)
    (folder / CHECKSUMS).write_text(json.dumps({"x" * 2**20: "0"}))
    with pytest.raises(ArtifactError, match="more than 1,048,576 bytes"):
        read_model(folder)


@pytest.mark.parametrize(
    "name", ["more.txt", "code/sitecustomize.py", "code/sentiment/more.py", ".hidden", "a/b"]
)
def test_a_file_that_is_not_in_the_list_is_named(tmp_path, name):
    folder = shutil.copytree(model_folder(), tmp_path / "model")
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text("")
    with pytest.raises(ArtifactError, match=rf"{name}: not in checksums\.json"):
        read_model(folder)


@pytest.mark.parametrize("name", ["../outside", "/etc/hostname", "code", "code/../config.json", "a\x00b", ""])
def test_a_list_names_files_in_its_folder_alone(tmp_path, name):
    folder = shutil.copytree(model_folder(), tmp_path / "model")
    (tmp_path / "outside").write_text("")
    content = json.loads((folder / CHECKSUMS).read_text())
    (folder / CHECKSUMS).write_text(json.dumps({**content, name: "0"}))
    with pytest.raises(ArtifactError, match="missing"):
        read_model(folder)


def test_a_link_in_the_place_of_a_file_is_refused(tmp_path):
    folder = shutil.copytree(model_folder(), tmp_path / "model")
    (folder / "metrics.json").rename(tmp_path / "metrics.json")
    (folder / "metrics.json").symlink_to(tmp_path / "metrics.json")
    with pytest.raises(ArtifactError, match=r"metrics\.json: no regular file"):
        read_model(folder)


def test_what_hosts_and_training_add_to_a_folder_is_ignored(tmp_path):
    folder = shutil.copytree(model_folder(), tmp_path / "model")
    assert (folder / "run.json").is_file() and "run.json" not in (folder / CHECKSUMS).read_text()
    added = [".run.json.x1y_2z", ".new-abc/weights.npz", "MAR-INF/MANIFEST.json", "handler_service.py"]
    added += ["__pycache__/deployment.cpython-313.pyc"]
    added += ["code/__pycache__/inference.cpython-311.pyc", "code/sentiment/__pycache__/x.cpython-312.pyc"]
    for name in added:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("")
    assert read_model(folder).version == read_model(model_folder()).version


@pytest.mark.parametrize("name", JSON_FILES)
@pytest.mark.parametrize(
    "content", [b"", b"[]", b"7", b'"x"', b"null", b"[" * DEEP, b'{"a":' * DEEP, b"\xff", b"{" + b" " * 2**24]
)
def test_json_that_is_not_an_object_is_refused(folder, name, content):
    folder.put(name, content)
    assert folder.answers_or_is_refused(name) == [True, True]


@pytest.mark.parametrize(
    ("name", "path", "value"),
    [
        ("config.json", ["preprocessing"], []),
        ("config.json", ["preprocessing", "tokenizer"], ["words"]),
        ("config.json", ["preprocessing", "tokenizer"], {}),
        ("config.json", ["architecture"], "fast"),
        ("config.json", ["architecture", "vocab_size"], "120"),
        ("config.json", ["architecture", "vocab_size"], 10**30),
        ("config.json", ["architecture", "hidden_dim"], True),
        ("config.json", ["architecture", "head"], 10**12),
        ("config.json", ["architecture", "segment"], 10**12),
        ("config.json", ["architecture", "ending"], 10**400),
        ("config.json", ["architecture", "ending"], math.nan),
        ("config.json", ["architecture", "pooling"], []),
        ("config.json", ["architecture", "more"], 1),
        ("config.json", ["recipe"], ["fast"]),
        ("word_dict.json", ["good"], "3"),
        ("word_dict.json", ["good"], -3),
        ("word_dict.json", ["good"], 1.5),
        ("word_dict.json", ["good"], 2**31),
        ("word_dict.json", [""], 4),
        ("metrics.json", ["validation_accuracy"], math.nan),
        ("metrics.json", ["calibration", "chance"], math.inf),
        ("metrics.json", ["calibration"], [0.4, 0.6]),
        ("metrics.json", ["calibration", "unsure"], 0.5),
        ("metrics.json", ["calibration", "unsure"], [0.5]),
        ("metrics.json", ["calibration", "unsure"], ["a", "b"]),
        ("metrics.json", ["calibration", "unsure"], [math.nan, math.nan]),
    ],
)
def test_a_value_of_another_kind_is_refused(folder, name, path, value):
    folder.put(name, changed(folder.parsed(name), path, value))
    assert folder.answers_or_is_refused(name if path[:2] != ["architecture", "vocab_size"] else "") == [
        True,
        True,
    ]


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just(10**400),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@pytest.mark.slow
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_json_in_any_place_is_refused_or_answers(folder, data):
    name = data.draw(st.sampled_from(JSON_FILES))
    content, path = folder.parsed(name), []
    while isinstance(content, dict) and content and (not path or data.draw(st.booleans())):
        path.append(data.draw(st.sampled_from(sorted(content)[:40])))
        content = content[path[-1]]
    if isinstance(content, dict) and data.draw(st.booleans()):
        path.append(data.draw(st.text(max_size=2)))
    folder.put(name, changed(folder.parsed(name), path, data.draw(ANY_JSON)))
    folder.answers_or_is_refused("")


@pytest.mark.slow
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_bytes_in_any_file_are_refused_or_answer(folder, data):
    name = data.draw(st.sampled_from([*JSON_FILES, "weights.npz", "model.onnx"]))
    content = bytearray(folder.bytes_of(name))
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(content)))
        end = start + data.draw(st.sampled_from([0, 1, 4, 400, len(content)]))
        content[start:end] = data.draw(st.binary(max_size=8))
    folder.put(name, bytes(content))
    folder.answers_or_is_refused("")


def floats(*shape):
    return np.zeros(shape, dtype=np.float32)


HUGE = "{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000, 8), }\n"


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("embedding.weight", floats(3, 8)),
        ("embedding.weight", floats(240, 8).astype(np.float64)),
        ("embedding.weight", floats(240, 8).astype(np.int8)),
        ("dense.weight", np.full((1, 32), np.nan, dtype=np.float32)),
        ("embedding.weight", npy(HUGE)),
        ("embedding.weight", npy(HUGE.replace("1000000000000", "-240"))),
        ("embedding.weight", npy(HUGE.replace("1000000000000", "240"), b"\0" * 100)),
        ("embedding.weight", npy(HUGE.replace("<f4", "|O"))),
        ("embedding.weight", npy("(" * 9000)),
        ("embedding.weight", npy("{'descr': [[[[]]]], 'fortran_order': 7, 'shape': 'x'}")),
        ("embedding.weight", b"\x93NUMPY\x09\x00"),
        ("embedding.weight", b""),
        ("dense.weight", floats(32)),
        ("dense.weight", floats(1, 0)),
        ("dense.bias", floats()),
        ("mixture", floats(1)),
        ("mixture", np.array([np.inf, 0], dtype=np.float32)),
        ("lstm.weight_hh_l0_reverse", floats(8, 32)),
        ("ngrams.keys", np.array([[1, 2]])),
        ("ngrams.keys", np.array([1, 2])),
        ("ngrams.weights", floats(0)),
        ("more", floats(1)),
        ("mixture", None),
    ],
)
def test_tensors_that_are_not_those_of_the_architecture_are_refused(folder, name, array):
    arrays = {**folder.arrays(), name: array}
    folder.put("weights.npz", npz({name: array for name, array in arrays.items() if array is not None}))
    tracemalloc.start()
    assert folder.answers_or_is_refused("weights.npz") == [True, True]
    assert tracemalloc.get_traced_memory()[1] < 50_000_000
    tracemalloc.stop()


@pytest.mark.parametrize("value", [1e30, -1e7, np.nan])
@pytest.mark.parametrize("name", ["dense.weight", "mixture", "ngrams.weights", "opinion"])
def test_weights_whose_sums_could_be_infinite_are_refused(folder, name, value):
    arrays = folder.arrays()
    folder.put("weights.npz", npz(arrays | {name: np.full_like(arrays[name], value)}))
    assert folder.answers_or_is_refused("weights.npz") == [True, True]


def test_a_file_that_cannot_be_read_is_an_error_of_the_model(tmp_path, monkeypatch):
    def vanished(file):
        raise FileNotFoundError(2, "No such file or directory", str(file))

    folder = shutil.copytree(model_folder(), tmp_path / "model")
    monkeypatch.setattr("sentiment.files.sha256_of", vanished)
    with pytest.raises(ArtifactError, match=r"cannot be read: .*No such file or directory"):
        read_model(folder)


def test_keys_of_ngrams_that_cannot_be_looked_up_are_refused(folder):
    arrays = folder.arrays()
    keys, weights = arrays["ngrams.keys"], arrays["ngrams.weights"]
    for wrong in (keys[::-1], -keys - 1, np.zeros_like(keys), _keys_of_two_places()):
        arrays |= {"ngrams.keys": wrong, "ngrams.weights": np.resize(weights, len(wrong))}
        folder.put("weights.npz", npz(arrays))
        assert folder.answers_or_is_refused("weights.npz") == [True, True]


def _keys_of_two_places():
    """Four keys for which cuckoo.py has the same two slots in any table that fits into memory."""
    undo = [pow(int(multiplier), -1, 2**64) for multiplier in (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F)]
    found = []
    for number in range(2**20):
        mixed = number % 1024 | (number // 1024) << 32
        half = mixed * undo[1] % 2**64
        key = (half ^ half >> 32) * undo[0] % 2**64
        if key < 2**63:
            found.append(key)
        if len(found) == 4:
            break
    return np.sort(np.array(found, dtype=np.int64))


def test_compressed_weights_are_refused_before_they_are_unpacked(folder):
    packed = npz(folder.arrays() | {"embedding.weight": floats(240, 8)}, zipfile.ZIP_DEFLATED)
    folder.put("weights.npz", packed)
    assert folder.answers_or_is_refused("weights.npz") == [True, True]


@pytest.mark.parametrize("change", [{"hidden_dim": 4}, {"bidirectional": False}, {"vocab_size": 60}])
def test_the_graph_of_another_model_is_refused(folder, change):
    architecture = replace(read_model(folder.path).architecture, **change)
    rng = np.random.default_rng(0)
    weights = {
        name: rng.normal(size=shape).astype(np.float32)
        for name, shape in architecture.tensors().items()
        if None not in shape
    }
    folder.put("model.onnx", deep_graph(architecture, weights))
    assert folder.answers_or_is_refused("model.onnx", ["onnxruntime"]) == [True]


def a_program(nodes, tensors):
    """An ONNX file that any runtime would run, with the input and the output of a model's graph."""
    inputs, outputs = {"ids": ("int32", ["T", "R"])}, {"states": ("float32", ["T", 1, "R", "H"])}
    return onnx_format.model(nodes, tensors, inputs, outputs)


NOT_THE_GRAPH = "model.onnx cannot be read: it is not the graph of the model's architecture"
PROGRAMS = {
    # ONNX Runtime makes room for all these numbers when it loads the file.
    "one that takes all memory": a_program(
        [onnx_format.node("ConstantOfShape", ["sizes"], ["states"])], {"sizes": np.array([10**15])}
    ),
    "one that copies its input": a_program(
        [onnx_format.node("Cast", ["ids"], ["states"], to=onnx_format.TYPES["float32"])], {}
    ),
    "none": b"",
}


@pytest.mark.parametrize("content", PROGRAMS.values(), ids=PROGRAMS)
def test_another_program_in_the_place_of_the_graph_is_refused(folder, content):
    folder.put("model.onnx", content)
    assert folder.answers_or_is_refused("not the graph of the model's architecture", ["onnxruntime"]) == [
        True
    ]


@pytest.mark.parametrize(
    "change",
    [
        lambda graph: graph + b"\x40\x01",  # a field that no reader knows
        lambda graph: graph.replace(b"sentiment", b"sentimens"),
        lambda graph: graph.replace(b"bidirectional", b"bidirectionaL"),
        lambda graph: graph[:-1],
    ],
)
def test_a_graph_that_differs_in_more_than_its_weights_is_refused(folder, change):
    folder.put("model.onnx", change(folder.bytes_of("model.onnx")))
    assert folder.answers_or_is_refused("not the graph of the model's architecture", ["onnxruntime"]) == [
        True
    ]


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e7])
@pytest.mark.parametrize("name", ["B", "vector_scales", "W_scales", "R_scales"])
def test_a_graph_whose_states_could_be_infinite_is_refused(folder, name, value):
    graph = folder.bytes_of("model.onnx")
    tensors = read_tensors(graph, read_model(model_folder()).architecture)
    first = tensors[name].tobytes()[:400]
    folder.put("model.onnx", graph.replace(first, np.full(len(first) // 4, value, "<f4").tobytes()))
    assert folder.answers_or_is_refused(name, ["onnxruntime"]) == [True]
