"""Write sentiment/data/taught.npz: sentences of the reviews, labelled by a model that is too large to serve.

    uv pip install --target build/teacher -r requirements/teacher.lock
    PYTHONPATH=build/teacher .venv/bin/python -m teacher BASE

BASE is a folder with sentence-transformers/all-mpnet-base-v2 of Hugging Face (Apache-2.0; the SHA-256 of its
model.safetensors begins with 78c0197b6159). Its upper layers learn from the training splits of this project's
short texts, never from a review's label, so that its labels reveal none of a review that is held out. This
takes about forty minutes on two cores.
"""

import argparse
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from torch import nn

from sentiment.data import rated, sample, snippets, taught, written
from sentiment.data.reviews import Reviews
from sentiment.progress import Progress
from teacher.model import Teacher, by_length

EPOCHS, BATCH, RATE, WARM_UP = 2, 32, 8e-5, 0.1
OTHERS = {"rated": 700, "written": 3_000, "without an opinion": 800}
"""How many texts of these sources the teacher learns from, beside all snippets."""
READ = 75_000
"""How many sentences of the packaged reviews are labelled."""

Labelled = tuple[str, float]
"""A text and the probability that it is positive."""


def main() -> None:
    parser = argparse.ArgumentParser(
        "python -m teacher", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("base", metavar="BASE", type=Path, help="the folder of the language model")
    base = parser.parse_args().base
    if not (base / "tokenizer.json").is_file():
        parser.error(f"{base} has no tokenizer.json; see --help")
    if find_spec("transformers") is None:
        parser.error("transformers is not installed; see --help")
    torch.manual_seed(0)
    teacher = Teacher(base)
    tune(teacher, np.random.default_rng(0))
    read = drawn_sentences(sample.load().texts, READ)
    with Progress("labelling", len(read), "sentences") as shown:
        logits = teacher.logits(read, shown.add)
    taught.write(read, logits)


def tune(teacher: Teacher, random: np.random.Generator) -> None:
    """Train the upper layers; print the accuracy on the validation splits after each epoch."""
    texts = training_texts(random)
    order = by_length([text for text, _ in texts])
    batches = []
    with Progress("reading", len(texts), "texts") as shown:
        for start in range(0, len(order), BATCH):
            batch, labels = zip(*(texts[row] for row in order[start : start + BATCH]), strict=True)
            batches.append((teacher.read(batch), torch.tensor(labels)))
            shown.add(len(batch))
    layers, output = list(teacher.upper.layer.parameters()), list(teacher.output.parameters())
    optimizer = torch.optim.AdamW([{"params": layers, "lr": RATE}, {"params": output, "lr": 20 * RATE}])
    steps = EPOCHS * len(batches)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / (WARM_UP * steps), (steps - step) / ((1 - WARM_UP) * steps))
    )
    for number in range(1, EPOCHS + 1):
        teacher.train()
        with Progress(f"epoch {number}", len(batches), "batches") as shown:
            for which in random.permutation(len(batches)):
                read, labels = batches[which]
                loss = nn.functional.binary_cross_entropy_with_logits(teacher(read), labels)
                optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_([*layers, *output], 1.0)
                optimizer.step()
                schedule.step()
                shown.add()
        for name, split in validation().items():
            print(f"epoch {number}: {name} {_right(teacher.logits(split.texts), split.labels)}", flush=True)


def training_texts(random: np.random.Generator) -> list[Labelled]:
    """All snippets, and a draw of the other short texts."""
    of = {name: _pairs(source.load()) for name, source in (("rated", rated), ("written", written))}
    undecided = [*rated.without_opinion("train"), *written.without_opinion("train")]
    of["without an opinion"] = [(text, 0.5) for text in undecided]
    drawn = [
        of[name][row] for name, count in OTHERS.items() for row in random.permutation(len(of[name]))[:count]
    ]
    return _pairs(snippets.load()) + drawn


def validation() -> dict[str, Reviews]:
    """The splits that show how good the teacher is."""
    sources = {"snippets": snippets.load(), "rated": rated.load(), "written": written.load()}
    return {name: source.select("validation") for name, source in sources.items()}


def drawn_sentences(reviews: list[str], count: int) -> list[str]:
    """`count` distinct sentences of the reviews: those with the lowest keys, which is a random draw."""
    by_key = {taught.key_of(sentence): sentence for text in reviews for sentence in taught.sentences(text)}
    return [by_key[key] for key in sorted(by_key)[:count]]


def _pairs(source: Reviews) -> list[Labelled]:
    train = source.select("train")
    return list(zip(train.texts, train.labels.astype(float).tolist(), strict=True))


def _right(logits: np.ndarray, labels: np.ndarray) -> str:
    loss = np.logaddexp(0, np.where(labels > 0, -logits, logits)).mean()
    return f"{((logits > 0) == (labels > 0)).mean():.1%} right, log loss {loss:.3f}"


if __name__ == "__main__":
    main()
