"""Puts the cloud together: its folder, its services and its front door, in one process."""

import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import werkzeug

from localcloud import __version__
from localcloud.cloud import Cloud
from localcloud.control import HEALTH, STATUS
from localcloud.environment import removed, write_sdk_settings
from localcloud.front import FrontDoor, Request, Service, make_front_server, serve_in_thread
from localcloud.processes import Processes
from localcloud.state import PROCESSES, State, clear_dead


def default_services() -> list[Callable[[Cloud], Service]]:
    """The services in the order in which they are asked. Imported late: they bring moto with them."""
    from localcloud.cloudformation import CloudFormationService
    from localcloud.cloudfront import CloudFrontService
    from localcloud.functions import FunctionsService
    from localcloud.httpapi import HttpApiService
    from localcloud.iam import IamEnforcement
    from localcloud.sagemaker import SageMakerService
    from localcloud.websites import WebsiteService

    return [
        IamEnforcement,  # first: it refuses what a role may not do
        SageMakerService,
        FunctionsService,
        HttpApiService,
        CloudFormationService,
        CloudFrontService,
        WebsiteService,
    ]


class Server:
    """A cloud that runs from `start()` to `close()`, or inside a `with`.

    `services` are called with the Cloud; without them, all of localcloud's. Raises OSError when the port is
    taken and StateError when its folder cannot be had.
    """

    def __init__(
        self,
        port: int = 4566,
        host: str = "127.0.0.1",
        services: Sequence[Callable[[Cloud], Service]] | None = None,
        job_python: str | Path = sys.executable,
    ):
        _leave_the_real_aws_alone()
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
        )
        self.started = time.time()
        write_sdk_settings(self.cloud)
        factories = default_services() if services is None else services
        _forget_former_records()
        self.front = FrontDoor(self.cloud, [Control(self), *(make(self.cloud) for make in factories)])

    def _application(self, environ: dict, start_response: Any) -> Any:
        return self.front(environ, start_response)

    def start(self) -> "Server":
        self._thread = serve_in_thread(self._http)
        return self

    def close(self) -> None:
        """Stops every process, then answering, and removes the folder."""
        self.cloud.processes.close()
        self.front.close()
        self._http.shutdown()
        self._http.server_close()
        self._state.close()

    def __enter__(self) -> "Server":
        return self.start()

    def __exit__(self, *exception: object) -> None:
        self.close()


class Control:
    """localcloud's own routes, by which `status`, `down` and `run` know a cloud from any other program."""

    def __init__(self, server: Server):
        self._server = server

    def handle(self, request: Request) -> werkzeug.Response | None:
        if request.path == HEALTH:
            return _json(self._health())
        if request.path == STATUS:
            details = {}
            for service in self._server.front.services:
                if status := getattr(service, "status", None):
                    details |= status()
            return _json(self._health() | {"uptime": time.time() - self._server.started, "running": details})
        return None

    def _health(self) -> dict:
        return {"service": "localcloud", "version": __version__, "pid": os.getpid(), "status": "running"}


def _json(body: dict) -> werkzeug.Response:
    return werkzeug.Response(json.dumps(body), content_type="application/json")


def _leave_the_real_aws_alone() -> None:
    """moto makes clients of its own; none may pick up the person's profile or credentials."""
    for name in removed(os.environ):
        del os.environ[name]
    os.environ.update(
        AWS_ACCESS_KEY_ID="test",
        AWS_SECRET_ACCESS_KEY="test",  # nosec B106
        AWS_CONFIG_FILE=os.devnull,
        AWS_SHARED_CREDENTIALS_FILE=os.devnull,
        AWS_EC2_METADATA_DISABLED="true",
    )


def _forget_former_records() -> None:
    """moto's records are global to the process: a second cloud in it begins as empty as the first."""
    from moto.moto_api._internal import moto_api_backend

    moto_api_backend.reset()
