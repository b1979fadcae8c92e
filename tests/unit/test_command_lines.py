"""A mistake on a command line is one line that says what was wrong, whichever program was started."""

from __future__ import annotations

import importlib
import os
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from unittest import mock

import pytest

from benchmarks.load import main as load
from project.ports import free_port
from tracking import follower
from tracking.champion import RegistryError
from tracking.client import require_answer
from tracking.commands import main as tracking
from tracking.registry import Registry


@pytest.mark.parametrize(
    ("program", "arguments"),
    [
        ("benchmarks.load", []),
        ("benchmarks.scaling", []),
        ("benchmarks.behaviour.__main__", ["folder"]),
    ],
)
def test_a_mistyped_option_is_one_line(program, arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        importlib.import_module(program).main([*arguments, "--foo"])
    assert ended.value.code == 2
    assert capsys.readouterr().err == "error: there is no option --foo\n"


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
