"""Model servers: containers that hold a model and answer /ping and, one at a time, /invocations."""

import contextlib
import logging
import os
import secrets
import shutil
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import psutil

from localcloud.cloud import Cloud
from localcloud.processes import Process
from localcloud.protocol import InvalidRequest
from localcloud.sagemaker import container
from localcloud.sagemaker.errors import JobFailed
from localcloud.sagemaker.exchange import (
    Announcement,
    Answer,
    ContainerConnection,
    ContainerEnded,
    NotAnswered,
    NotReady,
    TooSlow,
)
from localcloud.sagemaker.images import SERVES, runner_of
from localcloud.sagemaker.logs import LogStream
from localcloud.sagemaker.models import CODE_FOLDER, ModelData
from localcloud.sagemaker.own_images import OwnImage, own_image
from localcloud.sagemaker.transfer import Transfer, split_uri, unpack

log = logging.getLogger(__name__)

INVOCATION_SECONDS = 60
"""The time limit of /invocations (InvokeEndpoint)."""
PING_SECONDS = 2
"""The time limit of /ping."""
GUARD = container.RUNNERS / "guard"
"""On the path of Python's modules, it closes servers to other users of the machine and to web pages."""
POLL_SECONDS = 0.05
ENDING_SECONDS = 1.0
CRASH_LOOP_SECONDS = 5.0
RESTART_SECONDS = 1.0
"""The pause before a restart, if the container ended within CRASH_LOOP_SECONDS of the last."""


class ModelServer:
    """Runs the container of a model from `start()` to `stop()`, and restarts it when it ends."""

    def __init__(
        self, cloud: Cloud, name: str, model: dict[str, Any], role_arn: str, log_group: str, log_stream: str
    ):
        self._cloud, self._name, self._model, self._role = cloud, name, model, role_arn
        self._log_group, self._log_stream = log_group, log_stream
        # Each server has a folder, for old and new ones run side by side while an endpoint is updated.
        self._folder = cloud.state_dir / "hosting" / f"{name.replace(' ', '-')}-{secrets.token_hex(4)}"
        self._port_file = self._folder / "port"
        self._announcement: Announcement | None = None
        self._stopping = threading.Event()
        self._process: Process | None = None
        self._image: OwnImage | None = None
        self._logs: LogStream | None = None
        self._ready = threading.Event()
        # Requests queue here and not in the container, so that only one is lost when that ends.
        self._turn = threading.Lock()
        self._connection: ContainerConnection | None = None

    @property
    def ready(self) -> bool:
        """Whether the container answered /ping and has not ended since."""
        return self._ready.is_set()

    def wait_until_ready(self, seconds: float) -> None:
        """Waits for a container that is restarting, at most `seconds`."""
        self._ready.wait(seconds)

    @property
    def busy(self) -> bool:
        return self._turn.locked()

    def start(self, within: float, extra_env: dict[str, str] | None = None) -> None:
        """Downloads the model, starts the container and waits until it answers /ping.

        Raises JobFailed when that fails or takes longer than `within` seconds.
        """
        self._deadline = time.monotonic() + within
        try:
            self._image = own_image(self._cloud, self._model["Image"], self._role)
        except InvalidRequest as error:  # it has been deleted since the model was created
            raise JobFailed(error.message) from None
        ml = self._folder / "ml"
        self._download_model(ml / "model")
        own = dict(self._model.get("Environment") or {}) | (extra_env or {})
        if own.get("SAGEMAKER_SUBMIT_DIRECTORY") == CODE_FOLDER:
            own["SAGEMAKER_SUBMIT_DIRECTORY"] = container.inside_path(ml, "model", "code")
        if self._image:
            own = self._image.environment | own
        announced = self._folder / "announced"
        self._announcement = Announcement(announced)
        machine_files = container.MachineFiles()
        self._env = container.environment(self._cloud, self._role, ml, own) | {
            "SAGEMAKER_BIND_TO_PORT": "0",
            "LOCALCLOUD_PORT_FILE": str(self._port_file),
            "LOCALCLOUD_ANNOUNCEMENT_FILE": str(announced),
            "PYTHONPATH": os.pathsep.join(filter(None, [str(GUARD), own.get("PYTHONPATH")])),
        }
        self._logs = LogStream(self._cloud, self._role, self._log_group, self._log_stream, newest_only=True)
        self._launch()
        self._wait_until_healthy()
        machine_files.require_untouched()
        threading.Thread(target=self._keep_alive, daemon=True, name=f"keep {self._name}").start()

    def _download_model(self, folder: Path) -> None:
        data, transfer = ModelData.of(self._model), Transfer(self._cloud, self._role)
        if data.is_prefix:
            transfer.download_prefix(data.uri, folder)
            return
        if not data.is_archive:
            transfer.download(data.uri, folder / split_uri(data.uri)[1].rpartition("/")[2])
            return
        archive = self._folder / "model.tar.gz"
        transfer.download(data.uri, archive)
        unpack(archive, folder)
        archive.unlink()

    def stop(self) -> None:
        self._stopping.set()
        if self._process:
            self._cloud.processes.discard(self._process)
        if self._logs:
            self._logs.close()
        with self._turn:
            if self._connection:
                self._connection.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def invoke(self, body: bytes, headers: dict[str, str], seconds: float = INVOCATION_SECONDS) -> Answer:
        """Passes a request to the container. `seconds` limits the wait and the answer together.

        Raises NotReady, TooSlow or ContainerEnded.
        """
        chosen = {name: value for name, value in headers.items() if value}
        deadline = time.monotonic() + seconds
        if not self._turn.acquire(timeout=seconds):
            raise TooSlow(f"no answer within {seconds:g} seconds")
        try:
            if not self.ready or self._connection is None:
                raise NotReady("the container is starting")
            left = max(0.001, deadline - time.monotonic())
            return self._connection.ask("POST", "/invocations", body, chosen, left)
        except TooSlow:
            # As SageMaker's model servers do, kill a worker that hangs and start another.
            self._container.send_signal(signal.SIGKILL)
            self._ready.clear()
            raise
        except ContainerEnded:
            self._ready.clear()
            self._set_ready_if_it_lives(self._container)
            raise
        finally:
            self._turn.release()

    def _set_ready_if_it_lives(self, process: Process) -> None:
        """Marks the container as ready, unless it ends within a moment after closing the connection."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(ENDING_SECONDS)
            return
        self._ready.set()

    def _launch(self) -> None:
        self._port_file.unlink(missing_ok=True)
        self._launched = time.monotonic()
        if self._image:
            command: list[str | Path] = [*self._image.command, "serve"]
        else:
            runner = runner_of(self._model["Image"], SERVES, "CreateModel", self._cloud.images)
            command = [runner.python(self._cloud.job_python), container.RUNNERS / runner.script]
        self._process = process = container.start(
            self._cloud, self._name, self._folder / "ml", command, self._env
        )
        threading.Thread(target=self._pass_on_log, args=(process,), daemon=True).start()

    @property
    def _container(self) -> Process:
        """The process of the container. Raises NotReady before `start()`."""
        if self._process is None:
            raise NotReady("the container has not been started")
        return self._process

    def _log(self, line: str) -> None:
        if self._logs:
            self._logs.write(line)

    def _pass_on_log(self, process: Process) -> None:
        for line in process.lines():
            self._log(line)

    def _wait_until_healthy(self) -> None:
        while time.monotonic() < self._deadline:
            if (code := self._container.poll()) is not None:
                raise JobFailed(
                    f"The container exited with status {code} before it answered the ping health check"
                )
            if self._stopping.is_set():
                raise JobFailed("The container was stopped")
            if self._healthy():
                self._ready.set()
                return
            time.sleep(POLL_SECONDS)
        raise JobFailed("The container did not answer the ping health check in time")

    def _healthy(self) -> bool:
        port = self._port()
        if port is None:
            return False
        connection = ContainerConnection(port, self._announcement)
        try:
            if connection.ask("GET", "/ping", b"", {}, PING_SECONDS).status != 200:
                return False
        except NotAnswered:
            return False
        finally:
            connection.close()
        with self._turn:
            if self._connection:
                self._connection.close()
            self._connection = ContainerConnection(port, self._announcement)
        return True

    def _port(self) -> int | None:
        """The port of the container, which AWS's images write to a file; None until it listens."""
        if self._image:
            return listening_port(self._container.pid)
        try:
            return int(self._port_file.read_text())
        except FileNotFoundError:
            return None

    def _keep_alive(self) -> None:
        """Restarts the container when it ends, as SageMaker does."""
        pause = 0.0
        while True:
            code = self._container.wait()
            self._ready.clear()
            if time.monotonic() - self._launched > CRASH_LOOP_SECONDS:
                pause = 0.0
            if self._stopping.wait(pause):
                return
            pause = RESTART_SECONDS
            self._log(f"The container exited with status {code}; it is started again.")
            self._cloud.processes.discard(self._container)
            self._deadline = time.monotonic() + INVOCATION_SECONDS
            try:
                self._launch()
                if self._stopping.is_set():  # `stop()` may have run before this process existed
                    self._cloud.processes.discard(self._container)
                    return
                self._wait_until_healthy()
            except JobFailed as failure:
                log.warning("%s: %s", self._name, failure)
                self._container.send_signal(signal.SIGKILL)
            except RuntimeError:
                return  # localcloud itself is stopping


def listening_port(pid: int) -> int | None:
    """The TCP port on which the children of a process listen; None while there is none."""
    with contextlib.suppress(psutil.NoSuchProcess):
        for child in psutil.Process(pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                for connection in child.net_connections(kind="tcp"):
                    if connection.status == psutil.CONN_LISTEN:
                        return int(connection.laddr.port)
    return None


def instance_id() -> str:
    """A made-up id in the form of EC2's."""
    return f"i-0{secrets.token_hex(8)}"
