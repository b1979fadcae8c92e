"""Newer parts of SageMaker's SDK 2, as people write them, against the cloud of the environment.

ROLE and BUCKET are a role and a bucket with reviews below data/train.
"""

import os
import tempfile
from pathlib import Path

from sagemaker.modules.configs import CheckpointConfig, Compute, InputData, SourceCode, StoppingCondition
from sagemaker.modules.distributed import Torchrun
from sagemaker.modules.train import ModelTrainer
from sagemaker.remote_function import remote
from sagemaker.serve import ModelServer
from sagemaker.serve.builder.model_builder import ModelBuilder
from sagemaker.serve.builder.schema_builder import SchemaBuilder
from sagemaker.serve.spec.inference_spec import InferenceSpec
from sagemaker.session import Session

ROLE, BUCKET = os.environ["ROLE"], os.environ["BUCKET"]
REGISTRY = "763104351884.dkr.ecr.us-east-1.amazonaws.com"
IMAGE = f"{REGISTRY}/pytorch:2.13-cpu-amzn2023-sagemaker"
SESSION = Session()
TRAIN = """
import os
from pathlib import Path
import torch
import torch.distributed as distributed

distributed.init_process_group("gloo")
total = torch.tensor([distributed.get_rank() + 1.0])
distributed.all_reduce(total)
if distributed.get_rank() == 0:
    Path("/opt/ml/checkpoints/sum").write_text(f"{distributed.get_world_size()} {total.item()}")
distributed.destroy_process_group()
"""


def a_session_knows_its_account():
    # It asks an STS whose address the SDK makes itself.
    assert SESSION.account_id() == "123456789012"


def a_trainer_joins_two_spot_hosts_by_torchrun():
    source = Path(tempfile.mkdtemp())
    (source / "train.py").write_text(TRAIN)
    trainer = ModelTrainer(
        training_image=IMAGE,
        role=ROLE,
        base_job_name="trainer",
        source_code=SourceCode(source_dir=str(source), entry_script="train.py"),
        distributed=Torchrun(process_count_per_node=1),
        compute=Compute(instance_type="ml.m5.large", instance_count=2, enable_managed_spot_training=True),
        stopping_condition=StoppingCondition(max_runtime_in_seconds=600, max_wait_time_in_seconds=900),
        checkpoint_config=CheckpointConfig(s3_uri=f"s3://{BUCKET}/sdk2/checkpoints"),
        hyperparameters={"epochs": 3},
    )
    trainer.train([InputData(channel_name="train", data_source=f"s3://{BUCKET}/data/train")])
    assert trainer._latest_training_job.training_job_status == "Completed"
    assert SESSION.read_s3_file(BUCKET, "sdk2/checkpoints/sum") == "2 3.0"


def a_function_runs_remotely():
    @remote(role=ROLE, instance_type="ml.m5.large", image_uri=IMAGE, keep_alive_period_in_seconds=600)
    def add(a, b):
        return a + b, Session().account_id()

    assert add(2, 3) == (5, "123456789012")


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
    predictor = builder.build().deploy(
        endpoint_name="built-by-2", initial_instance_count=1, instance_type="ml.m5.large"
    )
    assert predictor.predict({"n": 21}) == {"doubled": 42}
    predictor.delete_endpoint()


if __name__ == "__main__":
    a_session_knows_its_account()
    a_trainer_joins_two_spot_hosts_by_torchrun()
    a_function_runs_remotely()
    a_builder_deploys_an_inference_spec()
    print("all of SDK 2 has run")
