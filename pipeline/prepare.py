"""Prepare the reviews as arrays of word ids, in a folder for each channel."""

from __future__ import annotations

from pipeline import remote
from pipeline.settings import Settings
from project.console import say, shown, step


def run(settings: Settings) -> None:
    """Prepare the reviews, here or by a processing job. Raises DatasetError or PipelineError."""
    step(f"Prepare the reviews ({settings.data})")
    if settings.on == "sagemaker":
        remote.prepare(settings)
        return
    prepared = settings.prepared()
    say(f"{'unchanged' if prepared.reused else 'wrote'}: {shown(prepared.folder)}")
