"""Runs one build: downloads its source, carries out its buildspec, and puts images into ECR."""

import hashlib
import json
import logging
import shutil
import signal
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from localcloud import containers
from localcloud.cloud import Cloud
from localcloud.codebuild import buildspec, dockerfile
from localcloud.codebuild.errors import BuildFailed
from localcloud.container_variables import container_variables
from localcloud.containers.archives import ArchiveError, unpack_zip
from localcloud.log_streams import LogStream
from localcloud.processes import Process

log = logging.getLogger(__name__)

ENVIRONMENT = Path(containers.__file__).parent / "image_environment.py"
TIMEOUT_MINUTES = 60
"""The default of timeoutInMinutes."""
IMAGES = "images"
"""The folder of the cloud's that holds what builds have made, one folder for each image."""
ANNOTATION = "localcloud.image"
"""Of an image's manifest: the name of its folder."""
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG = "application/vnd.docker.container.image.v1+json"


class Build:
    """Runs one build in a thread of its own. `record` is its description in BatchGetBuilds."""

    def __init__(self, cloud: Cloud, project: dict[str, Any], variables: dict[str, str], source: str):
        self._cloud, self._project, self._variables, self._source = cloud, project, variables, source
        name = project["name"]
        identity = str(uuid.uuid4())
        group = project["logsConfig"]["cloudWatchLogs"].get("groupName") or f"/aws/codebuild/{name}"
        arn = f"arn:aws:codebuild:{cloud.region}:{cloud.account_id}:build/{name}:{identity}"
        self._log = LogStream(cloud, group, identity, role_arn=project["serviceRole"])
        self._folder = cloud.state_dir / "builds" / identity
        self._built: dict[str, str] = {}
        self._seconds: int = 60 * project.get("timeoutInMinutes", TIMEOUT_MINUTES)
        self._cut_short: str | None = None
        self._process: Process | None = None
        self.record: dict[str, Any] = {
            "id": f"{name}:{identity}",
            "arn": arn,
            "projectName": name,
            "buildStatus": "IN_PROGRESS",
            "buildComplete": False,
            "startTime": time.time(),
            "currentPhase": "DOWNLOAD_SOURCE",
            "phases": [],
            "serviceRole": project["serviceRole"],
            "source": {**project["source"], "location": source},
            "artifacts": {"location": ""},
            "environment": project["environment"],
            "logs": {"groupName": group, "streamName": identity},
        }

    def start(self) -> None:
        threading.Thread(target=self._run, daemon=True, name=f"build {self.record['id']}").start()

    def stop(self) -> None:
        """Stops the build, unless it has ended."""
        self._end_early("STOPPED")

    def _end_early(self, status: str) -> None:
        self._cut_short = self._cut_short or status
        if self._process:
            self._process.send_signal(signal.SIGKILL)

    def _report(self, line: str) -> None:
        self._log.write(line)
        self._log.flush()

    def _run(self) -> None:
        clock = threading.Timer(self._seconds, self._end_early, ["TIMED_OUT"])
        clock.daemon = True
        clock.start()
        try:
            self._phase("DOWNLOAD_SOURCE", self._download)
            self._phase("BUILD", self._build)
            status = "SUCCEEDED"
        except BuildFailed:
            status = self._cut_short or "FAILED"
        clock.cancel()
        now = time.time()
        self.record |= {
            "currentPhase": "COMPLETED",
            "phases": [*self.record["phases"], {"phaseType": "COMPLETED", "startTime": now}],
            "endTime": now,
            "buildComplete": True,
            "buildStatus": status,
        }
        shutil.rmtree(self._folder, ignore_errors=True)

    def _phase(self, name: str, carry_out: Callable[[], None]) -> None:
        """Carry out a phase and record it. Raises BuildFailed."""
        began = time.time()
        self.record["currentPhase"] = name
        failure: str | None = None
        try:
            carry_out()
        except (BuildFailed, ArchiveError) as error:
            failure = f"Build {self._cut_short.lower().replace('_', ' ')}" if self._cut_short else str(error)
        except (BotoCoreError, ClientError) as error:
            failure = f"CLIENT_ERROR: {error}"
        except Exception as error:  # a bug of localcloud must not look like a build that goes on
            log.exception("build %s", self.record["id"])
            failure = f"INTERNAL_SERVICE_ERROR: {type(error).__name__}: {error}"
        phase: dict[str, Any] = {
            "phaseType": name,
            "phaseStatus": "FAILED" if failure else "SUCCEEDED",
            "startTime": began,
            "endTime": time.time(),
            "durationInSeconds": round(time.time() - began),
        }
        if failure:
            phase["contexts"] = [{"message": failure}]
            self._report(f"Phase context status code message: {failure}")
        self.record["phases"] = [*self.record["phases"], phase]
        if failure:
            raise BuildFailed(failure)

    def _download(self) -> None:
        bucket, _, key = self._source.partition("/")
        archive = self._cloud.client("s3", self._project["serviceRole"]).get_object(Bucket=bucket, Key=key)
        unpack_zip(archive["Body"].read(), self._folder / "source")

    def _build(self) -> None:
        for line in buildspec.commands(self._project["source"]["buildspec"]):
            if self._cut_short:
                raise BuildFailed(self._cut_short)
            self._report(f"Running command {line}")
            command = buildspec.parse(line, self._variables)
            if isinstance(command, buildspec.DockerBuild):
                self._make_image(command)
            elif isinstance(command, buildspec.DockerPush):
                self._push(command.tag)

    def _make_image(self, command: buildspec.DockerBuild) -> None:
        source = self._folder / "source"
        context = (source / command.context).resolve()
        if not context.is_relative_to(source.resolve()):
            raise BuildFailed(f"the context {command.context} is outside of the source")
        name = str(uuid.uuid4())
        folder = self._cloud.state_dir / IMAGES / name
        folder.mkdir(parents=True)
        dockerfile.build(context / command.file, context, folder, self._install, self._report)
        self._built[command.tag] = name

    def _install(self, locks: list[Path], folder: Path) -> str:
        """Install lock files in a process of its own; returns the interpreter that has their packages."""
        command: list[str | Path] = [self._cloud.job_python, ENVIRONMENT, folder, *locks]
        processes, name = self._cloud.processes, f"build {self.record['id']}"
        variables = container_variables(self._cloud, self._project["serviceRole"], self._folder)
        self._process = process = processes.start(name, command, env=variables, cwd=self._folder)
        if self._cut_short:
            self._end_early(self._cut_short)
        try:
            *lines, last = ["", *process.lines()]
            code = process.wait()
        finally:
            self._process = None
            processes.discard(process)
        for line in filter(None, lines):
            self._report(line)
        if code:
            raise BuildFailed(f"the packages of the image cannot be installed: {last}")
        return last

    def _push(self, tag: str) -> None:
        """Put an image of this build into ECR, with the rights of the project's role."""
        registry, _, rest = tag.partition("/")
        repository, _, version = rest.partition(":")
        if tag not in self._built:
            raise BuildFailed(f"An image does not exist locally with the tag: {tag}")
        if registry != own_registry(self._cloud):
            raise BuildFailed(f"localcloud pushes only to {own_registry(self._cloud)}, not to {registry}")
        config = json.dumps({"architecture": "amd64", "os": "linux"}).encode()
        digest = f"sha256:{hashlib.sha256(config).hexdigest()}"
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {"mediaType": CONFIG, "size": len(config), "digest": digest},
            "layers": [],
            "annotations": {ANNOTATION: self._built[tag]},
        }
        self._cloud.client("ecr", self._project["serviceRole"]).put_image(
            repositoryName=repository,
            imageManifest=json.dumps(manifest),
            imageManifestMediaType=MANIFEST,
            imageTag=version or "latest",
        )
        self._report(f"{version or 'latest'}: pushed")


def own_registry(cloud: Cloud) -> str:
    """The host name of the account's registry."""
    return f"{cloud.account_id}.dkr.ecr.{cloud.region}.amazonaws.com"


def image_description(cloud: Cloud, manifest: str) -> dict[str, Any] | None:
    """The description of the image with a manifest (see dockerfile.py); None unless a build here made it."""
    name = (json.loads(manifest).get("annotations") or {}).get(ANNOTATION, "")
    file = cloud.state_dir / IMAGES / Path(name).name / dockerfile.DESCRIPTION
    if not name or not file.is_file():
        return None
    description: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return description
