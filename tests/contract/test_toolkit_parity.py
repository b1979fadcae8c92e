"""The lean runners behave as AWS's own toolkits do: same scripts, folders and requests, same results."""

import io
import json
import re
from pathlib import Path

import numpy
import pytest
from localcloud_sagemaker_fixtures import INFERENCE
from localcloud_toolkit_fixtures import run_training, serving, toolkit  # noqa: F401

pytestmark = pytest.mark.slow

SEEN = """
import json, os, sys
from pathlib import Path
variables = {name: value for name, value in os.environ.items() if name.startswith("SM_")}
Path(os.environ["SM_OUTPUT_DATA_DIR"], "seen.json").write_text(
    json.dumps({"arguments": sys.argv, "variables": variables, "folder": os.getcwd(), "path": sys.path[0]})
)
Path(os.environ["SM_MODEL_DIR"], "weights.bin").write_bytes(bytes(range(256)))
print("trained", flush=True)
"""
HYPERPARAMETERS = {
    "epochs": 3,
    "learning-rate": 0.001,
    "a": "one letter",
    "name": "two words",
    "quoted": 'say "yes"',
    "flag": True,
    "nothing": None,
    "map": {"b": 2, "a": 1},
    "list": [1, "x"],
}
ONLY_GENUINE = {"SM_STUDIO_LOCAL_MODE"}


def both_trained(toolkit, tmp_path, source, **job):  # noqa: F811
    ends = []
    for genuine in (True, False):
        folder = tmp_path / ("genuine" if genuine else "lean")
        folder.mkdir()
        ends.append(run_training(toolkit, genuine, folder, source, **job))
    return ends


def source_of(tmp_path: Path, **files: str) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    for name, text in files.items():
        (folder / name.replace("_py", ".py").replace("_sh", ".sh")).write_text(text)
    return folder


def test_a_script_sees_the_same_arguments_variables_and_folders(toolkit, tmp_path):  # noqa: F811
    channel = tmp_path / "channel"
    channel.mkdir()
    (channel / "data.txt").write_text("x")
    genuine, lean = both_trained(
        toolkit,
        tmp_path,
        source_of(tmp_path, train_py=SEEN),
        hyperparameters=HYPERPARAMETERS,
        channels={"train": channel, "validation": channel},
    )
    assert genuine.code == lean.code == 0, genuine.printed + lean.printed
    for end in (genuine, lean):
        end.seen["variables"] = {
            name: value for name, value in end.seen["variables"].items() if name not in ONLY_GENUINE
        }
    told = [json.loads(end.seen["variables"].pop("SM_TRAINING_ENV")) for end in (genuine, lean)]
    rest = [
        str(end.seen).replace("genuine-", "lean-").replace("/genuine/", "/lean/") for end in (genuine, lean)
    ]
    assert lean.seen == genuine.seen, rest
    assert told[1] == told[0]
    assert lean.files == genuine.files
    assert "model/weights.bin" in lean.files
    assert "trained" in genuine.printed.splitlines()
    assert "trained" in lean.printed.splitlines()


@pytest.mark.parametrize(
    "script",
    [
        "raise ValueError('no reviews')",
        "import sys; print('before'); sys.exit(3)",
        "import sys; sys.exit('a message')",
        "import os; os.kill(os.getpid(), 9)",
        "def broken(:\n",
        "import no_such_module",
        "class DataError(Exception): pass\nraise DataError('custom')",
        "import sys; print('RuntimeError: out'); print('ValueError: error', file=sys.stderr); sys.exit(1)",
        "import os; open(os.environ['SM_OUTPUT_DIR'] + '/failure', 'w').write('mine'); raise OSError",
        "import argparse; argparse.ArgumentParser().parse_args(['--unknown'])",
    ],
)
def test_failures_have_the_same_exit_code_and_reason(toolkit, tmp_path, script):  # noqa: F811
    genuine, lean = both_trained(toolkit, tmp_path, source_of(tmp_path, train_py=script))
    assert lean.code == genuine.code != 0
    # The toolkit reads the output in pieces and cuts lines where the pieces end, now here, now there.
    assert re.sub(r"[\s:]+", " ", lean.failure) == re.sub(r"[\s:]+", " ", genuine.failure)
    assert lean.failure


@pytest.mark.parametrize("entry_point", ["missing.py", "../escape.py", "train;x.py"])
def test_entry_points_that_cannot_be_run_fail_alike(toolkit, tmp_path, entry_point):  # noqa: F811
    genuine, lean = both_trained(
        toolkit, tmp_path, source_of(tmp_path, train_py=SEEN), entry_point=entry_point
    )
    assert lean.code == genuine.code == 1
    assert lean.failure.split()[:3] == genuine.failure.split()[:3]


def test_a_shell_script_runs_alike(toolkit, tmp_path):  # noqa: F811
    script = '#!/bin/sh\nprintf "%s|" "$@" > "$SM_MODEL_DIR/arguments"\n'
    genuine, lean = both_trained(
        toolkit,
        tmp_path,
        source_of(tmp_path, train_sh=script),
        entry_point="train.sh",
        hyperparameters={"name": "it's $HOME"},
    )
    assert genuine.code == lean.code == 0
    assert lean.files == genuine.files == {"model/arguments": b"--name|it's $HOME|"}


def npy(array) -> bytes:
    buffer = io.BytesIO()
    numpy.save(buffer, array)
    return buffer.getvalue()


OWN = """
from sagemaker_inference.errors import BaseInferenceToolkitError

def model_fn(model_dir, context):
    return context.system_properties["model_dir"] == model_dir

def input_fn(body, content_type):
    if content_type == "text/teapot":
        raise BaseInferenceToolkitError(418, "I am a teapot", "short\\nand stout")
    return content_type, body

def predict_fn(data, model):
    return f"{model} {data[0]} {data[1]!r}"

def output_fn(prediction, accept):
    return (prediction, "text/own") if accept == "text/tuple" else f"{prediction} {accept}"
"""
DOUBLE = "def model_fn(model_dir):\n    return 2\n\ndef predict_fn(data, model):\n    return data * model\n"
WHOLE = """
def model_fn(model_dir):
    return "m"

def transform_fn(model, data, content_type, accept):
    return f"{model}{data}{content_type}{accept}", "text/x"
"""
ARRAYS = [
    (b"[[1, 2], [3, 4]]", "application/json", None),
    (b"[[1, 2], [3, 4]]", "application/json", "text/csv"),
    (b"[[1, 2], [3, 4]]", "application/json", "application/x-npy"),
    (b"[[1, 2]]", "application/json", "text/html"),
    (b"[[1, 2]]", "application/json", "text/html, text/csv"),
    (b"1,2\n3,4\n", "text/csv", None),
    (npy(numpy.arange(3.0)), "application/x-npy", "application/json"),
    (b"x", "text/plain", None),
    (b"x", None, None),
    (b"not json", "application/json", None),
]
REQUESTS = [
    (b'{"review": "good"}', "application/json", None),
    (b'{"review": "good"}', "application/json", "*/*"),
    (b'{"review": "good"}', "application/json; charset=utf-8", None),
    (b'{"review": "a"}\n{"review": "bb"}\n', "application/jsonlines", "application/jsonlines"),
    (bytes(range(256)), "application/octet-stream", None),
    (b"", "application/json", None),
    (b"\xff", "application/json", None),
    (b'{"raise": "gone"}', "application/json", None),
    (b"x", "text/html", None),
]
OWN_REQUESTS = [
    (b"\xc3\xa9", "application/json", None),
    (b"\xc3\xa9", "text/csv", "a, b"),
    (b"\xc3\xa9", "text/plain", "text/tuple"),
    (b"\xc3\xa9", None, None),
    (b"", "text/teapot", None),
]


@pytest.mark.parametrize(
    ("module", "requests"),
    [
        pytest.param(DOUBLE, ARRAYS, id="defaults"),
        pytest.param(OWN, OWN_REQUESTS, id="all four functions"),
        pytest.param(WHOLE, OWN_REQUESTS, id="transform_fn"),
        pytest.param(INFERENCE, REQUESTS, id="reviews"),
    ],
)
def test_the_same_requests_get_the_same_answers(toolkit, tmp_path, module, requests):  # noqa: F811
    code = tmp_path / "model" / "code"
    code.mkdir(parents=True)
    (code / "inference.py").write_text(module)
    (code.parent / "weights.json").write_text("{}")
    with serving(toolkit, True, tmp_path) as genuine, serving(toolkit, False, tmp_path) as lean:
        assert genuine.comes_up()
        assert lean.comes_up()
        for request in requests:
            assert lean.invoke(*request) == genuine.invoke(*request), request


@pytest.mark.parametrize(
    "module",
    [
        "raise RuntimeError('cannot be imported')",
        "def model_fn(model_dir):\n    raise OSError('no weights')",
        WHOLE + "\ndef input_fn(a, b):\n    return a\n",
        "",
    ],
)
def test_models_that_cannot_be_loaded_do_not_come_up(toolkit, tmp_path, module):  # noqa: F811
    code = tmp_path / "model" / "code"
    code.mkdir(parents=True)
    (code / "inference.py").write_text(module)
    for genuine in (True, False):
        with serving(toolkit, genuine, tmp_path) as served:
            assert not served.comes_up()
