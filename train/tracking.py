"""Log training runs and their models to MLflow: while they train, or afterwards from the model folder.

    python train/tracking.py log build/model             # a folder or a model.tar.gz; needs no training data
    python train/tracking.py promote 3                   # make version 3 the champion, whatever its figures
    python train/tracking.py fetch models:/movie-sentiment@champion build/champion
    python train/tracking.py serve                        # what `make mlflow` does
    python train/tracking.py test build/model build/evaluation/KEY/evaluation.json

The server is the one that MLFLOW_TRACKING_URI names, else that of `make mlflow`. Logging the same thing again
changes nothing. A model is registered once; it becomes champion if there is none yet, or if its accuracy is
higher than the champion's on the same validation reviews. train/train.py runs this program to follow it.

MLflow itself serves a registered model, too, and that takes raw text:

    export MLFLOW_TRACKING_URI=http://127.0.0.1:5001
    mlflow models serve -m models:/movie-sentiment@champion --env-manager local -p 5002
    curl -H 'content-type: application/json' -d '{"inputs": ["What a film!"]}' http://127.0.0.1:5002/invocations
"""

import argparse
import http.client
import importlib.util
import json
import logging
import os
import re
import signal
import socket
import sys
import tempfile
import time
import urllib.error
import urllib.request
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(folder) for folder in (HERE, HERE.parent) if (folder / "sentiment").is_dir()]

from sentiment import archives  # noqa: E402
from sentiment.errors import ArchiveError, ArtifactError, SentimentError  # noqa: E402
from sentiment.run_follower import WARNED  # noqa: E402
from sentiment.run_record import FILE_NAME, RunRecord, read_record, results_of  # noqa: E402

HOST = "127.0.0.1"
DEFAULT_URI = f"http://{HOST}:5001"
# MLflow itself would wait for two minutes, seven times. A person who logs by hand wants it to arrive.
WHILE_TRAINING = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "10", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1"}
BY_HAND = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "30", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3"}
QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "GIT_PYTHON_REFRESH": "quiet",
}
SERVER = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "PYTHONWARNINGS": "ignore"}
NICENESS = 10
SECONDS_TO_ANSWER = 5.0
LOOK_SECONDS = 0.2
LONGEST_REASON = 300


class GiveUp(BaseException):
    """SIGTERM; no handler of ordinary exceptions, of which MLflow has many, may keep it."""


class TrackingError(Exception):
    """Why nothing can be logged; the message is meant to be shown to a person."""


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments)
    if options.command == "serve":
        return serve(options.port, options.folder)
    if options.command == "follow":
        return follow(options.record, options.model)
    try:
        connect(BY_HAND)
        COMMANDS[options.command](options)
    except KeyboardInterrupt:
        return 130
    except Exception as error:  # MLflow's stores and plug-ins raise what their libraries raise
        print(f"error: {reason(error)}", file=sys.stderr, flush=True)
        return 1
    return 0


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.partition("\n")[0],
        epilog=__doc__.partition("\n\n")[2],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    log = commands.add_parser("log", help="log the run of a model, register the model")
    log.add_argument("model", type=Path, help="model folder or model.tar.gz")
    log.add_argument("--test", type=Path, metavar="FILE", help="evaluation.json of `make evaluate`")
    promote = commands.add_parser("promote", help="make a registered version the champion")
    promote.add_argument("version")
    fetch = commands.add_parser("fetch", help="get a model folder")
    fetch.add_argument("uri", help="models:/movie-sentiment@champion, models:/NAME/VERSION or runs:/ID/model")
    fetch.add_argument("folder", type=Path)
    test = commands.add_parser("test", help="add the accuracy on test reviews to a logged model's run")
    test.add_argument("model", type=Path, help="model folder or model.tar.gz")
    test.add_argument("evaluation", type=Path, help="evaluation.json of `make evaluate`")
    serve = commands.add_parser("serve", help="start an MLflow server on this machine")
    serve.add_argument("--port", type=int, default=5001)
    serve.add_argument("--folder", type=Path, help="default: var/mlflow in the project")
    followed = commands.add_parser("follow", help="log a run while it goes on (train.py starts this)")
    followed.add_argument("record", type=Path)
    followed.add_argument("model", type=Path)
    return parser.parse_args(arguments)


def serve(port: int, folder: Path | None) -> int:
    """Run an MLflow server: a sqlite database and a folder of artefacts, reachable from this machine.

    It ends with this process, however that ends, and with the make that started it. Returns the exit status.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            uri = f"http://{HOST}:{port}"
            taken = f"{uri} is an MLflow server already" if is_mlflow(uri) else f"port {port} is taken"
            print(f"error: {taken}; to start one elsewhere: MLFLOW_PORT=NUMBER", file=sys.stderr)
            return 1
    # Not at the top: what SageMaker's jobs take along of the project has no selfhost.
    from selfhost import PROJECT, VAR, kept
    from selfhost.processes import Program

    if folder is None:
        folder = VAR / "mlflow"
        for line in kept.move(PROJECT / "build", VAR, ["mlflow"]):
            say(line)
    folder.mkdir(parents=True, exist_ok=True)
    folder = folder.resolve()
    say(f"MLflow  http://{HOST}:{port}  (keeps all in {folder}; Ctrl-C ends it)")
    # One worker, since sqlite has one writer; no processes for scheduled evaluations.
    command = [
        *(sys.executable, "-m", "mlflow", "server", "--host", HOST, "--port", str(port), "--workers", "1"),
        *("--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}"),
        *("--artifacts-destination", str(folder / "artifacts")),
        *("--uvicorn-opts", "--log-level warning"),
    ]
    server = Program("the MLflow server", command, {**QUIET, **SERVER})
    told: list[int] = []

    def end(number: int, frame: object) -> None:
        told.append(number)
        server.release()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end)
    starter = os.getppid()
    while (status := server.poll()) is None:
        # A killed make leaves its commands to another parent. A closed shell does so, too, but on purpose.
        if "MAKELEVEL" in os.environ and os.getppid() != starter:
            server.release()
        time.sleep(LOOK_SECONDS)
    return 0 if told else status  # to be told so is how it ends


def is_mlflow(uri: str) -> bool:
    """Whether an MLflow server, which tells its version as bare text, answers there."""
    try:
        with urllib.request.urlopen(f"{uri}/version", timeout=SECONDS_TO_ANSWER) as answer:
            return re.fullmatch(rb"\d+(\.\w+)+", answer.read(40)) is not None
    except (OSError, http.client.HTTPException):
        return False


def connect(patience: dict[str, str]):
    """MLflow's client, told how long to wait. Raises TrackingError where what it needs is not installed."""
    for name, value in {**QUIET, **patience}.items():
        os.environ.setdefault(name, value)
    uri = os.environ.setdefault("MLFLOW_TRACKING_URI", DEFAULT_URI)
    if importlib.util.find_spec("mlflow") is None:
        raise TrackingError("mlflow is not installed (pip install 'mlflow>=3,<4')")
    if uri.startswith("arn:") and importlib.util.find_spec("sagemaker_mlflow") is None:
        raise TrackingError(
            f"MLFLOW_TRACKING_URI is SageMaker's {uri}, which needs a plug-in: pip install sagemaker-mlflow"
        )
    logging.getLogger("urllib3").setLevel(logging.CRITICAL)
    logging.getLogger("databricks.sdk").setLevel(logging.ERROR)
    import mlflow

    # Importing MLflow has switched its own back on.
    warnings.simplefilter("ignore")
    logging.getLogger("mlflow").setLevel(logging.ERROR)
    mlflow.set_tracking_uri(uri)
    return mlflow.MlflowClient()


def log(options: argparse.Namespace) -> None:
    with opened(options.model) as folder:
        record = record_of(folder)
        log_whole_run(record, folder)
        if options.test:
            log_test(folder, options.test)


def log_whole_run(record: RunRecord, folder: Path, run=None) -> None:
    """All of a finished run, its model and that model's registration; what is there already stays."""
    from mlflow_registry import register
    from mlflow_run import LoggedRun

    from sentiment.artifact import version_of

    client = connect({})
    version_of(folder)
    run = run or LoggedRun(client, record)
    run.log_progress(record)
    run.log_results(record, folder)
    model_uri = run.log_model(folder)
    run.end(record)
    say(f"logged the run: {run.address}")
    for line in register(client, record, folder, model_uri, run.id):
        say(line)


def log_test(folder: Path, evaluation: Path) -> None:
    """The accuracy that `make evaluate` measured, for each registered version of the model and its run."""
    from mlflow_registry import versions_of
    from mlflow_run import TEST_ACCURACY

    from sentiment.artifact import version_of

    client, model = connect({}), version_of(folder)
    accuracy = json.loads(evaluation.read_text(encoding="utf-8"))["accuracy"]
    versions = versions_of(client, model)
    if not versions:
        raise TrackingError(f"model {model} is not registered yet: python train/tracking.py log {folder}")
    for version in versions:
        client.set_model_version_tag(version.name, version.version, "test_accuracy", str(round(accuracy, 5)))
        for name in TEST_ACCURACY:
            client.log_metric(version.run_id, name, accuracy, step=0)
        for picture in evaluation.parent.glob("*.png"):
            client.log_artifact(version.run_id, str(picture), "evaluation")
        client.log_artifact(version.run_id, str(evaluation), "evaluation")
        say(f"test_accuracy={accuracy:.4f} noted with {version.name} version {version.version}")


def do_promote(options: argparse.Namespace) -> None:
    from mlflow_registry import promote

    say(promote(connect({}), options.version))


def do_fetch(options: argparse.Namespace) -> None:
    from mlflow_registry import fetch

    say(f"fetched model {fetch(options.uri, options.folder)} to {options.folder}")


def do_test(options: argparse.Namespace) -> None:
    with opened(options.model) as folder:
        log_test(folder, options.evaluation)


COMMANDS = {"log": log, "promote": do_promote, "fetch": do_fetch, "test": do_test}


def follow(record_file: Path, folder: Path) -> int:
    """Log a run while it goes on: a byte on standard input means news, its end the end of the run.

    Returns 0 when all is logged, WARNED when a warning has said that it is not.
    """
    os.nice(NICENESS)
    signal.signal(signal.SIGTERM, give_up)
    run, warned, logged = None, False, False
    more = True
    while more:
        more = bool(os.read(sys.stdin.fileno(), 65536))
        try:
            record = read_record(record_file)
            require_answer(os.environ["MLFLOW_TRACKING_URI"])
            client = connect(WHILE_TRAINING)
            if run is None:
                from mlflow_registry import registered_name
                from mlflow_run import LoggedRun

                run = LoggedRun(client, record)
                registered_name()  # what will keep the model from being registered is told at once
            run.log_progress(record)
            if not more:
                if record.status == "FINISHED":
                    log_whole_run(record, folder, run)
                else:
                    run.end(record)
                logged = True
        except (Exception, GiveUp) as error:  # nothing that happens here may reach the training
            if not warned:
                warn(error, folder)
            warned = True
            more = more and not isinstance(error, GiveUp)
    return 0 if logged else WARNED


def give_up(number: int, frame: object) -> NoReturn:
    raise GiveUp("it was too slow")


def require_answer(uri: str) -> None:
    """Raise TrackingError unless the server says anything at all, soon: MLflow itself waits for longer."""
    if not uri.startswith(("http://", "https://")):
        return
    try:
        urllib.request.urlopen(f"{uri.rstrip('/')}/version", timeout=SECONDS_TO_ANSWER).close()
    except urllib.error.HTTPError:
        return  # an answer, whatever it says: MLflow knows the credentials
    except (OSError, http.client.HTTPException) as error:
        raise TrackingError(reason(error)) from None


def warn(error: BaseException, folder: Path) -> None:
    uri = os.environ["MLFLOW_TRACKING_URI"]
    print(
        f"warning: cannot log to MLflow at {uri} ({reason(error)}). Training goes on; unless this "
        f"passes, log the run afterwards: python {os.path.relpath(__file__)} log {folder}",
        file=sys.stderr,
        flush=True,
    )


def reason(error: BaseException) -> str:
    """One line of what went wrong, without the libraries' story around it."""
    if isinstance(error, (SentimentError, TrackingError)):
        return str(error)
    text = " ".join(str(error).split())
    if "Connection refused" in text:
        text = "connection refused: is it up?"
    elif "timed out" in text.lower():
        text = "it accepts connections but does not answer in time"
    return text[:LONGEST_REASON] or type(error).__name__


def say(line: str) -> None:
    print(line, flush=True)


@contextmanager
def opened(model: Path) -> Iterator[Path]:
    """The model folder itself, or that in a model.tar.gz while the block lasts."""
    if model.is_dir():
        yield model
        return
    with tempfile.TemporaryDirectory() as scratch:
        try:
            archives.unpack(model, Path(scratch), archives.MODEL)
        except ArchiveError as error:
            raise ArtifactError(f"{model} is neither a model folder nor a model.tar.gz: {error}") from None
        yield Path(scratch)


def record_of(folder: Path) -> RunRecord:
    """The record in a model folder; for a model from before there were records, what its own files tell."""
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
    from sentiment.artifact import version_of

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


if __name__ == "__main__":
    sys.exit(main())
