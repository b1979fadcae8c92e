"""Runs a processing job: downloads its inputs, runs its command on every host and uploads its outputs."""

import json
import logging
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from localcloud.cloud import Cloud
from localcloud.sagemaker import container
from localcloud.sagemaker.channels import download_source
from localcloud.sagemaker.cluster import Cluster, Failure, Host, hosts_of, resource_config
from localcloud.sagemaker.container import CONTAINER_FOLDER
from localcloud.sagemaker.errors import JobFailed
from localcloud.sagemaker.records import Record
from localcloud.sagemaker.transfer import Transfer, changed_files, join_uri

log = logging.getLogger(__name__)

LOG_GROUP = "/aws/sagemaker/ProcessingJobs"
STOP_GRACE_SECONDS = 120
"""The time between SIGTERM and SIGKILL (see StopProcessingJob)."""
MESSAGE_CHARACTERS = 1024
CONTINUOUS_SECONDS = 1.0


class ProcessingRun:
    """Runs one job in a thread of its own."""

    def __init__(self, cloud: Cloud, record: Record, ending: Callable[[Mapping[str, Any]], None]):
        """`ending` is called with the members that the job's description is about to have."""
        self._cloud, self._record, self._ending = cloud, record, ending
        self._request = record.request
        self._role: str = self._request["RoleArn"]
        self._folder = cloud.state_dir / "processing" / record.name
        self._hosts = hosts_of(self._request["ProcessingResources"]["ClusterConfig"], self._folder)
        self._stop_requested = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name=f"processing {record.name}")
        self._status_lock = threading.Lock()
        self._over = False
        self._deadline = float("inf")
        self._out_of_time = False
        config = self._request.get("ProcessingOutputConfig") or {}
        self._outputs: list[dict[str, Any]] = [each["S3Output"] for each in config.get("Outputs") or ()]
        self._transfer = Transfer(cloud, self._role, config.get("KmsKeyId"))

    def start(self) -> None:
        self._thread.start()

    def join(self) -> None:
        """Waits until nothing of a job that has ended is left, so that its name can be used again."""
        self._thread.join()

    def stop(self) -> None:
        """Sends SIGTERM and, STOP_GRACE_SECONDS later, SIGKILL."""
        with self._status_lock:  # a job that has just ended must not become Stopping
            if not self._over:
                self._stop_requested.set()
                self._record.update(ProcessingJobStatus="Stopping")

    def _run(self) -> None:
        status, reason = "Completed", None
        try:
            self._prepare()
            if not self._stop_requested.is_set():
                self._process()
        except JobFailed as failure:
            status, reason = "Failed", str(failure)
        except Exception as error:  # a bug of localcloud must not look like success
            status, reason = "Failed", f"InternalServerError: {type(error).__name__}: {error}"
        if status == "Completed" and (self._stop_requested.is_set() or self._out_of_time):
            status = "Stopped"
        fields: dict[str, Any] = {"ProcessingJobStatus": status, "ProcessingEndTime": time.time()}
        if reason:
            fields["FailureReason"] = reason[:MESSAGE_CHARACTERS]
        if message := self._exit_message():
            fields["ExitMessage"] = message
        self._ending(fields)
        with self._status_lock:
            self._over = True
            self._record.update(**fields)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _prepare(self) -> None:
        """Fills the folders of the hosts."""
        for host in self._hosts:
            for name in ("config", "output"):
                (host.ml / name).mkdir(parents=True)
            for output in self._outputs:
                _place(host, output["LocalPath"]).mkdir(parents=True, exist_ok=True)
            described = {name: value for name, value in self._request.items() if name != "Tags"}
            described["ProcessingJobArn"] = self._record.arn
            for name, content in (
                ("processingjobconfig", described),
                ("resourceconfig", resource_config(self._hosts, host)),
            ):
                (host.ml / "config" / f"{name}.json").write_text(json.dumps(content))
        for given in self._request.get("ProcessingInputs") or ():
            source = given["S3Input"]
            folders = [_place(host, source["LocalPath"]) for host in self._hosts]
            download_source(self._transfer, source, folders)

    def _process(self) -> None:
        """Runs the command on all hosts and uploads the outputs. Raises JobFailed when one of them fails."""
        name, application = self._record.name, self._request["AppSpecification"]
        command = [*application["ContainerEntrypoint"], *(application.get("ContainerArguments") or ())]
        self._record.update(ProcessingStartTime=time.time())
        self._deadline = time.monotonic() + self._request["StoppingCondition"]["MaxRuntimeInSeconds"]
        machine_files = container.MachineFiles()
        ended = threading.Event()
        uploads = [
            threading.Thread(target=self._upload_continuously, args=(host, output, ended), daemon=True)
            for host in self._hosts
            for output in self._outputs
            if output["S3UploadMode"] == "Continuous"
        ]
        for upload in uploads:
            upload.start()
        try:
            failure = Cluster(self._cloud, self._role, f"processing {name}", self._hosts).run(
                lambda host: container.runner(self._cloud, "command.py", *command),
                lambda host: container.environment(
                    self._cloud, self._role, host.ml, self._request.get("Environment")
                ),
                LOG_GROUP,
                name,
                watch=self._must_end,
                grace=STOP_GRACE_SECONDS,
            )
        finally:
            ended.set()
            for upload in uploads:
                upload.join()
        if failure:
            raise JobFailed(self._reason(failure, command))
        machine_files.require_untouched()
        if not self._stop_requested.is_set() and not self._out_of_time:
            self._upload()

    def _must_end(self) -> bool:
        """Whether the command must end, because the job was stopped or its time is over."""
        self._out_of_time = time.monotonic() > self._deadline
        return self._out_of_time or self._stop_requested.is_set()

    def _reason(self, failure: Failure, command: list[str]) -> str:
        hint = container.missing_folder_hint(" ".join(command))
        status = failure.code if failure.code >= 0 else 128 - failure.code  # as Docker reports signals
        where = f" ({failure.host.name} ended with status {status})"
        return f"AlgorithmError: See job logs for more information{where}{hint}"

    def _exit_message(self) -> str:
        """The content of output/message, from the first host that has it."""
        for host in self._hosts:
            file = host.ml / "output" / "message"
            if file.is_file() and (text := file.read_text(errors="replace")):
                return text[:MESSAGE_CHARACTERS]
        return ""

    def _upload(self) -> None:
        for output in self._outputs:
            if output["S3UploadMode"] == "EndOfJob":
                for host in self._hosts:
                    folder = _place(host, output["LocalPath"])
                    for file in sorted(each for each in folder.rglob("*") if each.is_file()):
                        name = file.relative_to(folder).as_posix()
                        self._transfer.upload(file, join_uri(output["S3Uri"], name))

    def _upload_continuously(self, host: Host, output: dict[str, Any], ended: threading.Event) -> None:
        """Copies an output to S3 as it changes, and once more at the end."""
        folder = _place(host, output["LocalPath"])
        seen: dict[Path, tuple[int, int]] = {}
        last_round = False
        while not last_round:
            last_round = ended.wait(CONTINUOUS_SECONDS)
            for file in changed_files(folder, seen):
                try:
                    self._transfer.upload(
                        file, join_uri(output["S3Uri"], file.relative_to(folder).as_posix())
                    )
                except JobFailed as failure:
                    if file.exists():  # else a temporary file, renamed while it was being read
                        log.warning("processing %s: %s", self._record.name, failure)


def _place(host: Host, path: str) -> Path:
    """Where a path of the container is on this machine."""
    return host.ml / PurePosixPath(path).relative_to(CONTAINER_FOLDER)
