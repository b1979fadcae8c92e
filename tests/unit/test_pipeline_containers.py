"""The table of container images: when their support ends, what is said of that, and where they are."""

from __future__ import annotations

import re
import tomllib
from datetime import UTC, date, datetime, timedelta

import pytest
from packaging.requirements import Requirement

from pipeline import aws, containers, deploy, drift, hosting, image, served, stack
from pipeline.containers import DEFAULT_CONTAINER, HOSTING, TRAINING, Image
from pipeline.settings import PipelineError, Settings
from tests.conftest import PROJECT

END = date(2027, 7, 20)
IMAGE = Image("pytorch", "2.13-cpu", "2.13-gpu", END, "https://example.com/list", "choose another")


@pytest.mark.parametrize(
    ("days_before", "said"),
    [
        (61, None),
        (60, None),
        (59, "the container pytorch:2.13-cpu has security updates until 2027-07-20 "),
        (0, "the container pytorch:2.13-cpu has security updates until 2027-07-20 "),
        (-1, "the container pytorch:2.13-cpu had its last security updates on 2027-07-20 "),
        (-500, "the container pytorch:2.13-cpu had its last security updates on 2027-07-20 "),
    ],
)
def test_the_end_of_support_is_announced_sixty_days_before(days_before, said):
    notice = IMAGE.notice(END - timedelta(days_before))
    assert notice == (said and f"{said}(https://example.com/list); choose another")


def test_no_default_is_an_image_whose_support_has_ended():
    today = datetime.now(UTC).date()
    for used in (TRAINING, HOSTING[DEFAULT_CONTAINER], HOSTING[Settings().container]):
        assert used.support_ends is None or used.support_ends >= today, (
            f"{used.repository}:{used.tag}; {used.instead}"
        )


def test_the_container_that_answers_is_in_the_table_and_its_end_is_announced_once(capsys):
    with pytest.raises(PipelineError, match="CONTAINER=teapot: choose one of slim, ray, pytorch"):
        Settings(container="teapot")
    containers.warn_of_the_end(Settings(container="pytorch").hosting_image)
    said = capsys.readouterr().out
    assert said.count("\n") == 1
    assert "had its last security updates on 2026-06-30" in said
    assert "CONTAINER=slim" in said
    containers.warn_of_the_end(Settings().hosting_image)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(("container", "warnings"), [("slim", 0), ("ray", 0), ("pytorch", 1)])
def test_deploy_hands_the_image_of_the_container_to_the_stack_and_warns_once(
    container, warnings, monkeypatch, capsys
):
    given = {}
    monkeypatch.setattr(served, "packaged", lambda settings: ("s3://bucket/models/key/model.tar.gz", "key"))
    monkeypatch.setattr(aws, "read_json", {"s3://bucket/models/key/model.json": {"model": "abc"}}.__getitem__)
    before = {"ModelDataUrl": "s3://old", "ImageUri": "image", "Container": "slim", "ModelVersion": "old"}
    monkeypatch.setattr(stack, "parameters", lambda settings: before)
    monkeypatch.setattr(image, "hosting_image", lambda settings, kind: f"{settings.container} on {kind}")
    monkeypatch.setattr(stack, "sam_deploy", lambda settings, **parameters: given.update(parameters))
    monkeypatch.setattr(deploy, "publish", lambda settings: None)
    monkeypatch.setattr(hosting, "require_convertible", lambda settings, endpoint: None)
    monkeypatch.setattr(drift, "alarm_parameters", lambda settings, model: {"DriftFormula": model.version})
    deploy.run(Settings(container=container), FrameAncestors="'none'")
    assert capsys.readouterr().out.count("warning: ") == warnings
    assert given == {
        "ModelDataUrl": "s3://bucket/models/key/model.tar.gz",
        "Container": container,
        "ImageUri": f"{container} on {'ml.m5.large' if container == 'ray' else 'serverless'}",
        "ModelVersion": "abc",
        **served.NO_CANARY,
        "PreviousModel": "s3://old,image,slim,old",
        "MemorySizeInMB": Settings().endpoint_memory_mb,
        "InstanceType": "ml.m5.large" if container == "ray" else "",
        "InstanceCount": 1,
        "MinInstances": 0,
        "MaxInstances": 0,
        "ProvisionedConcurrency": 0,
        "FrameAncestors": "'none'",
        "DriftFormula": "abc",
    }


@pytest.mark.slow
def test_images_lie_in_awss_registry_of_the_region():
    from pipeline import sagemaker_sdk  # takes seconds to import

    for region, instance, uri in (
        ("us-east-1", "ml.m5.xlarge", "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch:2.13-cpu"),
        ("us-east-1", "ml.g5.xlarge", "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch:2.13-gpu"),
        ("eu-south-1", "ml.p4d.24xlarge", "692866216735.dkr.ecr.eu-south-1.amazonaws.com/pytorch:2.13-gpu"),
        ("cn-north-1", "serverless", "727897471807.dkr.ecr.cn-north-1.amazonaws.com.cn/pytorch:2.13-cpu"),
    ):
        assert sagemaker_sdk.aws_image(IMAGE, region, instance) == uri


def test_training_has_a_torch_that_the_project_is_tested_with():
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    [torch] = [each for each in map(Requirement, project["dependencies"]) if each.name == "torch"]
    for tag in (TRAINING.tag, TRAINING.gpu_tag):
        assert re.match(r"[\d.]+", tag)[0] in torch.specifier
