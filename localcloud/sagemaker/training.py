"""The operations on training jobs. See training_run.py for how a job runs."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from localcloud.cloud import Cloud
from localcloud.protocol import InvalidRequest
from localcloud.protocol.validation import require_supported, require_value
from localcloud.sagemaker.channels import INPUT_MODES, check_channel, require_objects
from localcloud.sagemaker.cluster import hosts_of, require_hosts
from localcloud.sagemaker.container import CONTAINER_FOLDER
from localcloud.sagemaker.errors import ResourceInUse, require_ended
from localcloud.sagemaker.experiments import Experiments
from localcloud.sagemaker.images import COMMANDS, runner_of
from localcloud.sagemaker.job_components import training_parts
from localcloud.sagemaker.keys import require_key
from localcloud.sagemaker.launchers import check_driver, check_script_mode
from localcloud.sagemaker.metrics import Metrics
from localcloud.sagemaker.own_images import own_image
from localcloud.sagemaker.records import Record, Table, select, with_defaults
from localcloud.sagemaker.roles import require_assumable
from localcloud.sagemaker.runs import Runs
from localcloud.sagemaker.training_run import (
    DEFAULT_RUNTIME_SECONDS,
    UNCOMPRESSED,
    TrainingRun,
)
from localcloud.sagemaker.transfer import Transfer
from localcloud.sagemaker.warm_pools import STATUS, WarmPools, check_warm_pool

SUPPORTED = {
    "TrainingJobName": None,
    "HyperParameters": None,
    "AlgorithmSpecification": {
        "TrainingImage": None,
        "TrainingInputMode": None,
        "MetricDefinitions": None,
        "EnableSageMakerMetricsTimeSeries": None,
        "ContainerEntrypoint": None,
        "ContainerArguments": None,
    },
    "RoleArn": None,
    "InputDataConfig": {
        "ChannelName": None,
        "DataSource": {
            "S3DataSource": {
                "S3DataType": None,
                "S3Uri": None,
                "S3DataDistributionType": None,
                "InstanceGroupNames": None,
            }
        },
        "ContentType": None,
        "CompressionType": None,
        "RecordWrapperType": None,
        "InputMode": None,
    },
    "OutputDataConfig": {"S3OutputPath": None, "KmsKeyId": None, "CompressionType": None},
    "ResourceConfig": {
        "InstanceType": None,
        "InstanceCount": None,
        "InstanceGroups": {"InstanceType": None, "InstanceCount": None, "InstanceGroupName": None},
        "VolumeSizeInGB": None,
        "KeepAlivePeriodInSeconds": None,
    },
    "StoppingCondition": {
        "MaxRuntimeInSeconds": None,
        "MaxWaitTimeInSeconds": None,
        "MaxPendingTimeInSeconds": None,  # without effect: no job waits for capacity here
    },
    "CheckpointConfig": None,
    "TensorBoardOutputConfig": None,
    "ExperimentConfig": None,
    "Environment": None,
    "Tags": None,
    # Without effect: what is tried again is an InternalServerError, which here is a bug of localcloud.
    "RetryStrategy": None,
    "EnableManagedSpotTraining": None,
    # Without effect: the traffic between hosts does not leave this machine.
    "EnableInterContainerTrafficEncryption": None,
    # The SDK sends these members of both for every job. What asks for tensors and profiles is refused.
    "DebugHookConfig": {"S3OutputPath": None, "LocalPath": None},
    "ProfilerConfig": {"S3OutputPath": None, "DisableProfiler": None},
    # These may only say that they are off.
    "InfraCheckConfig": {},
    "RemoteDebugConfig": {},
}

DEFAULTS = {
    "AlgorithmSpecification": {"TrainingInputMode": "File"},
    "InputDataConfig": [
        {
            "CompressionType": "None",
            "DataSource": {"S3DataSource": {"S3DataDistributionType": "FullyReplicated"}},
            "RecordWrapperType": "None",
        }
    ],
    "OutputDataConfig": {"CompressionType": "GZIP", "KmsKeyId": ""},
}
"""The values that DescribeTrainingJob shows for members that were not given. SDK v2's attach() needs KmsKeyId
(`_prepare_init_params_from_job_description` of sagemaker/estimator.py)."""
MAX_RUNTIME_SECONDS = 28 * 86400


class TrainingJobs:
    """The operations on training jobs."""

    def __init__(self, cloud: Cloud, experiments: Experiments):
        self._cloud, self._experiments = cloud, experiments
        self._runs: Runs[TrainingRun] = Runs()
        self._warm_pools = WarmPools(cloud)
        self.table = Table(
            cloud,
            "training-job",
            missing=lambda arn: InvalidRequest("Requested resource not found."),
            exists=lambda arn: ResourceInUse(
                "Training job names must be unique within an AWS account and region, and a training job with "
                f"this name already exists ({arn})"
            ),
        )

    def create(self, **request: Any) -> dict[str, Any]:
        self._check(request)
        metrics = Metrics(request["AlgorithmSpecification"].get("MetricDefinitions") or [])

        def new() -> tuple[Record, TrainingRun]:
            record = self.table.add(
                request["TrainingJobName"],
                with_defaults(request, DEFAULTS),
                TrainingJobStatus="InProgress",
                SecondaryStatus="Starting",
            )
            self._experiments.add_job(self.table, record, "Training", lambda: training_parts(record.request))

            def ending(members: Mapping[str, Any]) -> None:
                self._experiments.end_job(record, "Training", members, metrics.points())

            self._warm_pools.begin(record)
            return record, TrainingRun(self._cloud, record, metrics, self._warm_pools, ending)

        record, run = self._runs.add(new)
        run.start()
        return {"TrainingJobArn": record.arn}

    def describe(self, **request: Any) -> dict[str, Any]:
        record = self.table.get(request["TrainingJobName"])
        self._warm_pools.refresh()
        echoed = {name: value for name, value in record.request.items() if name != "Tags"}
        return {
            "EnableNetworkIsolation": False,
            "EnableInterContainerTrafficEncryption": False,
            "EnableManagedSpotTraining": False,
            "ProfilingStatus": "Disabled",
            **echoed,
            "TrainingJobArn": record.arn,
            "CreationTime": record.created,
            "LastModifiedTime": record.modified,
            **record.live,
        }

    def summaries(self, **request: Any) -> dict[str, Any]:
        self._warm_pools.refresh()
        wanted = request.get("WarmPoolStatusEquals")
        found = [
            each for each in self.table if not wanted or each.live.get(STATUS, {}).get("Status") == wanted
        ]
        page, token = select(found, request, "TrainingJobStatus")
        summaries = [
            {
                "TrainingJobName": record.name,
                "TrainingJobArn": record.arn,
                "CreationTime": record.created,
                "LastModifiedTime": record.modified,
                "TrainingEndTime": record.live.get("TrainingEndTime"),
                "TrainingJobStatus": record.live["TrainingJobStatus"],
                "SecondaryStatus": record.live["SecondaryStatus"],
                STATUS: record.live.get(STATUS),
            }
            for record in page
        ]
        return {"TrainingJobSummaries": summaries, "NextToken": token}

    def stop(self, **request: Any) -> dict[str, Any]:
        record = self.table.get(request["TrainingJobName"])
        status = record.live["TrainingJobStatus"]
        if status not in ("InProgress", "Stopping"):
            raise InvalidRequest(f"The request was rejected because the training job is in status {status}.")
        self._runs.of(record).stop()
        return {}

    def update(self, **request: Any) -> dict[str, Any]:
        """Changes for how long the warm pool of a job is kept."""
        require_supported("UpdateTrainingJob", request, {"TrainingJobName": None, "ResourceConfig": None})
        record = self.table.get(request["TrainingJobName"])
        if resources := request.get("ResourceConfig"):
            self._warm_pools.update(record, resources["KeepAlivePeriodInSeconds"])
            record.update()
        return {"TrainingJobArn": record.arn}

    def delete(self, **request: Any) -> dict[str, Any]:
        record = self.table.get(request["TrainingJobName"])
        require_ended("training", record.live["TrainingJobStatus"])
        if self._warm_pools.is_available(record):
            raise ResourceInUse(
                "The request was rejected because the training job retains an Available warm pool."
            )
        if run := self._runs.remove(record):  # else another request is deleting the job
            run.join()
            self.table.remove(record.name)
        return {}

    def interrupt(self, name: str) -> None:
        """Reclaims a job's spot instances, as AWS does when it needs them. Raises InvalidRequest."""
        self._runs.of(self.table.get(name)).interrupt()

    def running(self) -> list[str]:
        return [job.name for job in self.table if job.live["TrainingJobStatus"] in ("InProgress", "Stopping")]

    def _check(self, request: dict[str, Any]) -> None:
        operation = "CreateTrainingJob"
        require_supported(operation, request, SUPPORTED)
        algorithm = request.get("AlgorithmSpecification") or {}
        resources = request.get("ResourceConfig") or {}
        channels = request.get("InputDataConfig") or []
        if "TrainingImage" not in algorithm:
            raise InvalidRequest(f"{operation}: localcloud needs AlgorithmSpecification.TrainingImage.")
        require_value(
            operation,
            "AlgorithmSpecification.TrainingInputMode",
            algorithm["TrainingInputMode"],
            *INPUT_MODES,
        )
        if not algorithm.get("ContainerEntrypoint"):
            if algorithm.get("ContainerArguments"):
                raise InvalidRequest(
                    f"{operation}: localcloud supports AlgorithmSpecification.ContainerArguments only with "
                    "ContainerEntrypoint, because it does not have the image's own entry point."
                )
            check_script_mode(operation, request)
        _check_hosts(operation, resources, channels)
        require_value(
            operation,
            "OutputDataConfig.CompressionType",
            request["OutputDataConfig"].get("CompressionType"),
            "GZIP",
            UNCOMPRESSED,
        )
        for member in ("CheckpointConfig", "TensorBoardOutputConfig"):
            path = (request.get(member) or {}).get("LocalPath", f"{CONTAINER_FOLDER}/")
            if not path.startswith(f"{CONTAINER_FOLDER}/") or ".." in path:
                raise InvalidRequest(
                    f"{operation}: localcloud supports {member}.LocalPath only below {CONTAINER_FOLDER} "
                    f"(given: {path})."
                )
        _check_condition(request)
        check_warm_pool(operation, request)
        require_assumable(self._cloud, request["RoleArn"])
        key = request["OutputDataConfig"].get("KmsKeyId")
        require_key(self._cloud, operation, "OutputDataConfig.KmsKeyId", key)
        self._check_image(operation, request)
        names = [channel["ChannelName"] for channel in channels]
        if len(set(names)) < len(names):
            raise InvalidRequest(f"Channel names must be unique (given: {', '.join(names)}).")
        for index, channel in enumerate(channels):
            check_channel(operation, f"InputDataConfig[{index}]", channel)
            role, source = request["RoleArn"], channel["DataSource"]["S3DataSource"]
            transfer = Transfer(self._cloud, role)
            require_objects(transfer, source, role, self._cloud.region)
            check_driver(operation, transfer, channel)

    def _check_image(self, operation: str, request: dict[str, Any]) -> None:
        """Raises InvalidRequest unless the image has a runner, or is the account's own and runs a script."""
        algorithm = request["AlgorithmSpecification"]
        try:
            runner_of(algorithm["TrainingImage"], COMMANDS, operation, self._cloud.images)
        except InvalidRequest:
            is_script = not algorithm.get("ContainerEntrypoint")
            if not (is_script and own_image(self._cloud, algorithm["TrainingImage"], request["RoleArn"])):
                raise


def _check_hosts(operation: str, resources: dict[str, Any], channels: list[dict[str, Any]]) -> None:
    """Raises InvalidRequest for an invalid number of hosts, and for channels of unknown instance groups."""
    of_one_kind = {"InstanceType", "InstanceCount"} & resources.keys()
    if ("InstanceGroups" in resources) == bool(of_one_kind) or len(of_one_kind) == 1:
        raise InvalidRequest(
            "ResourceConfig needs either InstanceGroups or both InstanceType and InstanceCount."
        )
    hosts = hosts_of(resources, Path())
    require_hosts(operation, hosts)
    groups = {host.group for host in hosts}
    for channel in channels:
        wanted = (channel["DataSource"].get("S3DataSource") or {}).get("InstanceGroupNames") or []
        if unknown := set(wanted) - groups:
            raise InvalidRequest(
                f"Channel {channel['ChannelName']} names instance groups that ResourceConfig does not have: "
                f"{', '.join(sorted(unknown))}."
            )


def _check_condition(request: dict[str, Any]) -> None:
    """Raises InvalidRequest, in AWS's words, unless MaxWaitTimeInSeconds fits managed spot training.

    "The maximum value is 28 days" (MaxRuntimeInSeconds of
    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_StoppingCondition.html).
    """
    condition = request.get("StoppingCondition") or {}
    if (runtime := condition.get("MaxRuntimeInSeconds", 0)) > MAX_RUNTIME_SECONDS:
        raise InvalidRequest(
            f"MaxRuntimeInSeconds must be at most 28 days, {MAX_RUNTIME_SECONDS} (given: {runtime})."
        )
    wait = condition.get("MaxWaitTimeInSeconds")
    if not request.get("EnableManagedSpotTraining"):
        if wait is not None:
            raise InvalidRequest(
                "Invalid MaxWaitTimeInSeconds. It is only supported when EnableManagedSpotTraining is set to "
                "true"
            )
    elif wait is None or wait < condition.get("MaxRuntimeInSeconds", DEFAULT_RUNTIME_SECONDS):
        raise InvalidRequest(
            "Invalid MaxWaitTimeInSeconds. It must be present and be greater than or equal to "
            "MaxRuntimeInSeconds"
        )
