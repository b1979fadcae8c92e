"""`make retrain`: train a model on people's votes as well, compare it with the current one, and register it.

The rules of sentiment.evaluation.comparison decide whether it may take over. A model that breaks them is
registered as rejected. One that keeps them waits for `make promote`, or is approved at once with AUTO=1.
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

# Parallel downloads; each vote is an object of its own.
DOWNLOADS = 16


def run(settings: Settings) -> None:
    """Collect, clean, train, compare, register. Raises PipelineError or RetrainingError."""
    if settings.model is not None:
        raise PipelineError("`make retrain` trains its own model: leave MODEL out")
    if settings.on != "here":
        raise PipelineError("`make retrain` prepares the votes here: leave ON out")
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
        # People can take their votes back, so the bucket keeps no second copy of the texts.
        aws.delete_below(inputs.data_uri(bucket, with_votes.prepared().key))
        uri, key = packaged(with_votes)
        with opened(uri) as new:
            comparison, reasons = retraining.compare_models(with_votes, voted, old, new)
    register(settings, before, uri, comparison, reasons)
    tracking.log_if_enabled("compare", inputs.model_file(settings, key), comparison)


def collect(bucket: str, folder: Path) -> int:
    """Synchronise the folder with the votes in the bucket, and return how many are new.

    Votes that people have taken back, or that have expired, are deleted here as well.
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
        with atomic_write(folder / name, 0o600) as temporary:
            temporary.write_bytes(body)

    with ThreadPoolExecutor(DOWNLOADS) as pool:
        list(pool.map(fetch, sorted(there - here)))
    return len(there - here)


def register(settings: Settings, before: str, uri: str, comparison: Path, reasons: list[str]) -> None:
    """Add both models to the registry, the new one as approved, pending or rejected."""
    step("Register the model")
    if model_packages.newest(settings, model_packages.APPROVED) is None:
        model_packages.add(settings, before, model_packages.APPROVED, "It answers already.")
    if uri == before:
        say("unchanged: the current model has already learned from these votes")
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
        say("to deploy it, run `make promote`, then `make deploy MODEL=approved`")
    elif status == model_packages.APPROVED:
        say("to deploy it, run `make deploy MODEL=approved`")


def _answering(settings: Settings) -> str:
    """The S3 URI of the model that people vote on: the newest approved one, else the deployed one."""
    if package := model_packages.newest(settings, model_packages.APPROVED):
        return model_packages.model_uri(package)
    name = stack.output(settings, "ModelName")
    model = aws.client("sagemaker").describe_model(ModelName=name)
    return str(model["PrimaryContainer"]["ModelDataUrl"])
