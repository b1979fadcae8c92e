"""Training jobs over real HTTP, with boto3."""

import datetime
import itertools
import json
import os
import pwd
import sys
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError
from localcloud_sagemaker_fixtures import BUCKET, TRAINING_IMAGE, aws, channel, untar, wait

from localcloud.sagemaker.container import has_own_file_system

__all__ = ["aws"]


def refused(error: pytest.ExceptionInfo) -> tuple[str, str]:
    return error.value.response["Error"]["Code"], error.value.response["Error"]["Message"]


def test_a_job_runs_its_script_and_uploads_what_it_made(aws):
    metrics = [{"Name": "val_loss", "Regex": r"val_loss=([0-9.]+);"}]
    name = aws.train(
        {"epochs": 3, "learning-rate": 0.5, "say": "two words"},
        AlgorithmSpecification={
            "TrainingImage": TRAINING_IMAGE,
            "TrainingInputMode": "File",
            "MetricDefinitions": metrics,
        },
        Environment={"MINE": "1"},
    )
    job = aws.trained(name)
    assert job["TrainingJobStatus"] == job["SecondaryStatus"] == "Completed", job.get("FailureReason")
    artefact = job["ModelArtifacts"]["S3ModelArtifacts"]
    assert artefact == f"s3://{BUCKET}/output/{name}/output/model.tar.gz"
    assert untar(aws.get(artefact)) == {"weights.json": b'{"epochs": 3}'}
    assert untar(aws.get(artefact.replace("model.tar.gz", "output.tar.gz"))) == {"report.txt": b"done"}
    assert job["AlgorithmSpecification"]["MetricDefinitions"] == metrics
    assert job["Environment"] == {"MINE": "1"}
    final = {metric["MetricName"]: metric["Value"] for metric in job["FinalMetricDataList"]}
    assert final == {"val_loss": pytest.approx(1 / 3, abs=1e-4)}
    steps = job["SecondaryStatusTransitions"]
    assert [s["Status"] for s in steps] == ["Starting", "Downloading", "Training", "Uploading", "Completed"]
    assert all(a["EndTime"] == b["StartTime"] for a, b in itertools.pairwise(steps))
    assert job["TrainingTimeInSeconds"] >= 1
    log = aws.job_log(name)
    assert 'hyperparameters {"epochs":3,"learning-rate":0.5,"say":"two words"}' in log
    assert "train ['more/reviews.txt', 'reviews.txt']" in log
    assert "two words" in log


def test_a_description_has_members_that_were_not_given(aws):
    """The SDK's attach() reads these members without asking whether they are there."""
    off = {"InfraCheckConfig": {"EnableInfraCheck": False}, "RemoteDebugConfig": {"EnableRemoteDebug": False}}
    job = aws.trained(aws.train(**off))
    assert {name: job[name] for name in off} == off
    assert job["OutputDataConfig"] == {
        "S3OutputPath": f"s3://{BUCKET}/output",
        "KmsKeyId": "",
        "CompressionType": "GZIP",
    }
    [train] = job["InputDataConfig"]
    assert (train["CompressionType"], train["RecordWrapperType"]) == ("None", "None")
    assert job["ProfilingStatus"] == "Disabled"


# AWS's words: https://github.com/Kenza-AI/sagify/issues/111
@pytest.mark.parametrize(
    ("is_spot", "condition", "message"),
    [
        (
            False,
            {"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": 60},
            "Invalid MaxWaitTimeInSeconds. It is only supported when EnableManagedSpotTraining is set to "
            "true",
        ),
        (True, {"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": 59}, "Invalid MaxWaitTimeInSeconds. It"),
        (True, {"MaxRuntimeInSeconds": 60}, "Invalid MaxWaitTimeInSeconds. It must be present"),
    ],
)
def test_only_spot_jobs_wait_and_they_wait_long_enough(aws, is_spot, condition, message):
    with pytest.raises(ClientError) as error:
        aws.train(EnableManagedSpotTraining=is_spot, StoppingCondition=condition)
    assert refused(error)[1].startswith(message)


@pytest.fixture(scope="module")
def trial(aws):
    """An ExperimentConfig, as SDK v2's Run gives it to each job that is started within."""
    aws.sagemaker.create_experiment(ExperimentName="films")
    aws.sagemaker.create_trial(TrialName="first", ExperimentName="films")
    return {"ExperimentName": "films", "TrialName": "first", "RunName": "films-run"}


def test_metrics_reach_cloudwatch_and_the_trial_component(aws, trial):
    definition = {"TrainingImage": TRAINING_IMAGE, "TrainingInputMode": "File"}
    definition["MetricDefinitions"] = [{"Name": "loss", "Regex": r"val_loss=([0-9.]+);"}]
    config = trial | {"TrialComponentDisplayName": "Training"}
    name = aws.train(
        {"epochs": 2, "say": "hello"}, AlgorithmSpecification=definition, ExperimentConfig=config
    )
    job = aws.trained(name)
    assert job["ExperimentConfig"] == config
    listed = aws.cloud.client("cloudwatch").list_metrics(Namespace="/aws/sagemaker/TrainingJobs")["Metrics"]
    assert any(m["Dimensions"] == [{"Name": "TrainingJobName", "Value": name}] for m in listed)
    # The name and the parts are those of the tables in amazon-sagemaker-examples, sagemaker-experiments.
    [summary] = aws.sagemaker.list_trial_components(SourceArn=job["TrainingJobArn"])[
        "TrialComponentSummaries"
    ]
    assert summary["TrialComponentName"] == f"{name}-aws-training-job"
    assert summary["TrialComponentSource"]["SourceType"] == "SageMakerTrainingJob"
    component = aws.sagemaker.describe_trial_component(TrialComponentName=summary["TrialComponentName"])
    assert component["DisplayName"] == "Training"
    assert component["Status"] == {"PrimaryStatus": "Completed"}
    assert component["EndTime"] == job["TrainingEndTime"]
    assert component["Parameters"]["epochs"] == {"NumberValue": 2.0}
    assert component["Parameters"]["say"] == {"StringValue": '"hello"'}
    assert component["Parameters"]["SageMaker.InstanceType"] == {"StringValue": "ml.m5.large"}
    assert component["InputArtifacts"]["train"] == {"Value": f"s3://{BUCKET}/data/train"}
    model = {"Value": job["ModelArtifacts"]["S3ModelArtifacts"]}
    assert component["OutputArtifacts"] == {"SageMaker.ModelArtifact": model}
    assert [(each["MetricName"], each["Last"], each["Count"]) for each in component["Metrics"]] == [
        ("loss", 0.5, 2)
    ]
    found = aws.sagemaker.list_trial_components(TrialName="first")["TrialComponentSummaries"]
    assert summary in found


def test_metrics_that_are_no_numbers_hide_no_others(aws, trial):
    definition = {"TrainingImage": TRAINING_IMAGE, "TrainingInputMode": "File"}
    definition["MetricDefinitions"] = [{"Name": "loss", "Regex": r"loss=(\S+);"}]
    script = "for value in ('0.25', '1', 'inf', '1e300', 'nan'): print(f'loss={value};')"
    name = aws.train(script=script, AlgorithmSpecification=definition, ExperimentConfig=trial)
    job = aws.trained(name)
    assert [each["Value"] for each in job["FinalMetricDataList"]] == ["NaN"]
    now = datetime.datetime.now(datetime.UTC)
    statistics = aws.cloud.client("cloudwatch").get_metric_statistics(
        Namespace="/aws/sagemaker/TrainingJobs",
        MetricName="loss",
        Dimensions=[{"Name": "TrainingJobName", "Value": name}],
        StartTime=now - datetime.timedelta(hours=1),
        EndTime=now + datetime.timedelta(hours=1),
        Period=86400,
        Statistics=["Sum", "SampleCount"],
    )["Datapoints"]
    assert sum(each["SampleCount"] for each in statistics) == 2
    assert sum(each["Sum"] for each in statistics) == 1.25
    component = aws.sagemaker.describe_trial_component(TrialComponentName=f"{name}-aws-training-job")
    assert component["Metrics"][0]["Count"] == 5


@pytest.mark.parametrize(
    ("change", "code", "named"),
    [
        ({"ExperimentName": "none"}, "ResourceNotFound", "experiment/none"),
        ({"TrialName": "none"}, "ResourceNotFound", "experiment-trial/none"),
        ({"TrialName": "elsewhere"}, "ValidationException", "does not belong to"),
        ({"TrialName": None}, "ValidationException", "ExperimentConfig.TrialName"),
    ],
)
def test_a_job_of_no_trial_is_refused_and_its_name_stays_free(aws, trial, change, code, named):
    if change == {"TrialName": "elsewhere"}:
        aws.sagemaker.create_experiment(ExperimentName="others")
        aws.sagemaker.create_trial(TrialName="elsewhere", ExperimentName="others")
    config = {member: value for member, value in (trial | change).items() if value}
    with pytest.raises(ClientError) as error:
        aws.train(ExperimentConfig=config, TrainingJobName="of-no-trial")
    assert refused(error)[0] == code
    assert named in refused(error)[1]
    assert not aws.sagemaker.list_training_jobs(NameContains="of-no-trial")["TrainingJobSummaries"]


def test_log_lines_appear_while_the_job_runs(aws):
    name = aws.train({"say": "still running", "sleep": 300})

    def lines():
        try:
            return aws.job_log(name)
        except (ClientError, IndexError):
            return []

    wait(lines, lambda log: "still running" in log)
    assert aws.sagemaker.describe_training_job(TrainingJobName=name)["TrainingJobStatus"] == "InProgress"
    with pytest.raises(aws.sagemaker.exceptions.ResourceInUse, match="InProgress"):
        aws.sagemaker.delete_training_job(TrainingJobName=name)
    aws.sagemaker.stop_training_job(TrainingJobName=name)
    job = aws.trained(name)
    assert job["TrainingJobStatus"] == job["SecondaryStatus"] == "Stopped"
    # What the script saved when it was asked to stop is uploaded all the same.
    assert untar(aws.get(job["ModelArtifacts"]["S3ModelArtifacts"]))["weights.json"] == b'{"epochs": -1}'
    with pytest.raises(ClientError) as again:
        aws.sagemaker.stop_training_job(TrainingJobName=name)
    assert "Stopped" in refused(again)[1]


def test_the_name_of_a_deleted_job_can_be_used_again(aws):
    """https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DeleteTrainingJob.html"""
    aws.train(TrainingJobName="again")
    aws.trained("again")
    aws.sagemaker.delete_training_job(TrainingJobName="again")
    with pytest.raises(ClientError) as error:
        aws.sagemaker.describe_training_job(TrainingJobName="again")
    assert refused(error) == ("ValidationException", "Requested resource not found.")
    aws.train(TrainingJobName="again")
    assert aws.trained("again")["TrainingJobStatus"] == "Completed"


def test_a_job_that_takes_too_long_is_stopped(aws):
    job = aws.trained(aws.train({"sleep": 600}, StoppingCondition={"MaxRuntimeInSeconds": 1}))
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")


def test_a_script_that_raises_fails_the_job_with_its_reason(aws):
    job = aws.trained(aws.train({"fail": "no reviews left"}))
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith(
        "AlgorithmError: ExecuteUserScriptError:\nExitCode 1\nErrorMessage "
    )
    assert 'ValueError: no reviews left"\nCommand "' in job["FailureReason"]
    assert job["FailureReason"].endswith('train.py --fail no reviews left", exit code: 1')
    assert "ModelArtifacts" not in job


def test_the_exit_code_of_a_script_is_reported(aws):
    job = aws.trained(aws.train({"exit": 3}))
    assert "\nExitCode 3\n" in job["FailureReason"]


def test_a_script_that_is_killed_counts_as_out_of_memory(aws):
    job = aws.trained(aws.train(script="import os; os.kill(os.getppid(), 9)"))
    assert "instance type with more memory" in job["FailureReason"]
    assert job["FailureReason"].endswith("exit code: 137")


def test_checkpoints_are_kept_and_brought_back(aws):
    config = {"S3Uri": f"s3://{BUCKET}/checkpoints/a"}
    aws.trained(aws.train({"epochs": 2}, CheckpointConfig=config))
    assert aws.get("checkpoints/a/epoch") == b"2"
    name = aws.train({"epochs": 3}, CheckpointConfig=config)
    aws.trained(name)
    epochs = [line for line in aws.job_log(name) if line.startswith("epoch=")]
    assert epochs == ["epoch=2 val_loss=0.3333;"]
    assert aws.get("checkpoints/a/epoch") == b"3"


def test_events_for_tensorboard_are_kept_where_the_sdk_looks_for_them(aws):
    script = """
from pathlib import Path

folder = Path("BASE", "output/tensorboard/run")
folder.mkdir(parents=True)
(folder / "events").write_text("of a run")
"""
    config = {"S3OutputPath": f"s3://{BUCKET}/tensorboard/"}
    script = script.replace('"BASE"', '__import__("os").environ["SAGEMAKER_BASE_DIR"]')
    name = aws.train(script=script, TensorBoardOutputConfig=config)
    job = aws.trained(name)
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    assert job["TensorBoardOutputConfig"] == config
    # latest_job_tensorboard_artifacts_path() of sagemaker/estimator.py
    assert aws.get(f"tensorboard/{name}/tensorboard-output/run/events") == b"of a run"


LITERAL = """
from pathlib import Path
ml = Path("FOLDER")
ml.mkdir(parents=True, exist_ok=True)
print("train", sorted(file.name for file in ml.glob("input/data/train/*.txt")))
for name in ("model", "checkpoints", "output/data"):
    (ml / name).mkdir(parents=True, exist_ok=True)
    (ml / name / "w").write_text(name)
"""


@pytest.mark.skipif(not has_own_file_system(), reason="no mount namespaces here")
def test_a_script_that_knows_its_containers_paths_by_heart_works(aws):
    before = machine_files()
    config = {"S3Uri": f"s3://{BUCKET}/checkpoints/literal"}
    name = aws.train(script=LITERAL.replace("FOLDER", "/opt/ml"), CheckpointConfig=config)
    job = aws.trained(name)
    assert job["TrainingJobStatus"] == "Completed", job["FailureReason"]
    assert untar(aws.get(job["ModelArtifacts"]["S3ModelArtifacts"])) == {"w": b"model"}
    assert untar(aws.get(f"output/{name}/output/output.tar.gz")) == {"w": b"output/data"}
    assert aws.get("checkpoints/literal/w") == b"checkpoints"
    assert "train ['reviews.txt']" in aws.job_log(name)
    assert machine_files() == before


@pytest.mark.skipif(not has_own_file_system(), reason="no mount namespaces here")
def test_a_script_cannot_write_into_the_machine(aws):
    script = """
import tempfile
from pathlib import Path
for folder in FOLDERS:
    try:
        Path(folder, "left-by-a-job").write_text("")
    except OSError as error:
        print("refused", error.strerror)
for folder in (Path.home(), tempfile.gettempdir(), "/tmp", "/dev/shm"):
    with tempfile.NamedTemporaryFile(dir=folder):
        print("written")
"""
    home = pwd.getpwuid(os.getuid()).pw_dir
    folders = ("/", "/etc", "/opt", home, str(Path(sys.executable).parent), str(Path(__file__).parent))
    # A clone, or its environment, may be where jobs may write.
    writable = (tempfile.gettempdir(), "/tmp", "/var/tmp", "/dev/shm")
    folders = [folder for folder in folders if not any(map(Path(folder).is_relative_to, writable))]
    name = aws.train(script=script.replace("FOLDERS", repr(folders)))
    assert aws.trained(name)["TrainingJobStatus"] == "Completed"
    log = [line for line in aws.job_log(name) if line.startswith(("refused", "written"))]
    assert log == ["refused Read-only file system"] * len(folders) + ["written"] * 4


@pytest.mark.skipif(not has_own_file_system(), reason="no namespaces here")
def test_a_container_adds_libraries_that_it_alone_sees(aws):
    """As the model servers of SageMaker's ModelBuilder do."""
    script = """
from pathlib import Path
try:
    Path("/lib/own-of-the-job.so").write_text("own")
    print(Path("/lib/own-of-the-job.so").read_text())
except OSError as error:  # where layers are not allowed
    print("own" if error.errno == 30 else error)
"""
    name = aws.train(script=script)
    assert aws.trained(name)["TrainingJobStatus"] == "Completed"
    assert "own" in aws.job_log(name)
    assert not Path("/lib/own-of-the-job.so").exists()


def test_where_its_folder_cannot_be_put_there_such_a_script_fails(aws, monkeypatch, tmp_path):
    folder = tmp_path / "opt-ml"
    monkeypatch.setattr("localcloud.sagemaker.container.has_own_file_system", lambda: False)
    monkeypatch.setattr("localcloud.sagemaker.container.CONTAINER_FOLDER", str(folder))
    folder.mkdir()
    (folder / "older").write_text("of another program")
    job = aws.trained(aws.train(script=LITERAL.replace("FOLDER", str(folder))))
    assert job["TrainingJobStatus"] == "Failed"
    assert f"AlgorithmError: the script wrote {folder}/checkpoints/w, which is this" in job["FailureReason"]
    assert "Use SM_MODEL_DIR" in job["FailureReason"]
    assert aws.trained(aws.train())["TrainingJobStatus"] == "Completed"


def machine_files() -> list[Path]:
    return list(Path("/opt/ml").rglob("*"))


def test_a_truncated_source_is_reported(aws):
    whole = aws.get(urlsplit(aws.put_source()).path.lstrip("/"))
    for kept in (-4, -40):
        source = aws.put("source/cut/sourcedir.tar.gz", whole[:kept])
        job = aws.trained(aws.train({"sagemaker_submit_directory": source}))
        assert job["TrainingJobStatus"] == "Failed"
        assert "The source archive source.tar.gz cannot be unpacked: it is damaged" in job["FailureReason"]


@pytest.mark.parametrize("missing", ["s3:GetObject", "s3:PutObject"])
def test_a_job_may_do_only_what_its_role_may(aws, missing):
    allowed = {"s3:ListBucket", "s3:GetObject", "s3:PutObject", "logs:*"} - {missing}
    role = aws.make_role(f"without-{missing.partition(':')[2]}", sorted(allowed))
    job = aws.trained(aws.train(RoleArn=role))
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("ClientError: ")
    assert any(word in job["FailureReason"] for word in ("AccessDenied", "403", "Forbidden"))


def test_the_script_acts_as_the_jobs_role(aws):
    script = "import os, boto3\nprint('I am', boto3.client('sts').get_caller_identity()['Arn'])"
    name = aws.train(script=script)
    assert aws.trained(name)["TrainingJobStatus"] == "Completed"
    assert any(
        line.startswith("I am arn:aws:sts::123456789012:assumed-role/everything/")
        for line in aws.job_log(name)
    )


RESOURCES = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}
OF_S3_DATA_SOURCES = {
    "DataSource.S3DataSource.AttributeNames": {"AttributeNames": ["a"]},
    "DataSource.S3DataSource.ModelAccessConfig": {"ModelAccessConfig": {"AcceptEula": True}},
    "DataSource.S3DataSource.HubAccessConfig": {
        "HubAccessConfig": {
            "HubContentArn": "arn:aws:sagemaker:us-east-1:123456789012:hub-content/h/Model/m/1.0.0"
        }
    },
}
"""Members that are refused, by their names."""


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        (
            {"ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 21, "VolumeSizeInGB": 1}},
            "at most 20 hosts a job (given: 21)",
        ),
        (
            {
                "InputDataConfig": [
                    channel("train", f"s3://{BUCKET}/data", S3DataType="AugmentedManifestFile")
                ]
            },
            "S3DataType",
        ),
        (
            {"InputDataConfig": [channel("train", f"s3://{BUCKET}/data", InstanceGroupNames=["none"])]},
            "none",
        ),
        ({"InputDataConfig": [channel("train", f"s3://{BUCKET}/nothing")]}, "No S3 objects found"),
        ({"HyperParameters": {"epochs": "1"}}, f"not the program of the image {TRAINING_IMAGE}"),
        (
            {
                "HyperParameters": {
                    "sagemaker_submit_directory": '"s3://b/sourcedir.tar.gz"',
                    "sagemaker_mpi_enabled": "true",
                }
            },
            "the hyperparameter sagemaker_mpi_enabled",
        ),
        (
            {"ProfilerConfig": {"S3OutputPath": "s3://b/p", "ProfilingIntervalInMilliseconds": 500}},
            "ProfilerConfig.ProfilingIntervalInMilliseconds",
        ),
        (
            {
                "DebugHookConfig": {
                    "S3OutputPath": "s3://b/d",
                    "CollectionConfigurations": [{"CollectionName": "gradients"}],
                }
            },
            "DebugHookConfig.CollectionConfigurations",
        ),
        ({"EnableNetworkIsolation": True}, "EnableNetworkIsolation"),
        ({"RemoteDebugConfig": {"EnableRemoteDebug": True}}, "RemoteDebugConfig.EnableRemoteDebug"),
        ({"VpcConfig": {"SecurityGroupIds": ["sg-1"], "Subnets": ["s-1"]}}, "VpcConfig"),
        ({"RoleArn": "arn:aws:iam::123456789012:role/unknown-role"}, "Could not assume role"),
        (
            {"RoleArn": "arn:aws:iam::0000000000000:role/SageMakerRole"},
            "(an account's id has 12 digits, and 0000000000000 has 13)",
        ),
        ({"ResourceConfig": {**RESOURCES, "VolumeKmsKeyId": "k"}}, "ResourceConfig.VolumeKmsKeyId"),
        ({"ResourceConfig": {**RESOURCES, "InstanceCount": 0}}, "InstanceCount must be at least 1"),
        ({"ResourceConfig": {"InstanceCount": 1}}, "both InstanceType and InstanceCount"),
        ({"ResourceConfig": {"InstanceType": "ml.m5.large"}}, "both InstanceType and InstanceCount"),
        *(
            ({"InputDataConfig": [channel("train", f"s3://{BUCKET}/data", **member)]}, named)
            for named, member in OF_S3_DATA_SOURCES.items()
        ),
        ({"TrainingJobName": "no_underscores"}, "trainingJobName"),
        ({"CheckpointConfig": {"S3Uri": f"s3://{BUCKET}/c", "LocalPath": "/somewhere"}}, "LocalPath"),
        (
            {
                "AlgorithmSpecification": {
                    "TrainingImage": TRAINING_IMAGE,
                    "TrainingInputMode": "File",
                    "MetricDefinitions": [{"Name": "m", "Regex": "("}],
                }
            },
            "metric 'm'",
        ),
        (
            {"AlgorithmSpecification": {"TrainingImage": "i", "TrainingInputMode": "Pipe"}},
            "TrainingInputMode",
        ),
        *(
            (
                {"AlgorithmSpecification": {"TrainingImage": image, "TrainingInputMode": "File"}},
                f"no runner for the image {image}",
            )
            for image in (
                *("nosuch:1", "../x", "../pytorch-training", "i i/pytorch-training"),
                "210987654321.dkr.ecr.us-east-1.amazonaws.com/of-another-account:1",
            )
        ),
        (
            {
                "AlgorithmSpecification": {
                    "TrainingImage": "123456789012.dkr.ecr.us-east-1.amazonaws.com/never-made:1",
                    "TrainingInputMode": "File",
                }
            },
            "Requested image 123456789012.dkr.ecr.us-east-1.amazonaws.com/never-made:1 not found",
        ),
        ({"StoppingCondition": {"MaxRuntimeInSeconds": 28 * 86400 + 1}}, "at most 28 days, 2419200"),
    ],
)
def test_unsupported_requests_are_refused_by_name(aws, changes, named):
    with pytest.raises(ClientError) as error:
        aws.train(**changes)
    code, message = refused(error)
    assert code == "ValidationException"
    assert named in message


def test_outputs_may_stay_uncompressed(aws):
    """As with `disable_output_compression=True` of SDK v2, which serves the folder that the job tells."""
    output = {"S3OutputPath": f"s3://{BUCKET}/plain", "CompressionType": "NONE"}
    name = aws.train(OutputDataConfig=output)
    job = aws.trained(name)
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    assert job["ModelArtifacts"]["S3ModelArtifacts"] == f"s3://{BUCKET}/plain/{name}/output/model"
    assert aws.keys(f"plain/{name}") == [
        f"plain/{name}/output/data/report.txt",
        f"plain/{name}/output/model/weights.json",
    ]


def test_a_name_is_used_once(aws):
    name = aws.train()
    with pytest.raises(ClientError) as error:
        aws.train(TrainingJobName=name)
    # AWS's words: https://github.com/aws/amazon-sagemaker-examples/pull/3108
    arn = f"arn:aws:sagemaker:us-east-1:{aws.cloud.account_id}:training-job/{name}"
    assert refused(error) == (
        "ResourceInUse",
        "Training job names must be unique within an AWS account and region, and a training job with this "
        f"name already exists ({arn})",
    )
    aws.trained(name)


def test_operations_that_do_not_exist_here_say_so(aws):
    with pytest.raises(ClientError) as error:
        aws.sagemaker.stop_pipeline_execution(PipelineExecutionArn="x", ClientRequestToken="x" * 32)
    assert "StopPipelineExecution" in refused(error)[1]


def test_jobs_are_listed_tagged_and_filtered(aws):
    former = aws.train()
    aws.trained(former)
    name = aws.train(Tags=[{"Key": "project", "Value": "sentiment"}])
    arn = aws.trained(name)["TrainingJobArn"]
    assert aws.sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "project", "Value": "sentiment"}]
    listed = aws.sagemaker.list_training_jobs(NameContains=name, StatusEquals="Completed")
    assert [job["TrainingJobName"] for job in listed["TrainingJobSummaries"]] == [name]
    assert (
        aws.sagemaker.list_training_jobs(NameContains=name, StatusEquals="Failed")["TrainingJobSummaries"]
        == []
    )
    pages = aws.sagemaker.get_paginator("list_training_jobs").paginate(PaginationConfig={"PageSize": 1})
    names = [job["TrainingJobName"] for page in pages for job in page["TrainingJobSummaries"]]
    assert names[:2] == [name, former]
    assert len(set(names)) == len(names)


def test_hyperparameters_reach_the_script_as_the_toolkit_gives_them(aws):
    script = "import json, sys; print('arguments', json.dumps(sys.argv[1:]))"
    name = aws.train({"b-flag": True, "a": "x y", "map": {"z": 1, "y": 2}, "list": [1, 2]}, script=script)
    aws.trained(name)
    line = next(line for line in aws.job_log(name) if line.startswith("arguments "))
    assert json.loads(line.removeprefix("arguments ")) == [
        *("-a", "x y"),
        *("--b-flag", "True"),
        *("--list", "[1, 2]"),
        *("--map", "y=2,z=1"),
    ]
