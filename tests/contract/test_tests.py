"""What the tests leave behind: no process, however they end, and nothing in a person's own results."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys

import psutil
import pytest

from project.ports import free_port
from tests.conftest import BUILD, PROJECT
from tests.contract.selfhost_fixtures import wait_until

pytestmark = pytest.mark.slow

# A test in the middle of its work, with a web server of two processes.
A_TEST = """
import sys, time
from pathlib import Path
from tests.contract.selfhost_fixtures import Web
web = Web(Path(sys.argv[1]), sys.argv[2], "movie-sentiment").start("/")
print(web.process.pid, *(worker.pid for worker in web.workers()), flush=True)
time.sleep(600)
"""


def test_servers_of_tests_that_are_killed_end_by_themselves(tmp_path):
    nowhere = f"http://127.0.0.1:{free_port()}"
    test = subprocess.Popen(
        [sys.executable, "-c", A_TEST, str(tmp_path), nowhere],
        cwd=PROJECT,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    started: list[psutil.Process] = []
    try:
        started = [psutil.Process(int(pid)) for pid in test.stdout.readline().split()]
        assert len(started) >= 2
        test.send_signal(signal.SIGKILL)
        test.wait()
        wait_until(lambda: not any(each.is_running() for each in started))
    finally:
        test.kill()
        test.communicate()
        for each in started:
            if each.is_running():
                each.kill()


def test_what_the_tests_train_and_deploy_lies_apart_from_what_a_person_has_made(cloud):
    """Every step of the pipeline that `make` would run for them is told another folder."""
    printed = cloud.make("-n", "evaluate", "register", "deploy").stdout
    steps = [shlex.split(line) for line in printed.splitlines() if " -m pipeline " in line]
    assert len(steps) >= 6
    assert {step[step.index("--build") + 1] for step in steps} == {str(BUILD)}
    assert BUILD != PROJECT / "build"
