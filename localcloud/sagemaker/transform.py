"""Batch transform: sends the objects under an S3 prefix to a model's containers, one for each instance."""

import functools
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any

from localcloud.cloud import Cloud
from localcloud.containers.archives import ArchiveError, gunzip
from localcloud.protocol import InvalidRequest
from localcloud.protocol.validation import require_supported, require_value
from localcloud.sagemaker.batching import Processing, assemble, batches, split
from localcloud.sagemaker.channels import DATA_TYPES, source_files
from localcloud.sagemaker.cluster import MAX_HOSTS
from localcloud.sagemaker.container import MachineFiles
from localcloud.sagemaker.errors import JobFailed, ResourceInUse, no_such_job
from localcloud.sagemaker.exchange import NotAnswered
from localcloud.sagemaker.experiments import Experiments
from localcloud.sagemaker.hosting import ModelServer, instance_id
from localcloud.sagemaker.job_components import transform_parts
from localcloud.sagemaker.keys import require_key
from localcloud.sagemaker.logs import LogStream
from localcloud.sagemaker.models import Models
from localcloud.sagemaker.records import Record, Table, select, with_defaults
from localcloud.sagemaker.runs import Runs
from localcloud.sagemaker.transfer import S3File, Transfer, join_uri

LOG_GROUP = "/aws/sagemaker/TransformJobs"
START_SECONDS = 600
MEGABYTE = 1024 * 1024
DEFAULT_PAYLOAD_MB = 6
MAX_PAYLOAD_MB = 100
"""https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateTransformJob.html"""
DEFAULT_TIMEOUT_SECONDS = 600
DEFAULT_RETRIES = 3
"""The defaults of ModelClientConfig."""
SHOWN_CHARACTERS = 400

SUPPORTED = {
    "TransformJobName": None,
    "ModelName": None,
    "MaxConcurrentTransforms": None,
    "ModelClientConfig": None,
    "MaxPayloadInMB": None,
    "BatchStrategy": None,
    "Environment": None,
    "TransformInput": {
        "DataSource": {"S3DataSource": {"S3DataType": None, "S3Uri": None}},
        "ContentType": None,
        "CompressionType": None,
        "SplitType": None,
    },
    "TransformOutput": {"S3OutputPath": None, "Accept": None, "AssembleWith": None, "KmsKeyId": None},
    "TransformResources": {"InstanceType": None, "InstanceCount": None},
    "DataProcessing": None,
    "ExperimentConfig": None,
    "Tags": None,
}

DEFAULTS = {
    "TransformInput": {"CompressionType": "None", "SplitType": "None"},
    "TransformOutput": {"AssembleWith": "None", "KmsKeyId": ""},
    "DataProcessing": {"InputFilter": "$", "OutputFilter": "$", "JoinSource": "None"},
}
"""The values that DescribeTransformJob shows for members that were not given."""


class Stopped(Exception):
    """The job was asked to stop."""


class TransformJobs:
    """The operations on transform jobs."""

    def __init__(self, cloud: Cloud, models: Models, experiments: Experiments):
        self._cloud, self._models, self._experiments = cloud, models, experiments
        self._runs: Runs[TransformRun] = Runs()
        self.table = Table(
            cloud,
            "transform-job",
            missing=no_such_job,
            exists=lambda arn: ResourceInUse(
                "Job name must be unique within an AWS account and region, and a transform job with this "
                f"name already exists ({arn})"
            ),
        )

    def create(self, **request: Any) -> dict[str, Any]:
        operation = "CreateTransformJob"
        require_supported(operation, request, SUPPORTED)
        source, output = request["TransformInput"], request["TransformOutput"]
        for path, value, *allowed in (
            (
                "TransformInput.DataSource.S3DataSource.S3DataType",
                _s3_source(request)["S3DataType"],
                *DATA_TYPES,
            ),
            ("TransformInput.SplitType", source.get("SplitType"), "None", "Line"),
        ):
            require_value(operation, path, value, *allowed)
        payload, at_once = (
            request.get("MaxPayloadInMB", DEFAULT_PAYLOAD_MB),
            request.get("MaxConcurrentTransforms"),
        )
        if payload * (at_once or 1) > MAX_PAYLOAD_MB:
            raise InvalidRequest(
                f"MaxPayloadInMB, times MaxConcurrentTransforms where that is given, must not exceed "
                f"{MAX_PAYLOAD_MB} (given: {payload} and {at_once})."
            )
        if (count := request["TransformResources"]["InstanceCount"]) > MAX_HOSTS:
            raise InvalidRequest(
                f"{operation}: localcloud runs at most {MAX_HOSTS} instances a job (given: {count}): each is "
                "a process of this machine. Lower TransformResources.InstanceCount."
            )
        processing = Processing(
            request.get("DataProcessing") or {}, source.get("ContentType", ""), output.get("Accept", "")
        )
        require_key(self._cloud, operation, "TransformOutput.KmsKeyId", output.get("KmsKeyId"))
        container, role = self._models.container(request["ModelName"])

        def new() -> tuple[Record, TransformRun]:
            record = self.table.add(
                request["TransformJobName"],
                with_defaults({"DataProcessing": {}} | request, DEFAULTS),
                TransformJobStatus="InProgress",
            )
            self._experiments.add_job(
                self.table, record, "Transform", lambda: transform_parts(request, container)
            )
            ending = functools.partial(self._experiments.end_job, record, "Transform")
            return record, TransformRun(self._cloud, record, container, role, processing, ending)

        record, run = self._runs.add(new)
        run.start()
        return {"TransformJobArn": record.arn}

    def describe(self, **request: Any) -> dict[str, Any]:
        record = self.table.get(request["TransformJobName"])
        echoed = {name: value for name, value in record.request.items() if name != "Tags"}
        return {**echoed, "TransformJobArn": record.arn, "CreationTime": record.created, **record.live}

    def summaries(self, **request: Any) -> dict[str, Any]:
        page, token = select(self.table, request, "TransformJobStatus")
        summaries = [
            {
                "TransformJobName": record.name,
                "TransformJobArn": record.arn,
                "CreationTime": record.created,
                "LastModifiedTime": record.modified,
                **{
                    name: record.live[name]
                    for name in ("TransformEndTime", "TransformJobStatus", "FailureReason")
                    if name in record.live
                },
            }
            for record in page
        ]
        return {"TransformJobSummaries": summaries, "NextToken": token}

    def stop(self, **request: Any) -> dict[str, Any]:
        record = self.table.get(request["TransformJobName"])
        status = record.live["TransformJobStatus"]
        if status not in ("InProgress", "Stopping"):
            raise InvalidRequest(f"The request was rejected because the transform job is in status {status}.")
        self._runs.of(record).stop()
        return {}

    def running(self) -> list[str]:
        return [
            job.name for job in self.table if job.live["TransformJobStatus"] in ("InProgress", "Stopping")
        ]


class TransformRun:
    """Runs one job in a thread of its own."""

    def __init__(
        self,
        cloud: Cloud,
        record: Record,
        container: dict[str, Any],
        role: str,
        processing: Processing,
        ending: Callable[[Mapping[str, Any]], None],
    ):
        """`ending` is called with the members that the job's description is about to have."""
        self._cloud, self._record, self._role, self._ending = cloud, record, role, ending
        self._request, self._processing = record.request, processing
        self._stop_requested = threading.Event()
        self._status_lock = threading.Lock()
        self._over = False
        self._abandoned = threading.Event()
        """Set when an instance has failed, so that the others stop."""
        count = self._request["TransformResources"]["InstanceCount"]
        self._streams = [f"{record.name}/{instance_id()}" for _ in range(count)]
        self._servers = [
            ModelServer(cloud, f"transform {record.name}", container, role, LOG_GROUP, stream)
            for stream in self._streams
        ]

    def start(self) -> None:
        threading.Thread(target=self._run, daemon=True, name=f"transform {self._record.name}").start()

    def stop(self) -> None:
        with self._status_lock:  # a job that has just ended must not become Stopping
            if not self._over:
                self._stop_requested.set()
                self._record.update(TransformJobStatus="Stopping")

    def _run(self) -> None:
        status, reason = "Completed", None
        try:
            self._record.update(TransformStartTime=time.time())
            machine_files = MachineFiles()
            self._transform()
            machine_files.require_untouched()
        except Stopped:
            status = "Stopped"
        except JobFailed as failure:
            status, reason = "Failed", str(failure)
        except Exception as error:  # a bug of localcloud must not look like success
            status, reason = "Failed", f"InternalServerError: {type(error).__name__}: {error}"
        finally:
            for server in self._servers:
                server.stop()
        fields: dict[str, Any] = {"TransformJobStatus": status, "TransformEndTime": time.time()}
        if reason:
            self._report(reason)
            fields["FailureReason"] = reason[:1024]
        self._ending(fields)
        with self._status_lock:
            self._over = True
            self._record.update(**fields)

    def _transform(self) -> None:
        """Shares the objects among the instances; one without an object is idle, as on AWS.

        "Batch Transform partitions the Amazon S3 objects in the input by key and maps Amazon S3 objects to
        instances" (docs.aws.amazon.com/sagemaker/latest/dg/batch-transform.html).
        """
        transfer = Transfer(self._cloud, self._role, self._request["TransformOutput"].get("KmsKeyId"))
        files = source_files(transfer, _s3_source(self._request))
        count = len(self._servers)
        shards = [(server, files[index::count]) for index, server in enumerate(self._servers)]
        with ThreadPoolExecutor(count) as instances:
            running = [
                instances.submit(self._transform_shard, server, transfer, shard)
                for server, shard in shards
                if shard
            ]
            for instance in as_completed(running):
                if instance.exception() is not None:
                    self._abandoned.set()
                instance.result()

    def _transform_shard(self, server: ModelServer, transfer: Transfer, files: Sequence[S3File]) -> None:
        """Transforms the objects of one instance."""
        try:
            server.start(START_SECONDS, self._batch_variables())
        except JobFailed as failure:
            raise JobFailed(f"AlgorithmError: See job logs for more information ({failure}.)") from failure
        output = self._request["TransformOutput"]["S3OutputPath"]
        workers = self._request.get("MaxConcurrentTransforms") or 1
        with ThreadPoolExecutor(workers) as pool:
            for file in files:
                data = transfer.read(file.bucket, file.key)
                body = self._transform_object(server, pool, f"s3://{file.bucket}/{file.key}", data)
                transfer.write(body, join_uri(output, f"{file.name}.out"))

    def _transform_object(
        self, server: ModelServer, pool: ThreadPoolExecutor, uri: str, data: bytes
    ) -> bytes:
        source = self._request["TransformInput"]
        if source.get("CompressionType") == "Gzip":
            try:
                data = gunzip(data)
            except ArchiveError as error:
                raise JobFailed(f"ClientError: {uri} cannot be unpacked by gzip: {error}.") from error
        records = split(data, source.get("SplitType", "None"))
        answers = pool.map(lambda batch: self._answer(server, uri, batch), self._batches(records))
        return assemble(answers, self._request["TransformOutput"].get("AssembleWith", "None"))

    def _batches(self, records: list[bytes]) -> Iterator[list[bytes]]:
        limit = self._request.get("MaxPayloadInMB", DEFAULT_PAYLOAD_MB) * MEGABYTE
        return batches(records, self._request.get("BatchStrategy", "MultiRecord"), limit)

    def _answer(self, server: ModelServer, uri: str, records: list[bytes]) -> bytes:
        """Sends records in one request. Returns the output for them. Raises JobFailed when that fails."""
        body = b"\n".join(self._processing.before(record) for record in records)
        headers = {
            "Content-Type": self._request["TransformInput"].get("ContentType", ""),
            "Accept": self._request["TransformOutput"].get("Accept", ""),
        }
        client = self._request.get("ModelClientConfig") or {}
        problem = ""
        for _ in range(1 + client.get("InvocationsMaxRetries", DEFAULT_RETRIES)):
            if self._stop_requested.is_set() or self._abandoned.is_set():
                raise Stopped
            seconds = client.get("InvocationsTimeoutInSeconds", DEFAULT_TIMEOUT_SECONDS)
            server.wait_until_ready(seconds)
            try:
                answer = server.invoke(body, headers, seconds)
            except NotAnswered as error:
                problem = f"no answer for {uri}: {error}"
                continue
            if answer.status < 400:
                return self._processing.after(records, answer.body)
            shown = answer.body.decode(errors="replace")[:SHOWN_CHARACTERS]
            problem = f"the container answered {answer.status} for {uri}: {shown}"
            if answer.status < 500:
                raise JobFailed(f"ClientError: See job logs for more information ({problem})")
        raise JobFailed(f"AlgorithmError: See job logs for more information ({problem})")

    def _batch_variables(self) -> dict[str, str]:
        """Variables by which SageMaker describes the job to the container."""
        return {
            "SAGEMAKER_BATCH": "true",
            "SAGEMAKER_MAX_PAYLOAD_IN_MB": str(self._request.get("MaxPayloadInMB", DEFAULT_PAYLOAD_MB)),
            "SAGEMAKER_BATCH_STRATEGY": self._request.get("BatchStrategy", "MultiRecord").upper(),
            "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS": str(self._request.get("MaxConcurrentTransforms") or 1),
            **(self._request.get("Environment") or {}),
        }

    def _report(self, reason: str) -> None:
        """Writes the reason of a failure to the job's data log, as AWS does."""
        logs = LogStream(self._cloud, self._role, LOG_GROUP, f"{self._streams[0]}/data-log")
        for line in reason.splitlines():
            logs.write(line)
        logs.close()


def _s3_source(request: dict[str, Any]) -> dict[str, Any]:
    source: dict[str, Any] = request["TransformInput"]["DataSource"]["S3DataSource"]
    return source
