"""Serve a model folder by SageMaker's protocol: GET /ping and POST /invocations on port 8080.

Run `python server.py` with the model in /opt/ml/model, which has the user module code/inference.py. Its
functions model_fn, input_fn, predict_fn and output_fn are called as sagemaker-inference 1.10 does in AWS's
PyTorch container, so that the same model folder gives the same answers, statuses and errors in both. gunicorn
starts the workers, each with its own copy of the model, and replaces those that end. SageMaker starts the
image as `docker run IMAGE serve`:
https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html
"""

import importlib
import json
import os
import sys
import tempfile
import threading
import traceback
import types
from collections.abc import Iterable
from http import HTTPStatus
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

# gunicorn is untyped: its classes are Any, hence the ignore below.
from gunicorn.app.base import BaseApplication

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

JSON, CSV = "application/json", "text/csv"
# Only these are decoded before input_fn gets them; all others, including text/plain, stay bytes.
TEXT_TYPES = (JSON, CSV)
FUNCTIONS = ("model_fn", "input_fn", "predict_fn", "output_fn")
# The maximum of batch transform's MaxPayloadInMB.
MAX_PAYLOAD_BYTES = 100 * 1024 * 1024
# How many requests may wait for a worker's model; others are answered 503, like TorchServe's job_queue_size.
MAX_WAITING = 100
# Threads of a worker that are left for /ping while all others wait.
PING_THREADS = 4
# SageMaker sends SIGKILL 30 seconds after SIGTERM.
GRACEFUL_SECONDS = 25
PIECE_BYTES = 65_536


class BaseInferenceToolkitError(Exception):
    """User modules raise this to choose the status of a response; for other exceptions it is 500."""

    def __init__(self, status_code: int, message: str, phrase: str):
        super().__init__(message)
        self.status_code, self.message, self.phrase = status_code, message, phrase


class Answer(NamedTuple):
    """An HTTP response; `phrase` is the reason phrase in the status line."""

    status: int
    phrase: str
    content_type: str | None
    body: bytes


class Model:
    """A loaded model folder.

    Raises whatever the user module raises, and AttributeError if it lacks one of the functions.
    """

    def __init__(self, folder: Path):
        sys.path[:0] = [str(folder / "code"), str(folder)]
        _provide_toolkit_errors()
        module = importlib.import_module(
            os.environ.get("SAGEMAKER_PROGRAM", "inference.py").removesuffix(".py")
        )
        model_fn, self._input_fn, self._predict_fn, self._output_fn = (
            getattr(module, name) for name in FUNCTIONS
        )
        self._default_accept = os.environ.get("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT", JSON)
        self._model = model_fn(str(folder))

    def answer(self, body: bytes, content_type: str | None, accept: str | None) -> Answer:
        """Answer a request. An error is logged, and answered with its message and traceback."""
        if not accept or accept == "*/*":
            accept = self._default_accept
        try:
            data = body.decode() if content_type in TEXT_TYPES else bytearray(body)
            result = self._output_fn(
                self._predict_fn(self._input_fn(data, content_type), self._model), accept
            )
            if isinstance(result, tuple):
                result, accept = result[0], result[1]
            return Answer(200, "OK", accept, _to_bytes(result))
        except Exception as error:
            trace = traceback.format_exc()
            print(trace, end="", flush=True)
            if isinstance(error, BaseInferenceToolkitError):
                status, message, phrase = error.status_code, error.message, error.phrase
            else:
                status, message = 500, str(error) or "Invalid Request"
                phrase = message
            return Answer(status, phrase, None, f"{message}\n{trace}".encode())


def _provide_toolkit_errors() -> None:
    """Let user modules import sagemaker_inference.errors, as in AWS's containers."""
    errors = types.ModuleType("sagemaker_inference.errors")
    vars(errors)["BaseInferenceToolkitError"] = BaseInferenceToolkitError
    package = types.ModuleType("sagemaker_inference")
    vars(package)["errors"] = errors
    sys.modules |= {"sagemaker_inference": package, "sagemaker_inference.errors": errors}


def _to_bytes(result: Any) -> bytes:
    if isinstance(result, str):
        return result.encode()
    if isinstance(result, bytes | bytearray | memoryview):
        return bytes(result)
    return json.dumps(result).encode()  # as TorchServe does with any other value


class Application:
    """The WSGI application of a worker. It answers /ping at any time, and /invocations one at a time."""

    def __init__(self, model: Model):
        self._model = model
        self._turn = threading.Lock()
        self._places = threading.BoundedSemaphore(MAX_WAITING)

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        request = (environ["REQUEST_METHOD"], environ["PATH_INFO"])
        if request == ("GET", "/ping"):
            answer = Answer(200, "OK", JSON, b"")
        elif request == ("POST", "/invocations"):
            answer = self._invoke(environ)
            print(*request, answer.status, flush=True)
        else:
            answer = _refusal(HTTPStatus.NOT_FOUND, "")
        headers = [("Content-Length", str(len(answer.body)))]
        if answer.content_type:
            headers.append(("Content-Type", answer.content_type))
        start_response(f"{answer.status} {_header_text(answer.phrase)}", headers)
        return [answer.body]

    def _invoke(self, environ: "WSGIEnvironment") -> Answer:
        stream = environ["wsgi.input"]
        body = _read(stream)
        if body is None:
            message = f"The request is larger than the {MAX_PAYLOAD_BYTES} bytes that it may have."
            return _refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, message)
        if not self._places.acquire(blocking=False):
            message = f"The model is busy, and {MAX_WAITING} requests are waiting for it."
            return _refusal(HTTPStatus.SERVICE_UNAVAILABLE, message)
        try:
            with self._turn:
                return self._model.answer(body, environ.get("CONTENT_TYPE"), environ.get("HTTP_ACCEPT"))
        finally:
            self._places.release()


def _read(stream: IO[bytes]) -> bytes | None:
    """The body, or None if it is too long; then some more is read, so that the client gets the answer."""
    pieces, size = [], 0
    while piece := stream.read(PIECE_BYTES):
        size += len(piece)
        if size > 2 * MAX_PAYLOAD_BYTES:
            break
        if size <= MAX_PAYLOAD_BYTES:
            pieces.append(piece)
        else:
            pieces.clear()
    return b"".join(pieces) if size <= MAX_PAYLOAD_BYTES else None


def _refusal(status: HTTPStatus, message: str) -> Answer:
    return Answer(status.value, status.phrase, None, message.encode())


def _header_text(text: str) -> str:
    """Make a text fit for a reason phrase: one line of Latin-1."""
    line = text.replace("\r", " ").replace("\n", " ")
    return line.encode("latin-1", "replace").decode("latin-1")[:200]


class Server(BaseApplication):  # type: ignore[misc]
    """gunicorn with the settings for a container, in which it writes only its sign of life, to memory."""

    def load_config(self) -> None:
        """Set gunicorn's settings from SageMaker's environment variables."""
        # In the image, the address is 0.0.0.0, since a container has a network of its own.
        address = os.environ.get("BIND_ADDRESS", "127.0.0.1")
        settings = {
            "bind": f"{address}:{os.environ.get('SAGEMAKER_BIND_TO_PORT', '8080')}",
            "worker_class": "gthread",
            "workers": int(os.environ.get("SAGEMAKER_MODEL_SERVER_WORKERS") or os.cpu_count() or 1),
            "threads": MAX_WAITING + PING_THREADS,
            # A serverless container is frozen between requests, so its workers give no sign of life, and
            # gunicorn would consider those dead that wake up later than itself.
            "timeout": 0,
            "worker_tmp_dir": _writable_folder(),
            # Otherwise, gunicorn would wait for idle connections when it ends.
            "keepalive": 0,
            "graceful_timeout": GRACEFUL_SECONDS,
            "control_socket_disable": True,
        }
        for name, value in settings.items():
            self.cfg.set(name, value)

    def load(self) -> Application:
        """Load the model in each worker, after the fork, which ONNX Runtime's threads do not survive."""
        return Application(Model(Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"), "model")))


def _writable_folder() -> str:
    """A folder for the workers' signs of life: in memory if possible, since a disk could delay them."""
    memory = "/dev/shm"  # nosec B108
    return memory if os.access(memory, os.W_OK) else tempfile.gettempdir()


if __name__ == "__main__":
    Server().run()
