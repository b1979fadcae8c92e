"""kill -9 of a single process of a job fails the job with AWS's reason, and leaves nothing of it.

test_localcloud_killed.py kills the cloud itself, test_localcloud_sagemaker_endpoints.py model servers.
"""

import os
import signal
from collections.abc import Iterator

import psutil
import pytest
from localcloud_sagemaker_fixtures import Sandbox, sandbox, wait

from localcloud.sagemaker.container import has_own_file_system

pytestmark = pytest.mark.skipif(not has_own_file_system(), reason="jobs have one host here")
TWO = {"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 5}
SCRIPT = """
import os, subprocess, sys, time
from pathlib import Path

child = [sys.executable, "-c", "import time; time.sleep(600)"]
elsewhere = subprocess.Popen(child, start_new_session=True)
Path(os.environ["SM_MODEL_DIR"], "half").write_bytes(b"x" * 100_000)
print("runs", flush=True)
time.sleep(600)
"""
"""Leaves a half-written model and a process out of reach of the script's own process group."""


@pytest.fixture(scope="module")
def aws() -> Iterator[Sandbox]:
    with sandbox() as aws:
        yield aws


@pytest.mark.slow
def test_a_killed_process_of_a_job_takes_the_job_with_it(aws: Sandbox) -> None:
    for choose, reason in (
        (the_script, "AlgorithmError: ExecuteUserScriptError:\nExitCode -9"),
        (the_container, "Please use an instance type with more memory"),
        (a_container_of_two, "Please use an instance type with more memory"),
    ):
        victim = choose.__name__
        count = 2 if choose is a_container_of_two else 1
        name = aws.train(script=SCRIPT, ResourceConfig=TWO | {"InstanceCount": count})
        wait(lambda name=name: said(aws, name), lambda number, count=count: number == count)
        processes = processes_of(name)
        assert len(processes) >= 4 * count, victim
        os.kill(choose(processes).pid, signal.SIGKILL)
        job = aws.trained(name)
        assert job["TrainingJobStatus"] == "Failed", victim
        assert reason in job["FailureReason"], victim
        assert job["FailureReason"].startswith("AlgorithmError: "), victim
        assert "ModelArtifacts" not in job and aws.keys(f"output/{name}") == [], victim
        _, left = psutil.wait_procs(processes, 30)
        assert left == [], victim


@pytest.mark.slow
def test_a_killed_supervisor_leaves_no_process_behind(aws: Sandbox) -> None:
    for choose in (the_supervisor, the_supervisor_and_the_container):
        name = aws.train(script=SCRIPT)
        wait(lambda name=name: said(aws, name), lambda number: number == 1)
        processes = processes_of(name)
        assert len(processes) >= 4
        for victim in choose(processes):
            os.kill(victim.pid, signal.SIGKILL)
        assert aws.trained(name)["FailureReason"].endswith("exit code: 137")
        _, left = psutil.wait_procs(processes, 30)
        assert left == [], choose.__name__


def said(aws: Sandbox, name: str) -> int:
    """How many hosts have said that their script runs."""
    group = "/aws/sagemaker/TrainingJobs"
    try:
        streams = aws.logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=f"{name}/")
    except aws.logs.exceptions.ResourceNotFoundException:
        return 0
    names = [stream["logStreamName"] for stream in streams["logStreams"]]
    read = [aws.logs.get_log_events(logGroupName=group, logStreamName=each)["events"] for each in names]
    return sum(event["message"] == "runs" for events in read for event in events)


def processes_of(name: str) -> list[psutil.Process]:
    """The processes of a job, each after its parent."""
    found = []
    for supervisor in psutil.Process().children():
        if any(f"/training/{name}/" in argument for argument in supervisor.cmdline()):
            found += [supervisor, *supervisor.children(recursive=True)]
    return found


def the_script(processes: list[psutil.Process]) -> psutil.Process:
    return next(each for each in processes if each.cmdline()[-1:] == ["train.py"])


def the_container(processes: list[psutil.Process]) -> psutil.Process:
    """The container's first process, which has the supervisor for its parent."""
    return processes[1]


def a_container_of_two(processes: list[psutil.Process]) -> psutil.Process:
    supervisors = [each for each in processes if each.ppid() == os.getpid()]
    return supervisors[1].children()[0]


def the_supervisor(processes: list[psutil.Process]) -> list[psutil.Process]:
    return processes[:1]


def the_supervisor_and_the_container(processes: list[psutil.Process]) -> list[psutil.Process]:
    """The processes that `pkill -9 -f` with the name of the job finds."""
    return processes[:2]
