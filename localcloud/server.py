"""One cloud in one process: its folder, services and front door."""

import json
import logging
import os
import secrets
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import werkzeug
from botocore.exceptions import ClientError, ParamValidationError

from localcloud import __version__
from localcloud.access import Gate
from localcloud.cloud import ACCESS_KEY, SECRET_KEY, Cloud
from localcloud.control import HEALTH, ROLE, STATUS
from localcloud.environment import write_sdk_settings
from localcloud.front import FrontDoor, Request, Service
from localcloud.guard import Guard
from localcloud.http_server import make_front_server, serve_in_thread
from localcloud.iam.execution_role import execution_role
from localcloud.iam.roles import NotAssumable
from localcloud.listening import is_loopback
from localcloud.log_streams import write_pending
from localcloud.peers import peers_are_known
from localcloud.processes import Processes
from localcloud.proxy import Proxy
from localcloud.real_account import variables_to_remove
from localcloud.regions import Regional
from localcloud.routing import LOCALCLOUD
from localcloud.state import PROCESSES, State, clear_dead

log = logging.getLogger(__name__)


class OpenToAll(Exception):
    """The cloud would be open to other machines. The message says what to do."""


def default_services() -> list[Callable[[Cloud], Service]]:
    """The services in the order in which they get requests. The imports are slow, since they include moto."""
    from localcloud.cloudformation import CloudFormationService
    from localcloud.cloudfront import CloudFrontService
    from localcloud.codebuild import CodeBuildService
    from localcloud.functions import FunctionsService
    from localcloud.httpapi import HttpApiService
    from localcloud.iam import IamEnforcement
    from localcloud.logs import LogsService
    from localcloud.s3 import S3Service, WebsiteService
    from localcloud.sagemaker import SageMakerService

    return [
        IamEnforcement,  # first: it refuses what a role may not do
        SageMakerService,
        FunctionsService,
        HttpApiService,
        CloudFormationService,
        CloudFrontService,
        CodeBuildService,
        LogsService,
        WebsiteService,
        S3Service,  # last: S3 is what no other service claims
    ]


class Server:
    """A cloud that runs from `start()` to `close()`, or inside a `with`.

    `services` are called with the Cloud; by default, all of localcloud's. With `token`, it answers only
    clients with its secret access key id. `allowed_hosts` are additional host names, `records` names the
    services of moto_operations.RECORDS that it keeps as mere records, and `images` are runners of additional
    images, by pattern. Raises OSError if the port is taken, StateError if its folder is not available, and
    OpenToAll for a host that others can reach, without a token.
    """

    def __init__(
        self,
        port: int = 4566,
        host: str = "127.0.0.1",
        services: Sequence[Callable[[Cloud], Service]] | None = None,
        job_python: str | Path = sys.executable,
        *,
        token: bool = False,
        allowed_hosts: Sequence[str] = (),
        records: Sequence[str] = (),
        images: Mapping[str, str] | None = None,
    ):
        if not token and not is_loopback(host):
            raise OpenToAll(
                f"on {host}, everyone who can reach this machine could run code as you: add --token, which "
                "gives clients a secret to carry, or leave --host out"
            )
        _hide_real_account()
        self._http = make_front_server(host, port, self._application)
        try:
            clear_dead()
            self._state = State(self._http.port)
        except BaseException:
            self._http.server_close()
            raise
        self.cloud = Cloud(
            host=host,
            port=self._http.port,
            state_dir=self._state.path,
            job_python=Path(job_python),
            processes=Processes(self._state.path / PROCESSES),
            images=images or {},
            access_key=f"LOCAL{secrets.token_hex(20).upper()}" if token else ACCESS_KEY,
        )
        if token:
            self._state.store_access_key(self.cloud.access_key)
        self.started = time.time()
        write_sdk_settings(self.cloud)
        self._http.proxy = Proxy(self.cloud)
        factories = default_services() if services is None else services
        _reset_moto()
        if not token and not peers_are_known():
            log.warning(
                "This system does not say which user a connection comes from, so its other users could run "
                "code as you. If there are any, add --token."
            )
        self.front = FrontDoor(
            self.cloud,
            Gate(self.cloud, allowed_hosts),
            Guard(records),
            [Control(self), *(_made(make, self.cloud) for make in factories)],
        )

    def _application(self, environ: dict[str, Any], start_response: Any) -> Any:
        return self.front(environ, start_response)

    def start(self) -> "Server":
        self._thread = serve_in_thread(self._http)
        return self

    def close(self) -> None:
        """Stops all processes and the server, and removes the folder."""
        self.cloud.processes.close()
        self.front.close()
        write_pending()  # not into the records of another cloud in this process
        self._http.shutdown()
        self._http.server_close()
        self._state.close()

    def __enter__(self) -> "Server":
        return self.start()

    def __exit__(self, *exception: object) -> None:
        self.close()


class Control:
    """localcloud's own routes, by which `status`, `down` and `run` recognise a cloud."""

    answers = frozenset({LOCALCLOUD})

    def __init__(self, server: Server):
        self._server = server

    def handle(self, request: Request) -> werkzeug.Response | None:
        if request.path == HEALTH:
            return _json(self._health())
        if request.path == STATUS:
            details: dict[str, Any] = {}
            for service in self._server.front.services:
                if status := getattr(service, "status", None):
                    details |= status()
            return _json(self._health() | {"uptime": time.time() - self._server.started, "running": details})
        if request.path.startswith(ROLE) and request.method == "POST":
            return self._role(request.path.removeprefix(ROLE))
        return None

    def _role(self, name: str) -> werkzeug.Response:
        """The credentials of a role, for `run` and `env` with --role."""
        try:
            return _json(execution_role(self._server.cloud, name).environment())
        except ClientError as error:
            return werkzeug.Response(error.response["Error"]["Message"], 400)
        except (NotAssumable, ParamValidationError) as error:
            return werkzeug.Response(" ".join(str(error).split()), 400)

    def _health(self) -> dict[str, Any]:
        return {"service": "localcloud", "version": __version__, "pid": os.getpid(), "status": "running"}


def _made(make: Callable[[Cloud], Service], cloud: Cloud) -> Service:
    """Creates a service, with an instance for each region if its class is `regional`."""
    return Regional(make, cloud) if getattr(make, "regional", False) else make(cloud)


def _json(body: dict[str, Any]) -> werkzeug.Response:
    return werkzeug.Response(json.dumps(body), content_type="application/json")


def _hide_real_account() -> None:
    """Hides the user's profile and credentials from the clients that moto creates."""
    for name in variables_to_remove(os.environ):
        del os.environ[name]
    os.environ.update(
        AWS_ACCESS_KEY_ID=ACCESS_KEY,
        AWS_SECRET_ACCESS_KEY=SECRET_KEY,
        AWS_CONFIG_FILE=os.devnull,
        AWS_SHARED_CREDENTIALS_FILE=os.devnull,
        AWS_EC2_METADATA_DISABLED="true",
    )


def _reset_moto() -> None:
    """Empties moto's records, which are global to the process, for a second cloud in it."""
    from moto.moto_api._internal.models import moto_api_backend

    moto_api_backend.reset()
