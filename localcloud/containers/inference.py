"""Serves a model folder over HTTP like SageMaker's inference toolkit: ``/ping`` and ``/invocations``.

``python inference.py`` with the container's folder (AWS: /opt/ml) in SAGEMAKER_BASE_DIR, the port in
SAGEMAKER_BIND_TO_PORT and the user module in SAGEMAKER_PROGRAM. The functions that it calls, their arguments,
the defaults for missing functions, and the answers are those of sagemaker-inference 1.10 with the PyTorch
handlers of sagemaker-pytorch-inference 2.0. Requests are answered one at a time, as by one of their workers.
"""

import functools
import importlib
import importlib.util
import inspect
import io
import json
import os
import sys
import threading
import traceback
import types
from collections.abc import Callable
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from localcloud.containers.bounded_http import BoundedRequestHandler, RequestRefused
    from localcloud.containers.overlay import install_requirements, use_environment
else:  # this runs as a script, beside them
    from bounded_http import BoundedRequestHandler, RequestRefused
    from overlay import install_requirements, use_environment

MODEL = Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"), "model")
CODE = MODEL / "code"
JSON, CSV, NPY = "application/json", "text/csv", "application/x-npy"
MAX_PAYLOAD_BYTES = 100 * 1024 * 1024
"""The most that batch transform sends to a container at a time (MaxPayloadInMB)."""
TEXT_TYPES = (JSON, CSV)
"""Only these are decoded before input_fn sees them; anything else, text/plain included, stays bytes."""


class UnsupportedFormat(Exception):
    """The default functions do not support this content type."""

    def __init__(self, content_type: str):
        indent = " " * 12  # as in the toolkit's message, which some client may search for
        super().__init__(
            f"Content type {content_type} is not supported by this framework.\n\n"
            f"{indent}Please implement input_fn to to deserialize the request data or an output_fn to\n"
            f"{indent}serialize the response. For more information, see the SageMaker Python SDK README."
        )


class DefaultFunctions:
    """Defaults for functions that the user module lacks: TorchScript models, arrays in and out."""

    @staticmethod
    def model_fn(model_dir: str) -> Any:
        import torch

        path = Path(model_dir, "model.pt")
        if not path.exists():
            candidates = [file for file in Path(model_dir).iterdir() if file.suffix in (".pt", ".pth")]
            if len(candidates) != 1:
                names = [file.name for file in candidates]
                raise ValueError(f"Exactly one .pth or .pt file is required for PyTorch models: {names}")
            path = candidates[0]
        return torch.jit.load(path, map_location=_device())

    @staticmethod
    def input_fn(input_data: Any, content_type: str) -> Any:
        import numpy
        import torch

        if content_type == JSON:
            return torch.FloatTensor(numpy.array(json.loads(input_data))).to(_device())
        if content_type == CSV:
            return torch.FloatTensor(numpy.genfromtxt(io.StringIO(input_data), delimiter=",")).to(_device())
        if content_type == NPY:
            # allow_pickle stays off, unlike in the toolkit: a request must not be able to run code.
            return torch.from_numpy(numpy.load(io.BytesIO(input_data), allow_pickle=False)).to(_device())
        raise UnsupportedFormat(content_type)

    @staticmethod
    def predict_fn(data: Any, model: Any) -> Any:
        import torch

        with torch.no_grad():
            model = model.to(_device())
            model.eval()
            return model(data.to(_device()))

    @staticmethod
    def output_fn(prediction: Any, accept: str) -> Any:
        import numpy
        import torch

        if isinstance(prediction, torch.Tensor):
            prediction = prediction.detach().cpu().numpy().tolist()
        for content_type in accept.replace(" ", "").split(","):
            if content_type == JSON:
                return json.dumps(prediction, default=lambda array: array.tolist())
            if content_type == CSV:
                text = io.StringIO()
                numpy.savetxt(text, prediction, delimiter=",", fmt="%s")
                return text.getvalue().encode()
            if content_type == NPY:
                array = io.BytesIO()
                numpy.save(array, prediction)
                return array.getvalue()
        raise UnsupportedFormat(accept)


class BaseInferenceToolkitError(Exception):
    """An error of the user module that determines the status of the answer."""

    def __init__(self, status_code: int, message: str, phrase: str):
        self.status_code, self.message, self.phrase = status_code, message, phrase
        super().__init__(status_code, message, phrase)


@functools.cache
def toolkit_error() -> Any:
    """The error class that user modules import from sagemaker_inference.errors, as in SageMaker's images.

    Only its subclasses choose their status: an exception with the same attributes is a 500 there too.
    """
    try:
        errors = importlib.import_module("sagemaker_inference.errors")
    except ImportError:
        errors = types.ModuleType("sagemaker_inference.errors")
        vars(errors)["BaseInferenceToolkitError"] = BaseInferenceToolkitError
        package = types.ModuleType("sagemaker_inference")
        vars(package)["errors"] = errors
        sys.modules |= {"sagemaker_inference": package, "sagemaker_inference.errors": errors}
    return errors.BaseInferenceToolkitError


def _device() -> Any:
    import torch

    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


class Transformer:
    """A loaded model and the functions around it. Constructing it loads the model."""

    def __init__(self) -> None:
        name = os.environ.get("SAGEMAKER_PROGRAM", "inference.py").removesuffix(".py")
        module = importlib.import_module(name) if importlib.util.find_spec(name) else None
        own = {
            function: getattr(module, function, None)
            for function in ("model_fn", "transform_fn", "input_fn", "predict_fn", "output_fn")
        }
        if own["transform_fn"] and (own["input_fn"] or own["predict_fn"] or own["output_fn"]):
            raise ValueError(
                "Cannot use transform_fn implementation in conjunction with "
                "input_fn, predict_fn, and/or output_fn implementation"
            )
        self._functions: dict[str, Any] = {
            function: found or getattr(DefaultFunctions, function, None) for function, found in own.items()
        }
        self._default_accept = os.environ.get("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT", JSON)
        self._context = types.SimpleNamespace(
            model_name="model", system_properties={"model_dir": str(MODEL), "gpu_id": None, "batch_size": 1}
        )
        if before := getattr(module, "pre_model_fn", None):
            self._call(before, str(MODEL))
        self._model = self._call(self._functions["model_fn"], str(MODEL))
        if warm_up := getattr(module, "model_warmup_fn", None):
            self._call(warm_up, str(MODEL), self._model)

    def transform(
        self, body: bytes, content_type: str | None, accept: str | None
    ) -> tuple[int, str, str | None, bytes]:
        """Answers one request: status, reason phrase, content type and body."""
        if not accept or accept == "*/*":
            accept = self._default_accept
        try:
            # TorchServe gives bytes as a bytearray.
            data = body.decode() if content_type in TEXT_TYPES else bytearray(body)
            if transform_fn := self._functions["transform_fn"]:
                result = self._call(transform_fn, self._model, data, content_type, accept)
            else:
                decoded = self._call(self._functions["input_fn"], data, content_type)
                prediction = self._call(self._functions["predict_fn"], decoded, self._model)
                result = self._call(self._functions["output_fn"], prediction, accept)
            if isinstance(result, tuple):
                result, accept = result[0], result[1]
            return 200, "OK", accept, _to_bytes(result)
        except Exception as error:
            status, message, phrase = _error_of(error)
            trace = traceback.format_exc()
            print(trace, end="", flush=True)
            return status, phrase.replace("\r", " ").replace("\n", " "), None, f"{message}\n{trace}".encode()

    def _call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Calls a function, with the context as last argument if it accepts that."""
        wanted = len(inspect.signature(function).parameters)
        if wanted == len(arguments):
            return function(*arguments)
        if wanted == len(arguments) + 1:
            return function(*arguments, self._context)
        raise TypeError(f"{function.__name__} takes {wanted} arguments but {len(arguments)} were given.")


def _to_bytes(result: Any) -> bytes:
    if isinstance(result, str):
        return result.encode()
    if isinstance(result, bytes | bytearray | memoryview):
        return bytes(result)
    return json.dumps(result).encode()  # what TorchServe makes of any other value


def _error_of(error: Any) -> tuple[int, str, str]:
    """Status, message and reason phrase: those of a BaseInferenceToolkitError, a 500 for any other."""
    if isinstance(error, toolkit_error()):
        return int(error.status_code), str(error.message), str(error.phrase)
    message = str(error) or "Invalid Request"
    return 500, message, message


class Handler(BoundedRequestHandler):
    """Answers /ping, and /invocations one at a time."""

    transformer: Transformer
    one_at_a_time = threading.Lock()

    def do_GET(self) -> None:
        if self.path == "/ping":
            self._answer(200, "OK", JSON, b"")
        else:
            self._answer(404, "Not Found", None, b"")

    def do_POST(self) -> None:
        try:
            body = self.body().receive(MAX_PAYLOAD_BYTES).read()
        except RequestRefused as refused:
            self._answer(refused.status, type(refused).__name__, None, str(refused).encode())
            return self.linger()
        if self.path != "/invocations":
            return self._answer(404, "Not Found", None, b"")
        with self.one_at_a_time:
            answer = self.transformer.transform(
                body, self.headers.get("Content-Type"), self.headers.get("Accept")
            )
        return self._answer(*answer)

    def _answer(self, status: int, phrase: str, content_type: str | None, body: bytes) -> None:
        self.send_response(status, phrase.encode("latin-1", "replace").decode("latin-1")[:200])
        if content_type:
            self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_request(self, code: Any = "-", size: Any = "-") -> None:
        if self.path != "/ping":
            print(f"{self.command} {self.path} {int(code)}", flush=True)


class Server(ThreadingHTTPServer):
    """Has a thread for each connection, so that /ping is answered while the model is busy."""

    request_queue_size = 128


def main() -> None:
    """Install what the model requires, load it, and serve until the process is ended."""
    requirements, overlay = CODE / "requirements.txt", MODEL.parent / "packages"
    if requirements.exists() and Path(sys.prefix).resolve() != overlay.resolve():
        python = install_requirements(requirements, overlay)
        use_environment(python)
        os.execv(python, [str(python), __file__])
    # This file's own folder must not hide a user module of the same name: "inference" is the usual one.
    sys.path[0] = str(CODE)
    sys.path.insert(1, str(MODEL))
    for own in ("bounded_http", "overlay"):
        sys.modules.pop(own)
    toolkit_error()
    Handler.transformer = Transformer()
    server = Server(("127.0.0.1", int(os.environ.get("SAGEMAKER_BIND_TO_PORT", "8080"))), Handler)
    print("Model server started.", flush=True)
    if file := os.environ.get("LOCALCLOUD_PORT_FILE"):
        # Port 0 lets the system choose a free one; whoever started this learns it from the file.
        Path(f"{file}.new").write_text(str(server.server_port))
        os.replace(f"{file}.new", file)
    server.serve_forever()


if __name__ == "__main__":
    main()
