"""Measure how soon the three containers answer: `python -m benchmarks.cold_starts --model MODEL`.

From the start of a container's process to the answer to its first review, from a folder on the disk; what
SageMaker adds is the time to fetch the image. "slim" and "ray" have the packages of their lock files, and
"pytorch" AWS's inference toolkit with torch, without TorchServe and ONNX Runtime; their environments are made
where they are missing (requirements/install.py). The containers take turns, so that a busy moment of the
machine falls on all of them. Writes the table into docs/containers.md.
"""

import sentiment.interrupts  # noqa: F401

import argparse
import http.client
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import machine, table
from benchmarks.errors import BenchError
from project import ports
from project.console import say, shown, step
from project.paths import PROJECT
from project.supervisor import Program
from sentiment import archives
from sentiment.errors import ArchiveError
from sentiment.files import atomic_write
from sentiment.serving.artifact import RAY_FILES
from sentiment.training.command_line import Parser, exit_status

DOCUMENT = PROJECT / "docs" / "containers.md"
BLOCK = re.compile(r"(<!-- figures: cold starts -->\n).*?(\n<!-- end of figures -->)", re.DOTALL)
TURNS = 5
ANSWER_SECONDS = 600
POLL_SECONDS = 0.01
END_SECONDS = 30
REVIEW = json.dumps({"review": "A wonderful film, moving and beautifully acted."})
REQUESTS = (("GET", "/ping"), ("POST", "/invocations", REVIEW, {"Content-Type": "application/json"}))
TOOLKIT_SERVER = PROJECT / "tests" / "contract" / "localcloud_toolkit_server.py"
# AWS's container has no ONNX Runtime, and the environment with torch that stands in for it has.
WITHOUT_ONNX_RUNTIME = (
    "import runpy, sys; sys.path += sys.argv[2:]; sys.modules['onnxruntime'] = None; "
    "runpy.run_path(sys.argv[1], run_name='__main__')"
)


def commands() -> dict[str, list[str]]:
    """What each container runs, by its name. Raises BenchError where its environment cannot be made."""
    own = [place for place in sys.path if place.endswith("-packages")]
    with_torch = ["-c", WITHOUT_ONNX_RUNTIME, str(TOOLKIT_SERVER), *own]
    return {
        "slim": [interpreter("serve"), str(PROJECT / "serve" / "server.py"), "serve"],
        "pytorch": [interpreter("toolkit"), *with_torch],
        "ray": [interpreter("ray"), str(PROJECT / "localcloud" / "containers" / "ray_serve.py")],
    }


def interpreter(name: str) -> str:
    """The interpreter of one of the environments of requirements/install.py. Raises BenchError."""
    folder = PROJECT / f".venv-{name}"
    install = [sys.executable, str(PROJECT / "requirements" / "install.py"), name, "--folder", str(folder)]
    done = subprocess.run(install, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchError(f"the environment {name} cannot be made: {done.stderr.strip()}")
    return str(folder / "bin" / "python")


def first_answer(command: list[str], base: Path) -> float:
    """Seconds from the start of a container to its first answer. Raises BenchError where none comes.

    The container notes its start in a file, since the supervisor (project/supervise.py) starts before it.
    """
    port = ports.free_port()
    own = {"SAGEMAKER_BASE_DIR": str(base), "SAGEMAKER_BIND_TO_PORT": str(port), "HOME": str(base)}
    variables = [f"{name}={value}" for name, value in {"PATH": os.environ["PATH"], **own}.items()]
    started = base / "started"
    noting = ["sh", "-c", ': > "$0" && exec "$@"', str(started), "env", "-i", *variables, *command]
    deadline = time.monotonic() + ANSWER_SECONDS
    container = Program(command[0], noting, {}, base / "log", grace=END_SECONDS, folder=base)
    try:
        while not _answers(port):
            if container.poll() is not None or time.monotonic() > deadline:
                raise BenchError(f"{container.name} did not answer: {container.last_lines()}")
            time.sleep(POLL_SECONDS)
        return time.time() - started.stat().st_mtime
    finally:
        container.stop()
        container.wait()


def _answers(port: int) -> bool:
    """Whether the container is healthy, and so has answered the review."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_SECONDS)
    try:
        for request in REQUESTS:
            connection.request(*request)
            answer = connection.getresponse()
            answer.read()
            if answer.status != http.client.OK:
                return False
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    return True


def model_folder(model: Path, base: Path) -> float:
    """Put a model folder or a model.tar.gz where containers look for it; its MB. Raises BenchError."""
    folder = base / "model"
    try:
        if model.is_dir():
            shutil.copytree(model, folder)
        else:
            archives.unpack(model, folder, archives.MODEL)
    except (ArchiveError, OSError) as error:
        raise BenchError(f"--model {model}: {error}") from error
    if missing := [name for name in RAY_FILES if not (folder / name).exists()]:
        raise BenchError(f"--model {model} was written before models held {' and '.join(missing)}")
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6


def document(seconds: dict[str, list[float]], megabytes: float, load: float) -> str:
    """The table, and what it was measured with."""
    rows = [
        [f"`{name}`", f"{statistics.median(taken):.1f}", f"{min(taken):.1f} to {max(taken):.1f}"]
        for name, taken in seconds.items()
    ]
    turns = len(next(iter(seconds.values())))
    when = time.strftime("%Y-%m-%d %H:%M", time.gmtime())
    here = machine.describe()
    busy = ": other work took most of it" if load > 1.5 * here["cores"] else ""
    return (
        f"{table.markdown(('container', 'process start to first answer, s', 'of all'), rows)}\n\n"
        f"Medians of {turns}, with a model of {megabytes:.1f} MB. Measured {when} UTC on "
        f"{machine.summary(here)}, at a load average of {load:.1f}{busy}."
    )


def main(arguments: list[str] | None = None) -> int:
    """Run the command line. Returns the exit status; errors are one line on standard error."""
    parser = Parser(prog="python -m benchmarks.cold_starts", description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="a model folder or a model.tar.gz")
    parser.add_argument(
        "--turns", type=int, default=TURNS, help="measurements of each container (%(default)s)"
    )
    parser.add_argument("--output", type=Path, default=DOCUMENT, help="the document that gets the table")
    options = parser.parse_args(arguments)
    return exit_status(lambda: run(options), BenchError)


def run(options: argparse.Namespace) -> None:
    """Measure the containers, and write the table. Raises BenchError."""
    load, megabytes = os.getloadavg()[0], 0.0
    step("Cold starts")
    contenders = commands()
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for turn in range(options.turns):
        for name, command in contenders.items():
            with tempfile.TemporaryDirectory() as folder:
                megabytes = model_folder(options.model, Path(folder))
                seconds[name].append(first_answer(command, Path(folder)))
            say(f"turn {turn + 1} of {options.turns}, {name}: {seconds[name][-1]:.2f} s")
    text = document(seconds, megabytes, load)
    before = options.output.read_text(encoding="utf-8")
    with atomic_write(options.output) as temporary:
        temporary.write_text(BLOCK.sub(rf"\g<1>{text}\g<2>", before), encoding="utf-8")
    say(f"wrote: {shown(options.output)}")


if __name__ == "__main__":
    sys.exit(main())
