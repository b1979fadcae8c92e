"""The unmodified SageMaker Python SDK (v2): estimator, deployment and transformer against localcloud."""

import json

import pytest
from localcloud_sagemaker_fixtures import BUCKET, INFERENCE, TRAIN, sandbox, wait

from localcloud.environment import settings

pytestmark = pytest.mark.slow

# The model folder gets its own inference code, as this project's training script does it.
SCRIPT = (
    TRAIN
    + """
(model / "code").mkdir()
(model / "code" / "inference.py").write_text(Path("inference.py").read_text())
"""
)


@pytest.fixture(scope="module")
def aws():
    with sandbox() as it, pytest.MonkeyPatch.context() as patch:
        for name, value in settings(it.cloud.host, it.cloud.port).items():
            patch.setenv(name, value)
        yield it


@pytest.fixture(scope="module")
def estimator(aws, tmp_path_factory):
    from sagemaker.pytorch import PyTorch

    source = tmp_path_factory.mktemp("source")
    (source / "train.py").write_text(SCRIPT)
    (source / "inference.py").write_text(INFERENCE)
    made = PyTorch(
        entry_point="train.py",
        source_dir=str(source),
        role=aws.role,
        framework_version="2.6.0",
        py_version="py312",
        instance_count=1,
        instance_type="ml.m5.large",
        hyperparameters={"epochs": 4, "learning-rate": 0.1},
        metric_definitions=[{"Name": "validation:loss", "Regex": r"val_loss=([0-9.]+);"}],
    )
    made.fit({"train": f"s3://{BUCKET}/data/train"})
    return made


def test_fit_shows_the_log_and_leaves_an_artefact_in_the_default_bucket(aws, estimator, capsys):
    job = estimator.latest_training_job.describe()
    assert job["TrainingJobStatus"] == "Completed"
    default = f"s3://sagemaker-us-east-1-{aws.cloud.account_id}/"
    assert estimator.model_data.startswith(default)
    assert job["FinalMetricDataList"][0]["MetricName"] == "validation:loss"
    estimator.latest_training_job.wait(logs="All")
    assert "epoch=3 val_loss=0.2500;" in capsys.readouterr().out


def test_attach_finds_the_job_as_the_estimator_left_it(estimator):
    from sagemaker.pytorch import PyTorch

    again = PyTorch.attach(estimator.latest_training_job.name)
    assert again.model_data == estimator.model_data
    assert again.hyperparameters()["epochs"] == "4"


def test_the_analytics_have_a_row_per_metric_and_minute(estimator):
    frame = estimator.training_job_analytics.dataframe()
    assert set(frame["metric_name"]) == {"validation:loss"}
    assert frame["value"].between(0.25, 1).all()


@pytest.fixture(scope="module")
def model(aws, estimator):
    """The training job's own artefact, served as it is."""
    from sagemaker.model import Model

    return Model(
        image_uri=estimator.training_image_uri().replace("training", "inference"),
        model_data=estimator.model_data,
        role=aws.role,
        env={"SAGEMAKER_PROGRAM": "inference.py", "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code"},
    )


@pytest.mark.parametrize("serverless", [False, True])
def test_deploy_and_predict(aws, estimator, model, serverless):
    from sagemaker.deserializers import JSONDeserializer
    from sagemaker.predictor import Predictor
    from sagemaker.serializers import JSONSerializer
    from sagemaker.serverless import ServerlessInferenceConfig

    name = f"deployed-{serverless}".lower()
    size = (
        {"serverless_inference_config": ServerlessInferenceConfig()}
        if serverless
        else {"initial_instance_count": 1, "instance_type": "ml.m5.large"}
    )
    model.deploy(endpoint_name=name, wait=False, **size)
    assert aws.settled(name)["EndpointStatus"] == "InService"
    predictor = Predictor(name, serializer=JSONSerializer(), deserializer=JSONDeserializer())
    assert predictor.predict({"review": "good"})["characters"] == 4
    predictor.delete_endpoint()


def test_the_transformer_writes_an_answer_for_each_line(aws, model):
    lines = [json.dumps({"review": "x" * n}) for n in range(5)]
    aws.put("sdk/reviews.jsonl", "\n".join(lines).encode())
    transformer = model.transformer(
        instance_count=1,
        instance_type="ml.m5.large",
        strategy="MultiRecord",
        assemble_with="Line",
        accept="application/jsonlines",
        output_path=f"s3://{BUCKET}/sdk-out",
    )
    transformer.transform(
        f"s3://{BUCKET}/sdk", content_type="application/jsonlines", split_type="Line", wait=False
    )
    name = transformer.latest_transform_job.name
    job = wait(
        lambda: aws.sagemaker.describe_transform_job(TransformJobName=name),
        lambda it: it["TransformJobStatus"] != "InProgress",
    )
    assert job["TransformJobStatus"] == "Completed", job.get("FailureReason")
    answers = [json.loads(line) for line in aws.get("sdk-out/reviews.jsonl.out").splitlines()]
    assert [answer["characters"] for answer in answers] == list(range(5))
    attached = type(transformer).attach(name)
    assert (attached.strategy, attached.assemble_with) == ("MultiRecord", "Line")


def test_fit_raises_what_the_script_raised(aws, estimator):
    from sagemaker.exceptions import UnexpectedStatusException

    estimator.set_hyperparameters(fail="no luck")
    try:
        with pytest.raises(UnexpectedStatusException, match=r"ValueError: .*no luck"):
            estimator.fit({"train": f"s3://{BUCKET}/data/train"})
    finally:
        estimator._hyperparameters.pop("fail")
