"""Reviews -> arrays of word ids, one folder a channel."""

from __future__ import annotations

from pipeline import remote
from pipeline.settings import Settings
from project.console import say, shown, step


def run(settings: Settings) -> None:
    step(f"Prepare the reviews ({settings.data})")
    if settings.on == "sagemaker":
        remote.prepare(settings)
        return
    prepared = settings.prepared()
    say(f"{'unchanged' if prepared.reused else 'wrote'}: {shown(prepared.folder)}")
