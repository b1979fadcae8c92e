"""AWS's own container toolkits, installed beside the project, and ways to run them like the lean runners."""

import http.client
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from localcloud.sagemaker.container import RUNNERS
from project.ports import free_port
from tests.environments import interpreter

PROJECT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def toolkit() -> Path:
    """The interpreter of an environment with the genuine toolkits."""
    python = interpreter("toolkit", " (it takes a C compiler)")
    packages = next((python.parent.parent / "lib").glob("python*/site-packages"))
    # torch and what a model needs, after the environment's own packages in the search order.
    (packages / "zz-project.pth").write_text("\n".join(p for p in sys.path if p.endswith("-packages")))
    return python


class Ended(NamedTuple):
    """How a training container ended and what it left in its folder."""

    code: int
    printed: str
    failure: str | None
    files: dict[str, bytes]
    seen: dict


def make_container(base: Path, source: Path, entry_point: str, hyperparameters: dict, channels: dict) -> Path:
    """The folder of a container, as SageMaker fills it; returns the archive of the source."""
    config = base / "input" / "config"
    for folder in (config, base / "model", base / "output" / "data"):
        folder.mkdir(parents=True)
    for name, folder in channels.items():
        shutil.copytree(folder, base / "input" / "data" / name)
    archive = base.parent / f"{base.name}-source.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        for file in sorted(source.iterdir()):
            tar.add(file, file.name)
    group = {"instance_group_name": "homogeneousCluster", "instance_type": "ml.m5.large", "hosts": ["algo-1"]}
    everything = hyperparameters | {
        "sagemaker_program": entry_point,
        "sagemaker_submit_directory": str(archive),
        "sagemaker_job_name": "parity",
        "sagemaker_region": "us-east-1",
        "sagemaker_container_log_level": 20,
    }
    for name, content in {
        "hyperparameters": {key: json.dumps(value) for key, value in everything.items()},
        "inputdataconfig": {
            name: {
                "TrainingInputMode": "File",
                "S3DistributionType": "FullyReplicated",
                "RecordWrapperType": "None",
            }
            for name in channels
        },
        "resourceconfig": {
            "current_host": "algo-1",
            "current_instance_type": "ml.m5.large",
            "current_group_name": "homogeneousCluster",
            "hosts": ["algo-1"],
            "instance_groups": [group],
            "network_interface_name": "eth0",
        },
    }.items():
        (config / f"{name}.json").write_text(json.dumps(content))
    return archive


def run_training(
    python: Path,
    genuine: bool,
    folder: Path,
    source: Path,
    entry_point: str = "train.py",
    hyperparameters: dict | None = None,
    channels: dict | None = None,
) -> Ended:
    """Runs the same job in the genuine toolkit or in the lean runner, with the same interpreter."""
    base = folder / "ml"
    archive = make_container(base, source, entry_point, hyperparameters or {}, channels or {})
    environment = {
        "PATH": f"{python.parent}:{os.environ['PATH']}",
        "HOME": str(folder),
        "SAGEMAKER_BASE_DIR": str(base),
        "SAGEMAKER_TRAINING_MODULE": "localcloud_toolkit_training:main",
        "TRAINING_JOB_NAME": "parity",
        "AWS_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    if genuine:
        # The variable keeps the toolkit from waiting for other hosts of a cluster to get a name.
        environment |= {"SM_STUDIO_LOCAL_MODE": "true", "PYTHONPATH": str(HERE)}
        command = [python, python.with_name("train")]
    else:
        command = [python, RUNNERS / "training.py", archive]
    done = subprocess.run(
        command,
        env=environment,
        cwd=base,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    failure = base / "output" / "failure"
    seen = base / "output" / "data" / "seen.json"
    kept = [base / "model", base / "output" / "data"]
    return Ended(
        done.returncode,
        done.stdout,
        failure.read_text().replace(str(folder), "FOLDER") if failure.exists() else None,
        {
            file.relative_to(base).as_posix(): file.read_bytes()
            for root in kept
            for file in sorted(root.rglob("*"))
            if file.is_file() and file != seen
        },
        json.loads(seen.read_text().replace(str(folder), "FOLDER")) if seen.exists() else {},
    )


class Answered(NamedTuple):
    status: int
    content_type: str | None
    body: bytes


@contextmanager
def serving(python: Path, genuine: bool, base: Path, program: str = "inference.py") -> Iterator["Served"]:
    """A model folder behind the genuine toolkit's Transformer or behind the lean runner."""
    port = free_port()
    script = HERE / "localcloud_toolkit_server.py" if genuine else RUNNERS / "inference.py"
    environment = {
        "PATH": os.environ["PATH"],
        "SAGEMAKER_BASE_DIR": str(base),
        "SAGEMAKER_BIND_TO_PORT": str(port),
        "SAGEMAKER_PROGRAM": program,
        "SAGEMAKER_SUBMIT_DIRECTORY": str(base / "model" / "code"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    server = subprocess.Popen(
        [python, script], env=environment, cwd=base, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        yield Served(server, port)
    finally:
        server.kill()
        server.communicate()


class Served:
    def __init__(self, process: subprocess.Popen, port: int):
        self._process, self._port = process, port

    def comes_up(self) -> bool:
        """Whether it answers /ping before it ends or five minutes have passed: torch may load slowly."""
        deadline = time.monotonic() + 300
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                return self.ask("GET", "/ping").status == 200
            except OSError:
                time.sleep(0.05)
        return False

    def invoke(self, body: bytes, content_type: str | None = None, accept: str | None = None) -> Answered:
        """An error's body is cut after its message: a traceback through the server's files follows."""
        headers = {"Content-Type": content_type, "Accept": accept}
        answer = self.ask("POST", "/invocations", body, {k: v for k, v in headers.items() if v})
        if answer.status < 400:
            return answer
        return Answered(answer.status, None, re.split(rb"\n+Traceback ", answer.body)[0])

    def ask(self, method: str, path: str, body: bytes = b"", headers: dict | None = None) -> Answered:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=300)
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return Answered(response.status, response.getheader("Content-Type"), response.read())
        finally:
            connection.close()
