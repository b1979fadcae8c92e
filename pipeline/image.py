"""Build our own inference image (serve/Dockerfile) and push it to the stack's repository.

A builder on this machine does it if there is one, otherwise CodeBuild. The image's tag is a hash of all that
goes into it, so an image that exists is not built again.
"""

from __future__ import annotations

import base64
import hashlib
import io
import shutil
import subprocess
import tempfile
import time
import zipfile
from pathlib import Path

from botocore.exceptions import ClientError

from pipeline import aws, stack
from pipeline.jobs import LogTail
from pipeline.settings import PipelineError, Settings
from project.console import log_line, say, step
from project.paths import PROJECT

DOCKERFILE = "serve/Dockerfile"
# The files that the image is built from.
CONTEXT = (DOCKERFILE, "serve/server.py", "requirements/serve.lock")
# The first of these that works on this machine is used. The options choose Docker's manifest format, the only
# one that SageMaker reads: https://github.com/aws/amazon-sagemaker-feedback/issues/180
BUILDERS = {
    "docker": ("--provenance", "false", "--output", "type=docker"),
    "podman": ("--format", "docker"),
    "buildah": ("--format", "docker"),
}
# The endpoints run on x86-64.
PLATFORM = "linux/amd64"
POLL_SECONDS = 1.0
ANSWER_SECONDS = 20
# The date of all files in the zip archive, so that the same files give the same bytes.
EPOCH = (1980, 1, 1, 0, 0, 0)


def run(settings: Settings) -> None:
    """Build and push the image, unless it exists. Raises PipelineError."""
    step("Build the inference image")
    if settings.container != "slim":
        raise PipelineError(f"CONTAINER={settings.container} is an image of AWS's: there is nothing to build")
    say(f"ready: {own_image(settings)}")


def hosting_image(settings: Settings, instance_type: str) -> str:
    """The URI of the image for hosting on an instance type; our own is built if necessary."""
    if settings.container == "slim":
        return own_image(settings)
    from pipeline import sagemaker_sdk  # which knows AWS's registries

    return sagemaker_sdk.aws_image(settings.hosting_image, aws.region(), instance_type)


def own_image(settings: Settings) -> str:
    """The URI of our own image in the stack's repository, built if necessary. Raises PipelineError."""
    uri = stack.output(settings, "ImageRepositoryUri")
    tag = content_tag()
    if not _exists(uri.partition("/")[2], tag):
        say(f"there is no image {tag} yet")
        if not _build_here(f"{uri}:{tag}"):
            _build_by_codebuild(settings, tag)
    return f"{uri}:{tag}"


def content_tag() -> str:
    """A hash of the files that the image is built from."""
    digest = hashlib.sha256()
    for name in CONTEXT:
        digest.update(name.encode() + b"\0" + (PROJECT / name).read_bytes())
    return digest.hexdigest()[:16]


def _exists(repository: str, tag: str) -> bool:
    try:
        aws.client("ecr").describe_images(repositoryName=repository, imageIds=[{"imageTag": tag}])
    except ClientError as error:
        if aws.error_code(error) == "ImageNotFoundException":
            return False
        raise
    return True


def _build_here(uri: str) -> bool:
    """Build and push with the first builder that works here; return False if none does or it may not push.

    Raises PipelineError if the builder fails.
    """
    builder = next((name for name in BUILDERS if _runs(name)), None)
    if builder is None:
        return False
    try:
        [token] = aws.client("ecr").get_authorization_token()["authorizationData"]
    except ClientError as error:
        say(f"{builder} may not push to the registry ({error})")
        return False
    user, _, password = base64.b64decode(token["authorizationToken"]).decode().partition(":")
    registry = uri.partition("/")[0]
    say(f"{builder} builds {uri}")
    with tempfile.TemporaryDirectory() as folder:
        context = Path(folder)
        for name in CONTEXT:
            file = context / name
            file.parent.mkdir(exist_ok=True)
            shutil.copyfile(PROJECT / name, file)
        options = (*BUILDERS[builder], "--platform", PLATFORM, "--file", str(context / DOCKERFILE))
        for arguments, text in (
            (("login", "--username", user, "--password-stdin", registry), password),
            (("build", *options, "--tag", uri, folder), ""),
            (("push", uri), ""),
        ):
            _call(builder, *arguments, text=text)
    return True


def _runs(builder: str) -> bool:
    """Whether a builder is installed and works; Docker needs its daemon for that."""
    if not shutil.which(builder):
        return False
    ask = [builder, "info"]
    try:
        return not subprocess.run(ask, capture_output=True, timeout=ANSWER_SECONDS, check=False).returncode
    except subprocess.TimeoutExpired:
        return False


def _call(builder: str, *arguments: str, text: str) -> None:
    process = subprocess.Popen(
        [builder, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    assert process.stdin is not None and process.stdout is not None
    with process:
        process.stdin.write(text)
        process.stdin.close()
        for line in process.stdout:
            log_line(line.rstrip())
    if process.returncode:
        raise PipelineError(f"`{builder} {arguments[0]}` failed with exit code {process.returncode}")


def _build_by_codebuild(settings: Settings, tag: str) -> None:
    """Build and push by CodeBuild, from a zip archive of the context in the data bucket.

    Raises PipelineError if the build fails. Ctrl-C stops the build.
    """
    bucket, project = (stack.output(settings, name) for name in ("DataBucketName", "ImageBuildName"))
    source = f"{bucket}/images/{tag}.zip"
    aws.client("s3").put_object(Bucket=bucket, Key=f"images/{tag}.zip", Body=_zipped())
    codebuild = aws.client("codebuild")
    build = codebuild.start_build(
        projectName=project,
        sourceTypeOverride="S3",
        sourceLocationOverride=source,
        environmentVariablesOverride=[{"name": "IMAGE_TAG", "value": tag, "type": "PLAINTEXT"}],
    )["build"]
    name = build["id"]
    say(f"CodeBuild builds it from s3://{source} ({name})")
    log = LogTail(f"/aws/codebuild/{project}", name.partition(":")[2])
    try:
        while build["buildStatus"] == "IN_PROGRESS":
            time.sleep(POLL_SECONDS)
            [build] = codebuild.batch_get_builds(ids=[name])["builds"]
            log.show_new_lines()
    except KeyboardInterrupt:
        codebuild.stop_build(id=name)
        raise
    log.show_last_lines()
    if build["buildStatus"] != "SUCCEEDED":
        reasons = [
            context["message"]
            for phase in build.get("phases", [])
            for context in phase.get("contexts", [])
            if context.get("message")
        ]
        raise PipelineError(
            f"the build {name} of the image {build['buildStatus'].lower()}: "
            f"{'; '.join(reasons) or 'see its log'}"
        )


def _zipped() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in CONTEXT:
            archive.writestr(zipfile.ZipInfo(name, EPOCH), (PROJECT / name).read_bytes())
    return content.getvalue()
