"""Models and endpoint configurations, which endpoints and transform jobs refer to."""

from typing import Any

from botocore.exceptions import ClientError

from localcloud.cloud import Cloud
from localcloud.protocol import InvalidRequest
from localcloud.protocol.validation import require_supported, require_value
from localcloud.sagemaker.images import SERVES, runner_of
from localcloud.sagemaker.own_images import own_image
from localcloud.sagemaker.records import Table, select, with_defaults
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
    "Environment": None,
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
    "Tags": None,
}


class Models:
    """The operations on models."""

    def __init__(self, cloud: Cloud):
        self._cloud = cloud
        self.table = Table(
            cloud,
            "model",
            missing=lambda arn: InvalidRequest(f'Could not find model "{arn}".'),
            exists=lambda arn: InvalidRequest(f'Cannot create already existing model "{arn}".'),
        )

    def create(self, **request: Any) -> dict[str, Any]:
        operation = "CreateModel"
        require_supported(operation, request, MODEL)
        containers = _containers(request)
        if len(containers) != 1:
            raise InvalidRequest(
                f"{operation}: localcloud supports one container a model (given: {len(containers)})."
            )
        container = containers[0]
        require_value(operation, "PrimaryContainer.Mode", container.get("Mode"), "SingleModel")
        for name in ("Image", "ModelDataUrl"):
            if not container.get(name):
                raise InvalidRequest(f"{operation}: localcloud needs PrimaryContainer.{name}.")
        source = (container.get("Environment") or {}).get("SAGEMAKER_SUBMIT_DIRECTORY")
        require_value(
            operation, "PrimaryContainer.Environment.SAGEMAKER_SUBMIT_DIRECTORY", source, CODE_FOLDER
        )
        if "ExecutionRoleArn" not in request:
            raise InvalidRequest(f"{operation}: localcloud needs ExecutionRoleArn.")
        require_assumable(self._cloud, request["ExecutionRoleArn"])
        if own_image(self._cloud, container["Image"], request["ExecutionRoleArn"]) is None:
            runner = runner_of(container["Image"], SERVES, operation, self._cloud.images)
            runner.python(self._cloud.job_python)  # which must be installed
        self._check_model_data(container["ModelDataUrl"], request["ExecutionRoleArn"])
        complete = with_defaults(request, {"PrimaryContainer": MODE, "Containers": [MODE]})
        return {"ModelArn": self.table.add(request["ModelName"], complete).arn}

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
        request = self.table.get(name).request
        return _containers(request)[0], request["ExecutionRoleArn"]

    def _check_model_data(self, uri: str, role_arn: str) -> None:
        bucket, key = split_uri(uri)
        try:
            self._cloud.client("s3", role_arn).head_object(Bucket=bucket, Key=key)
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
        require_supported("CreateEndpointConfig", request, ENDPOINT_CONFIG)
        names = [variant["VariantName"] for variant in request["ProductionVariants"]]
        if len(set(names)) < len(names):
            raise InvalidRequest(f"Variant names must be unique (given: {', '.join(names)}).")
        for variant in request["ProductionVariants"]:
            self._check_variant(variant)
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


def _containers(request: dict[str, Any]) -> list[dict[str, Any]]:
    primary = request.get("PrimaryContainer")
    return ([primary] if primary else []) + (request.get("Containers") or [])
