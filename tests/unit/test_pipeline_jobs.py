"""Following a SageMaker job: its lines once each, its failure with the reason."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from pipeline import aws, jobs
from pipeline.settings import PipelineError


class FakeCloud:
    """Both services of a job that runs through the given statuses, writing one line before each."""

    def __init__(self, statuses, **description):
        self.statuses, self.description = list(statuses), description
        self.lines = []
        self.stopped = False

    def client(self, service):
        return self

    def describe_training_job(self, TrainingJobName):
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        if isinstance(status, BaseException):
            raise status
        self.lines.append(f"line {len(self.lines)}")
        return {"TrainingJobName": TrainingJobName, "TrainingJobStatus": status, **self.description}

    def stop_training_job(self, TrainingJobName):
        self.stopped = True

    def describe_log_streams(self, logGroupName, logStreamNamePrefix):
        if len(self.lines) < 2:
            raise ClientError({"Error": {"Code": "ResourceNotFoundException"}}, "DescribeLogStreams")
        return {"logStreams": [{"logStreamName": logStreamNamePrefix + "algo-1"}]}

    def get_log_events(self, logGroupName, logStreamName, startFromHead, nextToken="0"):
        seen = int(nextToken)
        return {
            "events": [{"message": line} for line in self.lines[seen:]],
            "nextForwardToken": str(len(self.lines)),
        }


@pytest.fixture
def run(monkeypatch):
    def start(*statuses, **description):
        cloud = FakeCloud(statuses, **description)
        monkeypatch.setattr(aws, "client", cloud.client)
        monkeypatch.setattr(jobs, "POLL_SECONDS", 0.0)
        return cloud

    return start


def test_every_line_is_shown_once_and_in_order(run, capsys):
    run("InProgress", "InProgress", "InProgress", "Completed")
    assert jobs.wait_for_training("job")["TrainingJobStatus"] == "Completed"
    shown = [line.strip(" |\n") for line in capsys.readouterr().out.splitlines()]
    assert shown == ["line 0", "line 1", "line 2", "line 3"]


def test_a_failed_job_raises_with_its_reason(run):
    run("InProgress", "Failed", FailureReason='AlgorithmError: ExecuteUserScriptError: "no such recipe"')
    with pytest.raises(PipelineError, match="no such recipe"):
        jobs.wait_for_training("job")


def test_interrupting_the_wait_stops_the_job(run):
    cloud = run("InProgress", KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        jobs.wait_for_training("job")
    assert cloud.stopped
