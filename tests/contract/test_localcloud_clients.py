"""AWS's own clients, unmodified, each in an environment of its own: both SageMaker SDKs and the CLI.

Their programs (clients/) have the assertions: importing a SageMaker SDK takes seconds, so each is imported
once.
"""

import subprocess
import sys
from pathlib import Path

import pytest
from localcloud_sagemaker_fixtures import BUCKET, Sandbox, make_wheel

from localcloud.environment import for_command
from localcloud.sagemaker.container import has_own_file_system
from localcloud.server import Server
from tests.environments import interpreter

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not has_own_file_system(), reason="the SDKs' scripts need a real /opt/ml"),
]
CLIENTS = Path(__file__).parent / "clients"
OWN = Path(sys.executable)


def run(program: str, python: Path, jobs: Path, folder: Path) -> str:
    """What one of the programs prints, run by an interpreter against a cloud with another for its jobs."""
    with Server(port=0, job_python=jobs) as server:
        sandbox = Sandbox(server.cloud)
        wheel = make_wheel(folder, "tiny_other", "WORD = 'installed'\n")
        given = {
            "ROLE": sandbox.role,
            "BUCKET": BUCKET,
            "WHEEL": str(wheel),
            "SAGEMAKER_SUPPRESS_V2_WARNING": "1",
        }
        done = subprocess.run(
            [python, CLIENTS / f"{program}.py"],
            env=for_command(server.cloud.host, server.cloud.port) | given,
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, f"{done.stdout[-4000:]}\n{done.stderr[-6000:]}"
    return done.stdout


def test_the_sagemaker_sdk_2(tmp_path):
    assert "all of SDK 2 has run" in run("sdk2", OWN, OWN, tmp_path)


def test_the_sagemaker_sdk_3(tmp_path):
    python = interpreter("sdk3")  # which the containers of remote functions have, too
    assert "all of SDK 3 has run" in run("sdk3", python, python, tmp_path)


def test_the_aws_cli(tmp_path):
    assert "all of the CLI has run" in run("aws_cli", interpreter("awscli"), OWN, tmp_path)
