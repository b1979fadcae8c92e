"""`python -m selfhost.retrain`: train a model on people's votes as well, and compare it with the champion.

The new model is registered in MLflow with the comparison. The rules of sentiment.evaluation.comparison decide
whether it may become champion: by `python train/tracking.py promote`, or at once with --auto.
"""

from __future__ import annotations

import sentiment.interrupts  # noqa: F401

import argparse
import sys
import tempfile
from pathlib import Path

from project import retraining
from project.choices import ProjectError
from project.console import say, step
from project.paths import PROJECT
from selfhost import trainer
from selfhost.settings import Settings, SettingsError
from selfhost.trainer import Children, Trained, TrainingFailed, retry
from sentiment.serving.predictor import Predictor
from sentiment.training.command_line import Parser, exit_status
from tracking.champion import RegistryError
from tracking.client import without_passwords

TRACKING = PROJECT / "train" / "tracking.py"


def main(arguments: list[str] | None = None) -> int:
    """Run the command. Returns the exit status; errors are one line on standard error."""
    parser = Parser(prog="python -m selfhost.retrain", description=(__doc__ or "").split("\n\n")[0])
    trainer.add_arguments(parser)
    parser.add_argument("--auto", action="store_true", help="promote a model that keeps the rules")
    parser.add_argument("--trust", default="", metavar="WORDS", help="believe votes about these words")
    options = parser.parse_args(arguments)
    trainer.require_choices(options, parser)
    return exit_status(lambda: run(options), SettingsError, RegistryError, TrainingFailed, ProjectError)


def run(options: argparse.Namespace) -> None:
    """Clean the votes, train, register, compare. Raises RetrainingError, TrainingFailed or RegistryError."""
    # Imports MLflow, which takes seconds.
    from tracking.registry import Registry

    settings = Settings.from_environment(var=options.var)
    registry = Registry(settings.tracking_uri, settings.name, settings.alias)
    children = Children(
        {"MLFLOW_TRACKING_URI": settings.tracking_uri, "MLFLOW_REGISTERED_MODEL": settings.name}
    )
    choices, trained = trainer.choices(options), Trained(options.var)
    step(f"Champion ({settings.name}@{settings.alias} at {without_passwords(settings.tracking_uri)})")
    if trained.is_pending():
        trainer.log(trained, children)
    champion = retry(registry.champion)
    if champion is None:
        raise retraining.RetrainingError("there is no champion to compare with: run `make selfhost` first")
    say(str(champion))
    collected = options.build / "votes" / "collected"
    with tempfile.TemporaryDirectory() as scratch:
        old = Predictor.from_folder(registry.fetch(champion, Path(scratch)))
        new_votes = _newer(settings.feedback, collected)
        voted = retraining.collect(settings.feedback, choices, old, new_votes, options.trust.lower().split())
        collected.touch()
        trained.begin()
        if status := children.run([*trainer.command(options), "--voted", str(voted.file)]):
            raise TrainingFailed(f"training ended with status {status}; the reason is above")
        trainer.log(trained, children)  # changes nothing if it was logged during training
        new = Predictor.from_folder(trained.model)
        with_votes = retraining.with_votes(choices, voted)
        comparison, reasons = retraining.compare_models(with_votes, voted, old, new)
    _track(children, "compare", trained.model, comparison)
    if not reasons and options.auto:
        _track(children, "promote")
    elif not reasons:
        say("to make it the champion, run `make promote WHERE=selfhost`")


def _newer(folder: Path, marker: Path) -> int:
    """The number of votes that came after the marker was written, or of all votes if there is no marker."""
    since = marker.stat().st_mtime if marker.exists() else 0.0
    return sum(file.stat().st_mtime > since for file in folder.glob("date=*/*.json"))


def _track(children: Children, *arguments: str | Path) -> None:
    """Run train/tracking.py. Raises TrainingFailed."""
    if children.run([sys.executable, str(TRACKING), *map(str, arguments)]):
        raise TrainingFailed(f"`tracking.py {arguments[0]}` failed; the reason is above")


if __name__ == "__main__":
    sys.exit(main())
