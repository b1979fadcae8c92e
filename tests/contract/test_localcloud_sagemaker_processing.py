"""Processing jobs: inputs, outputs, arguments, hosts and failures; and the SDK's processors, unmodified."""

import concurrent.futures
import json

import pytest
from botocore.exceptions import ClientError
from localcloud_sagemaker_fixtures import BUCKET, make_wheel, sandbox, wait

from localcloud.environment import settings
from localcloud.sagemaker.container import has_own_file_system
from localcloud.sagemaker.experiments import Experiments

pytestmark = pytest.mark.skipif(not has_own_file_system(), reason="no namespaces here")

SKLEARN = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
SCRIPT = """
import json, os, sys
from pathlib import Path
base = Path("/opt/ml/processing")
config = json.loads(Path("/opt/ml/config/resourceconfig.json").read_text())
job = json.loads(Path("/opt/ml/config/processingjobconfig.json").read_text())
told = {
    "arguments": sys.argv[1:],
    "parts": sorted(file.name for file in (base / "parts").iterdir()),
    "hosts": config["hosts"],
    "mine": os.environ.get("MINE"),
    "job": job["ProcessingJobName"],
}
(base / "out" / "deep").mkdir()
(base / "out" / "deep" / (config["current_host"] + ".json")).write_text(json.dumps(told))
"""


@pytest.fixture(scope="module")
def aws():
    with sandbox() as it:
        for number in range(3):
            it.put(f"parts/{number}.txt", b"x")
        yield it


def source(name: str, uri: str, path: str, **changes: str) -> dict:
    s3 = {"S3Uri": uri, "LocalPath": path, "S3DataType": "S3Prefix", "S3InputMode": "File"}
    return {"InputName": name, "S3Input": s3 | changes}


def start(aws, script: str, *, count: int = 1, mode: str = "EndOfJob", **changes) -> str:
    name = aws.name("processing")
    code = aws.put(f"code/{name}/script.py", script.encode())
    output = {"S3Uri": f"s3://{BUCKET}/{name}", "LocalPath": "/opt/ml/processing/out", "S3UploadMode": mode}
    cluster = {"InstanceType": "ml.m5.large", "InstanceCount": count, "VolumeSizeInGB": 5}
    request = {
        "ProcessingJobName": name,
        "ProcessingInputs": [
            source("code", code, "/opt/ml/processing/input/code"),
            source(
                "parts",
                f"s3://{BUCKET}/parts",
                "/opt/ml/processing/parts",
                S3DataDistributionType="ShardedByS3Key",
            ),
        ],
        "ProcessingOutputConfig": {"Outputs": [{"OutputName": "out", "S3Output": output}]},
        "ProcessingResources": {"ClusterConfig": cluster},
        "AppSpecification": {
            "ImageUri": SKLEARN,
            "ContainerEntrypoint": ["python3", "/opt/ml/processing/input/code/script.py"],
            "ContainerArguments": ["--ratio", "0.2"],
        },
        "RoleArn": aws.role,
    }
    aws.sagemaker.create_processing_job(**request | changes)
    return name


def ended(aws, name: str) -> dict:
    return wait(
        lambda: aws.sagemaker.describe_processing_job(ProcessingJobName=name),
        lambda job: job["ProcessingJobStatus"] not in ("InProgress", "Stopping"),
    )


def test_a_job_on_two_hosts_gets_its_inputs_and_uploads_its_outputs(aws):
    name = start(aws, SCRIPT, count=2, Environment={"MINE": "1"}, Tags=[{"Key": "a", "Value": "b"}])
    job = ended(aws, name)
    assert job["ProcessingJobStatus"] == "Completed", job.get("FailureReason")
    assert job["ProcessingEndTime"] >= job["ProcessingStartTime"]
    assert job["StoppingCondition"] == {"MaxRuntimeInSeconds": 86400}
    told = [json.loads(aws.get(f"{name}/deep/algo-{number}.json")) for number in (1, 2)]
    assert [each["parts"] for each in told] == [["0.txt", "2.txt"], ["1.txt"]]
    for each in told:
        assert each["arguments"] == ["--ratio", "0.2"]
        assert (each["hosts"], each["mine"], each["job"]) == (["algo-1", "algo-2"], "1", name)
    assert aws.sagemaker.list_tags(ResourceArn=job["ProcessingJobArn"])["Tags"][0]["Key"] == "a"
    listed = aws.sagemaker.list_processing_jobs(NameContains=name)["ProcessingJobSummaries"]
    assert [each["ProcessingJobStatus"] for each in listed] == ["Completed"]


def test_a_job_that_fails_reports_its_message_and_uploads_nothing(aws):
    script = """
from pathlib import Path
Path("/opt/ml/processing/out/half").write_text("")
Path("/opt/ml/output/message").write_text("no reviews left")
raise SystemExit("no luck")
"""
    name = start(aws, script)
    job = ended(aws, name)
    assert job["ProcessingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("AlgorithmError: See job logs for more information")
    assert job["ExitMessage"] == "no reviews left"
    assert "no luck" in aws.log_lines("/aws/sagemaker/ProcessingJobs")
    assert aws.keys(name) == []


def test_a_job_is_stopped_and_its_continuous_output_stays(aws):
    script = """
import time
from pathlib import Path
Path("/opt/ml/processing/out/early").write_text("here")
time.sleep(600)
"""
    name = start(aws, script, mode="Continuous")
    wait(lambda: aws.keys(name), lambda keys: keys == [f"{name}/early"])
    with pytest.raises(aws.sagemaker.exceptions.ResourceInUse, match="InProgress"):
        aws.sagemaker.delete_processing_job(ProcessingJobName=name)
    aws.sagemaker.stop_processing_job(ProcessingJobName=name)
    assert ended(aws, name)["ProcessingJobStatus"] == "Stopped"
    with pytest.raises(ClientError, match="is in status Stopped"):
        aws.sagemaker.stop_processing_job(ProcessingJobName=name)
    aws.sagemaker.delete_processing_job(ProcessingJobName=name)
    with pytest.raises(ClientError, match="Could not find requested job"):
        aws.sagemaker.describe_processing_job(ProcessingJobName=name)


def test_a_job_that_takes_too_long_is_stopped(aws):
    name = start(aws, "import time; time.sleep(600)", StoppingCondition={"MaxRuntimeInSeconds": 1})
    assert ended(aws, name)["ProcessingJobStatus"] == "Stopped"


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        (
            {
                "AppSpecification": {
                    "ImageUri": "1.dkr.ecr.eu.amazonaws.com/mine:1",
                    "ContainerEntrypoint": ["x"],
                }
            },
            "no runner for the image 1.dkr.ecr.eu.amazonaws.com/mine:1",
        ),
        ({"AppSpecification": {"ImageUri": SKLEARN}}, "ContainerEntrypoint"),
        ({"NetworkConfig": {"EnableNetworkIsolation": True}}, "EnableNetworkIsolation"),
        ({"ProcessingInputs": [source("a", f"s3://{BUCKET}/parts", "/elsewhere")]}, "/elsewhere"),
        ({"ProcessingInputs": [source("a", f"s3://{BUCKET}/none", "/opt/ml/a")]}, "No S3 objects found"),
        (
            {"ProcessingInputs": [source("a", f"s3://{BUCKET}/parts", "/opt/ml/a", S3InputMode="Pipe")]},
            "S3InputMode",
        ),
        ({"RoleArn": "arn:aws:iam::123456789012:role/unknown-role"}, "Could not assume role"),
        ({"ExperimentConfig": {"ExperimentName": "x"}}, "ExperimentConfig"),
    ],
)
def test_unsupported_requests_are_refused_by_name(aws, changes, named):
    with pytest.raises(ClientError) as error:
        start(aws, "", **changes)
    assert error.value.response["Error"]["Code"] == "ValidationException"
    assert named in error.value.response["Error"]["Message"]


# aws-controllers-k8s/sagemaker-controller, generator.yaml, knows a missing job by this code and these words.
@pytest.mark.parametrize(
    "operation", ["describe_processing_job", "stop_processing_job", "delete_processing_job"]
)
def test_an_unknown_job_is_an_error(aws, operation):
    with pytest.raises(ClientError) as error:
        getattr(aws.sagemaker, operation)(ProcessingJobName="zz")
    assert error.value.response["Error"]["Code"] == "ValidationException"
    assert error.value.response["Error"]["Message"] == "Could not find requested job with name: zz"


@pytest.mark.parametrize(
    "keys",
    [("a", "a/b"), ("a/b", "a/b/c/d"), ("a/b", "a//b"), ("x" * 300,)],
    ids=["file and folder", "deep", "two slashes", "long"],
)
def test_keys_that_cannot_become_files_fail_the_job_in_words(aws, keys):
    folder = aws.name("clash")
    for key in keys:
        aws.put(f"{folder}/{key}", b"x")
    job = ended(
        aws,
        start(aws, "", ProcessingInputs=[source("a", f"s3://{BUCKET}/{folder}", "/opt/ml/processing/in")]),
    )
    assert job["ProcessingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("ClientError: Data download failed:")
    assert "localcloud-" not in job["FailureReason"] and folder in job["FailureReason"]


def test_a_manifest_joins_its_prefix_and_names_as_they_are(aws):
    """https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_S3DataSource.html: "appends the suffix
    elements to the prefix"."""
    aws.put("listed/a.csv", b"a")
    aws.put("listed//b.csv", b"b")
    manifest = [{"prefix": f"s3://{BUCKET}/listed"}, "/a.csv", "//b.csv"]
    uri = aws.put("manifests/one", json.dumps(manifest).encode())
    script = "import os; print('found', sorted(os.listdir('/opt/ml/processing/in')))"
    name = aws.name("manifest")
    code = aws.put(f"code/{name}/script.py", script.encode())
    inputs = [
        source("code", code, "/opt/ml/processing/input/code"),
        source("in", uri, "/opt/ml/processing/in", S3DataType="ManifestFile"),
    ]
    job = ended(aws, start(aws, "", ProcessingInputs=inputs))
    assert job["ProcessingJobStatus"] == "Completed", job.get("FailureReason")
    assert "found ['a.csv', 'b.csv']" in aws.log_lines("/aws/sagemaker/ProcessingJobs")


def test_an_upload_that_fails_names_no_path_of_this_machine(aws):
    output = {
        "S3Uri": "s3://no-such-bucket-1/x",
        "LocalPath": "/opt/ml/processing/out",
        "S3UploadMode": "EndOfJob",
    }
    script = "open('/opt/ml/processing/out/file', 'w').write('x')"
    outputs = {"Outputs": [{"OutputName": "out", "S3Output": output}]}
    job = ended(aws, start(aws, script, ProcessingOutputConfig=outputs))
    assert job["FailureReason"].startswith(
        "ClientError: Artifact upload failed:Cannot write s3://no-such-bucket-1/x/file: An error occurred"
    )
    assert "localcloud-" not in job["FailureReason"]


def test_a_job_of_a_trial_is_a_component_of_it(aws):
    aws.sagemaker.create_experiment(ExperimentName="films")
    aws.sagemaker.create_trial(TrialName="first", ExperimentName="films")
    config = {"ExperimentName": "films", "TrialName": "first", "RunName": "films-run"}
    output = {
        "S3Uri": f"s3://{BUCKET}/told",
        "LocalPath": "/opt/ml/processing/out",
        "S3UploadMode": "EndOfJob",
    }
    outputs = {"Outputs": [{"OutputName": "told", "S3Output": output}]}
    job = ended(
        aws, start(aws, "raise SystemExit(1)", ExperimentConfig=config, ProcessingOutputConfig=outputs)
    )
    assert job["ExperimentConfig"] == config
    name = f"{job['ProcessingJobName']}-aws-processing-job"
    component = aws.sagemaker.describe_trial_component(TrialComponentName=name)
    assert component["Source"] == {
        "SourceArn": job["ProcessingJobArn"],
        "SourceType": "SageMakerProcessingJob",
    }
    assert component["Status"] == {"PrimaryStatus": "Failed", "Message": job["FailureReason"]}
    assert component["EndTime"] == job["ProcessingEndTime"]
    assert component["Parameters"] == {
        "SageMaker.InstanceCount": {"NumberValue": 1.0},
        "SageMaker.InstanceType": {"StringValue": "ml.m5.large"},
        "SageMaker.VolumeSizeInGB": {"NumberValue": 5.0},
    }
    assert component["InputArtifacts"]["SageMaker.ImageUri"] == {"Value": SKLEARN}
    assert component["InputArtifacts"]["parts"] == {"Value": f"s3://{BUCKET}/parts"}
    assert component["OutputArtifacts"] == {"told": {"Value": f"s3://{BUCKET}/told"}}
    [listed] = aws.sagemaker.list_trial_components(TrialName="first")["TrialComponentSummaries"]
    assert listed["TrialComponentName"] == name
    with pytest.raises(ClientError, match="experiment-trial/none"):
        start(aws, "", ExperimentConfig=config | {"TrialName": "none"}, ProcessingJobName="of-no-trial")
    assert not aws.sagemaker.list_processing_jobs(NameContains="of-no-trial")["ProcessingJobSummaries"]


@pytest.fixture
def sdk(aws, monkeypatch):
    for name, value in settings(aws.cloud.host, aws.cloud.port).items():
        monkeypatch.setenv(name, value)
    return aws


@pytest.mark.slow
def test_the_script_processor_runs_a_local_file(sdk, tmp_path):
    from sagemaker.processing import ProcessingInput, ProcessingJob, ProcessingOutput, ScriptProcessor

    script = tmp_path / "prepare.py"
    script.write_text(
        "import sys\nopen('/opt/ml/processing/out/told', 'w').write(sys.argv[1])\nprint('done')\n"
    )
    processor = ScriptProcessor(
        image_uri=SKLEARN, command=["python3"], role=sdk.role, instance_count=1, instance_type="ml.m5.large"
    )
    processor.run(
        code=str(script),
        inputs=[ProcessingInput(f"s3://{BUCKET}/parts", "/opt/ml/processing/parts", input_name="parts")],
        outputs=[ProcessingOutput(source="/opt/ml/processing/out", destination=f"s3://{BUCKET}/sdk-out")],
        arguments=["hello"],
        wait=False,  # the SDK looks every ten seconds
    )
    job = ended(sdk, processor.latest_job.job_name)
    assert job["ProcessingJobStatus"] == "Completed", job.get("FailureReason")
    assert sdk.get("sdk-out/told") == b"hello"
    assert "done" in sdk.log_lines("/aws/sagemaker/ProcessingJobs")
    again = ProcessingJob.from_processing_name(processor.sagemaker_session, processor.latest_job.job_name)
    assert [output.destination for output in again.outputs] == [f"s3://{BUCKET}/sdk-out"]


def test_a_component_that_has_the_name_of_a_job_by_chance_stays_as_it_is(aws):
    name = "unrelated-aws-processing-job"
    aws.sagemaker.create_trial_component(TrialComponentName=name)
    start(aws, "", ProcessingJobName="unrelated")
    ended(aws, "unrelated")
    assert "Status" not in aws.sagemaker.describe_trial_component(TrialComponentName=name)


@pytest.mark.slow
def test_a_processor_within_a_run_gives_its_job_to_the_runs_trial(sdk, tmp_path):
    from sagemaker.experiments.run import Run
    from sagemaker.processing import ScriptProcessor

    script = tmp_path / "say.py"
    script.write_text("print('said')\n")
    processor = ScriptProcessor(
        image_uri=SKLEARN, command=["python3"], role=sdk.role, instance_count=1, instance_type="ml.m5.large"
    )
    with Run(experiment_name="within", run_name="one", sagemaker_session=processor.sagemaker_session):
        processor.run(code=str(script), wait=False)
    job = ended(sdk, processor.latest_job.job_name)
    assert job["ProcessingJobStatus"] == "Completed", job.get("FailureReason")
    listed = sdk.sagemaker.list_trial_components(ExperimentName="within")["TrialComponentSummaries"]
    names = [each["TrialComponentName"] for each in listed]
    assert f"{processor.latest_job.job_name}-aws-processing-job" in names


@pytest.mark.slow
def test_the_framework_processor_installs_requirements_for_its_job_alone(sdk, tmp_path):
    from sagemaker.processing import FrameworkProcessor, ProcessingOutput
    from sagemaker.pytorch import PyTorch

    wheel = make_wheel(tmp_path, "tiny_other", "WORD = 'installed'\n")
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "prepare.py").write_text(
        "import helper, tiny_other\n"
        "open('/opt/ml/processing/out/told', 'w').write(helper.WORD + ' ' + tiny_other.WORD)\n"
    )
    (folder / "helper.py").write_text("WORD = 'helped'\n")
    (folder / "requirements.txt").write_text(f"{wheel}\n")
    processor = FrameworkProcessor(
        estimator_cls=PyTorch,
        framework_version="2.6.0",
        py_version="py312",
        role=sdk.role,
        instance_count=1,
        instance_type="ml.m5.large",
    )
    processor.run(
        code="prepare.py",
        source_dir=str(folder),
        outputs=[ProcessingOutput(source="/opt/ml/processing/out", destination=f"s3://{BUCKET}/framework")],
        wait=False,
    )
    job = ended(sdk, processor.latest_job.job_name)
    assert job["ProcessingJobStatus"] == "Completed", job.get("FailureReason")
    assert sdk.get("framework/told") == b"helped installed"


def test_a_job_is_stopped_as_soon_as_it_can_be_seen(aws, monkeypatch):
    add_job = Experiments.add_job
    stops = []

    def stop_meanwhile(self, table, record, *others):
        name = record.name  # which can be seen from now on, although nothing runs yet
        stops.append(others_requests.submit(aws.sagemaker.stop_processing_job, ProcessingJobName=name))
        concurrent.futures.wait(stops, timeout=1)
        return add_job(self, table, record, *others)

    monkeypatch.setattr(Experiments, "add_job", stop_meanwhile)
    with concurrent.futures.ThreadPoolExecutor(1) as others_requests:
        name = start(aws, "import time; time.sleep(60)")
    answer = stops[0].result()["ResponseMetadata"]
    assert (answer["HTTPStatusCode"], answer["RetryAttempts"]) == (200, 0)
    assert ended(aws, name)["ProcessingJobStatus"] == "Stopped"
