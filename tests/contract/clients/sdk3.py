"""What people write with SageMaker's SDK 3, against the cloud of the environment; run by its own interpreter.

ROLE and BUCKET are a role and a bucket with reviews below data/train, WHEEL a package to be installed.
"""

import json
import os
import tempfile
from pathlib import Path

from botocore.exceptions import ClientError
from sagemaker.core.helper.session_helper import Session
from sagemaker.core.processing import FrameworkProcessor, ScriptProcessor
from sagemaker.core.remote_function import remote
from sagemaker.core.resources import TrainingJob
from sagemaker.core.shapes import (
    MetricDefinition,
    ProcessingInput,
    ProcessingOutput,
    ProcessingS3Input,
    ProcessingS3Output,
)
from sagemaker.core.training.configs import (
    CheckpointConfig,
    Compute,
    InputData,
    SourceCode,
    StoppingCondition,
)
from sagemaker.serve import InferenceSpec, ModelBuilder
from sagemaker.serve.builder.schema_builder import SchemaBuilder
from sagemaker.serve.utils.types import ModelServer
from sagemaker.train import ModelTrainer
from sagemaker.train.distributed import MPI

ROLE, BUCKET, WHEEL = (os.environ[name] for name in ("ROLE", "BUCKET", "WHEEL"))
REGISTRY = "763104351884.dkr.ecr.us-east-1.amazonaws.com"
IMAGE = f"{REGISTRY}/pytorch:2.13-cpu-amzn2023-sagemaker"
SESSION = Session()
TRAIN = """
import json, os, sys, tiny_other
from pathlib import Path

host = os.environ["SM_CURRENT_HOST"]
told = {"arguments": sys.argv[1:], "hosts": os.environ["SM_HOSTS"], "word": tiny_other.WORD}
told["files"] = len(list(Path("/opt/ml/input/data/train").rglob("*.txt")))
print("loss=0.25;")
Path("/opt/ml/model", host + ".json").write_text(json.dumps(told))
Path("/opt/ml/checkpoints", host).write_text("1")
"""


def keys(prefix: str) -> list[str]:
    return [each.removeprefix(prefix) for each in SESSION.list_s3_files(BUCKET, prefix)]


def read(key: str) -> str:
    return SESSION.read_s3_file(BUCKET, key)


def folder_of(**files: str) -> str:
    """A new folder with modules of these names."""
    folder = Path(tempfile.mkdtemp())
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    return str(folder)


def a_session_knows_its_account_and_bucket():
    # Both ask an STS whose address the SDK makes itself.
    assert SESSION.account_id() == "123456789012"
    assert SESSION.default_bucket() == "sagemaker-us-east-1-123456789012"
    assert SESSION.get_caller_identity_arn().startswith("arn:aws:")


def a_trainer_trains_on_two_spot_hosts():
    source = folder_of(train=TRAIN)
    Path(source, "requirements.txt").write_text(f"{WHEEL}\n")
    trainer = ModelTrainer(
        training_image=IMAGE,
        role=ROLE,
        base_job_name="trainer",
        source_code=SourceCode(source_dir=source, entry_script="train.py", requirements="requirements.txt"),
        compute=Compute(instance_type="ml.m5.large", instance_count=2, enable_managed_spot_training=True),
        stopping_condition=StoppingCondition(max_runtime_in_seconds=600, max_wait_time_in_seconds=900),
        checkpoint_config=CheckpointConfig(s3_uri=f"s3://{BUCKET}/sdk3/checkpoints"),
        hyperparameters={"epochs": 3, "name": "x y"},
    ).with_metric_definitions([MetricDefinition(name="loss", regex=r"loss=([0-9.]+);")])
    trainer.train([InputData(channel_name="train", data_source=f"s3://{BUCKET}/data/train")])
    job = TrainingJob.get(trainer._latest_training_job.training_job_name)
    assert job.training_job_status == "Completed" and job.enable_managed_spot_training
    assert job.hyper_parameters == {"epochs": "3", "name": "x y"}
    assert [each.metric_name for each in job.final_metric_data_list] == ["loss"]
    assert job.training_job_name in [each.training_job_name for each in TrainingJob.get_all()]
    assert sorted(keys("sdk3/checkpoints/")) == ["algo-1", "algo-2"]
    bucket, _, key = job.model_artifacts.s3_model_artifacts.removeprefix("s3://").partition("/")
    [archive] = SESSION.download_data(tempfile.mkdtemp(), bucket, key)
    import tarfile

    with tarfile.open(archive) as tar:
        told = [json.load(tar.extractfile(f"algo-{number}.json")) for number in (1, 2)]
    assert told[0] == told[1] and told[0]["word"] == "installed" and told[0]["files"] == 2
    assert told[0]["arguments"] == ["--epochs", "3", "--name", "x y"]
    assert "algo-2" in told[0]["hosts"]


def a_trainer_that_needs_mpirun_is_refused():
    trainer = ModelTrainer(
        training_image=IMAGE,
        role=ROLE,
        source_code=SourceCode(source_dir=folder_of(train=""), entry_script="train.py"),
        distributed=MPI(process_count_per_node=2),
        compute=Compute(instance_type="ml.m5.large", instance_count=1),
    )
    try:
        trainer.train()
    except ClientError as error:
        assert "does not support distributed=MPI()" in str(error), error
    else:
        raise AssertionError("a job that needs mpirun has run")


def a_function_runs_remotely():
    @remote(role=ROLE, instance_type="ml.m5.large", image_uri=IMAGE)
    def add(a, b):
        return a + b, Session().account_id()

    assert add(2, 3) == (5, "123456789012")


def processors_run_scripts():
    def output(name: str) -> ProcessingOutput:
        place = ProcessingS3Output(
            s3_uri=f"s3://{BUCKET}/sdk3/{name}",
            local_path="/opt/ml/processing/out",
            s3_upload_mode="EndOfJob",
        )
        return ProcessingOutput(output_name="out", s3_output=place)

    reviews = ProcessingS3Input(
        s3_uri=f"s3://{BUCKET}/data/train",
        local_path="/opt/ml/processing/reviews",
        s3_data_type="S3Prefix",
        s3_input_mode="File",
    )
    script = "import os, sys\nfound = len(os.listdir('/opt/ml/processing/reviews'))\n"
    script += "open('/opt/ml/processing/out/told', 'w').write(f'{sys.argv[1]} {found}')\n"
    size = {"role": ROLE, "image_uri": IMAGE, "instance_count": 1, "instance_type": "ml.m5.large"}
    ScriptProcessor(command=["python3"], **size).run(
        code=f"{folder_of(prepare=script)}/prepare.py",
        inputs=[ProcessingInput(input_name="reviews", s3_input=reviews)],
        outputs=[output("script")],
        arguments=["hello"],
    )
    assert read("sdk3/script/told") == "hello 2"
    prepare = "import helper\nopen('/opt/ml/processing/out/told', 'w').write(helper.WORD)\n"
    FrameworkProcessor(**size).run(
        code="prepare.py",
        source_dir=folder_of(prepare=prepare, helper="WORD = 'helped'\n"),
        outputs=[output("framework")],
    )
    assert read("sdk3/framework/told") == "helped"


class Doubler(InferenceSpec):
    def load(self, model_dir):
        return 2

    def invoke(self, input_object, model):
        return {"doubled": input_object["n"] * model}


def a_builder_deploys_an_inference_spec():
    builder = ModelBuilder(
        inference_spec=Doubler(),
        schema_builder=SchemaBuilder({"n": 1}, {"doubled": 2}),
        role_arn=ROLE,
        dependencies={"auto": False},
        model_server=ModelServer.TORCHSERVE,
        image_uri=f"{REGISTRY}/pytorch-inference:2.6.0-cpu-py312",
        instance_type="ml.m5.large",
        model_path=tempfile.mkdtemp(),
    )
    builder.build()
    endpoint = builder.deploy(endpoint_name="built-by-3", initial_instance_count=1)
    answer = endpoint.invoke(body=json.dumps({"n": 21}), content_type="application/json")
    assert json.loads(answer.body.read()) == {"doubled": 42}
    endpoint.delete()


if __name__ == "__main__":
    a_session_knows_its_account_and_bucket()
    a_trainer_trains_on_two_spot_hosts()
    a_trainer_that_needs_mpirun_is_refused()
    a_function_runs_remotely()
    processors_run_scripts()
    a_builder_deploys_an_inference_spec()
    print("all of SDK 3 has run")
