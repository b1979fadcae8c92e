"""`python -m selfhost.drift`: compare what people send with what the champion was measured on.

It reads the web server's counts. Neither the web server nor MLflow need to be running.
"""

from __future__ import annotations

import sentiment.interrupts  # noqa: F401

import argparse
import sqlite3
import sys
from contextlib import nullcontext

from project import drift
from project.choices import ProjectError
from project.console import step
from selfhost import counts, trainer
from selfhost.cache import ModelCache
from selfhost.settings import Settings, SettingsError
from sentiment.training.command_line import Parser, exit_status


def main(arguments: list[str] | None = None) -> int:
    """Run the command. Returns the exit status, which is also 1 outside the band; errors are one line."""
    parser = Parser(prog="python -m selfhost.drift", description=(__doc__ or "").split("\n\n")[0])
    trainer.add_arguments(parser)
    parser.add_argument("--window", default="24h", help="how far to look back, in hours or days (24h, 7d)")
    options = parser.parse_args(arguments)
    trainer.require_choices(options, parser)
    return exit_status(lambda: run(options), SettingsError, ProjectError, sqlite3.Error)


def run(options: argparse.Namespace) -> None:
    """Compare a window with the held-out texts. Raises ProjectError, or Drifted outside the band."""
    period = drift.period(options.window)
    settings = Settings.from_environment(var=options.var)
    cached = ModelCache(settings.cache).current()
    if cached is None:
        raise ProjectError(f"there is no champion in {settings.cache}: run `make selfhost` first")
    heading = f"What people send to the model {cached.model} ({cached.champion})"
    step(heading)
    choices = trainer.choices(options)
    base = drift.baseline(cached.model, lambda: nullcontext(cached.predictor()), choices)
    hours = counts.read(settings.feedback, cached.model)
    drift.report(heading, period, hours, base, choices.build / "drift" / cached.model)


if __name__ == "__main__":
    sys.exit(main())
