"""What the tests of the whole chain share: a running cloud, and the project deployed to it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import localstack_client.session
import pytest
from botocore.config import Config

from project.ports import free_port
from tests.tethered import tethered

PROJECT = Path(__file__).resolve().parent.parent
# What the tests' own commands make, away from what a person's have made; kept from one run to the next.
BUILD = PROJECT / "build" / "tests"
STACK = "movie-sentiment"

GOOD = "One of the best films I have ever seen: moving, funny and beautifully acted."
BAD = "A dull, predictable waste of two hours. The acting is awful and the plot makes no sense."


# What leans on one deployed chain, or starts whole clouds one after the other.
CHAIN = (
    "tests/e2e/",
    "tests/contract/api/",
    "tests/browser/test_whole_chain",
    "tests/browser/test_page_in_a_frame",
)
# What leans on the session's MLflow server, which takes ten seconds of the processor's to start.
MLFLOW = (
    "tests/browser/test_selfhost_loop",
    "tests/contract/test_launchers",
    "tests/contract/test_selfhost_champion",
    "tests/contract/test_selfhost_retrain",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The chain's tests first: they are the longest group of those that workers take."""
    items.sort(key=lambda item: not item.nodeid.startswith(CHAIN))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """A file's tests stay on one worker of pytest-xdist, and so do the chain's, and those with MLflow."""
    from xdist.scheduler import LoadScopeScheduling

    class Groups(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            for name, files in (("chain", CHAIN), ("MLflow", MLFLOW)):
                if nodeid.startswith(files):
                    return name
            return nodeid.partition("::")[0]

    return Groups(config, log)


@dataclass(frozen=True)
class RunningCloud:
    """Where the tests' cloud answers, and how to run commands against it."""

    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def client(self, service: str):
        """A client as users of LocalStack make them; it finds the cloud by LOCALSTACK_HOST."""
        return localstack_client.session.Session().client(service)

    def boto3_client(self, service: str, config: Config | None = None):
        """A plain boto3 client: nothing but an endpoint and credentials that mean nothing."""
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=config,
        )

    def make_command(self, *arguments: str) -> list[str]:
        """`make` as a person would run it against this cloud."""
        run = [sys.executable, "-m", "localcloud", "run", "--port", str(self.port), "--"]
        return [*run, "make", f"BUILD={BUILD}", *arguments]

    def make(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run `make` to its end; where it must not fail, its output is shown if it does."""
        command = self.make_command(*arguments)
        done = subprocess.run(command, cwd=PROJECT, text=True, capture_output=True, timeout=2700, check=False)
        if check:
            assert done.returncode == 0, f"make {' '.join(arguments)} failed:\n{done.stdout}\n{done.stderr}"
        return done


@pytest.fixture(scope="session")
def cloud() -> Iterator[RunningCloud]:
    """The cloud that LOCALSTACK_HOST names, where somebody wants another; else one of our own."""
    if host := os.environ.get("LOCALSTACK_HOST"):
        yield RunningCloud(int(host.rpartition(":")[2]))
        return
    port = free_port()
    command = [sys.executable, "-m", "localcloud", "up", "--port", str(port)]
    process = subprocess.Popen(tethered(command), cwd=PROJECT)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOCALSTACK_HOST", f"127.0.0.1:{port}")
        patch.delenv("AWS_ENDPOINT_URL", raising=False)
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        try:
            _wait_until_it_answers(f"http://127.0.0.1:{port}/_localcloud/health", process)
            yield RunningCloud(port)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def _wait_until_it_answers(url: str, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, f"localcloud ended with {process.returncode}"
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    raise TimeoutError(url)


@dataclass(frozen=True)
class Deployment:
    """The project on a cloud, after `make evaluate deploy summary`."""

    cloud: RunningCloud
    outputs: dict[str, str]
    printed: str

    @property
    def api(self) -> str:
        return self.outputs["ApiUrl"]

    @property
    def page(self) -> str:
        return self.outputs["WebsiteUrl"]

    @property
    def model_key(self) -> str:
        model = self.cloud.client("sagemaker").describe_model(ModelName=self.outputs["ModelName"])
        return re.search(r"/models/([0-9a-f]+)/", model["PrimaryContainer"]["ModelDataUrl"])[1]


@pytest.fixture(scope="session")
def deployment(cloud) -> Deployment:
    """Reviews prepared, uploaded, trained on, evaluated and deployed, as `make demo` does it.

    What an earlier run of the tests made is reused, as `make demo` itself would.
    """
    done = cloud.make("evaluate", "deploy", "summary")
    stacks = cloud.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stacks[0]["Outputs"]}
    return Deployment(cloud, outputs, done.stdout)
