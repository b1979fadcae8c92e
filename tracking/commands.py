"""Log training runs and their models to MLflow: during training, or afterwards from the model folder.

    python train/tracking.py log build/model             # a folder or a model.tar.gz; needs no training data
    python train/tracking.py promote 3                   # make version 3 the champion, whatever its figures
    python train/tracking.py challenge 4 --percent 10    # let version 4 answer 10 % of the texts beside it
    python train/tracking.py rollback                    # end that, or else return to the previous champion
    python train/tracking.py fetch models:/movie-sentiment@champion build/champion
    python train/tracking.py serve                        # as `make mlflow` does
    python train/tracking.py test build/model build/evaluation/KEY/evaluation.json

The server is the one that MLFLOW_TRACKING_URI names, by default that of `make mlflow`. Logging the same thing
again changes nothing. A model is registered once; it becomes champion if there is none yet, or if its
accuracy is higher than the champion's on the same validation reviews. train/train.py runs this program to log
its run.

MLflow itself can serve a registered model as well, from plain text:

    export MLFLOW_TRACKING_URI=http://127.0.0.1:5001
    mlflow models serve -m models:/movie-sentiment@champion --env-manager local -p 5002
    curl -H 'content-type: application/json' -d '{"inputs": ["What a film!"]}' http://127.0.0.1:5002/invocations
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sentiment import archives
from sentiment.errors import ArchiveError, ArtifactError
from sentiment.serving.artifact import version_of
from sentiment.training.command_line import Parser, exit_status, port
from tracking.client import BY_HAND, TrackingError, connect, server_and_reason
from tracking.run_record import FILE_NAME, RunRecord, read_record, results_of

DESCRIPTION, _, EPILOG = (__doc__ or "").partition("\n\n")


def main(arguments: list[str] | None = None) -> int:
    """Run a command. Returns the exit status; errors are one line on standard error."""
    options = parse(arguments)
    if options.command == "serve":
        from tracking.server import (
            serve,  # needs parts of the project that SageMaker jobs lack
        )

        return exit_status(lambda: serve(options.port, options.folder))
    if options.command == "follow":
        from tracking.follower import follow

        return follow(options.record, options.model)
    return exit_status(lambda: run(options), TrackingError)


def run(options: argparse.Namespace) -> None:
    """Run a command that needs MLflow. Raises TrackingError for whatever stops it."""
    try:
        connect(BY_HAND)
        COMMANDS[options.command](options)
    except BrokenPipeError:  # of the output, which nobody reads any more
        raise
    except Exception as error:  # MLflow's stores and plug-ins raise all kinds of errors
        raise TrackingError(server_and_reason(error)) from None


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = Parser(
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    log = commands.add_parser("log", help="log the run of a model and register the model")
    log.add_argument("model", type=Path, help="model folder or model.tar.gz")
    log.add_argument("--test", type=Path, metavar="FILE", help="evaluation.json of `make evaluate`")
    promote = commands.add_parser("promote", help="make a registered version the champion")
    promote.add_argument("version", nargs="?", help="default: the newest one, if it passed its comparison")
    challenge = commands.add_parser("challenge", help="let a version answer a share of the texts")
    challenge.add_argument("version")
    challenge.add_argument("--percent", type=_percent, default=10, metavar="1-99", help="%(default)s")
    commands.add_parser("rollback", help="end a challenge, or else return to the previous champion")
    fetch = commands.add_parser("fetch", help="download a model folder")
    fetch.add_argument("uri", help="models:/movie-sentiment@champion, models:/NAME/VERSION or runs:/ID/model")
    fetch.add_argument("folder", type=Path)
    test = commands.add_parser("test", help="add the accuracy on test reviews to a logged model's run")
    test.add_argument("model", type=Path, help="model folder or model.tar.gz")
    test.add_argument("evaluation", type=Path, help="evaluation.json of `make evaluate`")
    compare = commands.add_parser(
        "compare", help="add the comparison of `make retrain` to a logged model's run"
    )
    compare.add_argument("model", type=Path, help="model folder or model.tar.gz")
    compare.add_argument("comparison", type=Path, help="comparison.json, with comparison.html beside it")
    serve = commands.add_parser("serve", help="start an MLflow server on this machine")
    serve.add_argument("--port", type=port, default=5001)
    serve.add_argument("--folder", type=Path, help="default: var/mlflow in the project")
    followed = commands.add_parser("follow", help="log a run during training (train.py starts this)")
    followed.add_argument("record", type=Path)
    followed.add_argument("model", type=Path)
    return parser.parse_args(arguments)


# Each command calls connect() before it imports modules that import MLflow, which reads settings at import.


def log(options: argparse.Namespace) -> None:
    """Log a run and its model from the model folder, with its test accuracy if that is given."""
    from tracking.whole_run import log_test, log_whole_run

    with opened(options.model) as folder:
        record = record_of(folder)
        log_whole_run(record, folder)
        if options.test:
            log_test(folder, options.test)


def do_promote(options: argparse.Namespace) -> None:
    """Make a version the champion."""
    from tracking.registration import promote

    print(promote(connect({}), options.version), flush=True)


def do_challenge(options: argparse.Namespace) -> None:
    """Let a version answer a share of the texts."""
    from tracking.registration import challenge

    print(challenge(connect({}), options.version, options.percent), flush=True)


def do_rollback(options: argparse.Namespace) -> None:
    """End a challenge, or return to the previous champion."""
    from tracking.registration import rollback

    print(rollback(connect({})), flush=True)


def do_fetch(options: argparse.Namespace) -> None:
    """Download a model folder."""
    from tracking.registration import fetch

    print(f"fetched model {fetch(options.uri, options.folder)} to {options.folder}", flush=True)


def do_test(options: argparse.Namespace) -> None:
    """Add the test accuracy to a logged model's run."""
    from tracking.whole_run import log_test

    with opened(options.model) as folder:
        log_test(folder, options.evaluation)


def do_compare(options: argparse.Namespace) -> None:
    """Add the comparison of `make retrain` to a logged model's run."""
    from tracking.whole_run import log_comparison

    with opened(options.model) as folder:
        log_comparison(folder, options.comparison)


COMMANDS = {
    "log": log,
    "promote": do_promote,
    "challenge": do_challenge,
    "rollback": do_rollback,
    "fetch": do_fetch,
    "test": do_test,
    "compare": do_compare,
}


def _percent(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 100:
        raise argparse.ArgumentTypeError(f"'{text}' is not a percentage from 1 to 99")
    return int(text)


@contextmanager
def opened(model: Path) -> Iterator[Path]:
    """The model folder itself, or a model.tar.gz unpacked for the block. Raises ArtifactError."""
    if model.is_dir():
        version_of(model)
        yield model
        return
    with tempfile.TemporaryDirectory() as scratch:
        try:
            archives.unpack(model, Path(scratch), archives.MODEL)
        except ArchiveError as error:
            raise ArtifactError(f"{error}; name a model folder or a model.tar.gz") from None
        yield Path(scratch)


def record_of(folder: Path) -> RunRecord:
    """Read the record in a model folder; if an older model lacks it, make one from its other files.

    Raises ArtifactError.
    """
    if (folder / FILE_NAME).is_file() or not (folder / "config.json").is_file():
        return read_record(folder / FILE_NAME)
    config, metrics = (
        json.loads((folder / name).read_text(encoding="utf-8")) for name in ("config.json", "metrics.json")
    )
    written = int((folder / "config.json").stat().st_mtime * 1000)
    parameters = {
        **config["recipe"],
        "max_epochs": config["recipe"]["epochs"],
        "recipe": config["recipe"]["name"],
    }
    return RunRecord(
        {name: value for name, value in parameters.items() if name not in ("name", "epochs")},
        {"reviews_sha256": "", "validation_split": ""},
        {"times": "unknown: the model has no record of its run"},
        version_of(folder),
        written,
        written,
        "FINISHED",
        [{**entry, "time": written} for entry in metrics["epochs"]],
        results_of(metrics),
    )
