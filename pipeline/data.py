"""Get the reviews, and say what they are."""

from __future__ import annotations

from pipeline.settings import Settings
from project.console import say, step


def run(settings: Settings) -> None:
    step(f"Get the reviews ({settings.data})")
    reviews = settings.reviews()
    counts = {split: sum(labels.values()) for split, labels in reviews.counts().items()}
    say(f"{len(reviews):,} reviews: " + ", ".join(f"{count:,} {split}" for split, count in counts.items()))
