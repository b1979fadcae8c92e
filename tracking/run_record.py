"""The record of a training run: what it was asked for, what it read, how each epoch went, and when.

Training keeps it as run.json beside the model, whether or not anything follows the run, so that it can be
logged to a tracking server afterwards with its true times. It is not part of the model: the checksum list,
and so the model's version, leave it out.
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
    """Times are milliseconds since 1970. `status` is RUNNING, FINISHED, FAILED, or KILLED (told to stop).

    `id` names the run wherever it is logged. `epochs` are those of the model's metrics, each with its `time`.
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
        """Take over the epochs that have ended; those not seen before ended just now."""
        known = self.epochs[: len(history)]
        self.epochs = known + [{**entry, "time": now()} for entry in history[len(known) :]]

    def end(self, status: str) -> None:
        self.status, self.ended = status, now()

    def write(self, file: Path) -> None:
        with atomic_write(file) as temporary:
            write_json(temporary, {"format": FORMAT_VERSION, **asdict(self)})

    def try_write(self, file: Path, quiet: bool = False) -> bool:
        """Write it if that is possible, and say whether it was.

        No record is worth a training run, so what prevents it is a warning, or nothing where `quiet`.
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
    """Raises ArtifactError for a record that is missing, broken or of another version."""
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
    """The figures of one split, as `evaluate` gives them now, from those of earlier records."""
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
    """The record, if what training and logging go through is of the right kind. Raises TypeError."""
    kinds = {"parameters": dict, "data": dict, "tags": dict, "id": str, "epochs": list, "results": dict}
    for name, kind in kinds.items():
        if not isinstance(getattr(record, name), kind):
            raise TypeError(f"its {name} are no {kind.__name__}")
    if not all(isinstance(entry, dict) and {"epoch", "time"} <= entry.keys() for entry in record.epochs):
        raise TypeError("its epochs lack their numbers or times")
    return record


def begin_record(
    parameters: dict[str, Any], train: str | Path, validation: Channel, checkpoints: Path | None = None
) -> RunRecord:
    """The record of a run that starts now, or of the same run where it left one beside its checkpoint."""
    record = RunRecord(parameters, _data(train, validation), _tags())
    if checkpoints is not None and (checkpoints / FILE_NAME).is_file():
        try:
            earlier = read_record(checkpoints / FILE_NAME)
        except ArtifactError as error:
            warn(f"{error}; this run gets a new one")
            return record
        if (earlier.parameters, earlier.data) == (record.parameters, record.data):
            earlier.status, earlier.ended = "RUNNING", None
            return earlier
    return record


def results_of(metrics: dict[str, Any]) -> dict[str, float]:
    """The figures of a model's metrics.json by which runs are compared."""
    figures = {
        "best_epoch": metrics["best_epoch"],
        "best_validation_accuracy": metrics["validation_accuracy"],
        "best_validation_loss": metrics["validation_loss"],
        "expected_calibration_error": (metrics.get("calibration") or {}).get("expected_calibration_error"),
    }
    return {name: value for name, value in figures.items() if value is not None}


def warn(message: str) -> None:
    print(f"warning: {message}", file=sys.stderr, flush=True)


def now() -> int:
    return time.time_ns() // 1_000_000


def _data(train: str | Path, validation: Channel) -> dict[str, str | int]:
    """What the run reads. `validation_split` is the same for the same held-out reviews, however tokenized."""
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
    """The code's commit, the versions of what it runs on, and the SageMaker job, if it is one."""
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
    """The commit of this code, with "-dirty" where files differ from it; None outside of a repository."""
    command = ["git", "describe", "--always", "--abbrev=40", "--dirty", "--exclude=*"]
    try:
        done = subprocess.run(
            command, cwd=Path(__file__).parent, capture_output=True, text=True, timeout=GIT_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None
