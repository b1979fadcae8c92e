"""Following a SageMaker job: its lines once each, its failure with the reason, through a lost connection."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError

from pipeline import aws, jobs
from pipeline.settings import PipelineError


class FakeCloud:
    """Both services of a job that runs through the given statuses, writing one line before each."""

    def __init__(self, statuses, **description):
        self.statuses, self.description = list(statuses), description
        self.lines = []
        self.log_failures = []
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
        if seen and self.log_failures:
            raise self.log_failures.pop()
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
        monkeypatch.setattr(jobs, "RETRY_SECONDS", 0.0)
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


UNREACHABLE = EndpointConnectionError(endpoint_url="https://api.sagemaker.us-east-1.amazonaws.com/")


def refusal(code, status=400):
    response = {"Error": {"Code": code, "Message": ""}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(response, "DescribeTrainingJob")


def test_a_connection_that_comes_back_loses_neither_the_job_nor_a_line(run, capsys):
    failures = [
        UNREACHABLE,
        ReadTimeoutError(endpoint_url=""),
        refusal("ThrottlingException"),
        refusal("InternalFailure", 500),
    ]
    cloud = run("InProgress", "InProgress", *failures, "InProgress", "Completed")
    cloud.log_failures = [UNREACHABLE, ReadTimeoutError(endpoint_url="")]
    assert jobs.wait_for_training("job")["TrainingJobStatus"] == "Completed"
    output = capsys.readouterr().out
    shown = [line.removeprefix("   | ") for line in output.splitlines() if line.startswith("   | ")]
    assert shown == cloud.lines
    assert "cannot get the status of job, which is still running; trying again" in output


def test_a_connection_that_stays_lost_says_that_the_job_goes_on(run, monkeypatch):
    cloud = run("InProgress", UNREACHABLE)
    monkeypatch.setattr(jobs, "OUTAGE_SECONDS", 0.0)
    with pytest.raises(jobs.ConnectionLost, match="still running; run the same command again to follow it"):
        jobs.wait_for_training("job")
    assert not cloud.stopped


def test_a_refusal_that_no_waiting_mends_is_not_retried(run):
    run("InProgress", refusal("ExpiredTokenException"), "Completed")
    with pytest.raises(ClientError, match="ExpiredTokenException"):
        jobs.wait_for_training("job")


def test_a_job_that_cannot_be_stopped_is_said_to_go_on(run, monkeypatch):
    cloud = run("InProgress", KeyboardInterrupt())

    def stop(TrainingJobName):
        raise UNREACHABLE

    monkeypatch.setattr(cloud, "stop_training_job", stop)
    with pytest.raises(PipelineError, match="job could not be stopped and is still running"):
        jobs.wait_for_training("job")


def test_a_running_transform_is_found_by_where_it_writes(monkeypatch):
    outputs = {
        "stack-test-3": "s3://b/evaluation/other-data/3",
        "stack-test-2": "s3://b/evaluation/m-d/2",
        "stack-test-1": "s3://b/evaluation/m-d/1",
    }

    class Cloud:
        def get_paginator(self, operation):
            assert operation == "list_transform_jobs"
            return self

        def paginate(self, NameContains, StatusEquals, SortBy, SortOrder):
            assert (StatusEquals, SortBy, SortOrder) == ("InProgress", "CreationTime", "Descending")
            names = [name for name in outputs if NameContains in name]
            return [{"TransformJobSummaries": [{"TransformJobName": name}]} for name in names]

        def describe_transform_job(self, TransformJobName):
            return {"TransformOutput": {"S3OutputPath": outputs[TransformJobName]}}

    monkeypatch.setattr(aws, "client", lambda service: Cloud())
    assert jobs.running_transform("stack-test-", "s3://b/evaluation/m-d") == "stack-test-2"
    assert jobs.running_transform("stack-test-", "s3://b/evaluation/m") is None
    assert jobs.running_transform("another-test-", "s3://b/evaluation/m-d") is None
