"""Get the reviews, and say what they are."""

from __future__ import annotations

from pipeline import inputs
from pipeline.console import say, step
from pipeline.settings import Settings


def run(settings: Settings) -> None:
    step(f"Get the reviews ({settings.data})")
    reviews = inputs.reviews(settings)
    counts = {split: sum(labels.values()) for split, labels in reviews.counts().items()}
    say(f"{len(reviews):,} reviews: " + ", ".join(f"{count:,} {split}" for split, count in counts.items()))
