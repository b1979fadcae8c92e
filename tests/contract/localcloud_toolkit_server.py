"""The genuine inference toolkit behind a plain HTTP server instead of TorchServe, which is Java."""

import os
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

sys.path.insert(0, os.path.join(os.environ["SAGEMAKER_BASE_DIR"], "model", "code"))

from sagemaker_inference import environment
from sagemaker_inference.transformer import Transformer
from sagemaker_pytorch_serving_container.default_pytorch_inference_handler import (
    DefaultPytorchInferenceHandler,
)


class Context:
    """The part of TorchServe's context that the toolkit uses.

    sagemaker-inference and sagemaker-pytorch-inference both bring a sagemaker_inference.transformer, and the
    one that is installed last stays. Only the second's reads `model_name`.
    """

    model_name = "model"

    def __init__(self, headers):
        self.system_properties = {"model_dir": environment.model_dir, "gpu_id": None}
        self.request_processor = [self]
        self.headers, self.status, self.content_type = headers, 200, None

    def get_request_properties(self):
        return self.headers

    def set_response_content_type(self, _index, value):
        self.content_type = value

    def set_response_status(self, code=200, phrase=""):
        self.status = code


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer(200, "application/json", b"")

    def do_POST(self):
        body = bytearray(self.rfile.read(int(self.headers.get("Content-Length") or 0)))
        context = Context(
            {name: self.headers[name] for name in ("Content-Type", "Accept") if name in self.headers}
        )
        result = TRANSFORMER.transform([{"body": body}], context)[0]
        self.answer(
            context.status,
            context.content_type,
            result.encode() if isinstance(result, str) else bytes(result),
        )

    def answer(self, status, content_type, body):
        self.send_response(status)
        if content_type:
            self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


TRANSFORMER = Transformer(DefaultPytorchInferenceHandler())
TRANSFORMER.validate_and_initialize(model_dir=environment.model_dir, context=Context({}))
HTTPServer(("127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"])), Handler).serve_forever()
