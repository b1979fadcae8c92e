"""Batch transform over real HTTP, with boto3."""

import gzip
import json

import pytest
from botocore.exceptions import ClientError
from localcloud_sagemaker_fixtures import BUCKET, sandbox, wait

LINES = [{"id": number, "review": "x" * number} for number in range(20)]
JSONLINES = "".join(json.dumps(line) + "\n" for line in LINES).encode()


@pytest.fixture(scope="module")
def aws():
    with sandbox() as it:
        it.put("batch/one.jsonl", JSONLINES)
        it.put("batch/more/two.jsonl", JSONLINES[: len(JSONLINES) // 2].rsplit(b"\n", 1)[0])
        it.transform_model = it.model(epochs=5)
        yield it


def transform(aws, source="batch/one.jsonl", content_type="application/jsonlines", output=None, **changes):
    """Runs a job to its end; returns its description and where its output is."""
    name = aws.name("transform")
    given = changes.pop("TransformInput", {})
    request = {
        "TransformJobName": name,
        "ModelName": aws.transform_model,
        "TransformInput": {
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/{source}"}},
            "ContentType": content_type,
            "SplitType": "Line",
            **given,
        },
        "TransformOutput": {
            "S3OutputPath": f"s3://{BUCKET}/out/{name}",
            "Accept": "application/jsonlines",
            "AssembleWith": "Line",
            **(output or {}),
        },
        "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
    }
    aws.sagemaker.create_transform_job(**request | changes)
    job = wait(
        lambda: aws.sagemaker.describe_transform_job(TransformJobName=name),
        lambda it: it["TransformJobStatus"] not in ("InProgress", "Stopping"),
    )
    return job, f"out/{name}"


def rows(aws, key):
    return [json.loads(line) for line in aws.get(key).splitlines()]


@pytest.mark.parametrize("strategy", ["MultiRecord", "SingleRecord"])
def test_each_line_gets_its_answer(aws, strategy):
    job, folder = transform(aws, source="batch/", BatchStrategy=strategy, MaxConcurrentTransforms=3)
    assert job["TransformJobStatus"] == "Completed", job.get("FailureReason")
    assert aws.keys(folder) == [f"{folder}/more/two.jsonl.out", f"{folder}/one.jsonl.out"]
    answers = rows(aws, f"{folder}/one.jsonl.out")
    assert [answer["characters"] for answer in answers] == list(range(20))
    assert {answer["epochs"] for answer in answers} == {5}
    assert job["TransformEndTime"] >= job["TransformStartTime"]


def test_instances_share_the_objects(aws):
    """Three objects on two instances, each with a log of its own; what one fails at fails the job."""
    for name in "abc":
        aws.put(f"shared/{name}.jsonl", json.dumps({"review": name}).encode())
    two = {"InstanceType": "ml.m5.large", "InstanceCount": 2}
    job, folder = transform(aws, source="shared/", TransformResources=two)
    assert job["TransformJobStatus"] == "Completed", job.get("FailureReason")
    assert aws.keys(folder) == [f"{folder}/{name}.jsonl.out" for name in "abc"]
    group = "/aws/sagemaker/TransformJobs"
    streams = aws.logs.describe_log_streams(
        logGroupName=group, logStreamNamePrefix=f"{job['TransformJobName']}/"
    )["logStreams"]
    answered = [
        sum(
            event["message"] == "POST /invocations 200"
            for event in aws.logs.get_log_events(
                logGroupName=group, logStreamName=stream["logStreamName"], startFromHead=True
            )["events"]
        )
        for stream in streams
    ]
    assert sorted(answered) == [1, 2]
    aws.put("shared/d.jsonl", b"{")
    job, _ = transform(aws, source="shared/", TransformResources=two)
    assert job["TransformJobStatus"] == "Failed"
    assert "shared/d.jsonl" in job["FailureReason"]


def test_a_manifest_names_the_objects(aws):
    manifest = [{"prefix": f"s3://{BUCKET}/batch/"}, "more/two.jsonl"]
    uri = aws.put("two.manifest", json.dumps(manifest).encode())
    source = {"DataSource": {"S3DataSource": {"S3DataType": "ManifestFile", "S3Uri": uri}}}
    job, folder = transform(aws, TransformInput=source)
    assert job["TransformJobStatus"] == "Completed", job.get("FailureReason")
    assert aws.keys(folder) == [f"{folder}/more/two.jsonl.out"]


def test_requests_keep_to_the_payload_limit(aws):
    """Three lines of 0.4 MB in requests of at most 1 MB are two requests."""
    body = "".join(json.dumps({"review": "x" * 400_000}) + "\n" for _ in range(3))
    aws.put("large/reviews.jsonl", body.encode())
    job, folder = transform(aws, source="large/reviews.jsonl", MaxPayloadInMB=1, BatchStrategy="MultiRecord")
    assert len(rows(aws, f"{folder}/reviews.jsonl.out")) == 3
    log = [line for line in aws.log_lines("/aws/sagemaker/TransformJobs") if line == "POST /invocations 200"]
    assert len(log) >= 2
    aws.put("large/one.jsonl", json.dumps({"review": "x" * 1_100_000}).encode())
    job, _ = transform(aws, source="large/one.jsonl", MaxPayloadInMB=1)
    assert job["TransformJobStatus"] == "Failed"
    assert "MaxPayloadInMB" in job["FailureReason"]


def test_a_whole_file_is_one_request(aws):
    aws.put("whole/a.json", b'{"review": "abc"}')
    job, folder = transform(
        aws,
        source="whole/a.json",
        content_type="application/json",
        output={"Accept": "application/json", "AssembleWith": "None"},
        TransformInput={"SplitType": "None"},
    )
    assert json.loads(aws.get(f"{folder}/a.json.out")) == {"characters": 3, "batch": "true", "epochs": 5}
    aws.put("whole/a.json.gz", gzip.compress(b'{"review": "abcd"}'))
    job, folder = transform(
        aws,
        source="whole/a.json.gz",
        content_type="application/json",
        output={"AssembleWith": "None"},
        TransformInput={"SplitType": "None", "CompressionType": "Gzip"},
    )
    assert job["TransformJobStatus"] == "Completed", job.get("FailureReason")
    assert json.loads(aws.get(f"{folder}/a.json.gz.out"))["characters"] == 4


def test_answers_are_joined_with_their_input(aws):
    processing = {"JoinSource": "Input", "OutputFilter": "$['id','SageMakerOutput']"}
    _, folder = transform(aws, DataProcessing=processing)
    joined = rows(aws, f"{folder}/one.jsonl.out")
    assert joined[3] == {"id": 3, "SageMakerOutput": {"characters": 3, "epochs": 5}}
    processing = {"JoinSource": "Input", "OutputFilter": "$.SageMakerOutput.characters"}
    _, folder = transform(aws, BatchStrategy="SingleRecord", DataProcessing=processing)
    assert rows(aws, f"{folder}/one.jsonl.out") == list(range(20))


@pytest.mark.parametrize(
    ("content_type", "reason"),
    [("text/html", "ClientError"), ("application/json", "AlgorithmError")],
)
def test_a_container_that_refuses_fails_the_job(aws, content_type, reason):
    job, folder = transform(
        aws,
        content_type=content_type,
        ModelClientConfig={"InvocationsMaxRetries": 0, "InvocationsTimeoutInSeconds": 5},
    )
    assert job["TransformJobStatus"] == "Failed"
    assert job["FailureReason"].startswith(f"{reason}: See job logs for more information")
    assert aws.keys(folder) == []


def test_a_container_that_hangs_fails_the_job(aws):
    aws.put("hang/a.jsonl", b'{"review": "a"}\n{"review": "", "sleep": 60}\n')
    client = {"InvocationsTimeoutInSeconds": 1, "InvocationsMaxRetries": 1}
    job, _ = transform(
        aws,
        source="hang/a.jsonl",
        content_type="application/json",
        BatchStrategy="SingleRecord",
        ModelClientConfig=client,
    )
    assert job["TransformJobStatus"] == "Failed"
    assert "no answer" in job["FailureReason"]


def test_a_job_is_stopped(aws):
    aws.put("slow/a.jsonl", b'{"review": "", "sleep": 1}\n' * 50)
    name = aws.name("transform")
    aws.sagemaker.create_transform_job(
        TransformJobName=name,
        ModelName=aws.transform_model,
        BatchStrategy="SingleRecord",
        TransformInput={
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/slow"}},
            "ContentType": "application/json",
            "SplitType": "Line",
        },
        TransformOutput={"S3OutputPath": f"s3://{BUCKET}/out/{name}"},
        TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
    )
    aws.sagemaker.stop_transform_job(TransformJobName=name)
    job = wait(
        lambda: aws.sagemaker.describe_transform_job(TransformJobName=name),
        lambda it: it["TransformJobStatus"] not in ("InProgress", "Stopping"),
        15,
    )
    assert job["TransformJobStatus"] == "Stopped"
    listed = aws.sagemaker.list_transform_jobs(StatusEquals="Stopped")["TransformJobSummaries"]
    assert [each["TransformJobName"] for each in listed] == [name]


def test_a_job_of_a_trial_is_a_component_of_it(aws):
    aws.sagemaker.create_experiment(ExperimentName="films")
    aws.sagemaker.create_trial(TrialName="first", ExperimentName="films")
    config = {"ExperimentName": "films", "TrialName": "first"}
    job, folder = transform(aws, ExperimentConfig=config)
    assert job["ExperimentConfig"] == config
    name = f"{job['TransformJobName']}-aws-transform-job"
    component = aws.sagemaker.describe_trial_component(TrialComponentName=name)
    assert component["Source"]["SourceType"] == "SageMakerTransformJob"
    assert component["Status"] == {"PrimaryStatus": "Completed"}
    assert component["Parameters"]["SageMaker.ModelName"] == {"StringValue": aws.transform_model}
    given = {"Value": f"s3://{BUCKET}/batch/one.jsonl", "MediaType": "application/jsonlines"}
    assert component["InputArtifacts"] == {"SageMaker.TransformInput": given}
    output = {"Value": f"s3://{BUCKET}/{folder}"}
    assert component["OutputArtifacts"] == {"SageMaker.TransformOutput": output}


def test_data_that_a_filter_does_not_fit_fails_the_job(aws):
    aws.put("misfit/a.csv", b"a,b\n")
    job, _ = transform(
        aws, "misfit/a.csv", "text/csv", DataProcessing={"InputFilter": "$[5]"}, output={"Accept": ""}
    )
    assert job["TransformJobStatus"] == "Failed"
    assert job["FailureReason"] == "ClientError: DataProcessing.InputFilter $[5] finds nothing in a record."


# The words by which aws-controllers-k8s/sagemaker-controller (generator.yaml) knows a missing job.
@pytest.mark.parametrize("operation", ["describe_transform_job", "stop_transform_job"])
def test_an_unknown_job_is_an_error(aws, operation):
    with pytest.raises(ClientError) as error:
        getattr(aws.sagemaker, operation)(TransformJobName="zz")
    assert error.value.response["Error"]["Code"] == "ValidationException"
    assert error.value.response["Error"]["Message"] == "Could not find requested job with name: zz"


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"TransformInput": {"SplitType": "RecordIO"}}, "SplitType"),
        ({"TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 21}}, "InstanceCount"),
        (
            {
                "TransformResources": {
                    "InstanceType": "ml.m5.large",
                    "InstanceCount": 1,
                    "VolumeKmsKeyId": "k",
                }
            },
            "VolumeKmsKeyId",
        ),
        ({"DataProcessing": {"InputFilter": "$[[["}}, "InputFilter"),
        ({"DataProcessing": {"InputFilter": "$[-:]"}, "content_type": "text/csv"}, "InputFilter"),
        ({"DataProcessing": {"JoinSource": "Input"}, "content_type": "text/html"}, "ContentType"),
        ({"ModelName": "unknown"}, "Could not find model"),
        ({"ExperimentConfig": {"ExperimentName": "e"}}, "ExperimentConfig"),
        ({"MaxPayloadInMB": 101}, "MaxPayloadInMB"),
        ({"MaxPayloadInMB": 51, "MaxConcurrentTransforms": 2}, "MaxConcurrentTransforms"),
    ],
)
def test_unsupported_requests_are_refused_by_name(aws, changes, named):
    with pytest.raises(ClientError) as error:
        transform(aws, **changes)
    assert error.value.response["Error"]["Code"] == "ValidationException"
    assert named in error.value.response["Error"]["Message"]
