"""The Ray Serve application of a model folder, for AWS's Ray container; config.yaml configures it.

The ingress reads requests and passes them to the replicas of the model, wherever in the cluster they are. An
answer depends only on its request, so if a replica ends, its request goes to another one, and no answer is
lost. The replicas call the functions of code/inference.py as AWS's PyTorch container and server.py do, with
the same answers, statuses and errors.

Requests are not combined by serve.batch: ONNX Runtime computes each review by itself, so a batch would not be
faster, and with torch the last bits of a result depend on the other reviews of a batch.
"""

from __future__ import annotations

import sys
import threading
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ray import serve
from ray.exceptions import ObjectLostError, RayActorError
from ray.serve.exceptions import BackPressureError
from starlette.responses import Response

if TYPE_CHECKING:
    from ray.serve.handle import DeploymentHandle
    from starlette.requests import Request

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER / "code"))

import inference  # noqa: E402

# Only these are decoded before input_fn gets them; all others, including text/plain, stay bytes.
TEXT_TYPES = ("application/json", "text/csv")
# The maximum of batch transform's MaxPayloadInMB.
MAX_PAYLOAD_BYTES = 100 * 1024 * 1024
# If this many replicas end during a request, the request is probably the cause.
MAX_ATTEMPTS = 3


class Answer(NamedTuple):
    """An HTTP response."""

    status: int
    content_type: str | None
    body: bytes


class Model:
    """A replica of the model. It answers one request at a time, like a worker of the other containers."""

    def __init__(self) -> None:
        self._predictor = inference.model_fn(str(FOLDER))
        self._turn = threading.Lock()

    def answer(self, body: bytes, content_type: str | None, accept: str | None) -> Answer:
        """Answer a request. An error is logged, and answered with its message and traceback."""
        if not accept or accept == "*/*":
            accept = inference.JSON
        try:
            data = body.decode() if content_type in TEXT_TYPES else body
            request = inference.input_fn(data, content_type)
            with self._turn:
                predictions = inference.predict_fn(request, self._predictor)
            text, kind = inference.output_fn(predictions, accept)
            return Answer(200, kind, text.encode())
        except Exception as error:
            trace = traceback.format_exc()
            print(trace, end="", flush=True)
            status = error.status_code if isinstance(error, inference.RequestError) else 500
            return Answer(status, None, f"{error or 'Invalid Request'}\n{trace}".encode())


class Ingress:
    """Reads HTTP requests with any path, and lets a replica of the model answer them."""

    def __init__(self, model: DeploymentHandle) -> None:
        self._model = model

    async def __call__(self, request: Request) -> Response:
        body = await _read(request)
        if body is None:
            message = f"The request is larger than the {MAX_PAYLOAD_BYTES} bytes that it may have."
            return Response(message, 413)
        for _ in range(MAX_ATTEMPTS):
            try:
                status, content_type, content = await self._model.answer.remote(
                    body, request.headers.get("content-type"), request.headers.get("accept")
                )
                return Response(content, status, {"content-type": content_type} if content_type else None)
            except (RayActorError, ObjectLostError) as error:
                print(f"a replica of the model ended while it answered: {error}", flush=True)
            except BackPressureError:
                return Response("The model is busy, and as many requests as may are waiting for it.", 503)
        return Response(f"{MAX_ATTEMPTS} replicas of the model ended while they answered.", 503)


async def _read(request: Request) -> bytes | None:
    """The body, or None if it is too long; then some more is read, so that the client gets the answer."""
    pieces, size = [], 0
    async for piece in request.stream():
        size += len(piece)
        if size > 2 * MAX_PAYLOAD_BYTES:
            break
        if size <= MAX_PAYLOAD_BYTES:
            pieces.append(piece)
        else:
            pieces.clear()
    return b"".join(pieces) if size <= MAX_PAYLOAD_BYTES else None


app = serve.deployment(Ingress).bind(serve.deployment(Model).bind())
