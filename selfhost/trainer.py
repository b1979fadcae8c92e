"""Train a model that registers itself, by train/from_reviews.py: `python -m selfhost.trainer --help`.

The reviews are prepared once and kept in build/prepared, where the SageMaker pipeline looks for them, too.
The registry is the one that MLFLOW_TRACKING_URI names. Where it is too slow or away, a model that has been
trained waits in var/trained and is logged as soon as it can be: at the latest by the next start.
"""

from __future__ import annotations

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
from sentiment.training.command_line import Parser
from tracking.background import FINISH_SECONDS, GIVE_UP_SECONDS
from tracking.champion import RegistryError
from tracking.run_record import FILE_NAME, read_record

if TYPE_CHECKING:
    from tracking.registry import Registry

# Between the tries where the registry is slow or away; ten minutes in all where a trained model waits for it.
PAUSES_SECONDS = (2, 5, 10, 20)
LONG_PAUSES_SECONDS = (*PAUSES_SECONDS, 30, *[60] * 9)

GRACE_SECONDS = FINISH_SECONDS + GIVE_UP_SECONDS + 15.0
"""For a training that is told to stop: it writes its model, and MLflow may be slow in taking its record."""

T = TypeVar("T")


class TrainingFailed(Exception):
    """Training ended without a champion; the message says why."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that say what to train; they are those of the other steps."""
    default = Choices()
    parser.add_argument(
        "--data", default=default.data, help="source of the reviews: sample, aclimdb or kaggle"
    )
    parser.add_argument("--data-path", default="", help="its archive, folder or CSV file on disk")
    parser.add_argument("--recipe", default=default.recipe, help="named settings of the model")
    parser.add_argument(
        "--set",
        default="",
        metavar="'NAME=VALUE ...'",
        help="override hyperparameters, those of python train/train.py --help",
    )
    parser.add_argument("--build", type=Path, default=default.build, help="folder for prepared reviews")
    parser.add_argument("--var", type=Path, default=VAR, help="folder for what cannot be made again")


def choices(options: argparse.Namespace) -> Choices:
    """The choices that the options stand for. Raises ProjectError or SentimentError."""
    return Choices(
        data=options.data,
        data_path=Path(options.data_path) if options.data_path else None,
        recipe=options.recipe,
        hyperparameters=assignments(options.set.split()),
        build=options.build,
    )


def require_choices(options: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    """End the program with the parser's error for choices that training would refuse later."""
    try:
        choices(options)
    except (ProjectError, SentimentError) as error:
        parser.error(str(error))


def command(options: argparse.Namespace) -> list[str]:
    """The program that prepares, trains, logs and registers."""
    arguments = ["--data", options.data, "--recipe", options.recipe]
    if options.data_path:
        arguments += ["--data-path", options.data_path]
    arguments += ["--prepared", str(options.build / "prepared")]
    arguments += ["--model-dir", str(Trained(options.var).model)]
    arguments += [f"--{name}={value}" for name, value in assignments(options.set.split()).items()]
    return [sys.executable, str(PROJECT / "train" / "from_reviews.py"), *arguments]


def main(arguments: list[str] | None = None) -> int:
    """Train. Returns the exit status; errors are one line on standard error."""
    parser = Parser(prog="python -m selfhost.trainer", description=__doc__.split("\n\n")[0])
    add_arguments(parser)
    parser.add_argument("--if-needed", action="store_true", help="do nothing where there is a champion")
    options = parser.parse_args(arguments)
    require_choices(options, parser)
    try:
        train(options)
    except (SettingsError, RegistryError, TrainingFailed) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


class Trained:
    """The model that was trained last, below the folder for what cannot be made again."""

    def __init__(self, var: Path):
        self.model = var / "trained" / "model"
        self._unlogged = var / "trained" / "unlogged"

    def begin(self) -> None:
        """Delete it, before another one is trained."""
        shutil.rmtree(self.model, ignore_errors=True)
        self._unlogged.parent.mkdir(parents=True, exist_ok=True)
        self._unlogged.touch()

    def note_logged(self) -> None:
        self._unlogged.unlink(missing_ok=True)

    def is_pending(self) -> bool:
        """Whether a model was trained to its end and has not been logged yet."""
        try:
            return self._unlogged.exists() and read_record(self.model / FILE_NAME).status == "FINISHED"
        except ArtifactError:
            return False


class Children:
    """Runs programs one after the other; SIGTERM ends the current one and then this process.

    Each has a process group of its own, so that it is told to stop just once, however we are told: a training
    that is told twice ends at once, and leaves its scratch files and its run in MLflow as they are.
    """

    def __init__(self, environment: dict[str, str]):
        self._environment = environment
        self._running: Program | None = None
        self._stopped = False
        signal.signal(signal.SIGTERM, self._stop)

    def run(self, command: list[str]) -> int:
        """The exit status of a command. Raises KeyboardInterrupt where we were told to stop meanwhile."""
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
        self._running.stop()  # a training keeps the best model that it has


def train(options: argparse.Namespace) -> None:
    """Train, so that the registry has a champion. Raises TrainingFailed or RegistryError."""
    # Brings MLflow, which takes seconds.
    from tracking.registry import Registry

    settings = Settings.from_environment()
    registry = Registry(settings.tracking_uri, settings.name, settings.alias)
    environment = {
        "MLFLOW_TRACKING_URI": settings.tracking_uri,
        "MLFLOW_REGISTERED_MODEL": settings.name,
        "PYTHONUNBUFFERED": "1",
    }
    children, trained = Children(environment), Trained(options.var)
    step(f"Champion ({settings.name}@{settings.alias} at {settings.tracking_uri})")
    if trained.is_pending():
        say(f"the model in {shown(trained.model)} was trained to its end and has not been logged yet")
        log(trained, children)
    champion = retry(registry.champion)
    if champion is not None and options.if_needed:
        say(f"unchanged: {champion}")
        return
    say(f"training: recipe {options.recipe}, reviews {options.data}")
    trained.begin()
    if status := children.run(command(options)):
        raise TrainingFailed(f"training ended with status {status}; the reason stands above")
    if trained.is_pending() and not _is_champion(trained, registry):
        say("logging the trained model, unless that is done already")
        log(trained, children)
    trained.note_logged()
    champion = retry(registry.champion)
    if champion is None:
        raise TrainingFailed(f"the trained model has not become {settings.name}@{settings.alias}; see above")
    say(f"champion: {champion}")


def log(trained: Trained, children: Children) -> None:
    """Log and register a trained model, with retries. Raises TrainingFailed, and keeps the model."""
    program = [sys.executable, str(PROJECT / "train" / "tracking.py"), "log", str(trained.model)]

    def once() -> None:
        if children.run(program):
            raise RegistryError("the model could not be logged to MLflow; the reason stands above")

    try:
        retry(once, LONG_PAUSES_SECONDS)
    except RegistryError as error:
        raise TrainingFailed(
            f"{error}. It is kept in {shown(trained.model)}: the next start logs it before anything else"
        ) from None
    trained.note_logged()


def retry(ask: Callable[[], T], pauses: tuple[int, ...] = PAUSES_SECONDS) -> T:
    """Call `ask` until it raises no RegistryError, with a pause before each retry. Raises the last one."""
    for pause in pauses:
        try:
            return ask()
        except RegistryError as error:
            say(f"{error}; tries again in {pause} s")
            time.sleep(pause)
    return ask()


def _is_champion(trained: Trained, registry: Registry) -> bool:
    """Whether the registry says that the trained model is its champion; False where it does not answer."""
    try:
        champion = registry.champion()
    except RegistryError:
        return False
    return champion is not None and champion.model == sha256_of(trained.model / CHECKSUMS)[:12]


if __name__ == "__main__":
    sys.exit(main())
