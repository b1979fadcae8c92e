"""Small made-up data and tiny models for the library's tests: no corpus, no network, a second of training."""

import functools
import random
import tempfile
from pathlib import Path

import torch

from sentiment.data.prepared import Prepared, prepare
from sentiment.data.reviews import Reviews, table
from sentiment.training.recipes import Recipe, recipe

torch.set_num_threads(1)  # tiny models gain nothing from more, and spinning threads slow down everything else
ROOT = Path(__file__).resolve().parents[2]
GOOD = ("wonderful", "great", "superb", "touching", "brilliant", "loved", "excellent", "joy")
BAD = ("terrible", "awful", "boring", "waste", "dull", "hated", "poor", "mess")
NEUTRAL = (
    "the",
    "film",
    "was",
    "a",
    "story",
    "about",
    "people",
    "in",
    "town",
    "and",
    "their",
    "long",
    "music",
)
TINY = {
    "vocab_size": 120,
    "embedding_dim": 8,
    "hidden_dim": 8,
    "batch_size": 16,
    "epochs": 2,
    "ngram_min_reviews": 2,
}


def made_up_reviews(train: int = 160, held_out: int = 40, seed: int = 5) -> Reviews:
    """Reviews of 5 to 90 words in which the sentiment words decide, half positive, in all three splits."""
    random_ = random.Random(seed)
    rows = []
    for split, count in (("train", train), ("validation", held_out), ("test", held_out)):
        for number in range(count):
            label = number % 2
            words = random_.choices(NEUTRAL, k=random_.randint(4, 80))
            for word in random_.choices(GOOD if label else BAD, k=random_.randint(1, 4)):
                words.insert(random_.randrange(len(words) + 1), word)
            rows.append((" ".join(words) + f" {number}.", label, split, f"{split}/{number}"))
    return table(rows)


def tiny_recipe(name: str = "fast", **changes) -> Recipe:
    return recipe(name, **{**TINY, **changes})


def options_of(**changes) -> list[str]:
    """The tiny recipe's changes as arguments of train.py."""
    return [
        part
        for name, value in {**TINY, **changes}.items()
        for part in ("--" + name.replace("_", "-"), str(value))
    ]


@functools.lru_cache
def prepared(tokenizer: str = "words") -> Prepared:
    return prepare(made_up_reviews(), tokenizer, _scratch() / "prepared", progress=False)


@functools.lru_cache
def _scratch() -> Path:
    folder = tempfile.TemporaryDirectory(prefix="sentiment-tests-")
    _KEPT.append(folder)  # removed when the tests' process ends
    return Path(folder.name)


_KEPT: list[tempfile.TemporaryDirectory] = []


@functools.lru_cache
def model_folder(name: str = "fast") -> Path:
    """The model folder of a tiny model of that recipe, trained once per test run by the real train.py."""
    from train import train

    data = prepared("words" if name == "fast" else "review_to_words")
    folder = _scratch() / f"model-{name}"
    arguments = ["--recipe", name, "--train", str(data.train), "--validation", str(data.validation)]
    arguments += [
        "--model-dir",
        str(folder),
        "--precision",
        "float32",
        "--threads",
        "1",
        "--seed",
        "1" if name == "fast" else "0",  # both parts have a say then, though one would be enough
        *options_of(epochs=4),
    ]
    assert train.main(arguments) == 0
    return folder
