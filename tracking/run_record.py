"""The record of a training run: its parameters, its data, and the metrics and times of its epochs.

Training always writes it as run.json beside the model, so that the run can be logged to a tracking server
afterwards, with its true times. It is not part of the model: the checksum list, and so the model's version,
exclude it.
"""

import hashlib
import os
import platform
import subprocess
import sys
import time
import uuid
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from sentiment.data.channels import Channel, read_json
from sentiment.errors import ArtifactError
from sentiment.evaluation.metrics import expected_calibration_error, wilson_interval
from sentiment.files import atomic_write, read_object, write_json

FILE_NAME = "run.json"
FORMAT_VERSION = 2
MAX_BYTES = 1 << 24
GIT_SECONDS = 5.0


@dataclass
class RunRecord:
    """The record of a run. Times are milliseconds since 1970.

    `parameters` are the hyperparameters and options, `data` describes the reviews, and `tags` the code and
    the machine. `id` identifies the run wherever it is logged. `status` is RUNNING, FINISHED, FAILED, or
    KILLED (a request to stop). `epochs` are those of the model's metrics, each with its `time`. `results` are
    the final metrics, and `validation` and `test` are results of sentiment.evaluation.metrics.evaluate.
    """

    parameters: dict[str, str | int | float | bool]
    data: dict[str, str | int]
    tags: dict[str, str] = field(default_factory=dict)
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    started: int = field(default_factory=lambda: now())
    ended: int | None = None
    status: str = "RUNNING"
    epochs: list[dict[str, Any]] = field(default_factory=list)
    results: dict[str, float] = field(default_factory=dict)
    validation: dict[str, Any] | None = None
    test: dict[str, Any] | None = None

    def note_epochs(self, history: list[dict[str, Any]]) -> None:
        """Add the epochs that are new in `history`, with the current time."""
        known = self.epochs[: len(history)]
        self.epochs = known + [{**entry, "time": now()} for entry in history[len(known) :]]

    def end(self, status: str) -> None:
        """Set the final status and the end time."""
        self.status, self.ended = status, now()

    def write(self, file: Path) -> None:
        """Write the record, atomically. Raises OSError."""
        with atomic_write(file) as temporary:
            write_json(temporary, {"format": FORMAT_VERSION, **asdict(self)})

    def try_write(self, file: Path, quiet: bool = False) -> bool:
        """Write the record if possible, and return whether it was.

        A training run should not fail because of its record, so an error is only a warning, unless `quiet`.
        """
        try:
            self.write(file)
        except OSError as error:
            if not quiet:
                warn(
                    f"the record of this run cannot be written to {file}: {error.strerror or error}. "
                    "Training goes on; what is not in the record cannot be logged to MLflow"
                )
            return False
        return True


def read_record(file: Path) -> RunRecord:
    """Read a record. Raises ArtifactError if it is missing, broken, or of an unknown version."""
    try:
        content = read_object(file, MAX_BYTES)
        if (version := content.pop("format", None)) == 1:
            for split in ("validation", "test"):
                content[split] = _from_version_1(content.get(split))
        elif version != FORMAT_VERSION:
            raise ValueError("it is of another version")
        return _checked(RunRecord(**content))
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ArtifactError(f"{file} is not a record of a training run: {error}") from None


def _from_version_1(figures: dict[str, Any] | None) -> dict[str, Any] | None:
    """Convert the figures of one split in a record of version 1 to the current form of `evaluate`."""
    if not figures:
        return None
    reviews, rows = figures["reviews"], figures["confusion"]
    bins = []
    for row in figures["reliability"]:
        low, high = wilson_interval(round(row["positive_share"] * row["reviews"]), row["reviews"])
        shares = {"probability": row["mean_probability"], "positive": row["positive_share"]}
        bins.append({"reviews": row["reviews"], **shares, "low": low, "high": high})
    names = ("negative", "positive")
    return {
        "reviews": reviews,
        "accuracy": figures["accuracy"],
        "accuracy_interval_95": list(wilson_interval(rows[0][0] + rows[1][1], reviews)),
        "confusion_matrix": {
            name: dict(zip(names, row, strict=True)) for name, row in zip(names, rows, strict=True)
        },
        "calibration": {"expected_calibration_error": expected_calibration_error(bins), "bins": bins},
    }


def _checked(record: RunRecord) -> RunRecord:
    """Return the record if its fields have the right types. Raises TypeError."""
    kinds = {"parameters": dict, "data": dict, "tags": dict, "id": str, "epochs": list, "results": dict}
    for name, kind in kinds.items():
        if not isinstance(getattr(record, name), kind):
            raise TypeError(f"its {name} must be of type {kind.__name__}")
    if not all(isinstance(entry, dict) and {"epoch", "time"} <= entry.keys() for entry in record.epochs):
        raise TypeError("its epochs must have a number and a time each")
    return record


def begin_record(
    parameters: dict[str, Any], train: str | Path, validation: Channel, checkpoints: Path | None = None
) -> RunRecord:
    """The record of a run that starts now, or the one that the same run left beside its checkpoint."""
    record = RunRecord(parameters, _data(train, validation), _tags())
    if checkpoints is not None and (checkpoints / FILE_NAME).is_file():
        try:
            earlier = read_record(checkpoints / FILE_NAME)
        except ArtifactError as error:
            warn(f"{error}; this run starts a new record")
            return record
        if (earlier.parameters, earlier.data) == (record.parameters, record.data):
            earlier.status, earlier.ended = "RUNNING", None
            return earlier
    return record


def results_of(metrics: dict[str, Any]) -> dict[str, float]:
    """The metrics for comparing runs, from a model's metrics.json."""
    figures = {
        "best_epoch": metrics["best_epoch"],
        "best_validation_accuracy": metrics["validation_accuracy"],
        "best_validation_loss": metrics["validation_loss"],
        "expected_calibration_error": (metrics.get("calibration") or {}).get("expected_calibration_error"),
    }
    return {name: value for name, value in figures.items() if value is not None}


def warn(message: str) -> None:
    """Print a warning on standard error."""
    print(f"warning: {message}", file=sys.stderr, flush=True)


def now() -> int:
    """The time in milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def _data(train: str | Path, validation: Channel) -> dict[str, str | int]:
    """Describe the data of a run. `validation_split` identifies the held-out reviews for any tokenizer."""
    preprocessing = read_json(train, "preprocessing.json")
    fingerprint = str(preprocessing.get("reviews_sha256", ""))
    digest = hashlib.sha256(fingerprint.encode() + validation.labels.tobytes())
    data: dict[str, str | int] = {
        "reviews_sha256": fingerprint,
        "validation_split": digest.hexdigest()[:16] if fingerprint else "",
    }
    for name in ("tokenizer_version", "words"):
        data[name] = preprocessing.get(name, "")
    if votes := preprocessing.get("votes", {}).get("train"):
        data["votes"] = votes
    return data


def _tags() -> dict[str, str]:
    """The commit of the code, versions of Python and torch, and the SageMaker job, if any."""
    environment = os.environ.get
    tags = {
        "git_commit": environment("GIT_COMMIT") or git_commit(),
        "python": platform.python_version(),
        "torch": version("torch"),
        "machine": platform.machine(),
        "job": environment("TRAINING_JOB_NAME"),
        "job_arn": environment("TRAINING_JOB_ARN"),
        "mlflow_run_id": environment("MLFLOW_RUN_ID"),
    }
    return {name: value for name, value in tags.items() if value}


def git_commit() -> str | None:
    """The commit of this code, with "-dirty" if files differ from it; None outside of a repository."""
    command = ["git", "describe", "--always", "--abbrev=40", "--dirty", "--exclude=*"]
    try:
        done = subprocess.run(
            command, cwd=Path(__file__).parent, capture_output=True, text=True, timeout=GIT_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None
