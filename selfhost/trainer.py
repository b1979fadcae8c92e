"""Train a model with train/train.py, which logs and registers it: `python -m selfhost.trainer --help`.

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

from pipeline import inputs
from pipeline.console import say, step
from pipeline.settings import PROJECT, Settings
from selfhost.champion import Champion, RegistryError
from selfhost.settings import Settings as WebSettings
from selfhost.settings import SettingsError
from sentiment.errors import SentimentError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to train, as the other steps of the project have it."""
    default = Settings()
    parser.add_argument(
        "--data", default=default.data, help="source of the reviews: sample, aclimdb or kaggle"
    )
    parser.add_argument("--data-path", type=Path, help="its archive, folder or CSV file, where it is on disk")
    parser.add_argument("--recipe", default=default.recipe, help="named settings of the model")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE ...",
        help="override hyperparameters, those of python train/train.py --help",
    )
    parser.add_argument(
        "--build", type=Path, default=default.build, help="folder for prepared reviews and the trained model"
    )


def main(arguments: list[str] | None = None) -> int:
    """Prepare and train. Returns the exit status; errors are one line on standard error."""
    parser = argparse.ArgumentParser(prog="python -m selfhost.trainer", description=__doc__.split("\n\n")[0])
    add_arguments(parser)
    parser.add_argument(
        "--unless-there-is-a-champion", action="store_true", help="do nothing where the registry names one"
    )
    options = parser.parse_args(arguments)
    try:
        return train(options)
    except (SentimentError, SettingsError, RegistryError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"error: {error.filename or 'a file'}: {error.strerror or error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def train(options: argparse.Namespace) -> int:
    """Run train/train.py on the prepared reviews; its exit status."""
    step(f"Champion (recipe {options.recipe}, reviews {options.data})")
    if options.unless_there_is_a_champion and (champion := _champion()):
        say(f"unchanged: {champion}")
        return 0
    settings = Settings(
        data=options.data, data_path=options.data_path, recipe=options.recipe, build=options.build
    )
    prepared = inputs.prepared(settings)
    command = [
        *(sys.executable, str(PROJECT / "train" / "train.py"), "--recipe", options.recipe),
        *("--train", str(prepared.train), "--validation", str(prepared.validation)),
        *("--model-dir", str(options.build / "selfhost" / "trained")),
    ]
    for pair in " ".join(options.set).split():
        name, _, value = pair.partition("=")
        command.append(f"--{name.replace('_', '-')}={value}")
    process = subprocess.Popen(command, env={**os.environ, "PYTHONUNBUFFERED": "1"})
    # Training that is told to stop ends its epoch and keeps the best model.
    signal.signal(signal.SIGTERM, lambda *_: process.terminate())
    return process.wait()


def _champion() -> Champion | None:
    from selfhost.registry import Registry  # brings MLflow, which takes seconds

    settings = WebSettings.from_environment()
    return Registry(settings.tracking_uri, settings.name, settings.alias).champion()


if __name__ == "__main__":
    sys.exit(main())
