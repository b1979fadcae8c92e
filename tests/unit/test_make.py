"""What a person types after `make`: a mistake is one line that says what to do, before anything is made."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys

import pytest

from tests.conftest import PROJECT

# Those of a make that runs these tests are not meant for the ones that they run.
OUTER = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "MAKEOVERRIDES", "PORT", "WEB_PORT", "MLFLOW_PORT")
ENVIRONMENT = {name: value for name, value in os.environ.items() if name not in OUTER}


def run(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=PROJECT,
        env=ENVIRONMENT | environment,
        text=True,
        capture_output=True,
        timeout=120,
        check=False,
    )


def test_a_bare_make_ranks_every_target_first_steps_first():
    text = (PROJECT / "Makefile").read_text(encoding="utf-8")
    documented = dict(re.findall(r"^([a-z-]+):.*## (.+)$", text, re.M))
    done = run("make")
    listed = re.findall(r"^  ([a-z-]+) +(.+)$", done.stdout, re.M)
    assert done.returncode == 0 and listed[0][0] == "demo"
    assert dict(listed) | {"help": documented["help"]} == documented and len(listed) == len(documented) - 1
    headings = re.findall(r"^[A-Z].*$", done.stdout, re.M)
    assert headings[0] == "First steps" and len(headings) > 3


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("PYTHON=python9", "PYTHON=python9 does not run; name a Python 3.11 to 3.14: make PYTHON="),
        ("PORT=99999", "PORT=99999 is not a port: a number from 1 to 65535"),
        ("PORT=abc", "PORT=abc is not a port"),
        ("WEB_PORT=0", "WEB_PORT=0 is not a port"),
        ("MLFLOW_PORT=", "MLFLOW_PORT= is not a port"),
        ("RECIPIE=best", "there is no setting RECIPIE; did you mean RECIPE?"),
        ("recipe=best", "there is no setting recipe; did you mean RECIPE?"),
        ("UNHEARD=of it's", "there is no setting UNHEARD; a bare `make` lists the names"),
    ],
)
def test_a_mistake_is_one_line(typed, said):
    done = run("make", "demo", typed)
    line, of_make = done.stderr.splitlines()
    assert line.startswith(f"error: {said}") and of_make.startswith("make: ***")
    assert (done.returncode, done.stdout) == (2, "")


def test_a_port_from_the_environment_is_checked_too():
    assert "error: PORT=abc is not a port" in run("make", "demo", PORT="abc").stderr


@pytest.mark.slow
def test_a_taken_port_advises_what_was_typed():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        localcloud = [sys.executable, "-m", "localcloud", "run", "--port", port]
        advised = run(*localcloud, "--port-advice", "make demo PORT=4600", "--", "true")
        plain = run(*localcloud, "--", "true")
    assert advised.stderr.endswith("; stop that, or make demo PORT=4600\n") and advised.returncode == 1
    assert plain.stderr.endswith("; stop that, or choose another port with --port\n")
    # -n: what make would run.
    assert '--port "4566" --port-advice "make notebook PORT=4600"' in run("make", "-n", "notebook").stdout


def test_a_wrong_option_of_localcloud_is_one_line():
    done = run(sys.executable, "-m", "localcloud", "run", "--port", "99999", "--", "true")
    assert done.stderr == "localcloud: argument --port: a port is a number from 0 to 65535\n"


@pytest.mark.parametrize("page", ["", "localhost", "http://127.0.0.1:9"])
def test_pictures_of_no_page_are_one_line(page):
    done = run(sys.executable, "docs/screenshots.py", page)
    assert done.returncode == 1 and done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
