"""SageMaker's model registry: a model package group with the stack's name, and a version for each model.

A version is approved, pending (PendingManualApproval), or rejected by the rules of
sentiment.evaluation.comparison; its description gives the reasons.
https://docs.aws.amazon.com/sagemaker/latest/dg/model-registry.html
"""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from pipeline import aws, image
from pipeline.settings import PipelineError, Settings
from project.console import say

APPROVED, PENDING, REJECTED = "Approved", "PendingManualApproval", "Rejected"
MAX_DESCRIPTION = 1024
# What an inference container needs to find the entry point inside the model folder (infra/template.yaml).
ENVIRONMENT = {"SAGEMAKER_PROGRAM": "inference.py", "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code"}


def newest(settings: Settings, *statuses: str) -> dict[str, Any] | None:
    """The description of the newest version with one of these statuses; None if there is none."""
    found = [each for each in _versions(settings) if each["ModelApprovalStatus"] in statuses]
    if not found:
        return None
    arn = max(found, key=lambda each: each["ModelPackageVersion"])["ModelPackageArn"]
    return _described(arn)


def named(settings: Settings, version: str) -> dict[str, Any]:
    """The description of the version with that number. Raises PipelineError if there is none."""
    found = {str(each["ModelPackageVersion"]): each["ModelPackageArn"] for each in _versions(settings)}
    if version not in found:
        there = ", ".join(sorted(found, key=int)) or "none"
        raise PipelineError(
            f"the model package group {settings.stack} has no version {version}; it has {there}"
        )
    return _described(found[version])


def approved(settings: Settings) -> str:
    """The S3 URI of the newest approved model. Raises PipelineError if there is none."""
    package = newest(settings, APPROVED)
    if package is None:
        raise PipelineError(
            f"the model package group {settings.stack} has no approved model: run `make retrain`, then "
            "`make promote`"
        )
    return model_uri(package)


def model_uri(package: dict[str, Any]) -> str:
    """The S3 URI of a version's model.tar.gz."""
    return str(package["InferenceSpecification"]["Containers"][0]["ModelDataUrl"])


def add(settings: Settings, uri: str, status: str, description: str, metrics_uri: str | None = None) -> str:
    """Add the model at an S3 URI as a version, and return the version's number.

    If there is a version with that model already, it gets the new status, unless it has been approved.
    """
    _make_group(settings)
    for each in _versions(settings):
        package = _described(each["ModelPackageArn"])
        if model_uri(package) == uri:
            if package["ModelApprovalStatus"] != APPROVED:
                set_status(package, status, description)
            return str(package["ModelPackageVersion"])
    quality = {"Statistics": {"ContentType": "application/json", "S3Uri": metrics_uri}}
    arn = aws.client("sagemaker").create_model_package(
        ModelPackageGroupName=settings.stack,
        ModelPackageDescription=description[:MAX_DESCRIPTION],
        ModelApprovalStatus=status,
        InferenceSpecification={
            "Containers": [
                {
                    "Image": image.hosting_image(settings, settings.transform_instance_type),
                    "ModelDataUrl": uri,
                    "Environment": ENVIRONMENT,
                }
            ],
            "SupportedContentTypes": ["application/json", "application/jsonlines", "text/plain"],
            "SupportedResponseMIMETypes": ["application/json", "application/jsonlines"],
            "SupportedTransformInstanceTypes": [settings.transform_instance_type],
            "SupportedRealtimeInferenceInstanceTypes": [settings.transform_instance_type],
        },
        **({"ModelMetrics": {"ModelQuality": quality}} if metrics_uri else {}),
    )["ModelPackageArn"]
    return str(_described(arn)["ModelPackageVersion"])


def set_status(package: dict[str, Any], status: str, description: str) -> None:
    """Approve or reject a version; `description` gives the reason."""
    aws.client("sagemaker").update_model_package(
        ModelPackageArn=package["ModelPackageArn"],
        ModelApprovalStatus=status,
        ApprovalDescription=description[:MAX_DESCRIPTION],
    )


def delete(settings: Settings) -> None:
    """Delete the group and its versions, but not their models, which are in the stack's bucket."""
    versions = _versions(settings)
    for each in versions:
        aws.client("sagemaker").delete_model_package(ModelPackageName=each["ModelPackageArn"])
    if versions:
        aws.client("sagemaker").delete_model_package_group(ModelPackageGroupName=settings.stack)
        say(f"deleted the model package group {settings.stack} ({len(versions)} versions)")


def _described(arn: str) -> dict[str, Any]:
    package: dict[str, Any] = aws.client("sagemaker").describe_model_package(ModelPackageName=arn)
    return package


def _make_group(settings: Settings) -> None:
    sagemaker = aws.client("sagemaker")
    try:
        sagemaker.create_model_package_group(
            ModelPackageGroupName=settings.stack,
            ModelPackageGroupDescription="Sentiment of movie reviews: models that learn from votes",
        )
    except ClientError as error:
        # "ValidationException: Model Package Group already exists: arn:..."
        if "already exists" not in str(error):
            raise


def _versions(settings: Settings) -> list[dict[str, Any]]:
    """The summaries of all versions; empty if there is no group."""
    pages = aws.client("sagemaker").get_paginator("list_model_packages")
    try:
        return [
            each
            for page in pages.paginate(ModelPackageGroupName=settings.stack)
            for each in page["ModelPackageSummaryList"]
        ]
    except ClientError as error:
        # "ValidationException: ModelPackageGroup arn:... does not exist."
        if "does not exist" in str(error):
            return []
        raise
