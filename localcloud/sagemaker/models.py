"""Models and endpoint configurations, which endpoints and transform jobs refer to."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from botocore.exceptions import ClientError

from localcloud.cloud import Cloud
from localcloud.protocol import InvalidRequest
from localcloud.protocol.validation import require_supported, require_value
from localcloud.sagemaker.images import SERVES, runner_of
from localcloud.sagemaker.own_images import own_image
from localcloud.sagemaker.records import Table, select, with_defaults
from localcloud.sagemaker.registry import ModelRegistry
from localcloud.sagemaker.roles import require_assumable
from localcloud.sagemaker.transfer import split_uri

CODE_FOLDER = "/opt/ml/model/code"
SERVERLESS_MEMORY_STEP_MB = 1024
MODE = {"Mode": "SingleModel"}

CONTAINER = {
    "ContainerHostname": None,
    "Image": None,
    "Mode": None,
    "ModelDataUrl": None,
    "ModelDataSource": {"S3DataSource": {"S3Uri": None, "S3DataType": None, "CompressionType": None}},
    "ModelPackageName": None,
    "Environment": None,
}
PACKAGED = ("Image", "ModelDataUrl", "ModelDataSource")
"""What a container has from the model package that it names."""
PACKAGED_CONTAINER = CONTAINER | {
    "ImageDigest": None,
    # These describe the model to people and to Inference Recommender.
    **dict.fromkeys(("Framework", "FrameworkVersion", "NearestModelName", "ModelInput", "ModelDataETag")),
    "IsCheckpoint": None,
}
MODEL = {
    "ModelName": None,
    "ExecutionRoleArn": None,
    "PrimaryContainer": CONTAINER,
    "Containers": CONTAINER,
    "Tags": None,
}
ENDPOINT_CONFIG = {
    "EndpointConfigName": None,
    "ProductionVariants": {
        "VariantName": None,
        "ModelName": None,
        "InitialInstanceCount": None,
        "InstanceType": None,
        "InitialVariantWeight": None,
        "ServerlessConfig": {"MemorySizeInMB": None, "MaxConcurrency": None},
        "VolumeSizeInGB": None,
        "ModelDataDownloadTimeoutInSeconds": None,
        "ContainerStartupHealthCheckTimeoutInSeconds": None,
    },
    "DataCaptureConfig": None,
    "Tags": None,
}


class ModelData(NamedTuple):
    """Where a model's files are, and in which form."""

    uri: str
    is_prefix: bool = False
    is_archive: bool = True

    @classmethod
    def of(cls, container: Mapping[str, Any]) -> "ModelData":
        """The model data of a container that Models has checked."""
        if source := (container.get("ModelDataSource") or {}).get("S3DataSource"):
            return cls(
                source["S3Uri"], source["S3DataType"] == "S3Prefix", source["CompressionType"] == "Gzip"
            )
        return cls(container["ModelDataUrl"])


def check_model(request: Mapping[str, Any]) -> None:
    """Raises InvalidRequest for members that localcloud does not support, and for several containers."""
    require_supported("CreateModel", request, MODEL)
    if (number := len(_containers(request))) != 1:
        raise InvalidRequest(f"CreateModel: localcloud supports one container a model (given: {number}).")


def check_endpoint_config(request: Mapping[str, Any]) -> None:
    """Raises InvalidRequest for members that localcloud does not support."""
    require_supported("CreateEndpointConfig", request, ENDPOINT_CONFIG)
    if (request.get("DataCaptureConfig") or {"EnableCapture": False}).get("EnableCapture", True):
        raise InvalidRequest(
            "CreateEndpointConfig: localcloud does not support the property DataCaptureConfig, unless "
            "EnableCapture is false."
        )


class Models:
    """The operations on models."""

    def __init__(self, cloud: Cloud, registry: ModelRegistry):
        self._cloud, self._registry = cloud, registry
        self.table = Table(
            cloud,
            "model",
            missing=lambda arn: InvalidRequest(f'Could not find model "{arn}".'),
            exists=lambda arn: InvalidRequest(f'Cannot create already existing model "{arn}".'),
        )

    def create(self, **request: Any) -> dict[str, Any]:
        operation = "CreateModel"
        check_model(request)
        container = self._resolved(_containers(request)[0])
        require_value(operation, "PrimaryContainer.Mode", container.get("Mode"), "SingleModel")
        if not container.get("Image"):
            raise InvalidRequest(f"{operation}: localcloud needs PrimaryContainer.Image.")
        if "ExecutionRoleArn" not in request:
            raise InvalidRequest(f"{operation}: localcloud needs ExecutionRoleArn.")
        require_assumable(self._cloud, request["ExecutionRoleArn"])
        if own_image(self._cloud, container["Image"], request["ExecutionRoleArn"]) is None:
            runner = runner_of(container["Image"], SERVES, operation, self._cloud.images)
            runner.python(self._cloud.job_python)  # which must be installed
        source = (container.get("Environment") or {}).get("SAGEMAKER_SUBMIT_DIRECTORY")
        require_value(
            operation, "PrimaryContainer.Environment.SAGEMAKER_SUBMIT_DIRECTORY", source, CODE_FOLDER
        )
        self._check_model_data(container, request["ExecutionRoleArn"])
        complete = with_defaults(request, {"PrimaryContainer": MODE, "Containers": [MODE]})
        return {"ModelArn": self.table.add(request["ModelName"], complete, Container=container).arn}

    def describe(self, **request: Any) -> dict[str, Any]:
        record = self.table.get(request["ModelName"])
        echoed = {name: value for name, value in record.request.items() if name != "Tags"}
        return {
            "EnableNetworkIsolation": False,
            **echoed,
            "ModelArn": record.arn,
            "CreationTime": record.created,
        }

    def delete(self, **request: Any) -> dict[str, Any]:
        self.table.remove(request["ModelName"])
        return {}

    def summaries(self, **request: Any) -> dict[str, Any]:
        page, token = select(self.table, request)
        models = [
            {"ModelName": each.name, "ModelArn": each.arn, "CreationTime": each.created} for each in page
        ]
        return {"Models": models, "NextToken": token}

    def container(self, name: str) -> tuple[dict[str, Any], str]:
        """The container of a model and its execution role."""
        record = self.table.get(name)
        return record.live["Container"], record.request["ExecutionRoleArn"]

    def _resolved(self, container: dict[str, Any]) -> dict[str, Any]:
        """A container with the image and data of the model package that it names."""
        name = container.get("ModelPackageName")
        if name is None:
            return container
        if given := [member for member in PACKAGED if container.get(member)]:
            raise InvalidRequest(
                f"CreateModel: give either ModelPackageName or {' and '.join(given)} for a container."
            )
        packaged = self._registry.deployable_container(name)
        require_supported("CreateModel", packaged, PACKAGED_CONTAINER, f"{name}: InferenceSpecification.")
        environment = {**(packaged.get("Environment") or {}), **(container.get("Environment") or {})}
        chosen = {member: packaged[member] for member in PACKAGED if packaged.get(member)}
        return container | chosen | {"Environment": environment}

    def _check_model_data(self, container: dict[str, Any], role_arn: str) -> None:
        if bool(container.get("ModelDataUrl")) == bool(container.get("ModelDataSource")):
            raise InvalidRequest(
                "CreateModel: localcloud needs either PrimaryContainer.ModelDataUrl or "
                "PrimaryContainer.ModelDataSource."
            )
        data = ModelData.of(container)
        uri = data.uri
        if data.is_prefix and data.is_archive:
            raise InvalidRequest(
                f"CreateModel: localcloud supports only None for the CompressionType of an S3Prefix ({uri})."
            )
        if data.is_prefix and not uri.endswith("/"):
            # https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_S3ModelDataSource.html
            raise InvalidRequest(f"The S3Uri of an S3Prefix must end with a forward slash (given: {uri}).")
        bucket, key = split_uri(uri)
        s3 = self._cloud.client("s3", role_arn)
        try:
            if not data.is_prefix:
                s3.head_object(Bucket=bucket, Key=key)
            elif not s3.list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1).get("Contents"):
                raise InvalidRequest(f"Could not find model data at {uri}.")
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
                raise InvalidRequest(f"Could not find model data at {uri}.") from error
            raise InvalidRequest(
                f'Could not access model data at {uri}. Please ensure that the role "{role_arn}" exists '
                'and that its trust relationship policy allows the action "sts:AssumeRole" for the '
                'service principal "sagemaker.amazonaws.com". Also ensure that the role has '
                f'"s3:GetObject" permissions and that the object is located in {self._cloud.region}.'
            ) from error


class EndpointConfigs:
    """The operations on endpoint configurations."""

    def __init__(self, cloud: Cloud, models: Models):
        self._models = models
        self.table = Table(
            cloud,
            "endpoint-config",
            missing=lambda arn: InvalidRequest(f'Could not find endpoint configuration "{arn}".'),
            exists=lambda arn: InvalidRequest(
                f'Cannot create already existing endpoint configuration "{arn}".'
            ),
        )

    def create(self, **request: Any) -> dict[str, Any]:
        check_endpoint_config(request)
        names = [variant["VariantName"] for variant in request["ProductionVariants"]]
        if len(set(names)) < len(names):
            raise InvalidRequest(f"Variant names must be unique (given: {', '.join(names)}).")
        for variant in request["ProductionVariants"]:
            self._check_variant(variant)
        if len(names) > 1 and any("ServerlessConfig" in each for each in request["ProductionVariants"]):
            # https://docs.aws.amazon.com/sagemaker/latest/dg/serverless-endpoints.html, "Feature exclusions"
            raise InvalidRequest(
                f"A serverless endpoint has one production variant (given: {', '.join(names)})."
            )
        return {"EndpointConfigArn": self.table.add(request["EndpointConfigName"], request).arn}

    def describe(self, **request: Any) -> dict[str, Any]:
        record = self.table.get(request["EndpointConfigName"])
        echoed = {name: value for name, value in record.request.items() if name != "Tags"}
        variants = [{"InitialVariantWeight": 1.0, **each} for each in echoed["ProductionVariants"]]
        return {
            **echoed,
            "ProductionVariants": variants,
            "EndpointConfigArn": record.arn,
            "CreationTime": record.created,
        }

    def delete(self, **request: Any) -> dict[str, Any]:
        self.table.remove(request["EndpointConfigName"])
        return {}

    def summaries(self, **request: Any) -> dict[str, Any]:
        page, token = select(self.table, request)
        configs = [
            {"EndpointConfigName": each.name, "EndpointConfigArn": each.arn, "CreationTime": each.created}
            for each in page
        ]
        return {"EndpointConfigs": configs, "NextToken": token}

    def _check_variant(self, variant: dict[str, Any]) -> None:
        name = variant["VariantName"]
        if "ModelName" not in variant:
            raise InvalidRequest(f"CreateEndpointConfig: localcloud needs ModelName in variant {name}.")
        self._models.table.get(variant["ModelName"])
        serverless = variant.get("ServerlessConfig")
        if (serverless is None) == ("InstanceType" not in variant or "InitialInstanceCount" not in variant):
            raise InvalidRequest(
                f"Variant {name} needs either ServerlessConfig or both InstanceType and InitialInstanceCount."
            )
        if serverless and serverless["MemorySizeInMB"] % SERVERLESS_MEMORY_STEP_MB:
            raise InvalidRequest(
                f"ServerlessConfig.MemorySizeInMB of variant {name} must be a multiple of "
                f"{SERVERLESS_MEMORY_STEP_MB} (given: {serverless['MemorySizeInMB']})."
            )


def _containers(request: Mapping[str, Any]) -> list[dict[str, Any]]:
    primary = request.get("PrimaryContainer")
    return ([primary] if primary else []) + (request.get("Containers") or [])
