"""kill -9 at several moments leaves no process, and nothing that keeps the next cloud from starting."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import psutil
import pytest
from localcloud_lambda_fixtures import Listener, package
from localcloud_sagemaker_fixtures import BUCKET, Sandbox, channel, wait

from localcloud.sagemaker.container import has_own_file_system
from project.ports import free_port
from tests.conftest import PROJECT
from tests.tethered import tethered

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc"),
]
SAYING = """
import socket

def handler(event=None, context=None):
    with socket.create_connection(("127.0.0.1", PORT)) as connection:
        connection.recv(1)

if __name__ == "__main__":
    handler()
"""
"""A script and a function that say when they run, and go on as long as the test wants."""
IN_ANOTHER_SESSION = """
import subprocess, sys

subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
"""
"""As the workers of torchrun are, out of reach of the script's own process group."""
WRITING = """
import os
from pathlib import Path

Path(os.environ["SM_MODEL_DIR"], "weights").write_bytes(os.urandom(20_000_000))
"""
FUNCTION_TRUST = (
    '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": '
    '{"Service": "lambda.amazonaws.com"}}]}'
)


class Remote:
    """A cloud in a process of its own."""

    def __init__(self, port: int, scratch: str):
        self._url = f"http://127.0.0.1:{port}"
        self.process = subprocess.Popen(
            tethered([sys.executable, "-m", "localcloud", "up", "--port", str(port)]),
            cwd=PROJECT,
            env={**os.environ, "TMPDIR": scratch},
            text=True,
            stdout=subprocess.PIPE,
        )
        assert self.process.stdout is not None
        assert "is up" in self.process.stdout.readline()

    def client(self, service: str) -> Any:
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        return boto3.client(service, region_name="us-east-1", endpoint_url=self._url, **keys)

    def end(self, number: signal.Signals) -> None:
        self.process.send_signal(number)
        self.process.communicate(timeout=60)


def a_job_is_created(sandbox: Sandbox, listener: Listener) -> list[socket.socket]:
    sandbox.train(script=SAYING.replace("PORT", str(listener.port)))
    return []


def everything_is_at_work(sandbox: Sandbox, listener: Listener) -> list[socket.socket]:
    """The hosts of a training job, a model server and a function that somebody waits for."""
    script = SAYING.replace("PORT", str(listener.port))
    count = 2 if has_own_file_system() else 1
    resources = {"InstanceType": "ml.m5.large", "InstanceCount": count, "VolumeSizeInGB": 5}
    sandbox.train(script=IN_ANOTHER_SESSION + script, ResourceConfig=resources)
    role = sandbox.cloud.client("iam").create_role(RoleName="f", AssumeRolePolicyDocument=FUNCTION_TRUST)
    functions = sandbox.cloud.client("lambda")
    functions.create_function(
        FunctionName="f",
        Role=role["Role"]["Arn"],
        Runtime="python3.11",
        Handler="app.handler",
        Timeout=300,
        Code={"ZipFile": package(script)},
    )
    functions.invoke(FunctionName="f", InvocationType="Event")
    held = [listener.accept() for _ in range(count + 1)]
    assert sandbox.settled(sandbox.endpoint(sandbox.config(sandbox.model())))["EndpointStatus"] == "InService"
    return held


def a_channel_is_downloaded(sandbox: Sandbox, listener: Listener) -> list[socket.socket]:
    for number in range(3):
        sandbox.put(f"large/{number}", os.urandom(20_000_000))
    name = sandbox.train(InputDataConfig=[channel("train", f"s3://{BUCKET}/large")])
    describe = sandbox.sagemaker.describe_training_job
    wait(lambda: describe(TrainingJobName=name)["SecondaryStatus"], lambda status: status != "Starting")
    return []


def an_endpoint_is_updated(sandbox: Sandbox, listener: Listener) -> list[socket.socket]:
    first, second = (sandbox.config(sandbox.model(epochs)) for epochs in (1, 2))
    name = sandbox.endpoint(first)
    assert sandbox.settled(name)["EndpointStatus"] == "InService"
    sandbox.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=second)
    return []


def a_model_is_uploaded(sandbox: Sandbox, listener: Listener) -> list[socket.socket]:
    name = sandbox.train(script=WRITING)
    describe = sandbox.sagemaker.describe_training_job
    wait(
        lambda: describe(TrainingJobName=name)["SecondaryStatus"],
        lambda status: status in ("Uploading", "Completed"),
    )
    return []


def processes_of(scratch: str) -> list[psutil.Process]:
    """The processes whose temporary folders lie in the folder of this test."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and scratch in str(process.environ()) + str(process.cmdline()):
                found.append(process)
        except (psutil.AccessDenied, psutil.NoSuchProcess, psutil.ZombieProcess):
            continue
    return found


def test_kill_minus_9_leaves_nothing_at_any_moment() -> None:
    port = free_port()
    listener = Listener()
    moments: tuple[Callable[[Sandbox, Listener], list[socket.socket]], ...] = (
        a_job_is_created,
        a_channel_is_downloaded,
        an_endpoint_is_updated,
        everything_is_at_work,
        a_model_is_uploaded,
    )
    with tempfile.TemporaryDirectory() as scratch:
        for moment in moments:
            cloud = Remote(port, scratch)  # that of the killed one before is readable, or it would not start
            held = moment(Sandbox(cloud), listener)  # type: ignore[arg-type]
            assert processes_of(scratch)
            cloud.end(signal.SIGKILL)
            wait(lambda: processes_of(scratch), lambda left: not left)
            for connection in held:
                connection.close()
        last = Remote(port, scratch)
        assert last.client("s3").list_buckets()["Buckets"] == []
        last.end(signal.SIGTERM)
        assert not list(Path(scratch).iterdir())
    listener.close()
