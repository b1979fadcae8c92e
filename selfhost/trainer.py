"""Train a model by train/from_reviews.py, which registers it: `python -m selfhost.trainer --help`.

The prepared reviews are kept in build/prepared, which the SageMaker pipeline uses as well. The registry is
the one at MLFLOW_TRACKING_URI. If it is unavailable or too slow, the trained model is kept in var/trained and
logged as soon as possible, at the latest by the next start.
"""

from __future__ import annotations

import sentiment.interrupts  # noqa: F401

import argparse
import shutil
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from project.choices import Choices, ProjectError, assignments
from project.console import say, shown, step
from project.paths import PROJECT, VAR
from project.supervisor import Program
from selfhost.settings import Settings, SettingsError
from sentiment.errors import ArtifactError, SentimentError
from sentiment.files import CHECKSUMS, sha256_of
from sentiment.training.command_line import Parser, exit_status
from tracking.background import FINISH_SECONDS, GIVE_UP_SECONDS
from tracking.champion import RegistryError
from tracking.client import without_passwords
from tracking.run_record import FILE_NAME, read_record

if TYPE_CHECKING:
    from tracking.registry import Registry

# The pauses between retries if the registry is unavailable; ten minutes in all for logging a trained model.
PAUSES_SECONDS = (2, 5, 10, 20)
LONG_PAUSES_SECONDS = (*PAUSES_SECONDS, 30, *[60] * 9)

GRACE_SECONDS = FINISH_SECONDS + GIVE_UP_SECONDS + 15.0
"""The time for a training to end after SIGTERM: it writes its model, and MLflow may be slow."""

T = TypeVar("T")


class TrainingFailed(Exception):
    """Training did not result in a champion; the message says why."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that say what to train, the same as those of the pipeline."""
    default = Choices()
    parser.add_argument(
        "--data", default=default.data, help="source of the reviews: sample, aclimdb or kaggle"
    )
    parser.add_argument("--data-path", default="", help="path of its archive, folder or CSV file")
    parser.add_argument("--recipe", default=default.recipe, help="named settings of the model")
    parser.add_argument(
        "--set",
        default="",
        metavar="'NAME=VALUE ...'",
        help="override hyperparameters, those of python train/train.py --help",
    )
    parser.add_argument("--build", type=Path, default=default.build, help="folder for prepared reviews")
    parser.add_argument("--var", type=Path, default=VAR, help="folder for data that cannot be reproduced")


def choices(options: argparse.Namespace) -> Choices:
    """The choices according to the options. Raises ProjectError or SentimentError."""
    return Choices(
        data=options.data,
        data_path=Path(options.data_path) if options.data_path else None,
        recipe=options.recipe,
        hyperparameters=assignments(options.set.split()),
        build=options.build,
    )


def require_choices(options: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    """Validate the choices early; for invalid ones, end the program with the parser's error."""
    try:
        choices(options)
    except (ProjectError, SentimentError) as error:
        parser.error(str(error))


def command(options: argparse.Namespace) -> list[str]:
    """The command that prepares the reviews, and trains, logs and registers the model."""
    arguments = ["--data", options.data, "--recipe", options.recipe]
    if options.data_path:
        arguments += ["--data-path", options.data_path]
    arguments += ["--prepared", str(options.build / "prepared")]
    arguments += ["--model-dir", str(Trained(options.var).model)]
    arguments += [f"--{name}={value}" for name, value in assignments(options.set.split()).items()]
    return [sys.executable, str(PROJECT / "train" / "from_reviews.py"), *arguments]


def main(arguments: list[str] | None = None) -> int:
    """Run the command. Returns the exit status; errors are one line on standard error."""
    parser = Parser(prog="python -m selfhost.trainer", description=__doc__.split("\n\n")[0])
    add_arguments(parser)
    parser.add_argument("--if-needed", action="store_true", help="do nothing where there is a champion")
    options = parser.parse_args(arguments)
    require_choices(options, parser)
    return exit_status(lambda: train(options), SettingsError, RegistryError, TrainingFailed)


class Trained:
    """The model that was trained last, in var/trained, and whether it has been logged."""

    def __init__(self, var: Path):
        self.model = var / "trained" / "model"
        self._unlogged = var / "trained" / "unlogged"

    def begin(self) -> None:
        """Delete the model, before another one is trained."""
        shutil.rmtree(self.model, ignore_errors=True)
        self._unlogged.parent.mkdir(parents=True, exist_ok=True)
        self._unlogged.touch()

    def note_logged(self) -> None:
        """Record that the model has been logged."""
        self._unlogged.unlink(missing_ok=True)

    def is_pending(self) -> bool:
        """Whether a model has been trained completely but not logged yet."""
        try:
            return self._unlogged.exists() and read_record(self.model / FILE_NAME).status == "FINISHED"
        except ArtifactError:
            return False


class Children:
    """Runs programs one after the other; SIGTERM ends the current one, and then this process.

    Each has a process group of its own, so that it gets the signal only once: a training that gets a second
    one ends at once, and leaves its temporary files and its run in MLflow unfinished.
    """

    def __init__(self, environment: dict[str, str]):
        self._environment = environment
        self._running: Program | None = None
        self._stopped = False
        signal.signal(signal.SIGTERM, self._stop)

    def run(self, command: list[str]) -> int:
        """Run a command and return its exit status. Raises KeyboardInterrupt if SIGTERM came meanwhile."""
        self._running = Program("the training", command, self._environment, grace=GRACE_SECONDS)
        status = self._running.wait()
        self._running = None
        if self._stopped:
            raise KeyboardInterrupt
        return status

    def _stop(self, *_: object) -> None:
        self._stopped = True
        if self._running is None:
            raise KeyboardInterrupt
        self._running.stop()  # a training then writes the best model that it has


def train(options: argparse.Namespace) -> None:
    """Train a model, so that the registry has a champion. Raises TrainingFailed or RegistryError."""
    # Imports MLflow, which takes seconds.
    from tracking.registry import Registry

    settings = Settings.from_environment()
    registry = Registry(settings.tracking_uri, settings.name, settings.alias)
    environment = {
        "MLFLOW_TRACKING_URI": settings.tracking_uri,
        "MLFLOW_REGISTERED_MODEL": settings.name,
        "PYTHONUNBUFFERED": "1",
    }
    children, trained = Children(environment), Trained(options.var)
    step(f"Champion ({settings.name}@{settings.alias} at {without_passwords(settings.tracking_uri)})")
    if trained.is_pending():
        say(f"the model in {shown(trained.model)} has been trained completely but not logged yet")
        log(trained, children)
    champion = retry(registry.champion)
    if champion is not None and options.if_needed:
        say(f"unchanged: {champion}")
        return
    say(f"training: recipe {options.recipe}, reviews {options.data}")
    trained.begin()
    if status := children.run(command(options)):
        raise TrainingFailed(f"training ended with status {status}; the reason is above")
    if trained.is_pending() and not _is_champion(trained, registry):
        say("logging the trained model, unless that has been done")
        log(trained, children)
    trained.note_logged()
    champion = retry(registry.champion)
    if champion is None:
        raise TrainingFailed(f"the trained model has not become {settings.name}@{settings.alias}; see above")
    say(f"champion: {champion}")


def log(trained: Trained, children: Children) -> None:
    """Log and register a trained model, with retries. Raises TrainingFailed; the model is kept then."""
    program = [sys.executable, str(PROJECT / "train" / "tracking.py"), "log", str(trained.model)]

    def once() -> None:
        if children.run(program):
            raise RegistryError("the model could not be logged to MLflow; the reason is above")

    try:
        retry(once, LONG_PAUSES_SECONDS)
    except RegistryError as error:
        raise TrainingFailed(
            f"{error}. It is kept in {shown(trained.model)}, and the next start logs it first"
        ) from None
    trained.note_logged()


def retry(ask: Callable[[], T], pauses: tuple[int, ...] = PAUSES_SECONDS) -> T:
    """Call `ask` until it raises no RegistryError, with a pause before each retry; return its result.

    `pauses` are in seconds. Raises the RegistryError of the last try.
    """
    for pause in pauses:
        try:
            return ask()
        except RegistryError as error:
            say(f"{error}; trying again in {pause} s")
            time.sleep(pause)
    return ask()


def _is_champion(trained: Trained, registry: Registry) -> bool:
    """Whether the trained model is the registry's champion; False if the registry does not answer."""
    try:
        champion = registry.champion()
    except RegistryError:
        return False
    return champion is not None and champion.model == sha256_of(trained.model / CHECKSUMS)[:12]


if __name__ == "__main__":
    sys.exit(main())
