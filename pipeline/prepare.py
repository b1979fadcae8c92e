"""Reviews -> arrays of word ids, one folder a channel."""

from __future__ import annotations

from pipeline import inputs
from pipeline.console import say, shown, step
from pipeline.settings import Settings


def run(settings: Settings) -> None:
    step(f"Prepare the reviews ({settings.data})")
    prepared = inputs.prepared(settings)
    say(f"{'unchanged' if prepared.reused else 'wrote'}: {shown(prepared.folder)}")
