"""People's votes -> a new model in the model registry, with a comparison to the one that answers.

Whether it may take over is decided by the rules of sentiment.evaluation.comparison. One that breaks them is
registered as rejected; one that keeps them waits for `make promote`, or is approved at once by AUTO=1.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pipeline import aws, inputs, model_packages, prepare, stack, tracking, train, upload
from pipeline.model_files import opened
from pipeline.package import packaged
from pipeline.settings import PipelineError, Settings
from project import retraining
from project.console import say, step
from sentiment.files import atomic_write

# At a time: each vote is an object of its own.
DOWNLOADS = 16


def run(settings: Settings) -> None:
    """Collect, clean, train, compare, register. Raises PipelineError or RetrainingError."""
    if settings.model is not None:
        raise PipelineError("make retrain trains its model itself: leave MODEL out")
    if settings.on != "here":
        raise PipelineError("make retrain prepares the votes here: leave ON out")
    bucket = stack.output(settings, "DataBucketName")
    step("Collect the votes")
    folder = settings.build / "votes" / bucket
    new_votes = collect(bucket, folder)
    say(f"{new_votes:,} new votes from s3://{bucket}/feedback")
    before = _answering(settings)
    with opened(before) as old:
        voted = retraining.collect(folder, settings, old, new_votes, settings.trusted)
        with_votes = retraining.with_votes(settings, voted)
        for each in (prepare, upload, train):
            each.run(with_votes)
        # What people can take back is kept in one place only.
        aws.delete_below(inputs.data_uri(bucket, with_votes.prepared().key))
        uri, key = packaged(with_votes)
        with opened(uri) as new:
            comparison, reasons = retraining.compare_models(with_votes, voted, old, new)
    register(settings, before, uri, comparison, reasons)
    tracking.log_if_wanted("compare", inputs.model_file(settings, key), comparison)


def collect(bucket: str, folder: Path) -> int:
    """Make the folder hold the votes of the bucket; returns how many are new.

    Votes that people have taken back, and those that have expired, are deleted here, too.
    """
    s3 = aws.client("s3")
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="feedback/date=")
    there = {each["Key"].removeprefix("feedback/") for page in pages for each in page.get("Contents", [])}
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    here = {file.relative_to(folder).as_posix() for file in folder.glob("date=*/*.json")}
    for gone in here - there:
        (folder / gone).unlink()

    def fetch(name: str) -> None:
        body = s3.get_object(Bucket=bucket, Key=f"feedback/{name}")["Body"].read()
        with atomic_write(folder / name, 0o600) as aside:
            aside.write_bytes(body)

    with ThreadPoolExecutor(DOWNLOADS) as pool:
        list(pool.map(fetch, sorted(there - here)))
    return len(there - here)


def register(settings: Settings, before: str, uri: str, comparison: Path, reasons: list[str]) -> None:
    """Add both models to the registry: the new one approved, pending or rejected."""
    step("Register the model")
    if model_packages.newest(settings, model_packages.APPROVED) is None:
        model_packages.add(settings, before, model_packages.APPROVED, "It answers already.")
    if uri == before:
        say("unchanged: the model that answers has learned from these votes already")
        return
    metrics = f"{uri.rpartition('/')[0]}/comparison.json"
    aws.upload(comparison, metrics)
    if reasons:
        status, why = model_packages.REJECTED, "; ".join(reasons)
    else:
        status = model_packages.APPROVED if settings.auto else model_packages.PENDING
        why = "It keeps the rules."
    version = model_packages.add(settings, uri, status, why, metrics)
    say(f"version {version} of {settings.stack}: {status}")
    if status == model_packages.PENDING:
        say("to let it take over: make promote, then make deploy MODEL=approved")
    elif status == model_packages.APPROVED:
        say("to let it answer: make deploy MODEL=approved")


def _answering(settings: Settings) -> str:
    """The S3 URI of the model that people vote on: the newest approved one, else the one that is deployed."""
    if package := model_packages.newest(settings, model_packages.APPROVED):
        return model_packages.model_uri(package)
    name = stack.output(settings, "ModelName")
    model = aws.client("sagemaker").describe_model(ModelName=name)
    return str(model["PrimaryContainer"]["ModelDataUrl"])
