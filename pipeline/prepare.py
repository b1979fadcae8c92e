"""Reviews -> arrays of word ids, one folder a channel."""

from __future__ import annotations

from pipeline.settings import Settings
from project.console import say, shown, step


def run(settings: Settings) -> None:
    step(f"Prepare the reviews ({settings.data})")
    prepared = settings.prepared()
    say(f"{'unchanged' if prepared.reused else 'wrote'}: {shown(prepared.folder)}")
