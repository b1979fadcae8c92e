"""Runs a training job: downloads its inputs, runs its script on every host and uploads its outputs."""

import json
import logging
import shutil
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from localcloud.cloud import Cloud
from localcloud.containers.ports import free_port
from localcloud.protocol import InvalidRequest
from localcloud.sagemaker import container
from localcloud.sagemaker.channels import download_channels
from localcloud.sagemaker.cluster import Cluster, Failure, Host, hosts_of, resource_config
from localcloud.sagemaker.container import CONTAINER_FOLDER
from localcloud.sagemaker.errors import JobFailed
from localcloud.sagemaker.metrics import Metrics
from localcloud.sagemaker.records import Record
from localcloud.sagemaker.transfer import Transfer, changed_files, join_uri, merged, pack
from localcloud.sagemaker.warm_pools import WarmPools
from localcloud.untrusted import parse_json

log = logging.getLogger(__name__)

LOG_GROUP = "/aws/sagemaker/TrainingJobs"
SOURCE = "sagemaker_submit_directory"
"""The hyperparameter with the address of the source's archive, which the SDK gives as a JSON string."""
UNCOMPRESSED = "NONE"
"""The CompressionType with which files are uploaded as they are, below `model/` and `data/`:
https://docs.aws.amazon.com/sagemaker/latest/dg/model-train-storage-uncompressed.html"""
DEFAULT_RUNTIME_SECONDS = 86400
"""One day."""
STOP_GRACE_SECONDS = 120
"""The time between SIGTERM and SIGKILL in which a script can save its model (see StopTrainingJob), and the
notice that AWS gives of the interruption of a spot instance."""
FAILURE_CHARACTERS = 1024
CHECKPOINT_SECONDS = 1.0
OUT_OF_MEMORY = 137

MESSAGES = {
    "Starting": "Starting the training job",
    "Downloading": "Downloading input data",
    "Training": "Training image download completed. Training in progress.",
    "Interrupted": "The job stopped because the managed spot training instances were interrupted.",
    "Stopping": "Stopping the training job",
    "Uploading": "Uploading generated training model",
    "Completed": "Training job completed",
    "Failed": "Training job failed",
    "Stopped": "Training job stopped",
    "MaxRuntimeExceeded": "Training job runtime exceeded MaxRuntimeInSeconds provided",
    "MaxWaitTimeExceeded": "Training job wait time exceeded MaxWaitTimeInSeconds provided",
}


def decoded(value: str) -> object:
    """The value of a hyperparameter: JSON, or else the text itself."""
    try:
        return parse_json(value)
    except ValueError:
        return value


class KeptFolder(NamedTuple):
    """A folder of the container, whose files are copied to S3 while the script runs."""

    path: str
    """Below the container's folder."""
    uri: str


class TrainingRun:
    """Runs one job in a thread of its own: Starting, Downloading, Training, Uploading, and its end."""

    def __init__(
        self,
        cloud: Cloud,
        record: Record,
        metrics: Metrics,
        warm_pools: WarmPools,
        ending: Callable[[Mapping[str, Any]], None],
    ):
        """`ending` is called with the members that the job's description is about to have."""
        self._cloud, self._record, self._metrics, self._ending = cloud, record, metrics, ending
        self._warm_pools = warm_pools
        self._request = record.request
        self._role: str = self._request["RoleArn"]
        self._folder = cloud.state_dir / "training" / record.name
        self._hosts = hosts_of(self._request.get("ResourceConfig") or {}, self._folder)
        self._stop_requested = threading.Event()
        self._interrupt_requested = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name=f"training {record.name}")
        self._status_lock = threading.RLock()
        self._over = False
        self._training = False
        self._interrupted = False
        self._time_exceeded: str | None = None
        output = self._request["OutputDataConfig"]
        self._output = join_uri(output["S3OutputPath"], record.name, "output")
        self._transfer = Transfer(cloud, self._role, output.get("KmsKeyId"))
        condition = self._request.setdefault("StoppingCondition", {})
        self._seconds: int = condition.setdefault("MaxRuntimeInSeconds", DEFAULT_RUNTIME_SECONDS)
        self._deadlines: dict[str, float] = {}
        """The times at which the limits are reached, by the monotonic clock."""
        self._checkpoints = self._kept_folder("CheckpointConfig", "S3Uri", "checkpoints")
        events = self._kept_folder("TensorBoardOutputConfig", "S3OutputPath", "output/tensorboard")
        if events:  # as latest_job_tensorboard_artifacts_path() of SDK v2 has it
            events = events._replace(uri=join_uri(events.uri, record.name, "tensorboard-output"))
        self._kept_folders = [folder for folder in (self._checkpoints, events) if folder]
        if wait := condition.get("MaxWaitTimeInSeconds"):
            self._deadlines["MaxWaitTimeExceeded"] = time.monotonic() + wait
        self._enter("Starting")

    def start(self) -> None:
        self._thread.start()

    def join(self) -> None:
        """Waits until nothing of a job that has ended is left, so that its name can be used again."""
        self._thread.join()

    def stop(self) -> None:
        """Sends SIGTERM and, STOP_GRACE_SECONDS later, SIGKILL. Outputs that exist are uploaded."""
        with self._status_lock:  # a job that has just ended must not become Stopping
            if not self._over and not self._stop_requested.is_set():
                self._stop_requested.set()
                self._enter("Stopping", TrainingJobStatus="Stopping")

    def interrupt(self) -> None:
        """Reclaims the job's spot instances: it restarts on others, from its checkpoints.

        Raises InvalidRequest for a job that does not use spot instances or is not training.
        """
        if not self._request.get("EnableManagedSpotTraining"):
            raise InvalidRequest(
                f"The training job {self._record.name} has no spot instances: EnableManagedSpotTraining is "
                "not true."
            )
        with self._status_lock:
            if not self._training:
                raise InvalidRequest(f"The training job {self._record.name} is not training.")
            self._interrupt_requested.set()

    def _run(self) -> None:
        reason, ending, healthy = None, "Completed", True
        try:
            while self._run_once():
                self._enter("Interrupted")
                shutil.rmtree(self._folder)
                self._enter("Starting")
        except JobFailed as failure:
            reason, ending = str(failure), "Failed"
        except Exception as error:  # a bug of localcloud must not look like success
            reason, ending = f"InternalServerError: {type(error).__name__}: {error}", "Failed"
            healthy = False
        if ending == "Completed" and self._time_exceeded:
            ending = self._time_exceeded
        elif ending == "Completed" and self._stop_requested.is_set():
            ending = "Stopped"
        self._warm_pools.keep(self._record, self._hosts, healthy=healthy)
        self._finish(ending, reason)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _run_once(self) -> bool:
        """Runs the job until it ends or is interrupted. Returns whether it was interrupted."""
        command = self._prepare()
        if self._stop_requested.is_set():
            return False
        self._train(command)
        if self._interrupted and not self._stop_requested.is_set():
            self._interrupted = False
            return True
        self._upload()
        return False

    def _prepare(self) -> Sequence[str | Path]:
        """Fills the folders of the hosts. Returns the command that each of them runs."""
        for host in self._hosts:
            for name in ("input/config", "input/data", "model", "output/data"):
                (host.ml / name).mkdir(parents=True)
        self._warm_pools.fill(self._record, self._hosts)
        self._enter("Downloading")
        channels = download_channels(self._transfer, self._request, self._hosts)
        hyperparameters = self._request.get("HyperParameters") or {}
        for host in self._hosts:
            if self._checkpoints:
                self._fetch_checkpoints(host, self._checkpoints)
            for name, content in (
                ("hyperparameters", hyperparameters),
                ("inputdataconfig", channels[host.name]),
                ("resourceconfig", resource_config(self._hosts, host)),
            ):
                (host.ml / "input/config" / f"{name}.json").write_text(json.dumps(content))
        algorithm = self._request["AlgorithmSpecification"]
        if entry_point := algorithm.get("ContainerEntrypoint"):
            command = [*entry_point, *(algorithm.get("ContainerArguments") or ())]
            return container.runner(self._cloud, "command.py", *command)
        return container.runner(self._cloud, "training.py", self._download_source(hyperparameters))

    def _kept_folder(self, member: str, uri: str, default: str) -> KeptFolder | None:
        """What a member of the request describes; `uri` is the name of the member that holds the address."""
        if not (config := self._request.get(member)):
            return None
        path = config.get("LocalPath", default).removeprefix(f"{CONTAINER_FOLDER}/")
        return KeptFolder(path, config[uri])

    def _fetch_checkpoints(self, host: Host, kept: KeptFolder) -> None:
        folder = host.ml / kept.path
        folder.mkdir(parents=True, exist_ok=True)
        prefix = f"{kept.uri.rstrip('/')}/"
        if self._transfer.keys(prefix):
            self._transfer.download_prefix(prefix, folder)

    def _download_source(self, hyperparameters: Mapping[str, str]) -> Path:
        archive = self._folder / "source.tar.gz"
        self._transfer.download(str(decoded(hyperparameters[SOURCE])), archive)
        return archive

    def _train(self, command: Sequence[str | Path]) -> None:
        """Runs the command on all hosts. Raises JobFailed with the reason when it fails."""
        name = self._record.name
        self._record.live.setdefault("TrainingStartTime", time.time())
        self._enter("Training")
        master_port = str(free_port())

        def environment(host: Host) -> dict[str, str]:
            own = self._request.get("Environment")
            return container.environment(self._cloud, self._role, host.ml, own) | {
                "TRAINING_JOB_NAME": name,
                "TRAINING_JOB_ARN": self._record.arn,
                "CURRENT_HOST": host.name,
                "LOCALCLOUD_MASTER_PORT": master_port,
            }

        machine_files = container.MachineFiles()
        ended = threading.Event()
        keepers = [
            threading.Thread(target=self._keep, args=(host.ml / kept.path, kept.uri, ended), daemon=True)
            for host in self._hosts
            for kept in self._kept_folders
        ]
        for keeper in keepers:
            keeper.start()
        self._interrupt_requested.clear()
        self._training = True
        try:
            failure = Cluster(self._cloud, self._role, f"training {name}", self._hosts).run(
                lambda host: command,
                environment,
                LOG_GROUP,
                name,
                read=self._metrics.scan,
                watch=self._must_end,
                grace=STOP_GRACE_SECONDS,
            )
        finally:
            with self._status_lock:
                self._training = False
            ended.set()
            for keeper in keepers:
                keeper.join()
        if self._interrupted:
            return
        self._metrics.publish(self._cloud, self._role, name)
        self._record.update(FinalMetricDataList=self._metrics.final())
        if failure:
            self._upload_output()
            raise JobFailed(self._algorithm_error(failure, command))
        machine_files.require_untouched()

    def _must_end(self) -> bool:
        """Whether the script must end, because the job was stopped or interrupted, or its time is over."""
        now = time.monotonic()
        self._deadlines.setdefault("MaxRuntimeExceeded", now + self._seconds)
        self._time_exceeded = next((name for name, end in self._deadlines.items() if now > end), None)
        if self._time_exceeded or self._stop_requested.is_set():
            return True
        self._interrupted = self._interrupt_requested.is_set()
        return self._interrupted

    def _keep(self, folder: Path, uri: str, ended: threading.Event) -> None:
        """Copies the files of a folder to S3 as they appear, and once more at the end."""
        seen: dict[Path, tuple[int, int]] = {}
        list(changed_files(folder, seen))  # these came from S3
        last_round = False
        while not last_round:
            last_round = ended.wait(CHECKPOINT_SECONDS)
            for file in changed_files(folder, seen):
                name = file.relative_to(folder).as_posix()
                try:
                    self._transfer.upload(file, join_uri(uri, name))
                except JobFailed as failure:
                    if not file.exists():
                        continue  # a temporary file, renamed while it was being read
                    # As on AWS, the job continues without.
                    log.warning("training %s: %s", self._record.name, failure)

    def _algorithm_error(self, failure: Failure, command: Sequence[str | Path]) -> str:
        """The FailureReason: the container's output/failure file, or else a text with the exit code."""
        file = failure.host.ml / "output" / "failure"
        code = failure.code
        status = code if code >= 0 else 128 - code  # as Docker reports signals
        if file.is_file():
            text = file.read_text(errors="replace")
        elif status == OUT_OF_MEMORY:
            text = (
                "Please use an instance type with more memory, or reduce the size of job data processed on "
                "an instance."
            )
        else:
            text = ""
        hint = container.missing_folder_hint(f"{text} {' '.join(map(str, command))}")
        ending = f"{hint}, exit code: {status}"
        return f"AlgorithmError: {text}"[: FAILURE_CHARACTERS - len(ending)] + ending

    def _upload(self) -> None:
        self._enter("Uploading")
        model = self._upload_folders([host.ml / "model" for host in self._hosts], "model", "model.tar.gz")
        self._record.update(ModelArtifacts={"S3ModelArtifacts": model})
        self._upload_output()

    def _upload_output(self) -> None:
        self._upload_folders([host.ml / "output" / "data" for host in self._hosts], "data", "output.tar.gz")

    def _upload_folders(self, folders: Sequence[Path], name: str, archive_name: str) -> str:
        """Uploads the content of folders as one archive or, uncompressed, file by file. Returns where."""
        if self._request["OutputDataConfig"]["CompressionType"] == UNCOMPRESSED:
            target = join_uri(self._output, name)
            for path, entry in merged(folders).items():
                if entry.is_file():
                    self._transfer.upload(entry, join_uri(target, path))
            return target
        archive, target = self._folder / archive_name, join_uri(self._output, archive_name)
        if pack(folders, archive):
            self._transfer.upload(archive, target)
        return target

    def _enter(self, status: str, **fields: object) -> None:
        """Enters the next secondary status."""
        now = time.time()
        with self._status_lock:
            former = [dict(each) for each in self._record.live.get("SecondaryStatusTransitions", ())]
            if former:
                former[-1].setdefault("EndTime", now)
            transition = {"Status": status, "StartTime": now, "StatusMessage": MESSAGES[status]}
            self._record.update(
                SecondaryStatus=status, SecondaryStatusTransitions=[*former, transition], **fields
            )

    def _finish(self, ending: str, reason: str | None) -> None:
        now = time.time()
        seconds = max(1, round(now - self._record.live.get("TrainingStartTime", now)))
        fields: dict[str, Any] = {
            "TrainingEndTime": now,
            "TrainingTimeInSeconds": seconds,
            "BillableTimeInSeconds": seconds,
            "TrainingJobStatus": "Stopped" if ending == self._time_exceeded else ending,
        }
        if reason:
            fields["FailureReason"] = reason[:FAILURE_CHARACTERS]
        self._ending(fields)
        with self._status_lock:
            self._over = True
            self._enter(ending, **fields)
        self._record.live["SecondaryStatusTransitions"][-1]["EndTime"] = now
