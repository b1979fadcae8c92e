"""The server of our own inference image: it answers as AWS's PyTorch container does, with few packages."""

from __future__ import annotations

import http.client
import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import distribution
from pathlib import Path
from typing import NamedTuple

import pytest

from localcloud.sagemaker.container import RUNNERS
from project.ports import free_port
from tests.conftest import PROJECT

sys.path.append(str(PROJECT / "tests" / "unit"))
from sentiment_fixtures import model_folder

LOCK = PROJECT / "requirements" / "serve.lock"
SERVER = PROJECT / "serve" / "server.py"
DOCKERFILE = (PROJECT / "serve" / "Dockerfile").read_text()
GOOD = "a wonderful and touching film, brilliant to the end"
JSON = "application/json"
REQUESTS = [
    (GOOD.encode(), "text/plain", None),
    (json.dumps({"review": GOOD}).encode(), JSON, None),
    (json.dumps({"review": GOOD}).encode(), JSON, "*/*"),
    (json.dumps({"review": GOOD, "explain": False}).encode(), JSON, "text/csv"),
    ("Émouvant, n'est-ce pas? 👍".encode(), "text/plain; charset=utf-8", None),
    (json.dumps({"review": GOOD}).encode(), "application/json; charset=utf-8", "application/json"),
    (json.dumps({"reviews": [GOOD, "dull mess"]}).encode(), JSON, None),
    (json.dumps({"reviews": [GOOD, "dull mess"], "explain": True}).encode(), JSON, None),
    (json.dumps([{"review": GOOD}, {"review": "awful"}]).encode(), JSON, "application/jsonlines"),
    (b'{"review": "dull"}\n{"review": "superb"}\n' * 200, "application/jsonlines", "application/jsonlines"),
    (b"review\ndull mess\n", "text/csv", "text/csv"),
    (b"x" * 20_000, "text/plain", None),
    (b"x" * 20_001, "text/plain", None),
    (json.dumps([{"review": "ok"}, {"review": "x" * 20_001}]).encode(), JSON, None),
    (b"", "text/plain", None),
    (b"", JSON, None),
    (b"{", JSON, None),
    (b'{"text": "x"}', JSON, None),
    (b'{"reviews": []}', JSON, None),
    (b"\xff\xfe", "text/plain", None),
    (b"\xff", JSON, None),
    (b"\xff", "application/json; charset=utf-8", None),
    (b"<p>", "text/html", None),
    (GOOD.encode(), "text/plain", "image/png"),
    (b"x", None, None),
]


class Answered(NamedTuple):
    status: int
    phrase: str
    content_type: str | None
    body: bytes


class Served:
    """A running model server; it has the given port, or chooses one and writes it to the file."""

    def __init__(self, process: subprocess.Popen, port: int, file: Path):
        self.process, self._port, self._file = process, port, file

    @property
    def port(self) -> int:
        """Raises FileNotFoundError, an OSError, until the server has chosen one."""
        return self._port or int(self._file.read_text())

    def comes_up(self, seconds: float = 60) -> bool:
        """Whether it answers /ping before it ends or so many seconds have passed."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                return self.ask("GET", "/ping").status == 200
            except OSError:
                time.sleep(0.02)
        return False

    def invoke(self, body: bytes, content_type: str | None = None, accept: str | None = None) -> Answered:
        """An error's body is cut after its message: a traceback through the server's files follows."""
        headers = {"Content-Type": content_type, "Accept": accept}
        answer = self.ask("POST", "/invocations", body, {k: v for k, v in headers.items() if v})
        return answer._replace(body=re.split(rb"\n+Traceback ", answer.body)[0])

    def ask(
        self, method: str, path: str, body: bytes | list[bytes] = b"", headers: dict | None = None
    ) -> Answered:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body, headers or {}, encode_chunked=isinstance(body, list))
            response = connection.getresponse()
            return Answered(
                response.status, response.reason, response.getheader("Content-Type"), response.read()
            )
        finally:
            connection.close()


_numbers = itertools.count()


@contextmanager
def running(command: list, base: Path, port: int = 0, **environment: str) -> Iterator[Served]:
    """Start a model server; those of localcloud choose a port, which nobody can take from them before."""
    file = base / f"port-{next(_numbers)}"
    own = {"PATH": os.environ["PATH"], "SAGEMAKER_BASE_DIR": str(base), "SAGEMAKER_BIND_TO_PORT": str(port)}
    own |= {"PYTHONDONTWRITEBYTECODE": "1", "SAGEMAKER_MODEL_SERVER_WORKERS": "1"}
    own["LOCALCLOUD_PORT_FILE"] = str(file)
    process = subprocess.Popen(
        command,
        env=own | environment,
        cwd=base,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        yield Served(process, port, file)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            raise


def pins() -> dict[str, set[str]]:
    """The versions that the image's lock pins, by package; several where they depend on the Python."""
    found: dict[str, set[str]] = {}
    for name, version in re.findall(r"^([a-z0-9-]+)==([^ ;]+)", LOCK.read_text(), re.MULTILINE):
        found.setdefault(name, set()).add(version)
    return found


@pytest.fixture(scope="module")
def packages(tmp_path_factory) -> Path:
    """A folder with exactly the packages of the image's lock, as links to those installed here."""
    folder = tmp_path_factory.mktemp("packages")
    for name, versions in pins().items():
        found = distribution(name)
        assert found.version in versions, (
            f"{name} is {found.version} here: the image has another than the tests"
        )
        for top in {
            file.parts[0] for file in found.files or () if file.parts[0] not in ("..", "__pycache__")
        }:
            (folder / top).symlink_to(found.locate_file(top), target_is_directory=True)
    return folder


@pytest.fixture(scope="module")
def base(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("ml")
    shutil.copytree(model_folder(), folder / "model")
    return folder


@pytest.fixture(scope="module")
def slim(packages, base) -> Iterator[Served]:
    # Without this machine's other packages (-S): the folder of links is all there is.
    with running(
        [sys.executable, "-S", SERVER, "serve"], base, free_port(), PYTHONPATH=str(packages)
    ) as served:
        assert served.comes_up()
        yield served


@pytest.fixture(scope="module")
def toolkit(base) -> Iterator[Served]:
    """localcloud's stand-in for AWS's container; test_toolkit_parity.py compares it with AWS's own code."""
    with running([sys.executable, RUNNERS / "inference.py"], base) as served:
        assert served.comes_up()
        yield served


@pytest.mark.parametrize("request_", REQUESTS, ids=[f"{n}" for n in range(len(REQUESTS))])
def test_texts_batches_errors_and_limits_are_answered_alike(slim, toolkit, request_):
    assert slim.invoke(*request_) == toolkit.invoke(*request_)


def test_other_paths_are_answered_alike(slim, toolkit):
    for method, path in (
        ("GET", "/ping"),
        ("GET", "/models"),
        ("POST", "/ping"),
        ("GET", "/execution-parameters"),
    ):
        assert slim.ask(method, path) == toolkit.ask(method, path)


def test_a_body_in_chunks_is_read_whole(slim, toolkit):
    pieces = [b'{"review": "dull"}\n', b'{"review": "superb"}\n']
    headers = {"Content-Type": "application/jsonlines", "Transfer-Encoding": "chunked"}
    answer = slim.ask("POST", "/invocations", pieces, headers)
    assert answer == toolkit.ask("POST", "/invocations", pieces, headers)
    assert answer.status == 200


@pytest.mark.slow
def test_a_body_of_more_than_batch_transform_sends_is_refused_alike(slim, toolkit):
    too_long = bytes(100 * 1024 * 1024 + 1)
    answer = slim.invoke(too_long, "text/plain")
    assert answer.status == 413
    assert answer.body == toolkit.invoke(too_long, "text/plain").body


def test_many_at_once_get_their_own_answers_and_ping_is_answered_meanwhile(slim):
    texts = [f"{GOOD} {number}" for number in range(24)]
    alone = [slim.invoke(text.encode(), "text/plain") for text in texts]
    together: dict[int, Answered] = {}

    def ask(number: int) -> None:
        together[number] = slim.invoke(texts[number].encode(), "text/plain")

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(len(texts))]
    for thread in threads:
        thread.start()
    assert slim.ask("GET", "/ping").status == 200
    for thread in threads:
        thread.join()
    assert [together[number] for number in range(len(texts))] == alone


STATUSES = """
import os, signal
from sagemaker_inference.errors import BaseInferenceToolkitError

def model_fn(folder):
    return folder

def input_fn(body, content_type):
    if content_type == "text/teapot":
        raise BaseInferenceToolkitError(418, "I am a teapot", "short\\nand stout")
    if content_type == "text/death":
        os.kill(os.getpid(), signal.SIGKILL)
    return body

def predict_fn(data, model):
    return {"length": len(data)}

def output_fn(prediction, accept):
    return prediction
"""


def test_a_module_written_for_awss_container_runs_as_it_is_and_a_dead_worker_is_replaced(packages, tmp_path):
    code = tmp_path / "model" / "code"
    code.mkdir(parents=True)
    (code / "inference.py").write_text(STATUSES)
    command = [sys.executable, "-S", SERVER]
    lean = [sys.executable, RUNNERS / "inference.py"]
    own = {"port": free_port(), "PYTHONPATH": str(packages)}
    with running(command, tmp_path, **own) as slim, running(lean, tmp_path) as toolkit:
        assert slim.comes_up()
        assert toolkit.comes_up()
        for request in ((b"", "text/teapot"), (b"abc", "text/plain"), (b"abc", None, "text/x")):
            assert slim.invoke(*request) == toolkit.invoke(*request)
        with pytest.raises((http.client.HTTPException, ConnectionError)):
            slim.invoke(b"", "text/death")
        assert slim.comes_up()
        assert slim.invoke(b"abc", "text/plain").body == b'{"length": 3}'


@pytest.mark.parametrize(
    ("module", "reason"),
    [("raise RuntimeError('no weights')", b"no weights"), ("def model_fn(folder): pass", b"input_fn")],
)
def test_a_model_that_cannot_be_loaded_ends_the_container_with_the_reason(packages, tmp_path, module, reason):
    code = tmp_path / "model" / "code"
    code.mkdir(parents=True)
    (code / "inference.py").write_text(module)
    with running([sys.executable, "-S", SERVER], tmp_path, free_port(), PYTHONPATH=str(packages)) as slim:
        printed, _ = slim.process.communicate(timeout=60)
        assert slim.process.returncode != 0
        assert reason in printed


def test_the_dockerfile_passes_the_linter():
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run(
        [hadolint, PROJECT / "serve" / "Dockerfile"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_the_image_is_pinned_runs_as_nobody_and_builds_nothing():
    bases = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    assert bases
    assert all(re.fullmatch(r"\S+-slim-\w+@sha256:[0-9a-f]{64}", each) for each in bases)
    assert "--require-hashes" in DOCKERFILE
    assert not re.search(r"apt-get|gcc|build-essential", DOCKERFILE)
    assert re.search(r"^USER [1-9]\d*:[1-9]\d*$", DOCKERFILE, re.MULTILINE)
    requirements = re.split(r"\n(?=[a-z])", LOCK.read_text())
    assert all("--hash=sha256:" in each for each in requirements)
    assert set(pins()) == {"flatbuffers", "gunicorn", "numpy", "onnxruntime", "packaging", "protobuf"}


def test_everybody_may_read_what_training_leaves(base):
    """The image's user is not root, and SageMaker unpacks the archive with the modes of its files."""
    for file in (base / "model").rglob("*"):
        wanted = 0o055 if file.is_dir() else 0o044
        assert file.stat().st_mode & wanted == wanted, file
