"""`make selfhost`, `mlflow` and `notebook` as people start and end them: a taken port, Ctrl-C, a kill."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import requests

from project.ports import answers, free_port, is_free
from tests.conftest import PROJECT
from tests.contract.selfhost_fixtures import Tracking, models, registered, tracking, wait_until
from tests.tethered import tethered

__all__ = ["models", "registered", "tracking"]  # fixtures
pytestmark = pytest.mark.slow

END_SECONDS = 120
# A training of seconds, on the given reviews alone.
SMALL = "vocab_size=500 hidden_dim=8 embedding_dim=8 ngram_min_reviews=2 snippets=0 counterfactuals=0"


class Launched:
    """A command in a process group of its own, as a terminal starts it."""

    def __init__(self, *command: str, temporary: Path, **environment: str):
        temporary.mkdir(exist_ok=True)
        # Without what earlier tests of this process may have set.
        kept = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
        self.temporary, self.processes = temporary, []
        self.process = subprocess.Popen(
            tethered([sys.executable, *command]),
            cwd=PROJECT,
            # So small a model gains nothing from more threads, which wait for each other by spinning.
            env=kept | {"TMPDIR": str(temporary), "BROWSER": "true", "OMP_NUM_THREADS": "1"} | environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def until(self, pattern: str) -> str:
        """Read what it prints up to a line that matches."""
        said = ""
        for line in self.process.stdout:
            said += line
            if re.search(pattern, line):
                self.processes = psutil.Process(self.process.pid).children(recursive=True)
                return said
        raise AssertionError(f"it ended without {pattern!r}:\n{said}")

    def ctrl_c(self) -> int:
        os.killpg(self.process.pid, signal.SIGINT)
        return self.process.wait(END_SECONDS)

    def kill(self) -> None:
        """As the kernel does it, and only the one process that a person sees."""
        self.process.kill()
        self.process.wait()

    def nothing_is_left(self) -> bool:
        return not any(each.is_running() for each in self.processes) and not list(self.temporary.iterdir())

    def close(self) -> None:
        for each in [self.process, *self.processes]:
            with contextlib.suppress(psutil.NoSuchProcess):
                each.kill()
        self.process.stdout.close()
        self.process.wait()


@pytest.fixture
def launch(tmp_path) -> Iterator:
    launched = []

    def start(*command: str, **environment: str) -> Launched:
        launched.append(Launched(*command, temporary=tmp_path / "temporary", **environment))
        return launched[-1]

    yield start
    for each in launched:
        each.close()


@pytest.fixture
def registry(tracking, models) -> Tracking:
    """A tracking server with a champion, so that nothing is trained."""
    tracking.register(models[0], "movie-sentiment")
    return tracking


def folders(tmp_path: Path) -> list[str]:
    """Options that keep a command away from what the project's own commands have made."""
    return ["--build", str(tmp_path / "build"), "--var", str(tmp_path / "var")]


@pytest.mark.parametrize(("option", "variable"), [("--port", "WEB_PORT"), ("--mlflow-port", "MLFLOW_PORT")])
def test_a_taken_port_of_the_self_hosted_system_is_one_line(launch, tmp_path, option, variable):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ports = {"--port": str(free_port()), "--mlflow-port": str(free_port()), option: str(port)}
        arguments = [word for pair in ports.items() for word in pair]
        launched = launch("-m", "selfhost", *arguments, *folders(tmp_path))
        said = launched.process.stdout.read()
        assert launched.process.wait(END_SECONDS) == 1
    errors = [line for line in said.splitlines() if line and not line.startswith(("== ", "   "))]
    assert len(errors) == 1
    assert errors[0].startswith(f"error: port {port} is taken") and f"{variable}={port + 50}" in errors[0]
    assert not (tmp_path / "build").exists() and not (tmp_path / "var").exists()
    assert launched.nothing_is_left()


def test_the_self_hosted_system_does_not_outlive_a_kill(launch, tmp_path, registry):
    port = free_port()
    command = ("-m", "selfhost", "--port", str(port), *folders(tmp_path))
    launched = launch(*command, MLFLOW_TRACKING_URI=registry.url)
    launched.until("Ctrl-C stops it")
    assert not is_free(port) and launched.processes
    launched.kill()
    wait_until(launched.nothing_is_left, END_SECONDS)
    assert is_free(port)


# Starts what it is given and waits, as make does.
MAKE = "import subprocess, sys; subprocess.run([sys.executable, *sys.argv[1:]])"


@pytest.mark.parametrize(
    ("starter", "end", "environment"),
    [((), Launched.kill, {}), (("-c", MAKE), Launched.kill, {"MAKELEVEL": "1"}), ((), Launched.ctrl_c, {})],
    ids=["killed", "make killed", "Ctrl-C"],
)
def test_the_tracking_server_ends_with_who_started_it(launch, tmp_path, starter, end, environment):
    port = str(free_port())
    folder = tmp_path / "mlflow"
    launched = launch(
        *starter, "train/tracking.py", "serve", "--port", port, "--folder", str(folder), **environment
    )
    launched.until(r"^MLflow  http")

    def servers() -> list[psutil.Process]:
        launched.processes = psutil.Process(launched.process.pid).children(recursive=True)
        return [each for each in launched.processes if {"mlflow", "server"} <= set(each.cmdline())]

    wait_until(lambda: len(servers()) > 0, END_SECONDS)
    if "MAKELEVEL" in environment:  # once is enough to wait until it has children of its own and answers
        wait_until(lambda: servers() and not is_free(int(port)), 120)
    end(launched)
    wait_until(launched.nothing_is_left, END_SECONDS)
    assert launched.process.returncode == (0 if end is Launched.ctrl_c else -signal.SIGKILL)


def test_an_mlflow_server_keeps_all_in_its_folder_whatever_its_name(launch, tmp_path):
    url = f"http://127.0.0.1:{(port := free_port())}"
    folder = tmp_path / "100 %25 C# films? ü"
    launched = launch("train/tracking.py", "serve", "--port", str(port), "--folder", str(folder))
    launched.until(r"^MLflow  http")
    wait_until(lambda: answers(f"{url}/health"), END_SECONDS)
    sent = requests.put(f"{url}/api/2.0/mlflow-artifacts/artifacts/a.txt", data=b"kept", timeout=60)
    assert sent.status_code == 200
    assert (folder / "artifacts" / "a.txt").read_bytes() == b"kept" and (folder / "mlflow.db").is_file()
    assert launched.ctrl_c() == 0
    assert {each.name for each in tmp_path.iterdir()} == {folder.name, "temporary"}


def test_ctrl_c_is_how_a_self_hosted_system_that_serves_ends(launch, tmp_path, registry):
    command = ("-m", "selfhost", "--port", str(free_port()), *folders(tmp_path))
    launched = launch(*command, MLFLOW_TRACKING_URI=registry.url)
    launched.until("Ctrl-C stops it")
    assert launched.ctrl_c() == 0, "make would call anything else an error"
    assert launched.process.stdout.read() == "\nstopping\n"
    wait_until(launched.nothing_is_left, END_SECONDS)


def test_ctrl_c_in_the_training_ends_it_before_mlflow_and_quietly(launch, tmp_path):
    """Nothing fails because its server has gone first; a slow machine may warn of what is not logged."""
    ports = ("--port", str(free_port()), "--mlflow-port", str(mlflow := free_port()))
    reviews = tmp_path / "reviews.csv"
    rows = [f'"{word} film number {n}",{word}' for n in range(200) for word in ("positive", "negative")]
    reviews.write_text("review,sentiment\n" + "\n".join(rows))
    launched = launch(
        *("-m", "selfhost", *ports, *folders(tmp_path)),
        *("--data", "kaggle", "--data-path", str(reviews)),
        *("--set", f"epochs=100000 patience=100000 {SMALL}"),
    )
    launched.until(r"^epoch=1/")
    status = launched.ctrl_c()
    said = launched.process.stdout.read()
    assert status == 130, said
    assert "error" not in said and "Traceback" not in said, said
    wait_until(launched.nothing_is_left, END_SECONDS)
    assert is_free(mlflow)


@pytest.fixture
def slow_server(tracking) -> Iterator[Tracking]:
    """A server that a test may suspend."""
    try:
        yield tracking
    finally:
        suspend(tracking, signal.SIGCONT)


def suspend(server: Tracking, number: int = signal.SIGSTOP) -> None:
    """Make it as slow as can be: it takes connections and answers none."""
    for each in psutil.Process(server.process.pid).children(recursive=True):
        each.send_signal(number)


def impatient(server: Tracking, name: str) -> dict[str, str]:
    """Variables of a trainer of a champion of this name, which gives up a server soon."""
    return {
        "MLFLOW_TRACKING_URI": server.url,
        "MLFLOW_HTTP_REQUEST_TIMEOUT": "5",
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
        "SENTIMENT_MODEL": f"models:/{name}@champion",
    }


def trainer(tmp_path: Path) -> list[str]:
    reviews = tmp_path / "reviews.csv"
    rows = [f'"{word} film number {n}",{word}' for n in range(200) for word in ("positive", "negative")]
    reviews.write_text("review,sentiment\n" + "\n".join(rows))
    data = ["--data", "kaggle", "--data-path", str(reviews), "--set", f"epochs=3 {SMALL}"]
    return ["-m", "selfhost.trainer", "--if-needed", *folders(tmp_path), *data]


def test_a_trained_model_is_logged_as_soon_as_a_slow_tracking_server_takes_it(
    launch, tmp_path, slow_server, registered
):
    training = launch(*trainer(tmp_path), **impatient(slow_server, registered))
    training.until(r"^epoch=1/")
    suspend(slow_server)
    assert "error: " in training.until(r"could not be logged to MLflow.*; trying again in \d+ s")
    suspend(slow_server, signal.SIGCONT)
    said = training.process.stdout.read()
    assert training.process.wait(END_SECONDS) == 0, said
    assert f"champion: {registered} version 1" in said


def test_a_trained_model_that_could_not_be_logged_is_logged_by_the_next_start(
    launch, tmp_path, slow_server, registered
):
    training = launch(*trainer(tmp_path), **impatient(slow_server, registered))
    training.until(r"^epoch=1/")
    suspend(slow_server)
    training.until(r"could not be logged to MLflow.*; trying again in \d+ s")
    training.close()
    suspend(slow_server, signal.SIGCONT)
    again = launch(*trainer(tmp_path), **impatient(slow_server, registered))
    said = again.process.stdout.read()
    assert again.process.wait(END_SECONDS) == 0, said
    assert f"unchanged: {registered} version 1" in said and "epoch=" not in said
    third = launch(*trainer(tmp_path), **impatient(slow_server, registered))
    assert "logged" not in third.process.stdout.read(), "once is enough"


def test_a_tracking_server_that_ends_in_the_training_is_started_again(launch, tmp_path):
    ports = ("--port", str(free_port()), "--mlflow-port", str(free_port()))
    launched = launch("-m", "selfhost", *ports, *trainer(tmp_path)[3:])
    launched.until(r"^epoch=1/")
    for each in launched.processes:
        if {"train/tracking.py", "serve"} <= set(each.cmdline()) and "supervise.py" not in " ".join(
            each.cmdline()
        ):
            each.kill()
    assert "starting it again" in launched.until("Ctrl-C stops it")
    assert launched.ctrl_c() == 0


@pytest.fixture
def notebook(launch):
    # A free port: another worker's JupyterLab may be about to take the usual one.
    launched = launch("notebooks/open.py", "--no-browser", "--port", "0")
    said = launched.until(r"Ctrl-C here ends it")
    port = int(re.search(r"http://127\.0\.0\.1:(\d+)/", said)[1])
    assert not is_free(port)
    return launched, port


@pytest.mark.parametrize("end", ["ctrl-c", "closed terminal", "kill -9"])
def test_the_notebook_ends_with_all_its_processes(notebook, end):
    launched, port = notebook
    if end == "ctrl-c":
        assert launched.ctrl_c() == 130
    elif end == "closed terminal":
        os.killpg(launched.process.pid, signal.SIGHUP)
        assert launched.process.wait(END_SECONDS) == 130
    else:
        launched.kill()
    wait_until(launched.nothing_is_left, END_SECONDS)
    assert is_free(port)


def test_the_notebook_takes_another_port_where_the_wanted_one_is_taken(launch):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        launched = launch("notebooks/open.py", "--no-browser", "--port", str(port))
        said = launched.until(r"Ctrl-C here ends it")
        assert f":{port}/" not in said
        assert launched.ctrl_c() == 130
