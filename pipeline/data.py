"""Get the reviews, and print how many there are of each split."""

from __future__ import annotations

from pipeline.settings import Settings
from project.console import say, step
from sentiment.data.channels import read_json


def run(settings: Settings) -> None:
    """Raises DatasetError if the reviews cannot be read."""
    step(f"Get the reviews ({settings.data})")
    if prepared := settings.prepared_before():
        found = read_json(prepared.train, "preprocessing.json")["reviews"]
        counts = {
            split: found[split] for split in ("train", "validation", "test", "unlabelled") if split in found
        }
    else:
        by_label = settings.reviews().counts()
        counts = {
            split.replace("unsupervised", "unlabelled"): sum(n.values()) for split, n in by_label.items()
        }
    listed = ", ".join(f"{count:,} {split}" for split, count in counts.items())
    say(f"{sum(counts.values()):,} reviews: {listed}")
