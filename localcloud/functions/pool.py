"""The sandboxes of a function: kept warm between events, and closed when idle, old or outdated."""

import contextlib
import functools
import logging
import math
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from localcloud.cloud import Cloud
from localcloud.containers.archives import ArchiveError, Limits, unpack_zip
from localcloud.functions.configuration import Configuration
from localcloud.functions.errors import NOT_ASSUMABLE, LambdaError, unsupported
from localcloud.functions.logs import FunctionLogs
from localcloud.functions.runtime_api import Invocation
from localcloud.functions.sandbox import Outcome, Sandbox
from localcloud.iam import NotAssumable, assume_for_service
from localcloud.repeated_warnings import RepeatedWarnings

log = logging.getLogger(__name__)

LAMBDA = "lambda.amazonaws.com"
"""The service that execution roles must trust."""
IDLE_SECONDS = 600.0
PROMPT_SECONDS = 0.05
"""The logs of events that take longer are written while these run; all others at once."""
MAX_AGE_SECONDS = 3000.0
"""The maximum age of a sandbox."""

PACKAGE_LIMITS = Limits(size=250 << 20)
"""https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""


class Pool:
    """Runs events in sandboxes of one configuration. After `close()`, busy sandboxes finish their events."""

    def __init__(self, cloud: Cloud, configuration: Configuration, code: bytes):
        self.configuration = configuration
        self._cloud = cloud
        self._lock = threading.Lock()
        self._idle: list[Sandbox] = []
        self._closed = False
        self._users = 0
        self._logs = FunctionLogs(cloud, configuration)
        self._warnings = RepeatedWarnings(log)
        self._note = _runtime_note(cloud.job_python, configuration.runtime)
        root = cloud.state_dir / "functions"
        root.mkdir(exist_ok=True)
        self._folder = Path(tempfile.mkdtemp(prefix=f"{configuration.name}-", dir=root))
        self._code = self._folder / "task"
        _unpack(code, self._code)

    def size(self) -> int:
        """The number of sandboxes, including busy ones."""
        with self._lock:
            return len(self._idle) + self._users

    def enter(self) -> None:
        """Registers an event. The files of a closed pool are kept until all events are done."""
        with self._lock:
            self._users += 1

    def leave(self) -> None:
        with self._lock:
            self._users -= 1
        self._remove_files_if_unused()

    def run(self, invocation: Invocation) -> tuple[Outcome, list[str]]:
        """Runs one event in a warm or new sandbox. Returns the outcome and the events of the log."""
        with self._sandbox() as (sandbox, cold):
            began = time.monotonic()
            events: list[str] = []
            unwritten: list[str] = []

            def flush() -> None:
                self._logs.write(sandbox.log_stream, unwritten)
                unwritten.clear()

            def write(new: list[str]) -> None:
                events.extend(new)
                unwritten.extend(new)
                if time.monotonic() - began > PROMPT_SECONDS:
                    flush()

            if cold:
                sandbox.initialise()
                write([f"INIT_START {self._note}\n", *sandbox.read_output(), *sandbox.init_report("init")])
                cold = not sandbox.init_status
            write([f"START RequestId: {invocation.request_id} Version: $LATEST\n"])
            outcome = sandbox.invoke(invocation, write)
            report = self._report(invocation, outcome, cold, sandbox)
            write([f"END RequestId: {invocation.request_id}\n", f"{report}\n"])
            flush()
            return outcome, events

    def close_idle(self, now: float) -> None:
        """Closes sandboxes that are idle or have ended."""
        with self._lock:
            outdated = [sandbox for sandbox in self._idle if _outdated(sandbox, now)]
            self._idle = [sandbox for sandbox in self._idle if sandbox not in outdated]
        for sandbox in outdated:
            sandbox.close()

    def close(self) -> None:
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for sandbox in idle:
            sandbox.close()
        self._warnings.close()
        self._remove_files_if_unused()

    def _remove_files_if_unused(self) -> None:
        with self._lock:
            unused = self._closed and not self._users
        if unused:
            shutil.rmtree(self._folder, ignore_errors=True)

    @contextlib.contextmanager
    def _sandbox(self) -> Iterator[tuple[Sandbox, bool]]:
        sandbox = self._warm()
        cold = sandbox is None or sandbox.is_stopped
        if sandbox is None:
            sandbox = Sandbox(self._cloud, self.configuration, self._code, self._credentials())
        try:
            yield sandbox, cold
        except BaseException:
            sandbox.alive = False
            raise
        finally:
            with self._lock:
                keep = sandbox.alive and not self._closed
                if keep:
                    self._idle.append(sandbox)
            if not keep:
                sandbox.close()

    def _warm(self) -> Sandbox | None:
        """Takes the most recently used warm sandbox, so that the others become idle, or returns None."""
        while True:
            with self._lock:
                sandbox = self._idle.pop() if self._idle else None
            if sandbox is None or not _outdated(sandbox, time.monotonic()):
                return sandbox
            sandbox.close()

    def _credentials(self) -> dict[str, str]:
        """Credentials of the execution role, as environment variables. Raises LambdaError."""
        try:
            name = self.configuration.name
            session = name if len(name) > 1 else f"{name}@lambda_function"  # a session's name is longer
            return assume_for_service(self._cloud, self.configuration.role, LAMBDA, session).environment()
        except NotAssumable as error:
            self._warnings.warn("role", f"function {self.configuration.name}: {error}")
            raise LambdaError("AccessDeniedException", NOT_ASSUMABLE, status=403) from error

    def _report(self, invocation: Invocation, outcome: Outcome, cold: bool, sandbox: Sandbox) -> str:
        init_ms = sandbox.init_ms if cold else 0.0
        fields = [
            f"REPORT RequestId: {invocation.request_id}",
            f"Duration: {outcome.duration_ms:.2f} ms",
            f"Billed Duration: {math.ceil(outcome.duration_ms + init_ms)} ms",
            f"Memory Size: {self.configuration.memory_mb} MB",
            f"Max Memory Used: {outcome.max_memory_mb} MB",
        ]
        if cold:
            fields.append(f"Init Duration: {init_ms:.2f} ms")
        fields.append(f"Status: {outcome.status}" if outcome.status else "")  # Lambda ends it in a tab
        if outcome.status == "error":
            fields.append(f"Error Type: {outcome.error_type}")
        return "\t".join(fields)


def _outdated(sandbox: Sandbox, now: float) -> bool:
    too_old = now - sandbox.last_used > IDLE_SECONDS or now - sandbox.started > MAX_AGE_SECONDS
    return too_old or sandbox.has_ended()


def _unpack(code: bytes, folder: Path) -> None:
    """Unpacks a deployment package. Raises LambdaError."""
    try:
        unpack_zip(code, folder, PACKAGE_LIMITS)
    except ArchiveError as error:
        raise LambdaError(
            "InvalidZipFileException",
            f"The function's deployment package cannot be unpacked: {error}",
            status=502,
        ) from error


@functools.cache
def _runtime_version(python: Path) -> str:
    """The version of the job interpreter. Raises LambdaError when it cannot run functions."""
    script = "import platform, awslambdaric; print(platform.python_version())"
    try:
        answer = subprocess.run([python, "-c", script], capture_output=True, text=True, check=False)
    except OSError as error:
        raise unsupported(f"functions, because {python} cannot be started: {error.strerror}") from error
    if answer.returncode:
        reason = (answer.stderr.strip().splitlines() or [f"exit status {answer.returncode}"])[-1]
        raise unsupported(
            f"functions without the runtime client: pip install awslambdaric for {python} ({reason})"
        )
    return answer.stdout.strip()


def _runtime_note(python: Path, runtime: str) -> str:
    version = _runtime_version(python)
    note = f"Runtime Version: python:{version}"
    if runtime != "python" + ".".join(version.split(".")[:2]):
        note += f" (localcloud runs {runtime} functions with its own Python {version})"
    return note
