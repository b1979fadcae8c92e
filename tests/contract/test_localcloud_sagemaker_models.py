"""Models, model packages and endpoint configurations are made, described and refused as SageMaker does it."""

import json

import pytest
from botocore.exceptions import ClientError
from localcloud_sagemaker_fixtures import (
    BUCKET,
    INFERENCE,
    INFERENCE_IMAGE,
    ON_INSTANCE,
    SERVERLESS,
    aws,
    refused,
    tar_gz,
)

__all__ = ["aws"]

SCRIPT_MODE = {"SAGEMAKER_PROGRAM": "inference.py", "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code"}


def source(uri: str, data_type: str, compression: str) -> dict:
    """A ModelDataSource."""
    return {"S3DataSource": {"S3Uri": uri, "S3DataType": data_type, "CompressionType": compression}}


def packaged(aws, status: str, *containers: dict) -> str:
    """A model package of containers in a group; returns its ARN."""
    group = aws.name("group")
    aws.sagemaker.create_model_package_group(ModelPackageGroupName=group)
    specification = {
        "Containers": list(containers),
        "SupportedContentTypes": ["application/json"],
        "SupportedResponseMIMETypes": ["application/json"],
    }
    return aws.sagemaker.create_model_package(
        ModelPackageGroupName=group, InferenceSpecification=specification, ModelApprovalStatus=status
    )["ModelPackageArn"]


@pytest.fixture(scope="module")
def plain_files(aws):
    """The address of a model that is no archive."""
    aws.put("models/plain/weights.json", b'{"epochs": 1}')
    aws.put("models/plain/code/inference.py", INFERENCE.encode())
    return f"s3://{BUCKET}/models/plain/"


@pytest.fixture(scope="module")
def packaged_container(aws):
    files = {"weights.json": '{"epochs": 2}', "code/inference.py": INFERENCE}
    uri = aws.put("models/packaged/model.tar.gz", tar_gz(files))
    container = {"Image": INFERENCE_IMAGE, "ModelDataSource": source(uri, "S3Object", "Gzip")}
    return container | {"Environment": SCRIPT_MODE | {"SAGEMAKER_PROGRAM": "overridden.py"}}


def test_variants_are_chosen_by_name_whatever_their_models_are_made_of(aws, plain_files, packaged_container):
    """As SDK v2's Model makes them of uncompressed files, and its ModelPackage of the registry's packages."""
    container = {"Image": INFERENCE_IMAGE, "ModelDataSource": source(plain_files, "S3Prefix", "None")}
    aws.sagemaker.create_model(
        ModelName="of-files",
        ExecutionRoleArn=aws.role,
        PrimaryContainer=container | {"Environment": SCRIPT_MODE},
    )
    package = {"ModelPackageName": packaged(aws, "Approved", packaged_container)}
    aws.sagemaker.create_model(
        ModelName="of-package",
        ExecutionRoleArn=aws.role,
        Containers=[package | {"Environment": {"SAGEMAKER_PROGRAM": "inference.py"}}],
    )
    told = aws.sagemaker.describe_model(ModelName="of-package")["Containers"][0]
    assert told["ModelPackageName"] == package["ModelPackageName"] and "Image" not in told
    variants = [
        {
            "VariantName": f"variant-{epochs}",
            "ModelName": model,
            "InstanceType": "ml.m5.large",
            "InitialInstanceCount": 1,
            "InitialVariantWeight": weight,
        }
        for epochs, model, weight in ((1, "of-files", 0.0), (2, "of-package", 1.0))
    ]
    aws.sagemaker.create_endpoint_config(EndpointConfigName="two", ProductionVariants=variants)
    name = aws.endpoint("two")
    assert aws.settled(name)["EndpointStatus"] == "InService"
    assert {json.loads(aws.invoke(name, {"review": ""}))["epochs"] for _ in range(5)} == {2}
    answer = aws.runtime.invoke_endpoint(
        EndpointName=name,
        TargetVariant="variant-1",
        Body=b'{"review": ""}',
        ContentType="application/json",
    )
    assert json.loads(answer["Body"].read())["epochs"] == 1
    assert answer["InvokedProductionVariant"] == "variant-1"


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"Mode": "MultiModel"}, "Mode"),
        ({"ModelDataUrl": f"s3://{BUCKET}/none/model.tar.gz"}, "Could not find model data"),
        ({"ImageConfig": {"RepositoryAccessMode": "Vpc"}}, "ImageConfig"),
        ({"Environment": {"SAGEMAKER_SUBMIT_DIRECTORY": "s3://elsewhere"}}, "SAGEMAKER_SUBMIT_DIRECTORY"),
        (
            # As SDK v2's SKLearnModel asks for it.
            {
                "Image": "sagemaker-scikit-learn:1.2-1-cpu-py3",
                "Environment": {"SAGEMAKER_SUBMIT_DIRECTORY": "s3://x"},
            },
            "no runner for the image sagemaker-scikit-learn",
        ),
        ({"ModelDataUrl": None}, "either PrimaryContainer.ModelDataUrl or PrimaryContainer.ModelDataSource"),
        (
            {"ModelDataUrl": None, "ModelDataSource": source(f"s3://{BUCKET}/models", "S3Prefix", "None")},
            "slash",
        ),
        ({"ModelDataUrl": None, "ModelDataSource": source(f"s3://{BUCKET}/m/", "S3Prefix", "Gzip")}, "None"),
        (
            {"ModelDataUrl": None, "ModelDataSource": source(f"s3://{BUCKET}/none/", "S3Prefix", "None")},
            "Could not find model data",
        ),
        ({"ModelPackageName": "group/1"}, "either ModelPackageName or Image and ModelDataUrl"),
        ({"Image": None, "ModelDataUrl": None, "ModelPackageName": "none/1"}, "model-package/none/1"),
    ],
)
def test_models_that_cannot_be_hosted_are_refused_by_name(aws, change, named):
    uri = aws.put("models/good/model.tar.gz", b"")
    container = {"Image": INFERENCE_IMAGE, "ModelDataUrl": uri} | change
    given = {member: value for member, value in container.items() if value is not None}
    with pytest.raises(ClientError) as error:
        aws.sagemaker.create_model(ModelName="m", ExecutionRoleArn=aws.role, PrimaryContainer=given)
    assert named in refused(error)[2]


def test_packages_that_cannot_be_deployed_are_refused_by_name(aws, packaged_container):
    for package, named in (
        (packaged(aws, "PendingManualApproval", packaged_container), "is PendingManualApproval"),
        (packaged(aws, "Approved", packaged_container, packaged_container), "has 2"),
        (packaged(aws, "Approved", packaged_container | {"ProductId": "p"}), "ProductId"),
    ):
        with pytest.raises(ClientError) as error:
            aws.sagemaker.create_model(
                ModelName="m", ExecutionRoleArn=aws.role, PrimaryContainer={"ModelPackageName": package}
            )
        assert named in refused(error)[2]


@pytest.mark.parametrize(
    "image",
    [
        "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1",
        "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-sparkml-serving:3.3",
        "763104351884.dkr.ecr.us-east-1.amazonaws.com/huggingface-pytorch-inference:2.6.0-cpu",
        "210987654321.dkr.ecr.us-east-1.amazonaws.com/pytorch-inference-not/mine@sha256:00",
    ],
)
def test_an_image_without_a_runner_is_refused_at_once(aws, image):
    container = {"Image": image, "ModelDataUrl": aws.put("models/good/model.tar.gz", b"")}
    with pytest.raises(ClientError) as error:
        aws.sagemaker.create_model(ModelName="m", ExecutionRoleArn=aws.role, PrimaryContainer=container)
    message = refused(error)[2]
    assert image in message
    assert "pytorch-inference or ray" in message and f"--image '{image}=NAME'" in message


@pytest.mark.parametrize("form", ["{b}.s3.us-east-1.amazonaws.com/{k}", "s3.amazonaws.com/{b}/{k}"])
def test_model_data_may_have_an_https_address(aws, form):
    aws.put("models/https +/model.tar.gz", b"")
    url = "https://" + form.format(b=BUCKET, k="models/https%20%2B/model.tar.gz")
    container = {"Image": INFERENCE_IMAGE, "ModelDataUrl": url}
    name = aws.name("model")
    aws.sagemaker.create_model(ModelName=name, ExecutionRoleArn=aws.role, PrimaryContainer=container)
    told = aws.sagemaker.describe_model(ModelName=name)["PrimaryContainer"]
    assert told == container | {"Mode": "SingleModel"}


@pytest.mark.parametrize(
    ("variant", "named"),
    [
        ({}, "ServerlessConfig"),
        ({"ServerlessConfig": {"MemorySizeInMB": 1500, "MaxConcurrency": 1}}, "MemorySizeInMB"),
        ({"ServerlessConfig": {"MemorySizeInMB": 1024, "MaxConcurrency": 1000}}, "maxConcurrency"),
        (
            {"ServerlessConfig": {"MemorySizeInMB": 1024, "MaxConcurrency": 1, "ProvisionedConcurrency": 1}},
            "ProvisionedConcurrency",
        ),
    ],
)
def test_impossible_endpoint_configs_are_refused_by_name(aws, variant, named):
    variants = [{"VariantName": "v", "ModelName": aws.model(), **variant}]
    with pytest.raises(ClientError) as error:
        aws.sagemaker.create_endpoint_config(EndpointConfigName="c", ProductionVariants=variants)
    assert named in refused(error)[2]


@pytest.mark.parametrize("other", [SERVERLESS, ON_INSTANCE])
def test_a_serverless_endpoint_has_one_variant(aws, other):
    model = aws.model()
    variants = [
        {"VariantName": f"v{index}", "ModelName": model, **size}
        for index, size in enumerate((SERVERLESS, other))
    ]
    with pytest.raises(ClientError) as error:
        aws.sagemaker.create_endpoint_config(EndpointConfigName="c", ProductionVariants=variants)
    assert "one production variant (given: v0, v1)" in refused(error)[2]


def test_data_capture_may_be_off(aws):
    """SDK v2's Predictor.disable_data_capture() makes a configuration that says so."""
    size = {"InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    capture = {
        "EnableCapture": False,
        "InitialSamplingPercentage": 20,
        "DestinationS3Uri": f"s3://{BUCKET}/captured",
        "CaptureOptions": [{"CaptureMode": "Input"}],
    }
    request = {
        "EndpointConfigName": "uncaptured",
        "ProductionVariants": [{"VariantName": "v", "ModelName": aws.model(), **size}],
        "DataCaptureConfig": capture,
    }
    aws.sagemaker.create_endpoint_config(**request)
    told = aws.sagemaker.describe_endpoint_config(EndpointConfigName="uncaptured")
    assert told["DataCaptureConfig"] == capture
    for asked in ({"EnableCapture": True}, {}):
        rest = {name: value for name, value in capture.items() if name != "EnableCapture"}
        with pytest.raises(ClientError) as error:
            aws.sagemaker.create_endpoint_config(**request | {"DataCaptureConfig": rest | asked})
        assert "DataCaptureConfig" in refused(error)[2]


def test_a_key_for_volumes_of_endpoints_is_refused_by_name(aws):
    variants = [
        {
            "VariantName": "v",
            "ModelName": aws.model(),
            "InstanceType": "ml.m5.large",
            "InitialInstanceCount": 1,
        }
    ]
    with pytest.raises(ClientError) as error:
        aws.sagemaker.create_endpoint_config(
            EndpointConfigName="c", ProductionVariants=variants, KmsKeyId="key"
        )
    assert "does not support the property KmsKeyId" in refused(error)[2]


def test_records_are_described_listed_and_deleted(aws):
    model = aws.model()
    config = aws.config(model)
    container = aws.sagemaker.describe_model(ModelName=model)["PrimaryContainer"]
    assert container["Environment"]["SAGEMAKER_PROGRAM"] == "inference.py"
    described = aws.sagemaker.describe_endpoint_config(EndpointConfigName=config)
    assert described["ProductionVariants"][0]["ServerlessConfig"]["MaxConcurrency"] == 2
    assert model in {m["ModelName"] for m in aws.sagemaker.list_models(NameContains=model)["Models"]}
    aws.sagemaker.delete_endpoint_config(EndpointConfigName=config)
    aws.sagemaker.delete_model(ModelName=model)
    for describe in (
        lambda: aws.sagemaker.describe_model(ModelName=model),
        lambda: aws.sagemaker.describe_endpoint_config(EndpointConfigName=config),
    ):
        with pytest.raises(ClientError) as error:
            describe()
        assert refused(error)[2].startswith("Could not find ")
