"""Retraining on votes: the steps that AWS and the self-hosted system share.

The votes are cleaned, with the help of the model that answers. A new model is trained on the reviews and the
votes. Both models are compared on the same three sets: test reviews, held-out sentences, held-back votes.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from project.choices import Choices, ProjectError
from project.console import say, shown, step
from sentiment.data import snippets, votes
from sentiment.data.channels import read_raw_reviews
from sentiment.data.prepared import texts_beside
from sentiment.data.reviews import Reviews, normalised
from sentiment.evaluation.comparison import REVIEWS, SENTENCES, VOTES, Scores, compare, points
from sentiment.evaluation.comparison_page import page
from sentiment.files import atomic_write, write_json
from sentiment.serving.predictor import Predictor

C = TypeVar("C", bound=Choices)


class RetrainingError(ProjectError):
    """There is nothing to train on, or to compare with; the message says what to do."""


@dataclass(frozen=True)
class Voted:
    """Cleaned votes: their table, the file that training reads, and a report on the cleaning.

    The report's keys are `read`, `new`, `trained`, `held_back` (numbers of votes), `left_out` (numbers by
    reason) and `campaigns` (each with `word` and `votes`).
    """

    reviews: Reviews
    file: Path
    report: dict[str, Any]


def collect(
    folder: Path, choices: Choices, old: Predictor, new_votes: int, trusted: Collection[str] = ()
) -> Voted:
    """Clean the votes below a folder, and write the remaining ones below build/. Raises RetrainingError.

    `old` is the model that answers, `new_votes` the number of votes since the last time, and `trusted` are
    words that no campaign is suspected about (sentiment.data.votes).
    """
    step("Clean the votes")
    if not choices.chosen_recipe().votes:
        raise RetrainingError("these hyperparameters give votes no weight: take votes=0 out of SET")
    found = votes.read(folder)
    reviews = choices.reviews()
    beside = texts_beside(choices.chosen_recipe().short_texts, reviews.rows)
    tables = [reviews, snippets.load(), *beside.values()]
    known = {normalised(text) for table in tables for text in table.texts}
    limit = int(votes.MAX_SHARE * (reviews.split == "train").sum())
    cleaned = votes.clean(found, known, old.predict, limit, trusted)
    table = cleaned.reviews()
    report = {
        "read": len(found),
        "new": new_votes,
        "trained": int((table.split == "train").sum()),
        "held_back": int((table.split == "test").sum()),
        "left_out": cleaned.left_out,
        "campaigns": cleaned.campaigns,
    }
    say(f"{len(found):,} votes, {new_votes:,} of them new; {len(table):,} left after cleaning")
    for reason, count in cleaned.left_out.items():
        if count:
            say(f"left out: {count:,} ({reason})")
    for each in cleaned.campaigns:
        say(f"votes against sure verdicts gather about the word {each['word']!r}: {each['votes']:,} left out")
    if not report["trained"]:
        raise RetrainingError("there are no votes to learn from: people have to vote first")
    file = choices.build / "votes" / "cleaned.jsonl"
    file.parent.mkdir(parents=True, exist_ok=True)
    votes.write(table, file)
    return Voted(table, file, report)


def with_votes(choices: C, voted: Voted) -> C:
    """The same choices, for a model that also learns from the votes."""
    return replace(choices, voted=voted.file)


def compare_models(choices: Choices, voted: Voted, old: Predictor, new: Predictor) -> tuple[Path, list[str]]:
    """Compare two models, and write comparison.json and comparison.html below build/.

    `choices` are those that the new model was trained with. Returns the path of comparison.json, and the
    reasons against the new model.
    """
    step(f"Compare {new.version} with {old.version}")
    texts, labels = read_raw_reviews(choices.prepared().test)
    sentences = snippets.load().select("test")
    sets = {
        REVIEWS: _scores(texts, labels, old, new),
        SENTENCES: _scores(sentences.texts, sentences.labels, old, new),
    }
    if voted.reviews.has("test"):
        held_back = voted.reviews.select("test")
        sets[VOTES] = _scores(held_back.texts, held_back.labels, old, new)
    found = compare(sets, voted.reviews.texts)
    found |= {"models": {"old": old.version, "new": new.version}, "votes": voted.report}
    file = choices.build / "retraining" / f"{old.version}-{new.version}" / "comparison.json"
    with atomic_write(file) as temporary:
        write_json(temporary, found)
    with atomic_write(file.with_suffix(".html")) as temporary:
        temporary.write_text(page(found), encoding="utf-8")
    for name, figures in found["sets"].items():
        say(f"{name} ({figures['texts']:,}): {points(figures)}")
    say(f"wrote: {shown(file.with_suffix('.html'))}")
    for reason in found["reasons"]:
        say(f"against it: {reason}")
    return file, found["reasons"]


def _scores(texts: list[str], labels: Any, old: Predictor, new: Predictor) -> Scores:
    probabilities = [
        np.array([prediction.probability for prediction in model.predict(texts)]) for model in (old, new)
    ]
    return Scores(texts, np.asarray(labels), *probabilities)
