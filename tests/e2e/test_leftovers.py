"""However a cloud ends, no process, port or folder of it stays."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys

import psutil
import pytest

from tests.conftest import PROJECT, RunningCloud, free_port

pytestmark = pytest.mark.slow


def demo(port: int) -> subprocess.Popen:
    """The heart of `make demo`, with pages and endpoints running once it says so."""
    command = [sys.executable, "-m", "localcloud", "run", "--port", str(port), "--stay"]
    process = subprocess.Popen(
        [*command, "--", "make", "deploy", "summary"],
        cwd=PROJECT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    for line in process.stdout:
        if line.strip().startswith("Try "):
            return process
    pytest.fail("the demo ended before it was ready")


def family(process: subprocess.Popen) -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


def is_taken(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.parametrize(
    "how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL], ids=lambda s: s.name
)
def test_a_demo_that_ends_takes_everything_with_it(deployment, how):
    port = free_port()
    process = demo(port)
    started = family(process)
    assert any("inference" in " ".join(child.cmdline()) for child in started)  # the endpoint's model server
    process.send_signal(how)
    process.stdout.read()
    process.wait(30)
    _, alive = psutil.wait_procs(started, timeout=20)
    assert not alive
    assert not is_taken(port)


def test_a_new_cloud_starts_where_one_was_killed(deployment):
    port = free_port()
    first = demo(port)
    started = family(first)
    first.kill()
    first.wait(10)
    psutil.wait_procs(started, timeout=20)
    second = demo(port)
    try:
        assert RunningCloud(port).boto3_client("s3").list_buckets()["Buckets"]
    finally:
        second.send_signal(signal.SIGTERM)
        second.stdout.read()
        second.wait(30)
