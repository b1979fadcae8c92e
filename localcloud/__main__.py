"""The commands: ``localcloud up | run | env | status | interrupt | down``."""

import argparse
import contextlib
import errno
import gc
import logging
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from localcloud.command_line import parser
from localcloud.control import RoleRefused, interrupt, look, status, stop
from localcloud.garbage import keep_searches_short
from localcloud.listening import is_loopback, reachable
from localcloud.real_account import restart_without_credentials
from localcloud.sharing import POLL_SECONDS, Use, start_lock
from localcloud.state import StateError
from localcloud.stop_signals import StopSignals

if TYPE_CHECKING:  # the server brings moto with it, which `status` and `down` need not wait for
    from localcloud.server import Server

INTERRUPTED = 130
NOT_FOUND = 127
COMMAND_GRACE_SECONDS = 10.0
DETACH_SECONDS = 60.0
LOG = "localcloud.log"
STILL_USED = "localcloud: other commands still use the cloud; it ends with them (Ctrl-C ends it now)"


class Failure(Exception):
    """Ends the program with a message of one line."""


def main() -> None:
    """Entry point of the console script."""
    arguments = parser().parse_args()
    try:
        code = COMMANDS[arguments.subcommand](arguments)
        sys.stdout.flush()
    except (Failure, RoleRefused) as failure:
        print(f"localcloud: {failure}", file=sys.stderr)
        code = 1
    except BrokenPipeError:
        code = 1
    except OSError as error:  # a disk that is full or cannot be written, say
        print(f"localcloud: {error.filename or 'the cloud'}: {error.strerror or error}", file=sys.stderr)
        code = 1
    # Daemon threads that still wait for an answer must not print while the program ends.
    os._exit(code)


def perform_up(arguments: argparse.Namespace) -> int:
    """Runs a cloud until Ctrl-C, or in another process with --detach."""
    restart_without_credentials()
    if arguments.detach:
        return detach(arguments)
    stopped = StopSignals()
    with contextlib.ExitStack() as held:
        with starting(arguments, stopped):
            server = held.enter_context(cloud(arguments))
        if arguments.detached:
            _print_into(server.cloud.state_dir / LOG)
        print(f"localcloud is up at {server.cloud.url} (Ctrl-C stops it)", flush=True)
        if opened := _exposure_warning(arguments):
            print(opened, flush=True)
        stopped.wait()
    return 0


def perform_run(arguments: argparse.Namespace) -> int:
    """Runs a command with the cloud on the port, or with one that ends with its last user."""
    restart_without_credentials()
    stopped = StopSignals()
    with contextlib.ExitStack() as held:
        use = held.enter_context(Use())
        with starting(arguments, stopped):
            joined = joins(arguments, use, stopped)
            if not joined:
                server = held.enter_context(cloud(arguments))
                arguments.port = server.cloud.port
                if opened := _exposure_warning(arguments):
                    print(opened, file=sys.stderr)
            elif arguments.token or arguments.allow_host or arguments.records or arguments.image:
                raise Failure(
                    f"the cloud on port {arguments.port} is up; stop it to start one with other options"
                )
        if stopped.is_set():
            return INTERRUPTED
        code = run_command(arguments, stopped)
        if joined or stopped.is_set():
            return code
        if code == 0 and arguments.stay:
            print(f"localcloud stays up at {server.cloud.url} (Ctrl-C stops it)", flush=True)
            stopped.wait()
        use.end(arguments.port, stopped, lambda: print(STILL_USED, file=sys.stderr, flush=True))
        return code


def joins(arguments: argparse.Namespace, use: Use, stopped: StopSignals) -> bool:
    """Uses the cloud that is running, if there is one. Waits for a cloud that is just ending."""
    while occupant := look(arguments.host, arguments.port):
        if not occupant.localcloud or use.join(arguments.port):
            return occupant.localcloud
        if stopped.wait(POLL_SECONDS):
            break
    return False


@contextlib.contextmanager
def starting(arguments: argparse.Namespace, stopped: StopSignals) -> Iterator[None]:
    """A context in which only this process looks for a cloud and starts one. Raises Failure."""
    try:
        with start_lock(arguments.port, stopped):
            yield
    except StateError as error:
        raise Failure(str(error)) from None


def perform_env(arguments: argparse.Namespace) -> int:
    """Prints the variables for a shell."""
    from localcloud.environment import as_shell

    find(arguments)
    print(as_shell(arguments.host, arguments.port, arguments.role))
    return 0


def perform_status(arguments: argparse.Namespace) -> int:
    """Prints what the cloud runs."""
    pid = find(arguments)
    current = status(arguments.host, arguments.port)
    url = f"http://{reachable(arguments.host)}:{arguments.port}"
    print(f"localcloud {current['version']} at {url}, process {pid}")
    print(f"up for {_duration(current['uptime'])}")
    for kind, running in current["running"].items():
        names = [f"{k} ({v})" for k, v in running.items()] if isinstance(running, dict) else running
        print(f"{kind}: {', '.join(map(str, names)) if names else 'none'}")
    return 0


def perform_interrupt(arguments: argparse.Namespace) -> int:
    """Interrupts a managed spot training job."""
    find(arguments)
    if reason := interrupt(arguments.host, arguments.port, arguments.job, arguments.region):
        raise Failure(reason)
    print(f"the instances of {arguments.job} have two minutes to end; then the job starts again")
    return 0


def perform_down(arguments: argparse.Namespace) -> int:
    """Stops the cloud on the port."""
    pid = find(arguments)
    try:
        ended = stop(arguments.port, pid)
    except PermissionError:
        raise Failure(f"the cloud on port {arguments.port} belongs to another user") from None
    except ProcessLookupError as error:
        raise Failure(str(error)) from None
    if not ended:
        raise Failure(f"process {pid} has not ended yet; `kill -9 {pid}` would end it")
    print("localcloud is down")
    return 0


def find(arguments: argparse.Namespace) -> int:
    """The process id of the localcloud on the address. Raises Failure when there is none."""
    occupant = look(arguments.host, arguments.port)
    if occupant and occupant.pid is not None:
        return occupant.pid
    there = f"port {arguments.port} of {arguments.host}"
    if occupant:
        raise Failure(f"{there} is taken by {occupant.program}; is your cloud on another --port?")
    raise Failure(f"localcloud is not running on {there}; start it: localcloud up --port {arguments.port}")


@contextlib.contextmanager
def cloud(arguments: argparse.Namespace) -> Iterator["Server"]:
    """Runs a cloud in this process. Raises Failure, with what to do, when it cannot start."""
    level = logging.DEBUG if arguments.verbose else logging.WARNING
    logging.basicConfig(level=logging.WARNING, format="localcloud: %(message)s")
    logging.getLogger("localcloud").setLevel(level)
    # Of what a start makes, nearly all stays: looking for garbage in it again and again takes a fifth of a
    # start, and later makes requests wait.
    gc.disable()
    from localcloud.sagemaker.images import registration
    from localcloud.server import OpenToAll, Server

    try:
        images = dict(registration(text) for text in arguments.image)
    except ValueError as error:
        raise Failure(f"--image: {error}") from None
    try:
        server = Server(
            arguments.port,
            arguments.host,
            job_python=arguments.python,
            token=arguments.token,
            allowed_hosts=arguments.allow_host,
            records=arguments.records,
            images=images,
        )
    except OSError as error:
        raise Failure(_start_error(arguments, error)) from None
    except (OpenToAll, StateError) as error:
        raise Failure(str(error)) from None
    # Whatever this process writes for a moment is removed with that folder, even after kill -9.
    tempfile.tempdir = str(server.cloud.state_dir)
    try:
        server.start()
        keep_searches_short()
        gc.enable()
        yield server
    finally:
        # Otherwise its threads would report that the cloud is gone.
        logging.disable(logging.CRITICAL)
        server.close()
        tempfile.tempdir = None
        gc.enable()


def run_command(arguments: argparse.Namespace, stopped: StopSignals) -> int:
    """Runs the command and returns its exit code, or 130 when it was interrupted.

    Ctrl-C reaches the command directly, through the terminal that both share. `kill` reaches only this
    process, which forwards the signal.
    """
    from localcloud.environment import for_command

    environment = for_command(arguments.host, arguments.port, arguments.role)
    try:
        child = subprocess.Popen(arguments.command, env=environment)
    except OSError as error:
        print(f"localcloud: cannot run {arguments.command[0]}: {error.strerror}", file=sys.stderr)
        return NOT_FOUND
    while child.poll() is None and not stopped.is_set():
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(0.05)
    if stopped.is_set():
        _end(child)
        return INTERRUPTED
    return child.returncode if child.returncode >= 0 else 128 - child.returncode


def detach(arguments: argparse.Namespace) -> int:
    """Starts the cloud in another process and returns when it answers."""
    options = ["--port", str(arguments.port), "--host", arguments.host, "--python", arguments.python]
    options += ["--token"] if arguments.token else []
    options += [f"--allow-host={name}" for name in arguments.allow_host]
    options += [f"--records={name}" for name in arguments.records]
    options += [f"--image={text}" for text in arguments.image]
    child = subprocess.Popen(
        [sys.executable, "-m", "localcloud", "up", "--detached", *options],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + DETACH_SECONDS
    while time.monotonic() < deadline and child.poll() is None:
        occupant = look(arguments.host, arguments.port)
        if occupant and occupant.pid == child.pid:
            url = f"http://{reachable(arguments.host)}:{arguments.port}"
            print(f"localcloud is up at {url} (localcloud down stops it)")
            if opened := _exposure_warning(arguments):
                print(opened)
            return 0
        time.sleep(0.05)
    child.terminate()
    raise Failure(child.communicate()[1].strip().removeprefix("localcloud: ") or "the cloud did not come up")


def _end(child: subprocess.Popen[bytes]) -> None:
    """Gives an interrupted command time to end, then kills it."""
    try:
        child.wait(0.5)  # a Ctrl-C has reached it already
    except subprocess.TimeoutExpired:
        child.terminate()
        try:
            child.wait(COMMAND_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _exposure_warning(arguments: argparse.Namespace) -> str | None:
    """A warning about a cloud that other machines can reach; None for other clouds."""
    if is_loopback(arguments.host):
        return None
    return (
        f"Whoever reaches {arguments.host} can use its APIs and websites; who also has the token that "
        "`localcloud env` prints can run code as you. Nothing is encrypted."
    )


def _start_error(arguments: argparse.Namespace, error: OSError) -> str:
    if error.filename is not None:  # of the cloud's own folder
        return f"{error.filename}: {error.strerror or error}; remove it or take another port"
    where = f"port {arguments.port} of {arguments.host}"
    if error.errno != errno.EADDRINUSE:
        return f"cannot listen on {where}: {error.strerror or error}"
    occupant = look(arguments.host, arguments.port)
    if occupant and occupant.localcloud:
        return (
            f"a localcloud (process {occupant.pid}) is up on {where} already; stop it with: localcloud down"
        )
    program = occupant.program if occupant else "another program"
    return f"{where} is taken by {program}; stop that, or {arguments.port_advice}"


def _print_into(file: Path) -> None:
    """Redirects all output to a file, for the process that started this one has ended."""
    with open(file, "ab", buffering=0) as log:
        os.dup2(log.fileno(), sys.stdout.fileno())
        os.dup2(log.fileno(), sys.stderr.fileno())


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}"


COMMANDS = {
    "up": perform_up,
    "run": perform_run,
    "env": perform_env,
    "status": perform_status,
    "interrupt": perform_interrupt,
    "down": perform_down,
}


if __name__ == "__main__":
    main()
