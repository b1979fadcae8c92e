"""Runs a training job: downloads its inputs, runs its script and uploads its outputs."""

import json
import logging
import shutil
import signal
import threading
import time
from pathlib import Path
from typing import Any

from localcloud.cloud import Cloud
from localcloud.processes import Process
from localcloud.sagemaker import container
from localcloud.sagemaker.errors import JobFailed
from localcloud.sagemaker.logs import LogStream
from localcloud.sagemaker.metrics import Metrics
from localcloud.sagemaker.records import Record
from localcloud.sagemaker.transfer import Transfer, changed_files, join_uri, pack
from localcloud.untrusted import parse_json

log = logging.getLogger(__name__)

LOG_GROUP = "/aws/sagemaker/TrainingJobs"
HOST = "algo-1"
CONTAINER_FOLDER = "/opt/ml"
MAX_RUNTIME_SECONDS = 86400
"""The default of MaxRuntimeInSeconds: one day."""
STOP_GRACE_SECONDS = 120
"""The time between SIGTERM and SIGKILL in which a script can save its model (see StopTrainingJob)."""
FAILURE_CHARACTERS = 1024
CHECKPOINT_SECONDS = 1.0
WATCH_SECONDS = 0.1
OUT_OF_MEMORY = 137

MESSAGES = {
    "Starting": "Starting the training job",
    "Downloading": "Downloading input data",
    "Training": "Training image download completed. Training in progress.",
    "Stopping": "Stopping the training job",
    "Uploading": "Uploading generated training model",
    "Completed": "Training job completed",
    "Failed": "Training job failed",
    "Stopped": "Training job stopped",
    "MaxRuntimeExceeded": "Training job runtime exceeded MaxRuntimeInSeconds provided",
}


class TrainingRun:
    """Runs one job in a thread of its own: Starting, Downloading, Training, Uploading, and its end."""

    def __init__(self, cloud: Cloud, record: Record, metrics: Metrics):
        self._cloud, self._record, self._metrics = cloud, record, metrics
        self._request = record.request
        self._role: str = self._request["RoleArn"]
        self._folder = cloud.state_dir / "training" / record.name
        self._ml = self._folder / "ml"
        self._stop_requested = threading.Event()
        self._status_lock = threading.RLock()
        self._over = False
        self._out_of_time = False
        output = self._request["OutputDataConfig"]
        self._output = join_uri(output["S3OutputPath"], record.name, "output")
        self._transfer = Transfer(cloud, self._role, output.get("KmsKeyId"))
        condition = self._request.setdefault("StoppingCondition", {})
        self._seconds: int = condition.setdefault("MaxRuntimeInSeconds", MAX_RUNTIME_SECONDS)
        self._enter("Starting")

    def start(self) -> None:
        threading.Thread(target=self._run, daemon=True, name=f"training {self._record.name}").start()

    def stop(self) -> None:
        """Sends SIGTERM and, STOP_GRACE_SECONDS later, SIGKILL. Outputs that exist are uploaded."""
        with self._status_lock:  # a job that has just ended must not become Stopping
            if not self._over and not self._stop_requested.is_set():
                self._stop_requested.set()
                self._enter("Stopping", TrainingJobStatus="Stopping")

    def _run(self) -> None:
        reason, ending = None, "Completed"
        try:
            source = self._prepare()
            if not self._stop_requested.is_set():
                self._train(source)
                self._upload()
        except JobFailed as failure:
            reason, ending = str(failure), "Failed"
        except Exception as error:  # a bug of localcloud must not look like success
            reason, ending = f"InternalServerError: {type(error).__name__}: {error}", "Failed"
        if ending == "Completed" and self._out_of_time:
            ending = "MaxRuntimeExceeded"
        elif ending == "Completed" and self._stop_requested.is_set():
            ending = "Stopped"
        self._finish(ending, reason)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _prepare(self) -> Path:
        """Fills the container's folder. Returns the path of the source archive."""
        config = self._ml / "input" / "config"
        for directory in (config, self._ml / "input/data", self._ml / "model", self._ml / "output/data"):
            directory.mkdir(parents=True)
        self._enter("Downloading")
        channels = {}
        for channel in self._request.get("InputDataConfig") or []:
            name, source = channel["ChannelName"], channel["DataSource"]["S3DataSource"]
            self._transfer.download_prefix(source["S3Uri"], self._ml / "input/data" / name)
            channels[name] = {
                "TrainingInputMode": "File",
                "S3DistributionType": source.get("S3DataDistributionType", "FullyReplicated"),
                "RecordWrapperType": channel.get("RecordWrapperType", "None"),
            }
            if content_type := channel.get("ContentType"):
                channels[name]["ContentType"] = content_type
        if checkpoints := self._request.get("CheckpointConfig"):
            self._checkpoint_folder.mkdir(parents=True, exist_ok=True)
            prefix = f"{checkpoints['S3Uri'].rstrip('/')}/"
            if self._transfer.keys(prefix):
                self._transfer.download_prefix(prefix, self._checkpoint_folder)
        hyperparameters = self._request.get("HyperParameters") or {}
        for name, content in (
            ("hyperparameters", hyperparameters),
            ("inputdataconfig", channels),
            ("resourceconfig", self._resources()),
        ):
            (config / f"{name}.json").write_text(json.dumps(content))
        return self._download_source(hyperparameters)

    def _resources(self) -> dict[str, Any]:
        """The contents of resourceconfig.json for a single host."""
        group = "homogeneousCluster"
        instance_type = (self._request.get("ResourceConfig") or {}).get("InstanceType")
        return {
            "current_host": HOST,
            "current_instance_type": instance_type,
            "current_group_name": group,
            "hosts": [HOST],
            "instance_groups": [
                {"instance_group_name": group, "instance_type": instance_type, "hosts": [HOST]}
            ],
            "network_interface_name": "eth0",
        }

    @property
    def _checkpoint_folder(self) -> Path:
        path: str = self._request["CheckpointConfig"].get("LocalPath", f"{CONTAINER_FOLDER}/checkpoints")
        return self._ml / path.removeprefix(f"{CONTAINER_FOLDER}/")

    def _download_source(self, hyperparameters: dict[str, str]) -> Path:
        """Downloads the source archive, whose address the SDK passes as a JSON string in a hyperparameter."""
        encoded = hyperparameters.get("sagemaker_submit_directory", "")
        try:
            uri = str(parse_json(encoded))
        except ValueError:
            uri = encoded
        if not uri.startswith("s3://"):
            raise JobFailed(
                "AlgorithmError: localcloud runs scripts, not images: the hyperparameter "
                "sagemaker_submit_directory must give the s3:// address of the source's archive."
            )
        archive = self._folder / "source.tar.gz"
        self._transfer.download(uri, archive)
        return archive

    def _train(self, source: Path) -> None:
        """Runs the script. Raises JobFailed with the reason when it fails."""
        name = self._record.name
        env = container.environment(self._cloud, self._role, self._ml, self._request.get("Environment"))
        env |= {"TRAINING_JOB_NAME": name, "TRAINING_JOB_ARN": self._record.arn, "CURRENT_HOST": HOST}
        self._enter("Training", TrainingStartTime=time.time())
        logs = LogStream(self._cloud, self._role, LOG_GROUP, f"{name}/{HOST}-{int(time.time())}")
        seen: dict[Path, tuple[int, int]] = {}
        list(changed_files(Path(CONTAINER_FOLDER), seen))  # of this machine
        process = container.start(self._cloud, f"training {name}", "training.py", env, source)
        ended = threading.Event()
        watchers = [threading.Thread(target=self._watch, args=(process, ended), daemon=True)]
        if "CheckpointConfig" in self._request:
            watchers.append(threading.Thread(target=self._keep_checkpoints, args=(ended,), daemon=True))
        for watcher in watchers:
            watcher.start()
        try:
            for line in process.lines():
                logs.write(line)
                self._metrics.scan(line)
            code = process.wait()
        finally:
            ended.set()
            for watcher in watchers:
                watcher.join()
            self._cloud.processes.discard(process)
            logs.close()
        self._metrics.publish(self._cloud, self._role, name)
        self._record.update(FinalMetricDataList=self._metrics.final())
        if code and not self._stop_requested.is_set() and not self._out_of_time:
            self._upload_output()
            raise JobFailed(self._algorithm_error(code))
        if container.has_own_file_system():
            return
        for file in changed_files(Path(CONTAINER_FOLDER), seen):
            raise JobFailed(
                f"AlgorithmError: the script wrote {file}, which is this machine's file and not the job's: "
                f"localcloud may not put a job's folder at {CONTAINER_FOLDER} here. Use SM_MODEL_DIR and its "
                "like, and remove that file."
            )

    def _watch(self, process: Process, ended: threading.Event) -> None:
        """Ends the script when the job is stopped or its time is up."""
        deadline = time.monotonic() + self._seconds
        while not ended.wait(WATCH_SECONDS):
            self._out_of_time = time.monotonic() > deadline
            if self._out_of_time or self._stop_requested.is_set():
                process.send_signal(signal.SIGTERM)
                if not ended.wait(STOP_GRACE_SECONDS):
                    process.send_signal(signal.SIGKILL)
                return

    def _keep_checkpoints(self, ended: threading.Event) -> None:
        """Copies checkpoints to S3 as they appear, and once more at the end."""
        seen: dict[Path, tuple[int, int]] = {}
        list(changed_files(self._checkpoint_folder, seen))  # these came from S3
        last_round = False
        while not last_round:
            last_round = ended.wait(CHECKPOINT_SECONDS)
            for file in changed_files(self._checkpoint_folder, seen):
                name = file.relative_to(self._checkpoint_folder).as_posix()
                try:
                    self._transfer.upload(file, join_uri(self._request["CheckpointConfig"]["S3Uri"], name))
                except JobFailed as failure:
                    if not file.exists():
                        continue  # a temporary file, renamed while it was being read
                    # As on AWS, the job continues without checkpoints.
                    log.warning("training %s: %s", self._record.name, failure)

    def _algorithm_error(self, code: int) -> str:
        """The FailureReason: the container's output/failure file, else a text for the exit code."""
        file = self._ml / "output" / "failure"
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
        ending = f", exit code: {status}"
        return f"AlgorithmError: {text}"[: FAILURE_CHARACTERS - len(ending)] + ending

    def _upload(self) -> None:
        self._enter("Uploading")
        archive = self._folder / "model.tar.gz"
        if pack(self._ml / "model", archive):
            self._transfer.upload(archive, join_uri(self._output, "model.tar.gz"))
        self._record.update(ModelArtifacts={"S3ModelArtifacts": join_uri(self._output, "model.tar.gz")})
        self._upload_output()

    def _upload_output(self) -> None:
        archive = self._folder / "output.tar.gz"
        if pack(self._ml / "output" / "data", archive):
            self._transfer.upload(archive, join_uri(self._output, "output.tar.gz"))

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
        fields = {
            "TrainingEndTime": now,
            "TrainingTimeInSeconds": seconds,
            "BillableTimeInSeconds": seconds,
            "TrainingJobStatus": "Stopped" if ending == "MaxRuntimeExceeded" else ending,
        }
        if reason:
            fields["FailureReason"] = reason[:FAILURE_CHARACTERS]
        with self._status_lock:
            self._over = True
            self._enter(ending, **fields)
        self._record.live["SecondaryStatusTransitions"][-1]["EndTime"] = now
