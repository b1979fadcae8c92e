"""A sandbox: a process in which the genuine runtime client runs a function, one event at a time."""

import dataclasses
import json
import math
import os
import queue
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from localcloud.cloud import Cloud
from localcloud.functions.configuration import Configuration
from localcloud.functions.file_system import BOOTSTRAP, SandboxFiles
from localcloud.functions.memory import Memory
from localcloud.functions.output import ENVIRONMENT, REDIRECT, Output
from localcloud.functions.runtime_api import MAX_RESPONSE_BYTES, Invocation, Kind, Report, RuntimeApi
from localcloud.listening import reachable
from localcloud.untrusted import parse_json

INIT_SECONDS = 10.0
"""The time limit of the initialisation phase. If it fails or takes longer, it is repeated once with the
event, within the function's own time-out.
https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html#runtimes-lifecycle-ib
"""
WATCH_SECONDS = 0.05
"""How often a running invocation's process, memory and output are looked at."""
MAX_OUTPUT_BYTES = 64 * 1024 * 1024
"""A sandbox that has printed more is replaced, because its output file cannot be truncated without losing
lines."""

SIGNALS: Mapping[int, str] = {
    signal.SIGHUP: "hangup",
    signal.SIGINT: "interrupt",
    signal.SIGQUIT: "quit",
    signal.SIGILL: "illegal instruction",
    signal.SIGTRAP: "trace/breakpoint trap",
    signal.SIGABRT: "aborted",
    signal.SIGBUS: "bus error",
    signal.SIGFPE: "floating point exception",
    signal.SIGKILL: "killed",
    signal.SIGUSR1: "user defined signal 1",
    signal.SIGSEGV: "segmentation fault",
    signal.SIGUSR2: "user defined signal 2",
    signal.SIGPIPE: "broken pipe",
    signal.SIGALRM: "alarm clock",
    signal.SIGTERM: "terminated",
}
"""Lambda's names of signals, which are those of Go (syscall/zerrors_linux_amd64.go)."""

RUNTIME_FOLDER = "/var/runtime"
"""Where Lambda has the runtime client and boto3, which here are packages like others; nothing lies there."""


@dataclass(frozen=True)
class Outcome:
    """How one invocation ended. `error_type` is None when the handler returned."""

    payload: bytes
    error_type: str | None
    duration_ms: float
    max_memory_mb: int
    status: str = ""
    """Lambda's word for an abnormal end in the REPORT line: "timeout", "error" or none."""


class Sandbox:
    """A process that starts on creation; `initialise()` waits until it is ready, `invoke()` runs an event.

    If an event stopped it, it starts again with the next `initialise()`.
    """

    def __init__(
        self,
        cloud: Cloud,
        configuration: Configuration,
        code: Path,
        credentials: Mapping[str, str],
        clock: Callable[[], float] = time.monotonic,
    ):
        date = time.strftime("%Y/%m/%d", time.gmtime())
        self.log_stream = f"{date}/{configuration.log_streams}{os.urandom(16).hex()}"
        self.started = self.last_used = clock()
        self.alive = True
        self.is_stopped = True
        self.init_ms = 0.0
        self.init_status: str | None = None
        self._clock = clock
        self._configuration = configuration
        self._cloud, self._code, self._credentials = cloud, code, credentials
        self._files = SandboxFiles(code, configuration.storage_mb, cloud.job_python)
        self._output = Output(self._files.folder / "output")
        try:
            self._start()
        except BaseException:
            self._remove()
            raise

    def _start(self) -> None:
        configuration = self._configuration
        runtime: list[str | Path] = [self._cloud.job_python, BOOTSTRAP]
        if wrapper := configuration.environment.get("AWS_LAMBDA_EXEC_WRAPPER"):
            runtime.insert(0, self._files.resolve(wrapper))
        self._runtime_api = RuntimeApi()
        try:
            self._process = self._cloud.processes.start(
                f"function {configuration.name}",
                [*REDIRECT, self._output.path, *self._files.command(runtime)],
                env=self._environment(),
                cwd=self._code,
                keeps_orphans=True,  # one keeps the file system for a new start (see function_mounts.py)
            )
        except BaseException:
            self._runtime_api.close()
            raise
        self._memory = Memory(self._process.pid, self._clock)
        self.is_stopped = False

    def _stop(self) -> None:
        if not self.is_stopped:
            self._process.kill()
            self._cloud.processes.discard(self._process)
            self._runtime_api.close()
            self.is_stopped = True

    def _environment(self) -> dict[str, str]:
        configuration, cloud, paths = self._configuration, self._cloud, self._files.environment()
        code = paths["LAMBDA_TASK_ROOT"]
        return {
            "AWS_ENDPOINT_URL": cloud.url,
            "LD_LIBRARY_PATH": f"{code}:{code}/lib:/opt/lib",
            "NO_PROXY": reachable(cloud.host),
            "PYTHONPATH": RUNTIME_FOLDER,
            **configuration.environment,
            **self._credentials,
            "_HANDLER": configuration.handler,
            "AWS_REGION": configuration.region,
            "AWS_DEFAULT_REGION": configuration.region,
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{configuration.runtime}",
            "AWS_LAMBDA_FUNCTION_NAME": configuration.name,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(configuration.memory_mb),
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_GROUP_NAME": configuration.log_group,
            "AWS_LAMBDA_LOG_STREAM_NAME": self.log_stream,
            "AWS_LAMBDA_RUNTIME_API": self._runtime_api.address,
            "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
            "LAMBDA_RUNTIME_DIR": RUNTIME_FOLDER,
            "LANG": "en_US.UTF-8",
            "PATH": os.pathsep.join([str(cloud.job_python.parent), "/usr/local/bin", "/usr/bin", "/bin"]),
            "TZ": ":UTC",
            **ENVIRONMENT,
            **paths,
        }

    def initialise(self) -> None:
        """Waits for the runtime to import the handler's module, at most for the initialisation phase.

        If that fails, the runtime is stopped, and starts again with the event.
        """
        began = self.started
        if self.is_stopped:
            began = self._clock()
            self._start()
        self._initialised(began, began + INIT_SECONDS)
        if self.init_status:
            self._stop()

    def init_report(self, phase: str) -> list[str]:
        """Lambda's log event for an initialisation that failed or took too long."""
        if not self.init_status:
            return []
        return [
            f"INIT_REPORT Init Duration: {self.init_ms:.2f} ms\tPhase: {phase}\tStatus: {self.init_status}\n"
        ]

    def has_ended(self) -> bool:
        """Whether an idle sandbox's process is gone: someone killed it, or it ended by itself."""
        if self.is_stopped:
            return False
        return self._process.poll() is not None or self._runtime_api.lost_its_runtime()

    def _initialised(self, began: float, deadline: float) -> Report | None:
        """The runtime's first report: that it is ready, or why not; None if it gave none."""
        report = self._wait(deadline)
        self.init_ms = (self._clock() - began) * 1000
        self._memory.find_processes(at_once=True)
        self._memory.sample()
        self.init_status = None
        if report is None:
            self.init_status = "timeout" if self._process.poll() is None else "error"
        elif report.kind is Kind.INIT_ERROR:
            self.init_status = f"error\tError Type: {_error_type(report.body)}"
        return report

    def invoke(self, invocation: Invocation, log: Callable[[list[str]], None]) -> Outcome:
        """Runs one event. `log` gets what the function prints, as events of its log, while it runs.

        The function's time begins when it has been initialised. After a time-out, a crash, or too much memory
        the runtime is stopped, and has to be initialised for the next event. As in Lambda, /tmp is kept.
        """
        configuration = self._configuration
        began = self._clock()
        deadline = began + configuration.timeout
        self._memory.restart()
        report: Report | None = Report(Kind.READY)
        if self.init_status:
            self._start()
            report = self._initialised(began, deadline)
            log([*self.read_output(), *self.init_report("invoke")])
        is_ready = report is not None and report.kind is Kind.READY
        if is_ready:
            ends = time.time() + deadline - self._clock()
            self._runtime_api.submit(dataclasses.replace(invocation, deadline_ms=int(ends * 1000)))
            report = self._wait(deadline, invocation.request_id, log)
        memory_exceeded = self._memory.sample() > configuration.memory_mb
        if report is None or memory_exceeded:
            outcome = self._failed(began, invocation, log, memory_exceeded)
            self.alive = is_ready
            self._note_use()
            return outcome
        log(self.read_output())
        self._note_use()
        match report.kind:
            case Kind.RESPONSE:
                return self._outcome(began, report.body, None)
            case Kind.ERROR:
                return self._outcome(began, report.body, _error_type(report.body))
            case Kind.INIT_ERROR:
                self.alive = False
                return self._outcome(began, report.body, _error_type(report.body), "error")
            case _:
                # If its answer is refused, the runtime client exits.
                self.alive = False
                limit = f"maximum allowed payload size ({MAX_RESPONSE_BYTES} bytes)"
                error_type = "Function.ResponseSizeTooLarge"
                body = _error(error_type, f"Response payload size exceeded {limit}.")
                return self._outcome(began, body, error_type, "error")

    def read_output(self) -> list[str]:
        """What was printed since the last call, as events for the log.

        A line that is not finished is kept back while the runtime may finish it.
        """
        return self._output.events(last=self.is_stopped)

    def close(self) -> None:
        """Stop the processes and remove the files."""
        self.alive = False
        self._stop()
        self._remove()

    def _remove(self) -> None:
        self._output.close()
        self._files.remove()

    def _wait(
        self, deadline: float, request_id: str | None = None, log: Callable[[list[str]], None] | None = None
    ) -> Report | None:
        """The runtime's next report; None if the deadline passed, the process ended or its memory ran out."""
        while (remaining := deadline - self._clock()) > 0:
            try:
                report = self._runtime_api.reports.get(timeout=min(WATCH_SECONDS, remaining))
            except queue.Empty:
                self._memory.find_processes()
                if self._process.poll() is not None or self._memory.sample() > self._configuration.memory_mb:
                    return self._last_report(request_id)
                if log and (printed := self.read_output()):
                    log(printed)
                continue
            if _awaited(report, request_id):
                return report
        return None

    def _last_report(self, request_id: str | None) -> Report | None:
        """A report that came in just before the process ended."""
        while not self._runtime_api.reports.empty():
            if _awaited(report := self._runtime_api.reports.get(), request_id):
                return report
        return None

    def _note_use(self) -> None:
        self.last_used = self._clock()
        if self._output.size() > MAX_OUTPUT_BYTES:
            self.alive = False

    def _failed(
        self,
        began: float,
        invocation: Invocation,
        log: Callable[[list[str]], None],
        memory_exceeded: bool,
    ) -> Outcome:
        """Stops a runtime that did not answer an event. Returns the event's outcome."""
        exited = self._process.poll() is not None
        self._stop()
        log(self.read_output())
        if memory_exceeded:
            return self._crashed(began, invocation, log, "signal: killed", "Runtime.OutOfMemory")
        if exited:
            reason = _exit_reason(self._process.returncode)
            return self._crashed(began, invocation, log, reason, "Runtime.ExitError")
        message = f"Task timed out after {self._configuration.timeout:.2f} seconds"
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())
        log([f"{stamp}.{int(time.time() % 1 * 1000):03d}Z {invocation.request_id} {message}\n"])
        body = _error("Sandbox.Timedout", f"RequestId: {invocation.request_id} Error: {message}")
        return self._outcome(began, body, "Sandbox.Timedout", "timeout")

    def _crashed(
        self,
        began: float,
        invocation: Invocation,
        log: Callable[[list[str]], None],
        reason: str,
        error_type: str,
    ) -> Outcome:
        reason = (
            f"Runtime exited with error: {reason}" if reason else "Runtime exited without providing a reason"
        )
        message = f"RequestId: {invocation.request_id} Error: {reason}"
        log([f"{message}\nRuntime.ExitError\n"])
        body = _error("Runtime.ExitError", message)
        return self._outcome(began, body, error_type, "error")

    def _outcome(self, began: float, body: bytes, error_type: str | None, status: str = "") -> Outcome:
        memory = min(math.ceil(self._memory.peak_mb), self._configuration.memory_mb)
        return Outcome(body, error_type, (self._clock() - began) * 1000, memory, status)


def _awaited(report: Report, request_id: str | None) -> bool:
    if report.kind is Kind.READY:
        return request_id is None
    return report.request_id in (None, request_id)


def _error(error_type: str, message: str) -> bytes:
    return json.dumps({"errorType": error_type, "errorMessage": message}).encode()


def _error_type(body: bytes) -> str:
    try:
        return parse_json(body).get("errorType") or "Runtime.Unknown"
    except (ValueError, AttributeError):
        return "Runtime.Unknown"


def _exit_reason(status: int | None) -> str:
    if status is not None and status < 0:
        return f"signal: {SIGNALS.get(-status, f'signal {-status}')}"
    return f"exit status {status}" if status else ""
