"""Serves a model folder with Ray Serve like AWS's Ray container: ``/ping`` and ``/invocations``.

``python ray_serve.py`` with an interpreter that has ``ray[serve]`` and ``httpx``, the container's folder
(AWS: /opt/ml) in SAGEMAKER_BASE_DIR and the port in SAGEMAKER_BIND_TO_PORT. The steps, the forwarded headers
and the answers are those of sagemaker_entrypoint.sh and sagemaker_serve.py
(https://github.com/aws/deep-learning-containers, scripts/docker/ray), without the pauses of five seconds
between the steps.
"""

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

# Ray reads these variables at import: they turn off usage reports, keep it from joining a cluster of the
# user's, and require a token for running code in this cluster. uvloop would accept connections without the
# sockets that guard/sitecustomize.py guards.
os.environ.pop("RAY_ADDRESS", None)
os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "token", "RAY_USE_UVLOOP": "0"}
os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
# A proxy that takes longer to start than this is killed; by default 5 seconds, too few on a busy machine.
os.environ.setdefault("RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S", "60")

import httpx
import ray._private.node
import ray.serve._private.api
import uvicorn
import yaml
from ray import serve
from ray._private.parameter import RayParams
from ray.serve.context import _get_global_client
from ray.serve.schema import ApplicationStatus, ServeDeploySchema
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

if TYPE_CHECKING:
    from localcloud.containers.overlay import install_requirements, use_environment
    from localcloud.containers.ports import free_port
else:  # this runs as a script, beside it
    from overlay import install_requirements, use_environment
    from ports import free_port

MODEL = Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"), "model")
CODE = MODEL / "code"
JSON = "application/json"
PASSED_ON = "x-amzn-sagemaker-"
POLL_SECONDS = 0.05
START_SECONDS = 300
"""How long Ray Serve's proxy may take to start: Ray's minute can be too short on a busy machine."""
OBJECT_STORE_BYTES = 200 * 1024 * 1024
NODE_ADDRESS = "127.0.0.2" if sys.platform.startswith("linux") else None
"""Ray replaces 127.0.0.1 by the machine's address in its network, where others could reach the cluster. macOS
has no other loopback address."""
AGENT_PORTS = (
    "metrics_agent_port",
    "metrics_export_port",
    "dashboard_agent_listen_port",
    "runtime_env_agent_port",
)


class Node(ray._private.node.Node):  # type: ignore[misc]
    """A node that chooses its agents' ports before its processes start.

    Otherwise, the agents write them to files, for which Ray waits only 15 seconds, too short on a busy
    machine: https://github.com/ray-project/ray/issues/65983
    """

    def __init__(self, params: Any, **options: Any):
        params.update_if_absent(**{name: free_port() for name in AGENT_PORTS})
        super().__init__(params, **options)

    def start_ray_processes(self) -> None:
        for name in AGENT_PORTS:
            file = Path(self.get_session_dir_path(), f"{name}_{self.node_id}")
            file.write_text(str(getattr(self._ray_params, name)))
        super().start_ray_processes()


def main() -> None:
    """Install what the model requires, start a cluster of one node, deploy the model, and serve."""
    requirements, overlay = CODE / "requirements.txt", MODEL.parent / "packages"
    if requirements.exists() and Path(sys.prefix).resolve() != overlay.resolve():
        python = install_requirements(requirements, overlay)
        use_environment(python)
        os.execv(python, [str(python), __file__])
    use_model()
    # The paths of Ray's sockets begin with its folder, and have 107 characters at most.
    folder = tempfile.mkdtemp(prefix="ray-", dir="/tmp")  # nosec B108
    try:
        params = RayParams(
            # Two at least, as the smallest instances have.
            num_cpus=max(os.cpu_count() or 1, 2),
            num_gpus=0,
            object_store_memory=OBJECT_STORE_BYTES,
            node_ip_address=NODE_ADDRESS,
            temp_dir=folder,
            min_worker_port=0,
            max_worker_port=0,
            include_dashboard=False,
        )
        node = Node(params, head=True, shutdown_at_exit=False, spawn_reaper=False)
        try:
            run(node.gcs_address)
        finally:
            # First: whoever sent SIGTERM may send SIGKILL before Ray has ended.
            shutil.rmtree(folder, ignore_errors=True)
            ray.shutdown()
            node.kill_all_processes(check_alive=False, allow_graceful=False)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def use_model() -> None:
    """Add the model folder to the module path of this process and of Ray's, and end on SIGTERM."""
    own = [str(MODEL), str(CODE)]
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), *own]))
    sys.path[:1] = own
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())


def run(cluster: str) -> None:
    """Deploy the model to the cluster at an address, and serve until the process is ended."""
    ray.init(address=cluster)
    port = free_port()
    ray.serve._private.api.HTTP_PROXY_TIMEOUT = START_SECONDS
    serve.start(http_options={"host": "127.0.0.1", "port": port})
    _deploy()
    with socket.create_server(("127.0.0.1", int(os.environ.get("SAGEMAKER_BIND_TO_PORT", "8080")))) as door:
        if file := os.environ.get("LOCALCLOUD_PORT_FILE"):
            # Port 0 lets the system choose a free one; whoever started this learns it from the file.
            Path(f"{file}.new").write_text(str(door.getsockname()[1]))
            os.replace(f"{file}.new", file)
        adapter = _adapter(f"http://127.0.0.1:{port}")
        config = uvicorn.Config(adapter, loop="asyncio", log_level="warning")
        uvicorn.Server(config).run(sockets=[door])


def _deploy() -> None:
    """Deploy the applications of the folder's config.yaml, or the one that SM_RAYSERVE_APP names."""
    config = MODEL / "config.yaml"
    if config.exists():
        content: dict[str, Any] = yaml.safe_load(config.read_text(encoding="utf-8"))
    elif named := os.environ.get("SM_RAYSERVE_APP"):
        content = {"applications": [{"name": "default", "route_prefix": "/", "import_path": named}]}
    else:
        sys.exit("ERROR: No Ray Serve application found: no /opt/ml/model/config.yaml, no SM_RAYSERVE_APP")
    _get_global_client().deploy_apps(ServeDeploySchema.model_validate(content))
    while True:
        states = serve.status().applications
        for name, state in states.items():
            if state.status == ApplicationStatus.DEPLOY_FAILED:
                sys.exit(f"ERROR: Ray Serve could not deploy {name}: {state.message}")
        if all(state.status == ApplicationStatus.RUNNING for state in states.values()):
            return
        time.sleep(POLL_SECONDS)


def _adapter(backend: str) -> Starlette:
    """The application that SageMaker calls; it passes requests on to Ray Serve."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        seconds = int(os.environ.get("RAYSERVE_BACKEND_TIMEOUT", "300"))
        async with httpx.AsyncClient(timeout=seconds, trust_env=False) as app.state.client:
            yield

    async def invocations(request: Request) -> Response:
        accept = request.headers.get("accept", JSON)
        headers = {"Content-Type": request.headers.get("content-type", JSON), "Accept": accept}
        headers |= _passed_on(request.headers)
        body = await request.body()
        try:
            answer = await request.app.state.client.post(f"{backend}/", content=body, headers=headers)
        except httpx.TimeoutException:
            return _error(504, "Request timeout")
        except httpx.ConnectError:
            return _error(503, "Service unavailable")
        except httpx.HTTPError as error:
            return _error(500, str(error))
        print("POST /invocations", answer.status_code, flush=True)
        kind = answer.headers.get("content-type", accept)
        return Response(answer.content, answer.status_code, _passed_on(answer.headers), kind)

    async def ping(request: Request) -> Response:
        try:
            answer = await request.app.state.client.get(f"{backend}/-/healthz", timeout=5)
        except httpx.HTTPError:
            return Response(status_code=503)
        return Response(status_code=200 if answer.status_code == 200 else 503)

    routes = [Route("/invocations", invocations, methods=["POST"]), Route("/ping", ping)]
    return Starlette(routes=routes, lifespan=lifespan)


def _passed_on(headers: Any) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower().startswith(PASSED_ON)}


def _error(status: int, reason: str) -> Response:
    return Response(json.dumps({"error": reason}), status, media_type=JSON)


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as error:
        sys.exit(f"code/requirements.txt cannot be installed: {error}")
