"""Measure the accuracy of the packaged model on the test reviews, by SageMaker batch transform."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from pipeline import aws, image, inputs, jobs, remote, sdk, stack, tracking
from pipeline.package import packaged
from pipeline.settings import PipelineError, Settings
from project.console import say, shown, step
from sentiment.evaluation.metrics import evaluate, slices
from sentiment.files import atomic_write


def run(settings: Settings) -> None:
    """Write evaluation.json and the plots, unless they exist. Raises PipelineError."""
    step("Evaluate on the test split by batch transform")
    uri, key = packaged(settings)
    report = report_file(settings, key)
    if report.exists():
        say(f"unchanged: {shown(report)}")
        result = json.loads(report.read_text())
        describe(uri, result)
        show(result)
        return
    bucket = stack.output(settings, "DataBucketName")
    outputs = inputs.evaluation_uri(bucket, key, remote.data_key(settings), settings.instances)
    tests = (
        _in_shards(settings, bucket)
        if settings.on == "sagemaker"
        else _prepared_here(settings, bucket, outputs)
    )
    labels = tests.labels
    answers = _transform(settings, bucket, uri, outputs, tests)
    if len(answers) != len(labels):
        raise PipelineError(f"batch transform answered {len(answers)} of {len(labels)} test reviews")
    probabilities = [answer["probability"] for answer in answers]
    from sentiment.evaluation import figures  # takes a second to import: matplotlib

    result = evaluate(labels, probabilities)
    result |= {
        "slices": slices(labels, probabilities, _lengths(bucket, tests)),
        "model": answers[0]["model"],
        "data": settings.data,
        "recipe": settings.model or settings.recipe,
    }

    pictures = report.with_name("confusion.png"), report.with_name("calibration.png")
    figures.save(figures.confusion_matrix(result), pictures[0])
    figures.save(figures.reliability(result), pictures[1])
    with atomic_write(report) as temporary:
        temporary.write_text(json.dumps(result, indent=2) + "\n")
    describe(uri, result)
    say("wrote: " + ", ".join(map(shown, (report, *pictures))))
    tracking.log_if_enabled("test", inputs.model_file(settings, key), report)
    show(result)


def report_file(settings: Settings, key: str) -> Path:
    """The path of evaluation.json for the model with that key.

    The key of a given model does not cover the reviews, so their key is added.
    """
    if settings.model is not None:
        key = f"{key}-{remote.data_key(settings)}"
    return settings.build / "evaluation" / key / "evaluation.json"


def describe(model_uri: str, result: dict[str, Any]) -> None:
    """Add the test accuracy to the model's description, which GET /model returns and the page shows."""
    uri = inputs.description_uri(model_uri)
    description = aws.read_json(uri)
    test = {
        "accuracy": result["accuracy"],
        "interval": list(result["accuracy_interval_95"]),
        "reviews": result["reviews"],
    }
    if "slices" in result:
        test["slices"] = result["slices"]
    if description["metrics"].get("test") != test:
        description["metrics"]["test"] = test
        aws.write_json(description, uri)


def show(result: dict[str, Any]) -> None:
    """Print the accuracy of an evaluation."""
    low, high = result["accuracy_interval_95"]
    say(
        f"test accuracy {result['accuracy']:.2%} (95 % interval {low:.2%} to {high:.2%}) "
        f"on {result['reviews']:,} held-out reviews"
    )


@dataclass(frozen=True)
class RawReviews:
    """The raw test reviews in S3: the common prefix of their URIs, the names of the files, and the labels."""

    prefix: str
    names: list[str]
    labels: list[int]


def _prepared_here(settings: Settings, bucket: str, outputs: str) -> RawReviews:
    """The test reviews that were prepared on this machine, in as many files as there are instances."""
    prepared = settings.prepared()
    labels = json.loads((prepared.test / "labels.json").read_text())
    reviews = f"{inputs.data_uri(bucket, prepared.key)}/test/reviews.jsonl"
    if not aws.exists(reviews):
        raise PipelineError(f"there are no test reviews at {reviews}: run `make upload` first")
    if settings.instances == 1:
        return RawReviews(reviews, ["reviews.jsonl"], labels)
    # Batch transform distributes whole objects among its instances.
    lines = (prepared.test / "reviews.jsonl").read_bytes().splitlines(keepends=True)
    files = min(settings.instances, len(lines))
    bounds = [len(lines) * number // files for number in range(files + 1)]
    names = [f"reviews-{number:03}.jsonl" for number in range(files)]
    target = f"{outputs}/reviews"
    for name, (start, end) in zip(names, pairwise(bounds), strict=True):
        aws.write(b"".join(lines[start:end]), f"{target}/{name}")
    return RawReviews(f"{target}/", names, labels)


def _in_shards(settings: Settings, bucket: str) -> RawReviews:
    """The test reviews that a processing job prepared."""
    data = remote.find(settings, bucket)
    if not aws.exists(data.manifest):
        raise PipelineError(f"there are no test reviews at {data.folder}: run `make prepare` first")
    if not data.test_reviews():
        raise PipelineError("these reviews have no test split; use a source that has one")
    return RawReviews(f"{data.folder}/test/reviews-", data.test_reviews(), data.test_labels())


def _transform(
    settings: Settings, bucket: str, model_uri: str, outputs: str, tests: RawReviews
) -> list[dict[str, Any]]:
    """Run a transform job, or follow one that is running, and return the answers in the reviews' order."""
    job = jobs.running_transform(f"{settings.stack}-test-", outputs)
    if job is None:
        job = _start_transform(settings, bucket, model_uri, tests.prefix, outputs)
        say(f"transform job {job}, reading {tests.prefix}")
    else:
        say(f"transform job {job} of an earlier run is running")
    _wait(job)
    answers = []
    for name in tests.names:
        _, file = aws.split_uri(f"{outputs}/{job}/{name}.out")
        body = aws.client("s3").get_object(Bucket=bucket, Key=file)["Body"].read()
        answers += [json.loads(line) for line in body.splitlines()]
    return answers


def _lengths(bucket: str, tests: RawReviews) -> list[int]:
    """The number of words in each test review."""
    _, folder = aws.split_uri(tests.prefix.rpartition("/")[0])
    lengths = []
    for name in tests.names:
        body = aws.client("s3").get_object(Bucket=bucket, Key=f"{folder}/{name}")["Body"]
        lengths += [len(json.loads(line)["review"].split()) for line in body.iter_lines()]
    return lengths


def _start_transform(settings: Settings, bucket: str, model_uri: str, reviews: str, outputs: str) -> str:
    """Start a batch transform job and return its name, which is also that of its model."""
    job = f"{settings.stack}-test-{time.strftime('%Y%m%d-%H%M%S')}"
    sdk.of(settings).start_transform(
        job,
        bucket=bucket,
        role=stack.output(settings, "TrainingRoleArn"),
        instance_type=settings.transform_instance_type,
        instances=settings.instances,
        image=image.hosting_image(settings, settings.transform_instance_type),
        model_data=model_uri,
        reviews=reviews,
        output=f"{outputs}/{job}",
    )
    return job


def _wait(job: str) -> None:
    """Follow the job to its end, then delete its model."""
    try:
        jobs.wait_for_transform(job)
    except jobs.ConnectionLost:  # the job is still running and needs its model
        raise
    except BaseException:
        aws.client("sagemaker").delete_model(ModelName=job)
        raise
    aws.client("sagemaker").delete_model(ModelName=job)
