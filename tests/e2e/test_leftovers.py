"""However a demo ends, none of its processes, ports or folders stay, and the next one starts."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile

import psutil
import pytest

from project.ports import free_port
from tests.conftest import BUILD, PROJECT, RunningCloud
from tests.tethered import tethered

pytestmark = pytest.mark.slow


def demo(port: int, scratch: str) -> subprocess.Popen:
    """The heart of `make demo`, once its page and its endpoint are up."""
    command = [sys.executable, "-m", "localcloud", "run", "--port", str(port), "--stay"]
    process = subprocess.Popen(
        tethered([*command, "--", "make", f"BUILD={BUILD}", "deploy", "summary"]),
        cwd=PROJECT,
        env={**os.environ, "TMPDIR": scratch},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if "stays up" in line:
            return process
    pytest.fail("the demo ended before it was ready")


def family(process: subprocess.Popen) -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


def is_taken(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_a_killed_demo_and_an_interrupted_one_take_everything_with_them(deployment):
    port = free_port()
    with tempfile.TemporaryDirectory() as scratch:
        for ending in (signal.SIGKILL, signal.SIGINT):
            process = demo(port, scratch)
            assert RunningCloud(port).boto3_client("s3").list_buckets()["Buckets"]
            assert os.listdir(scratch)
            started = family(process)
            # the endpoint's server
            assert any("/serve/server.py" in " ".join(child.cmdline()) for child in started)
            process.send_signal(ending)
            process.wait(60)
            _, alive = psutil.wait_procs(started, timeout=60)
            assert not alive
            assert not is_taken(port)
        assert not os.listdir(scratch)
