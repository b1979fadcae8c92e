"""Train a model that registers itself, by train/from_reviews.py: `python -m selfhost.trainer --help`.

The reviews are prepared once and kept in build/prepared, where the SageMaker pipeline looks for them, too.
The registry is the one that MLFLOW_TRACKING_URI names.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
from pathlib import Path

from pipeline.console import say, step
from pipeline.settings import PROJECT, PipelineError, assignments
from pipeline.settings import Settings as Choices
from selfhost.champion import RegistryError
from selfhost.settings import Settings, SettingsError
from sentiment.command_line import Parser
from sentiment.errors import SentimentError


class TrainingFailed(Exception):
    """Training ended without a champion; the message says why."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to train, as the other steps of the project have it."""
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
    parser.add_argument(
        "--build", type=Path, default=default.build, help="folder for prepared reviews and the trained model"
    )


def require_choices(options: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    """End the program with the parser's error for choices that training would refuse later."""
    try:
        Choices(
            data=options.data,
            data_path=Path(options.data_path) if options.data_path else None,
            recipe=options.recipe,
            hyperparameters=assignments(options.set.split()),
        )
    except (PipelineError, SentimentError) as error:
        parser.error(str(error))


def command(options: argparse.Namespace) -> list[str]:
    """The program that prepares, trains, logs and registers."""
    arguments = ["--data", options.data, "--recipe", options.recipe]
    if options.data_path:
        arguments += ["--data-path", options.data_path]
    arguments += ["--prepared", str(options.build / "prepared")]
    arguments += ["--model-dir", str(options.build / "selfhost" / "trained")]
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


def train(options: argparse.Namespace) -> None:
    """Train, and see to it that the registry has a champion then. Raises TrainingFailed or RegistryError."""
    # Brings MLflow, which takes seconds.
    from selfhost.registry import Registry

    settings = Settings.from_environment()
    registry = Registry(settings.tracking_uri, settings.name, settings.alias)
    step(f"Champion ({settings.name}@{settings.alias} at {settings.tracking_uri})")
    champion = registry.champion()
    if champion is not None and options.if_needed:
        say(f"unchanged: {champion}")
        return
    say(f"training: recipe {options.recipe}, reviews {options.data}")
    environment = {
        "MLFLOW_TRACKING_URI": settings.tracking_uri,
        "MLFLOW_REGISTERED_MODEL": settings.name,
        "PYTHONUNBUFFERED": "1",
    }
    process = subprocess.Popen(command(options), cwd=PROJECT, env={**os.environ, **environment})
    told_to_stop = []

    def stop(*_: object) -> None:
        told_to_stop.append(True)
        process.terminate()  # the training keeps the best model that it has

    signal.signal(signal.SIGTERM, stop)
    status = process.wait()
    if told_to_stop:
        raise KeyboardInterrupt
    if status:
        raise TrainingFailed(f"training ended with status {status}; the reason stands above")
    champion = registry.champion()
    if champion is None:
        raise TrainingFailed(f"the trained model has not become {settings.name}@{settings.alias}; see above")
    say(f"champion: {champion}")


if __name__ == "__main__":
    sys.exit(main())
