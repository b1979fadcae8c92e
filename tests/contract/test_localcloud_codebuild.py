"""CodeBuild and ECR: a build makes an image from its Dockerfile, and endpoints run what is in it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from localcloud_codebuild_fixtures import DOCKERFILE, Builder, running
from localcloud_sagemaker_fixtures import wait


@pytest.fixture(scope="module")
def builder() -> Iterator[Builder]:
    with running() as made:
        yield made


def failure(build: dict[str, Any]) -> str:
    assert build["buildStatus"] == "FAILED"
    return " ".join(each["message"] for phase in build["phases"] for each in phase.get("contexts", ()))


def test_a_build_puts_an_image_into_the_repository_and_an_endpoint_runs_its_entry_point(builder):
    build = builder.build("first")
    assert build["buildStatus"] == "SUCCEEDED", failure(build)
    [image] = builder.ecr.describe_images(repositoryName="images", imageIds=[{"imageTag": "first"}])[
        "imageDetails"
    ]
    assert image["imageTags"] == ["first"]
    assert any(line.startswith("Step 1 : FROM public.ecr.aws") for line in builder.log(build))
    endpoint = builder.endpoint(f"{builder.uri}:first")
    answer = json.loads(builder.sandbox.invoke(endpoint, b"a film", "text/plain"))
    assert answer == {"said": "a film", "greeting": "hello", "arguments": ["serve"], "epochs": 7}
    described = builder.sandbox.sagemaker.describe_endpoint(EndpointName=endpoint)
    assert described["ProductionVariants"][0]["DeployedImages"][0]["SpecifiedImage"] == f"{builder.uri}:first"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"image/Dockerfile": "FROM debian:12\n"}, "builds only on Python's own images (python:...)"),
        (
            {"image/Dockerfile": DOCKERFILE.replace("rm -rf", "apt-get install gcc #")},
            "RUN apt-get install gcc",
        ),
        ({"image/Dockerfile": DOCKERFILE + "HEALTHCHECK NONE\n"}, "does not carry out HEALTHCHECK NONE"),
        ({"image/Dockerfile": DOCKERFILE + "ENV GREETING hello\n"}, "does not carry out ENV GREETING hello"),
        ({"image/Dockerfile": DOCKERFILE + "ENV A=$GREETING\n"}, "does not carry out ENV A=$GREETING"),
        (
            {"image/Dockerfile": DOCKERFILE.replace("--requirement", "numpy -r")},
            "pip must install a lock file",
        ),
        ({"image/Dockerfile": DOCKERFILE.replace("image/server.py", "../x")}, "not found"),
        (
            {"image/Dockerfile": DOCKERFILE.replace(" /opt/server.py\n", " /../../x\n", 1)},
            "is outside the image",
        ),
        ({"image/Dockerfile": DOCKERFILE.replace('"python", ', '"bash", ')}, "ENTRYPOINT is"),
    ],
)
def test_a_dockerfile_that_cannot_be_carried_out_fails_the_build_by_name(builder, changes, reason):
    assert reason in failure(builder.build("never", **changes))
    with pytest.raises(ClientError, match="ImageNotFoundException"):
        builder.ecr.describe_images(repositoryName="images", imageIds=[{"imageTag": "never"}])


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("npm install", "localcloud does not run `npm install`"),
        ("docker build --squash --tag x .", "it supports only the options"),
        ("docker push $REPOSITORY:other", "does not exist locally"),
        ("docker push x && rm -rf /", "localcloud does not run"),
    ],
)
def test_a_command_that_does_not_build_images_is_refused(builder, command, reason):
    name = builder.sandbox.name("project")
    spec = f"version: 0.2\nphases:\n  build:\n    commands:\n      - {command}\n"
    builder.make_project(name, source={"type": "S3", "location": "x/y", "buildspec": spec})
    assert reason in failure(builder.build("never", project=name))


@pytest.mark.slow
def test_packages_that_cannot_be_installed_fail_the_build(builder, monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    said = failure(builder.build("never", **{"packages.lock": "no-such-package==1\n"}))
    assert "the packages of the image cannot be installed: ERROR: " in said


def test_a_build_knows_nothing_of_the_variables_of_its_person(builder, monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("GITHUB_TOKEN", "not-for-builds")
    # pip replaces variables in such a file.
    lock = "no-such-package==1\n-r /nowhere/${GITHUB_TOKEN}.txt\n"
    assert "/nowhere/${GITHUB_TOKEN}.txt" in failure(builder.build("never", **{"packages.lock": lock}))


def test_a_build_that_is_stopped_ends_with_what_it_runs(builder, tmp_path):
    # pip waits for ever: its constraints are a pipe that nobody writes to.
    os.mkfifo(tmp_path / "waits.txt")
    lock = f"no-such-package==1\n-c {tmp_path / 'waits.txt'}\n"
    started = builder.start("never", **{"packages.lock": lock})
    wait(lambda: builder.log(started), lambda lines: lines and "ENTRYPOINT" in lines[-1])
    builder.codebuild.stop_build(id=started["id"])
    stopped = builder.ended(started)
    assert stopped["buildStatus"] == "STOPPED"
    assert stopped["phases"][1]["contexts"] == [{"message": "Build stopped"}]


def test_a_role_that_may_not_push_fails_the_build(builder):
    role = builder.make_role("reader", ["s3:*", "logs:*"])
    builder.make_project("powerless", serviceRole=role)
    assert "ecr:PutImage" in failure(builder.build("denied", project="powerless"))


def test_what_would_be_ignored_is_refused(builder):
    with pytest.raises(ClientError, match="does not support the property vpcConfig"):
        builder.make_project("vpc", vpcConfig={"vpcId": "vpc-1"})
    with pytest.raises(ClientError, match="not authorized to perform: sts:AssumeRole"):
        builder.make_project("role", serviceRole=builder.sandbox.role)
    with pytest.raises(ClientError, match="ResourceAlreadyExistsException"):
        builder.make_project("builder")
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        builder.codebuild.start_build(projectName="nobody")
    with pytest.raises(ClientError, match="localcloud does not support the codebuild operation ListBuilds"):
        builder.codebuild.list_builds()
    with pytest.raises(ClientError, match="does not support the ecr operation GetAuthorizationToken"):
        builder.ecr.get_authorization_token()


def test_a_script_is_trained_with_an_image_of_the_account(builder):
    assert builder.build("trains")["buildStatus"] == "SUCCEEDED"
    algorithm = {"TrainingImage": f"{builder.uri}:trains", "TrainingInputMode": "File"}
    job = builder.sandbox.trained(builder.sandbox.train(AlgorithmSpecification=algorithm))
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")


def test_missing_and_unknown_images_make_no_model(builder):
    for tag, kind in (("pushed", "docker.distribution.manifest.v2"), ("oci", "oci.image.manifest.v1")):
        manifest = {"schemaVersion": 2, "mediaType": f"application/vnd.{kind}+json", "layers": []}
        builder.ecr.put_image(repositoryName="images", imageManifest=json.dumps(manifest), imageTag=tag)
    for image, reason in (
        (f"{builder.uri}:missing", "Requested image .*:missing not found"),
        (f"{builder.uri}-none:first", "Requested image .*-none:first not found"),
        (f"{builder.uri}:oci", "Unsupported manifest media type application/vnd.oci.image.manifest.v1"),
        (f"{builder.uri}:pushed", "nothing here knows what is in it"),
    ):
        with pytest.raises(ClientError, match=reason):
            builder.endpoint(image)
