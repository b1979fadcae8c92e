"""Prepare reviews as shards in S3, by a SageMaker processing job (ON=sagemaker).

The reviews are shuffled and uploaded as files of JSON lines. Each instance of the job prepares the files that
it gets, with the same program as on this machine (train/prepare.py). At the end, the words that they counted
are merged into one vocabulary.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline import aws, bill, fleet, inputs, jobs, sdk, stack
from pipeline.settings import Settings
from project.console import say
from sentiment.data.channels import REVIEW
from sentiment.data.prepared import texts_beside
from sentiment.data.reviews import UNLABELLED, Reviews, Summary
from sentiment.data.shards import SHARD_REVIEWS
from sentiment.data.streaming import LINES, write_vocabulary
from sentiment.text.tokenizers import tokenizer

FORMAT_VERSION = 2
BUFFER_BYTES = 50_000_000
"""Of lines that wait to be written to their files."""
FILES = fleet.MAX_INSTANCES
"""At least as many files, and so shards, as a job may have instances, so that each gets some."""
CHANNELS = ("train", "validation", "vocabulary")
SHARDED = ("train",)


@dataclass(frozen=True)
class RemoteData:
    """Prepared reviews in S3, below the URI `folder`."""

    key: str
    folder: str

    @property
    def manifest(self) -> str:
        """The URI of the list of files, which is written last."""
        return f"{self.folder}/manifest.json"

    def test_reviews(self) -> list[str]:
        """The names of the files of raw test reviews, in order."""
        return [name for name in self._tests() if name.startswith("reviews-")]

    def test_labels(self) -> list[int]:
        """The labels of the test reviews, in the same order."""
        names = [name for name in self._tests() if name.startswith("labels-")]
        return [label for name in names for label in aws.read_json(f"{self.folder}/test/{name}")]

    def _tests(self) -> list[str]:
        return aws.names(f"{self.folder}/test/")


def data_key(settings: Settings) -> str:
    """The key of the prepared reviews of these settings, wherever they are prepared."""
    if settings.on == "here":
        return settings.prepared().key
    return _known(settings)[0]


def find(settings: Settings, bucket: str) -> RemoteData:
    """Where the reviews of these settings are, once they have been prepared."""
    key = data_key(settings)
    return RemoteData(key, inputs.data_uri(bucket, key))


def prepare(settings: Settings) -> None:
    """Prepare the reviews by a processing job, unless that has been done. Raises PipelineError."""
    bucket = stack.output(settings, "DataBucketName")
    key, number = _known(settings)
    data = RemoteData(key, inputs.data_uri(bucket, key))
    if aws.exists(data.manifest):
        say(f"unchanged: {data.folder}")
        return
    lines = f"s3://{bucket}/processing/{data.key}/lines"
    output = f"s3://{bucket}/processing/{data.key}/prepared"
    job = jobs.running_processing(f"{settings.stack}-prepare-", output)
    if job is None:
        settings.build.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=settings.build) as scratch:
            _upload_lines(_labelled(settings), number, lines, Path(scratch))
        job = _start(settings, bucket, lines, output)
    else:
        say(f"processing job {job} of an earlier run is running")
    jobs.wait_for_processing(job)
    made = _finish(settings, output, data)
    say(f"wrote: {data.folder} ({made['words']:,} words)")


def _known(settings: Settings) -> tuple[str, int]:
    """Return the key of the texts of these settings, and the number of labelled ones."""
    short = {kind: Summary(texts.rows()) for kind, texts in _short_texts(settings).items()}
    tokenize = tokenizer(settings.chosen_recipe().tokenizer)
    digest = hashlib.sha256(f"shards {FORMAT_VERSION} {tokenize.name} {tokenize.version}".encode())
    number = 0
    for kind, summary in {REVIEW: settings.summary(), **short}.items():
        digest.update(f" {kind} {summary.fingerprint()}".encode())
        number += summary.labelled()
    return digest.hexdigest()[:20], number


def _short_texts(settings: Settings) -> dict[int, Reviews]:
    """The short texts that the recipe learns from, by their kinds."""
    return texts_beside(settings.chosen_recipe().short_texts, settings.rows)


def _labelled(settings: Settings) -> Iterator[str]:
    """The labelled reviews and short texts, each as a line for the job."""
    short = {kind: texts.rows() for kind, texts in _short_texts(settings).items()}
    for kind, rows in {REVIEW: settings.rows(), **short}.items():
        for text, label, split, _ in rows:
            if label != UNLABELLED:
                row = {"review": text, "sentiment": label, "split": split, "kind": kind}
                yield json.dumps(row) + "\n"


def _upload_lines(lines: Iterable[str], number: int, target: str, scratch: Path) -> None:
    """Upload `number` JSON lines as files, shuffled, because shards are read one at a time.

    The lines are collected in files of the folder `scratch`, so that memory holds at most BUFFER_BYTES of
    them, or one file. Of each block of as many lines as there are files, every file gets one line.
    """
    random = np.random.default_rng(0)
    files = max(FILES, -(-number // SHARD_REVIEWS))
    waiting: dict[int, list[str]] = defaultdict(list)
    held = 0
    order: list[int] = []
    for line in lines:
        order = order or random.permutation(files).tolist()
        waiting[order.pop()].append(line)
        held += len(line)
        if held > BUFFER_BYTES:
            _write_down(waiting, scratch)
            held = 0
    _write_down(waiting, scratch)
    for file in sorted(scratch.iterdir()):
        with file.open(encoding="utf-8") as stream:
            own = stream.readlines()
        shuffled = "".join(own[place] for place in random.permutation(len(own)).tolist())
        aws.write(shuffled.encode(), f"{target}/{file.name}")
        file.unlink()


def _write_down(waiting: dict[int, list[str]], scratch: Path) -> None:
    for number, lines in waiting.items():
        with (scratch / f"{number:06}{LINES}").open("a", encoding="utf-8") as stream:
            stream.writelines(lines)
    waiting.clear()


def _start(settings: Settings, bucket: str, lines: str, output: str) -> str:
    job = f"{settings.stack}-prepare-{time.strftime('%Y%m%d-%H%M%S')}"
    sdk.of(settings).start_preparing(
        job,
        bucket=bucket,
        role=stack.output(settings, "TrainingRoleArn"),
        instance_type=settings.train_instance_type,
        instances=settings.instances,
        arguments=["--tokenizer", settings.chosen_recipe().tokenizer],
        lines=lines,
        output=output,
    )
    machines = fleet.described(settings.instances, settings.train_instance_type)
    price = bill.hourly(settings.train_instance_type, settings.instances)
    cost = "" if price is None else f", ${price:.2f} an hour at us-east-1's list prices"
    say(f"processing job {job} on {machines}{cost}, reading {lines}")
    return job


def _finish(settings: Settings, output: str, data: RemoteData) -> dict[str, Any]:
    """Make the vocabulary from the words that all instances counted, and copy everything to its place."""
    names = aws.names(f"{output}/")
    tokenize = tokenizer(settings.chosen_recipe().tokenizer)
    with tempfile.TemporaryDirectory() as scratch:
        counted = []
        for name in (name for name in names if name.startswith("words/")):
            counted.append(Path(scratch) / name)
            aws.download(f"{output}/{name}", counted[-1])
        made = write_vocabulary(counted, Path(scratch) / "vocabulary", tokenize)
        for file in sorted((Path(scratch) / "vocabulary").iterdir()):
            aws.upload(file, f"{data.folder}/vocabulary/{file.name}")
    kept = [name for name in names if not name.startswith("words/")]
    for name in kept:
        aws.copy(f"{output}/{name}", f"{data.folder}/{name}")
    # Last, so that it is there only when everything else is.
    aws.write_json({"files": kept}, data.manifest)
    return made
