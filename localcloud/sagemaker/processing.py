"""The operations on processing jobs. See processing_run.py for how a job runs."""

import functools
from pathlib import Path, PurePosixPath
from typing import Any

from localcloud.cloud import Cloud
from localcloud.protocol import InvalidRequest
from localcloud.protocol.validation import require_supported, require_value
from localcloud.sagemaker.channels import DATA_TYPES, require_objects
from localcloud.sagemaker.cluster import hosts_of, require_hosts
from localcloud.sagemaker.container import CONTAINER_FOLDER
from localcloud.sagemaker.errors import ResourceInUse, no_such_job, require_ended
from localcloud.sagemaker.experiments import Experiments
from localcloud.sagemaker.images import COMMANDS, runner_of
from localcloud.sagemaker.job_components import processing_parts
from localcloud.sagemaker.keys import require_key
from localcloud.sagemaker.processing_run import ProcessingRun
from localcloud.sagemaker.records import Record, Table, select, with_defaults
from localcloud.sagemaker.roles import require_assumable
from localcloud.sagemaker.runs import Runs
from localcloud.sagemaker.transfer import Transfer

SUPPORTED = {
    "ProcessingJobName": None,
    "ProcessingInputs": {
        "InputName": None,
        "S3Input": {
            "S3Uri": None,
            "LocalPath": None,
            "S3DataType": None,
            "S3InputMode": None,
            "S3DataDistributionType": None,
            "S3CompressionType": None,
        },
    },
    "ProcessingOutputConfig": {
        "Outputs": {
            "OutputName": None,
            "S3Output": {"S3Uri": None, "LocalPath": None, "S3UploadMode": None},
        },
        "KmsKeyId": None,
    },
    "ProcessingResources": {
        "ClusterConfig": {
            "InstanceCount": None,
            "InstanceType": None,
            "VolumeSizeInGB": None,
        }
    },
    "StoppingCondition": None,
    "AppSpecification": {"ImageUri": None, "ContainerEntrypoint": None, "ContainerArguments": None},
    "Environment": None,
    # Without effect: the traffic between hosts does not leave this machine.
    "NetworkConfig": {"EnableInterContainerTrafficEncryption": None},
    "RoleArn": None,
    "ExperimentConfig": None,
    "Tags": None,
}
DEFAULTS = {
    "ProcessingInputs": [
        {
            "AppManaged": False,
            "S3Input": {
                "S3InputMode": "File",
                "S3DataDistributionType": "FullyReplicated",
                "S3CompressionType": "None",
            },
        }
    ],
    "ProcessingOutputConfig": {"Outputs": [{"AppManaged": False}]},
    "StoppingCondition": {"MaxRuntimeInSeconds": 86400},
}
"""The values that DescribeProcessingJob shows for members that were not given."""
OPERATION = "CreateProcessingJob"


class ProcessingJobs:
    """The operations on processing jobs."""

    def __init__(self, cloud: Cloud, experiments: Experiments):
        self._cloud, self._experiments = cloud, experiments
        self._runs: Runs[ProcessingRun] = Runs()
        self.table = Table(
            cloud,
            "processing-job",
            missing=no_such_job,
            exists=lambda arn: ResourceInUse(
                "Job name must be unique within an AWS account and region, and a processing job with this "
                f"name already exists ({arn})"
            ),
        )

    def create(self, **request: Any) -> dict[str, Any]:
        request = with_defaults({"StoppingCondition": {}} | request, DEFAULTS)
        self._check(request)

        def new() -> tuple[Record, ProcessingRun]:
            record = self.table.add(request["ProcessingJobName"], request, ProcessingJobStatus="InProgress")
            self._experiments.add_job(self.table, record, "Processing", lambda: processing_parts(request))
            ending = functools.partial(self._experiments.end_job, record, "Processing")
            return record, ProcessingRun(self._cloud, record, ending)

        record, run = self._runs.add(new)
        run.start()
        return {"ProcessingJobArn": record.arn}

    def describe(self, **request: Any) -> dict[str, Any]:
        record = self.table.get(request["ProcessingJobName"])
        echoed = {name: value for name, value in record.request.items() if name != "Tags"}
        return {
            **echoed,
            "ProcessingJobArn": record.arn,
            "CreationTime": record.created,
            "LastModifiedTime": record.modified,
            **record.live,
        }

    def summaries(self, **request: Any) -> dict[str, Any]:
        page, token = select(self.table, request, "ProcessingJobStatus")
        summaries = [
            {
                "ProcessingJobName": record.name,
                "ProcessingJobArn": record.arn,
                "CreationTime": record.created,
                "LastModifiedTime": record.modified,
                **{
                    name: record.live[name]
                    for name in ("ProcessingEndTime", "ProcessingJobStatus", "FailureReason", "ExitMessage")
                    if name in record.live
                },
            }
            for record in page
        ]
        return {"ProcessingJobSummaries": summaries, "NextToken": token}

    def stop(self, **request: Any) -> dict[str, Any]:
        record = self.table.get(request["ProcessingJobName"])
        status = record.live["ProcessingJobStatus"]
        if status not in ("InProgress", "Stopping"):
            raise InvalidRequest(
                f"The request was rejected because the processing job is in status {status}."
            )
        self._runs.of(record).stop()
        return {}

    def delete(self, **request: Any) -> dict[str, Any]:
        record = self.table.get(request["ProcessingJobName"])
        require_ended("processing", record.live["ProcessingJobStatus"])
        if run := self._runs.remove(record):  # else another request is deleting the job
            run.join()
            self.table.remove(record.name)
        return {}

    def running(self) -> list[str]:
        return [
            job.name for job in self.table if job.live["ProcessingJobStatus"] in ("InProgress", "Stopping")
        ]

    def _check(self, request: dict[str, Any]) -> None:
        require_supported(OPERATION, request, SUPPORTED)
        application = request["AppSpecification"]
        runner_of(application["ImageUri"], COMMANDS, OPERATION, self._cloud.images)
        if not application.get("ContainerEntrypoint"):
            raise InvalidRequest(
                f"{OPERATION}: localcloud needs AppSpecification.ContainerEntrypoint, because it lacks "
                "the image's own entry point."
            )
        cluster = request["ProcessingResources"]["ClusterConfig"]
        for name in ("InstanceType", "InstanceCount"):
            if name not in cluster:
                raise InvalidRequest(
                    f"{OPERATION}: localcloud needs ProcessingResources.ClusterConfig.{name}."
                )
        require_hosts(OPERATION, hosts_of(cluster, Path()))
        require_assumable(self._cloud, request["RoleArn"])
        for index, source in enumerate(request.get("ProcessingInputs") or ()):
            self._check_input(f"ProcessingInputs[{index}]", source, request["RoleArn"])
        config = request.get("ProcessingOutputConfig") or {}
        require_key(self._cloud, OPERATION, "ProcessingOutputConfig.KmsKeyId", config.get("KmsKeyId"))
        outputs = config.get("Outputs") or ()
        for index, output in enumerate(outputs):
            path = f"ProcessingOutputConfig.Outputs[{index}]"
            if "S3Output" not in output:
                raise InvalidRequest(f"{OPERATION}: localcloud needs {path}.S3Output.")
            _check_path(f"{path}.S3Output.LocalPath", output["S3Output"].get("LocalPath"))
        names = [each["InputName"] for each in request.get("ProcessingInputs") or ()]
        names += [output["OutputName"] for output in outputs]
        if len(set(names)) < len(names):
            raise InvalidRequest(
                f"The names of inputs and outputs must be unique (given: {', '.join(names)})."
            )

    def _check_input(self, path: str, given: dict[str, Any], role_arn: str) -> None:
        source = given.get("S3Input")
        if source is None:
            raise InvalidRequest(f"{OPERATION}: localcloud needs {path}.S3Input.")
        for name, allowed in (
            ("S3DataType", DATA_TYPES),
            ("S3InputMode", ("File",)),
            ("S3CompressionType", ("None",)),
        ):
            require_value(OPERATION, f"{path}.S3Input.{name}", source.get(name), *allowed)
        _check_path(f"{path}.S3Input.LocalPath", source.get("LocalPath"))
        require_objects(Transfer(self._cloud, role_arn), source, role_arn, self._cloud.region)


def _check_path(member: str, path: str | None) -> None:
    """Raises InvalidRequest for a path that is not in the container's folder."""
    if path is None or not path.startswith(f"{CONTAINER_FOLDER}/") or ".." in PurePosixPath(path).parts:
        raise InvalidRequest(
            f"{OPERATION}: localcloud supports {member} only below {CONTAINER_FOLDER} (given: {path})."
        )
