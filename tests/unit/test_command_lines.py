"""A mistake on a command line is one line that says what was wrong, whichever program was started."""

from __future__ import annotations

import errno
import importlib
import io
import json
import os
import pty
import socket
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from unittest import mock

import pytest

import selfhost.__main__ as selfhost
from benchmarks.load import main as load
from project.ports import free_port
from sentiment.training.command_line import exit_status
from tests.conftest import PROJECT
from tracking import follower
from tracking.champion import RegistryError
from tracking.client import require_answer
from tracking.commands import main as tracking
from tracking.registry import Registry


@pytest.mark.parametrize(
    ("program", "arguments"),
    [
        ("benchmarks.__main__", []),
        ("benchmarks.cold_starts", ["--model", "folder"]),
        ("benchmarks.load", []),
        ("benchmarks.scaling", []),
        ("benchmarks.behaviour.__main__", ["folder"]),
    ],
)
def test_a_mistyped_option_is_one_line(program, arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        importlib.import_module(program).main([*arguments, "--foo"])
    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert told.startswith("error: there is no option --foo") and told.count("\n") == 1


class OwnError(Exception):
    """An error of one program."""


@pytest.mark.parametrize(
    ("stopped", "status", "said"),
    [
        (OwnError("there is no model"), 1, "error: there is no model\n"),
        (OSError(28, "No space left on device", "/full"), 1, "error: /full: No space left on device\n"),
        (BrokenPipeError(32, "Broken pipe"), 1, "error: Broken pipe\n"),  # not that of the output
        (ConnectionRefusedError(111, "Connection refused"), 1, "error: Connection refused\n"),
        (MemoryError(), 1, "error: out of memory\n"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_what_stops_a_program_is_one_line(stopped, status, said, capfd):
    assert exit_status(mock.Mock(side_effect=stopped), OwnError) == status
    assert capfd.readouterr().err == said


@pytest.mark.slow
@pytest.mark.parametrize(
    "program",
    [
        "from benchmarks.__main__ import main; sys.exit(main(['--list']))",
        "from train import train; train.parse, train.train = id, print; sys.exit(train.main())",
        "from tracking import commands; commands.connect = print; commands.COMMANDS = {'rollback': print}; "
        "sys.exit(commands.main(['rollback']))",
    ],
    ids=["benchmarks", "train", "tracking"],
)
def test_output_that_nobody_reads_ends_a_program_without_a_word(program):
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-c", f"import sys; {program}"]
    done = subprocess.run(
        command, cwd=PROJECT, stdout=writing, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (128 + 13, "")


@pytest.mark.parametrize(
    ("setting", "coloured"),
    [
        ({"TERM": "xterm"}, True),
        ({"TERM": "dumb"}, False),
        ({"NO_COLOR": "1"}, False),
        ({"NO_COLOR": ""}, True),
    ],
)
def test_colours_are_for_terminals_that_have_them(setting, coloured):
    ours, theirs = pty.openpty()
    environment = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    command = [sys.executable, "-c", "from project.console import step; step('Train')"]
    subprocess.run(
        command, cwd=PROJECT, env=environment | {"TERM": "xterm"} | setting, stdout=theirs, check=True
    )
    shown = os.read(ours, 1000)
    os.close(ours)
    os.close(theirs)
    assert b"== Train" in shown and (b"\033[" in shown) == coloured


@pytest.mark.parametrize(
    ("port", "forbidden", "said"),
    [
        (80, True, "port 80 is for programs of root alone: run `make selfhost WEB_PORT=5050`"),
        (65500, False, "port 65500 is taken: stop what uses it, or run `make selfhost WEB_PORT=5050`"),
        (7000, False, "port 7000 is taken: stop what uses it, or run `make selfhost WEB_PORT=7050`"),
    ],
)
def test_a_port_that_cannot_be_had_advises_one_that_can(port, forbidden, said, monkeypatch):
    class Refused(socket.socket):
        def connect_ex(self, address):
            return errno.ECONNREFUSED

        def bind(self, address):
            number = errno.EACCES if forbidden else errno.EADDRINUSE
            raise OSError(number, os.strerror(number))

    monkeypatch.setattr(socket, "socket", Refused)
    with pytest.raises(selfhost.StartError) as told:
        selfhost.require_free(port, "WEB_PORT")
    assert str(told.value) == said


def test_the_page_and_mlflow_do_not_share_a_port(monkeypatch, capsys):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with pytest.raises(SystemExit):
        selfhost.parse(["--port", "5001"])  # MLflow's own
    assert "WEB_PORT and MLFLOW_PORT are both 5001" in capsys.readouterr().err
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "databricks")
    assert selfhost.parse(["--port", "5001"]).port == 5001


@pytest.mark.parametrize("command", ["log", "test"])
def test_a_model_that_is_not_there_is_named(command, monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{free_port()}")
    evaluation = [str(tmp_path / "evaluation.json")] if command == "test" else []
    with mock.patch.dict(os.environ):
        assert tracking([command, str(tmp_path / "none"), *evaluation]) == 1
        assert tracking([command, str(tmp_path), *evaluation]) == 1
    missing, other = capsys.readouterr().err.splitlines()
    assert missing == (
        f"error: {tmp_path / 'none'}: cannot be read (No such file or directory); "
        "name a model folder or a model.tar.gz"
    )
    assert other.startswith(f"error: {tmp_path} is not a model folder: it has no ")


@pytest.mark.parametrize(
    ("program", "step"),
    [
        ("benchmarks.load", "run"),
        ("selfhost.drift", "run"),
        ("selfhost.retrain", "run"),
        ("selfhost.trainer", "train"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_line(program, step, monkeypatch, capsys):
    module = importlib.import_module(program)
    monkeypatch.setattr(
        module, step, mock.Mock(side_effect=PermissionError(13, "Permission denied", "votes"))
    )
    assert module.main([]) == 1
    assert capsys.readouterr().err == "error: votes: Permission denied\n"


def test_load_without_a_region_is_one_line(monkeypatch, tmp_path, capsys):
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    assert load([]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: the stack 'movie-sentiment' cannot be measured (You must")
    assert error.count("\n") == 1


def test_the_password_of_a_tracking_server_is_in_no_error(monkeypatch, capsys):
    uri = f"http://me:not-for-logs@127.0.0.1:{free_port()}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    assert tracking(["promote", "3"]) == 1
    with pytest.raises(RegistryError) as refused:
        Registry(uri, "movie-sentiment", "champion").champion()
    follower.warn(OSError(f"{uri} is too slow"), Path("runs/1"))
    printed = capsys.readouterr().err
    for text in (str(refused.value), printed):
        assert "127.0.0.1" in text and "me:" not in text and "not-for-logs" not in text


def test_the_password_of_a_tracking_server_is_not_shown_by_the_self_hosted_system(monkeypatch, capsys):
    uri = "http://me:not-for-logs@mlflow.example"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    validation = {"accuracy": 0.9, "reviews": 1_000}
    model = {"model": "abc", "recipe": "fast", "metrics": {"validation": validation}}
    answer = mock.Mock(return_value=io.BytesIO(json.dumps(model).encode()))
    monkeypatch.setattr(selfhost.urllib.request, "urlopen", answer)
    assert selfhost.tracking_server(mock.Mock(), []) == (uri, None)
    selfhost.print_summary("http://127.0.0.1:5000", uri, mock.Mock(build=Path("build")))
    printed = capsys.readouterr().out
    assert printed.count("http://mlflow.example") == 2 and "not-for-logs" not in printed


def test_a_tracking_server_with_a_password_is_asked_whether_it_answers():
    class Up(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Up) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        require_answer(f"http://me:not-for-logs@127.0.0.1:{server.server_port}")


def test_a_tracking_server_that_is_down_is_named(monkeypatch, capsys):
    uri = f"http://127.0.0.1:{free_port()}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with mock.patch.dict(os.environ):  # the program sets defaults of MLflow's there
        assert tracking(["promote", "3"]) == 1
    assert capsys.readouterr().err == f"error: MLflow at {uri}: connection refused: is it up?\n"
    with pytest.raises(RegistryError, match=f"^MLflow at {uri}: connection refused: is it up.$"):
        Registry(uri, "movie-sentiment", "champion").champion()
