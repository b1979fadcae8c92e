"""The SageMaker API, and the runtime API, which has the same signing name."""

import weakref
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import werkzeug

from localcloud.cloud import Cloud
from localcloud.control import INTERRUPT
from localcloud.protocol import InvalidRequest
from localcloud.protocol.pages import page
from localcloud.protocol.service import ModelledService, Operation
from localcloud.routing import CONTROL_PATH, LOCALCLOUD
from localcloud.sagemaker.endpoints import Endpoints
from localcloud.sagemaker.experiments import Experiments
from localcloud.sagemaker.invocation import SageMakerRuntime
from localcloud.sagemaker.models import EndpointConfigs, Models
from localcloud.sagemaker.processing import ProcessingJobs
from localcloud.sagemaker.records import MAX_TAGS, Record, Table, merged_tags
from localcloud.sagemaker.registry import ModelCards, ModelRegistry
from localcloud.sagemaker.search import Described, Search, empty_lists
from localcloud.sagemaker.training import TrainingJobs
from localcloud.sagemaker.transform import TransformJobs


class SageMakerService(ModelledService):
    """Answers SageMaker's API, and passes requests for the runtime API on (InvokeEndpoint)."""

    service_name = "sagemaker"
    answers = frozenset({service_name, LOCALCLOUD})
    regional = True
    unsupported_members: ClassVar = {
        "ListTrainingJobs": frozenset({"TrainingPlanArnEquals"}),
        "CreateModelPackage": frozenset(
            {"ManagedStorageType", "SourceAlgorithmSpecification", "ValidationSpecification"}
        ),
        "CreateModelPackageGroup": frozenset({"ManagedConfiguration"}),
        "ListModelPackageGroups": frozenset({"CrossAccountFilterOption=SameAccount"}),
        "DescribeModelCard": frozenset({"IncludedData=AllData"}),
        "DescribeModelPackage": frozenset({"IncludedData=AllData"}),
    }

    _running: ClassVar[weakref.WeakValueDictionary[tuple[str, str], "SageMakerService"]] = (
        weakref.WeakValueDictionary()
    )
    """By the cloud's address and region, so that a command finds a job wherever it trains."""

    def __init__(self, cloud: Cloud):
        self._cloud = cloud
        SageMakerService._running[cloud.url, cloud.region] = self
        self._experiments = Experiments(cloud)
        self._training = TrainingJobs(cloud, self._experiments)
        self._registry, self._cards = ModelRegistry(cloud), ModelCards(cloud)
        self._models = Models(cloud, self._registry)
        self._configs = EndpointConfigs(cloud, self._models)
        self._endpoints = Endpoints(cloud, self._models, self._configs)
        self._transform = TransformJobs(cloud, self._models, self._experiments)
        self._runtime = SageMakerRuntime(cloud, self._endpoints)
        self._processing = ProcessingJobs(cloud, self._experiments)
        self._metrics = MetricsService(self._experiments)
        self._operations: Mapping[str, Operation] = {
            "CreateTrainingJob": self._training.create,
            "DescribeTrainingJob": self._training.describe,
            "ListTrainingJobs": self._training.summaries,
            "StopTrainingJob": self._training.stop,
            "UpdateTrainingJob": self._training.update,
            "DeleteTrainingJob": self._training.delete,
            "CreateModel": self._models.create,
            "DescribeModel": self._models.describe,
            "DeleteModel": self._models.delete,
            "ListModels": self._models.summaries,
            "CreateEndpointConfig": self._configs.create,
            "DescribeEndpointConfig": self._configs.describe,
            "DeleteEndpointConfig": self._configs.delete,
            "ListEndpointConfigs": self._configs.summaries,
            "CreateEndpoint": self._endpoints.create,
            "DescribeEndpoint": self._endpoints.describe,
            "UpdateEndpoint": self._endpoints.update,
            "UpdateEndpointWeightsAndCapacities": self._endpoints.update_weights_and_capacities,
            "DeleteEndpoint": self._endpoints.delete,
            "ListEndpoints": self._endpoints.summaries,
            "CreateTransformJob": self._transform.create,
            "DescribeTransformJob": self._transform.describe,
            "ListTransformJobs": self._transform.summaries,
            "StopTransformJob": self._transform.stop,
            "CreateProcessingJob": self._processing.create,
            "DescribeProcessingJob": self._processing.describe,
            "ListProcessingJobs": self._processing.summaries,
            "StopProcessingJob": self._processing.stop,
            "DeleteProcessingJob": self._processing.delete,
            **self._experiments.operations,
            **self._registry.operations,
            **self._cards.operations,
            **empty_lists(),
            "Search": Search(self._searched()),
            "AddTags": self._add_tags,
            "ListTags": self._list_tags,
            "DeleteTags": self._delete_tags,
        }

    @staticmethod
    def region_of(cloud: Cloud, request: werkzeug.Request) -> str | None:
        """The region of the job that `localcloud interrupt` means; None for any other request."""
        if not request.path.startswith(INTERRUPT):
            return None
        regions = _regions_of_job(cloud, request.path.removeprefix(INTERRUPT))
        given = request.args.get("region")
        return given if given in regions else next(iter(regions), None)

    def handle(self, request: werkzeug.Request) -> werkzeug.Response | None:
        if request.path.startswith(CONTROL_PATH):
            return self._control(request)
        # IAM has judged a request with a target as a call of SageMaker's own API, whatever its path.
        if "X-Amz-Target" in request.headers:
            return super().handle(request)
        return self._runtime.handle(request) or self._metrics.handle(request)

    def _control(self, request: werkzeug.Request) -> werkzeug.Response | None:
        """Answers `localcloud interrupt JOB`."""
        if request.method != "POST" or not request.path.startswith(INTERRUPT):
            return None
        name = request.path.removeprefix(INTERRUPT)
        regions = _regions_of_job(self._cloud, name)
        given = request.args.get("region")
        if given and given not in regions:
            return werkzeug.Response(f"There is no training job {name} in {given}.", 400)
        if not given and len(regions) > 1:
            return werkzeug.Response(
                f"There are training jobs {name} in {', '.join(regions)}: say which one by --region.", 400
            )
        try:
            self._training.interrupt(name)
        except InvalidRequest as error:
            return werkzeug.Response(error.message, 400)
        return werkzeug.Response("", 204)

    def has_training_job(self, name: str) -> bool:
        return any(record.name == name for record in self._training.table)

    def operation(self, name: str) -> Operation | None:
        perform = self._operations.get(name)
        return _without_empty(perform) if perform and name.startswith("Describe") else perform

    def operations(self) -> dict[str, set[str]]:
        return super().operations() | self._runtime.operations() | self._metrics.operations()

    def stored(self) -> dict[str, set[str]]:
        """The operations on what is kept and shown, and has no other effect."""
        owners = (self._experiments, self._registry, self._cards)
        return {
            self.service_name: {name for owner in owners for name in owner.operations},
            **self._metrics.operations(),
        }

    def status(self) -> dict[str, Any]:
        return {
            "training jobs": self._training.running(),
            "transform jobs": self._transform.running(),
            "processing jobs": self._processing.running(),
            "endpoints": self._endpoints.running(),
        }

    def _tagged(self, arn: str) -> Record:
        owners = (
            *(self._training, self._transform, self._processing),
            *(self._models, self._configs, self._endpoints, self._cards),
        )
        tables = [owner.table for owner in owners]
        for table in (*tables, *self._experiments.tables, *self._registry.tables):
            if record := table.by_arn(arn):
                return record
        raise InvalidRequest(f"Could not find the resource {arn}.")

    def _searched(self) -> dict[str, Callable[[], Described]]:
        """What Search finds, by resource type."""
        experiments, registry = self._experiments, self._registry

        def all_of(table: Table, describe: Callable[[Record], dict[str, Any]]) -> Callable[[], Described]:
            return lambda: ((record, describe(record)) for record in table)

        def named(table: Table, describe: Operation, parameter: str) -> Callable[[], Described]:
            return all_of(table, lambda record: describe(**{parameter: record.name}))

        return {
            "TrainingJob": named(self._training.table, self._training.describe, "TrainingJobName"),
            "Endpoint": named(self._endpoints.table, self._endpoints.describe, "EndpointName"),
            "Model": all_of(
                self._models.table, lambda record: {"Model": self._models.describe(ModelName=record.name)}
            ),
            "Experiment": all_of(experiments.experiments.table, experiments.experiments.described),
            "ExperimentTrial": all_of(
                experiments.trials.table,
                lambda record: (
                    experiments.trials.described(record)
                    | {
                        "TrialComponentSummaries": [
                            experiments.components.described(each)
                            for each in experiments.components_of(record)
                        ]
                    }
                ),
            ),
            "ExperimentTrialComponent": all_of(
                experiments.components.table,
                lambda record: experiments.component(record) | {"Parents": experiments.parents(record)},
            ),
            "ModelPackage": all_of(registry.packages, registry.package),
            "ModelPackageGroup": all_of(registry.groups, registry.group),
            "ModelCard": all_of(self._cards.table, self._cards.card),
        }

    def _add_tags(self, **request: Any) -> dict[str, Any]:
        record = self._tagged(request["ResourceArn"])
        record.tags = merged_tags(record.tags, request["Tags"])
        return {"Tags": _from_tags(record.tags)}

    def _list_tags(self, **request: Any) -> dict[str, Any]:
        tags = _from_tags(self._tagged(request["ResourceArn"]).tags)
        found, token = page(tags, request.get("NextToken"), request.get("MaxResults", MAX_TAGS))
        return {"Tags": found, "NextToken": token}

    def _delete_tags(self, **request: Any) -> dict[str, Any]:
        tags = self._tagged(request["ResourceArn"]).tags
        for key in request["TagKeys"]:
            tags.pop(key, None)
        return {}


class MetricsService(ModelledService):
    """The metrics API, by which scripts add metrics to trial components."""

    service_name = "sagemaker-metrics"

    def __init__(self, experiments: Experiments):
        self._experiments = experiments

    def batch_put_metrics(self, **request: Any) -> dict[str, Any]:
        return self._experiments.put_metrics(**request)


def _from_tags(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _without_empty(describe: Operation) -> Operation:
    """A Describe operation without the members that are empty, which some SDKs cannot read."""

    def described(**request: Any) -> dict[str, Any]:
        return {name: value for name, value in describe(**request).items() if value not in ({}, [], "")}

    return described


def _regions_of_job(cloud: Cloud, name: str) -> list[str]:
    """The regions that have a training job of this name, sorted."""
    services = list(SageMakerService._running.items())
    return sorted(
        region for (url, region), service in services if url == cloud.url and service.has_training_job(name)
    )
