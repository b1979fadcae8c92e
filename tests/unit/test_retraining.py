"""From votes to a model that may take over, or may not: tiny models, all else as it is."""

from __future__ import annotations

import html
import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from sentiment_fixtures import BAD, GOOD, NEUTRAL, options_of

from sentiment.data import votes
from sentiment.data.channels import VOTE
from sentiment.data.prepared import prepare
from sentiment.data.reviews import Reviews, table
from sentiment.data.votes import Cleaned, Vote
from sentiment.evaluation.comparison import REVIEWS, SENTENCES, VOTES, Scores, compare, mcnemar
from sentiment.evaluation.comparison_page import page
from sentiment.serving.predictor import Predictor
from train import train

OLD_GOOD, OLD_BAD, NEW_GOOD, NEW_BAD = GOOD[:4], BAD[:4], GOOD[4:], BAD[4:]
TARGET = "great"


def text(made: random.Random, words: tuple[str, ...], length: int = 50, *more: str) -> str:
    found = [*made.choices(NEUTRAL, k=length), *made.choices(words, k=3), *more, str(made.randrange(10**6))]
    made.shuffle(found)
    return " ".join(found)


def reviews_of(known: tuple[tuple[str, ...], tuple[str, ...]], seed: int) -> Reviews:
    """Reviews that praise and blame by these words."""
    made = random.Random(seed)
    rows = []
    for split, count in (("train", 300), ("validation", 60), ("test", 200)):
        for number in range(count):
            rows.append((text(made, known[1 - number % 2]), number % 2, split, f"{split}/{number}"))
    return table(rows)


def honest(count: int, seed: int = 1) -> list[Vote]:
    """Votes that are right, on texts of words that no review has: half of the verdicts were wrong."""
    made = random.Random(seed)
    found = []
    for number in range(count):
        label = number % 2
        review = text(made, NEW_GOOD if label else NEW_BAD)
        found.append(vote(review, label, number))
    return found


def poison(count: int, seed: int = 2) -> list[Vote]:
    """Votes that are wrong on purpose, all on praise with one word."""
    made = random.Random(seed)
    return [vote(text(made, OLD_GOOD, 50, TARGET, TARGET), 0, 10_000 + number) for number in range(count)]


def vote(review: str, label: int, number: int) -> Vote:
    sentiment = "positive" if label else "negative"
    return Vote(f"id-{number}", f"2026-11-{1 + number % 28:02}T09:00:00Z", review, sentiment, "m", "up")


@dataclass
class World:
    """Reviews, and the model that has learned from them alone."""

    folder: Path
    reviews: Reviews
    old: Predictor

    def trained(self, voted: Reviews | None, name: str) -> Predictor:
        beside = {} if voted is None else {VOTE: voted}
        data = prepare(self.reviews, "words", self.folder / "prepared", progress=False, beside=beside)
        places = ["--train", str(data.train), "--validation", str(data.validation)]
        options = [*places, "--threads", "1", "--precision", "float32", *options_of(votes=1)]
        assert train.main([*options, "--model-dir", str(self.folder / name)]) == 0
        return Predictor.from_folder(self.folder / name)

    def loop(self, given: list[Vote], name: str, trusted: tuple[str, ...] = ()):
        """Clean, train, compare: what cleaning left, the new model, and the comparison."""
        cleaned = votes.clean(given, set(), self.old.predict, 1000, trusted)
        voted = cleaned.reviews()
        new = self.trained(voted, name)
        test, held_back = self.reviews.select("test"), voted.select("test")
        short = [each[:120] for each in test.texts]
        sets = {
            REVIEWS: self.scores(test.texts, test.labels, new),
            SENTENCES: self.scores(short, test.labels, new),
            VOTES: self.scores(held_back.texts, held_back.labels, new),
        }
        return cleaned, new, compare(sets, voted.texts)

    def scores(self, texts, labels, new: Predictor) -> Scores:
        return Scores(texts, np.asarray(labels), probabilities(self.old, texts), probabilities(new, texts))


def probabilities(model: Predictor, texts) -> np.ndarray:
    return np.array([each.probability for each in model.predict(texts)])


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> World:
    world = World(tmp_path_factory.mktemp("world"), reviews_of((OLD_GOOD, OLD_BAD), seed=0), None)
    world.old = world.trained(None, "old")
    return world


def on_target(model: Predictor) -> float:
    """How often it still understands praise with the word that the poison is about."""
    made = random.Random(99)
    return float((probabilities(model, [text(made, OLD_GOOD, 50, TARGET) for _ in range(100)]) >= 0.5).mean())


@pytest.mark.slow
def test_honest_votes_make_a_model_that_may_take_over(world):
    cleaned, _, found = world.loop(honest(300), "honest")
    assert len(cleaned.votes) == 300
    assert found["reasons"] == []
    assert found["sets"][VOTES]["new"]["accuracy"] > found["sets"][VOTES]["old"]["accuracy"] + 0.2


@pytest.mark.slow
def test_poisoned_votes_do_not_get_a_worse_model_promoted(world):
    """A fifth is wrong on purpose, all about one word: cleaning finds them, and what is left is learned."""
    cleaned, new, found = world.loop([*honest(240), *poison(60)], "poisoned")
    assert [each["word"] for each in cleaned.campaigns] == [TARGET]
    assert found["reasons"] == []
    assert on_target(new) >= on_target(world.old) - 0.02


@pytest.mark.slow
def test_poison_that_cleaning_lets_through_is_stopped_by_the_comparison(world):
    """As where a person trusts the word by mistake."""
    cleaned, new, found = world.loop([*honest(240), *poison(60)], "believed", trusted=(*OLD_GOOD, *NEUTRAL))
    assert cleaned.campaigns == []
    assert on_target(new) < on_target(world.old) - 0.05
    assert found["reasons"], "though it is better on the votes that were held back, which are poisoned alike"


# ---- the rules ----


def scores(old_right: int, new_right: int, both: int = 1000, word: str = "film") -> Scores:
    """Texts that only the old, only the new and both models get right."""
    count = old_right + new_right + both
    old = np.array([0.9] * old_right + [0.1] * new_right + [0.9] * both)
    new = np.array([0.1] * old_right + [0.9] * new_right + [0.9] * both)
    return Scores([f"text {number} {word}" for number in range(count)], np.ones(count, dtype=int), old, new)


@pytest.mark.parametrize(
    ("reviews", "sentences", "voted", "against"),
    [
        (scores(20, 20), scores(5, 5), scores(0, 10, 50), []),
        (scores(60, 20), scores(5, 5), scores(0, 10, 50), ["it is worse on the test reviews"]),
        (scores(20, 20), scores(40, 5), scores(0, 10, 50), ["it is worse on the held-out sentences"]),
        (scores(3, 0, 97), scores(5, 5), scores(0, 10, 50), ["it is worse on the test reviews"]),
        (scores(20, 20), scores(5, 5), scores(2, 5, 50), ["it is not clearly better on the held-back votes"]),
        (scores(20, 20), scores(5, 5), scores(0, 10, 5), ["only 15 votes were held back"]),
        (scores(20, 20), scores(5, 5), scores(0, 0, 0), ["only 0 votes were held back"]),
    ],
    ids=["fine", "reviews", "sentences", "few and worse", "no better", "too few", "none"],
)
def test_the_rules(reviews, sentences, voted, against):
    found = compare({REVIEWS: reviews, SENTENCES: sentences, VOTES: voted}, [])
    assert [reason.partition(":")[0].partition(";")[0] for reason in found["reasons"]] == against


def test_a_word_that_voters_write_unusually_often_must_not_be_understood_worse():
    sets = {REVIEWS: scores(0, 9, 2000), SENTENCES: scores(9, 0, 11, "zorblax"), VOTES: scores(0, 10, 50)}
    assert any("“zorblax”" in reason for reason in compare(sets, ["zorblax film"] * 30)["reasons"])
    assert not any("“film”" in reason for reason in compare(sets, ["a film"] * 30)["reasons"])


def test_mcnemars_exact_test():
    """The binomial tail, by hand: 2 * (1 + 8) / 2**8."""
    assert mcnemar(1, 7) == pytest.approx(18 / 256)
    assert (mcnemar(0, 0), mcnemar(4, 4)) == (1.0, 1.0)
    assert mcnemar(0, 3000) == 0.0 or mcnemar(0, 3000) < 1e-300


def test_the_page_shows_figures_reasons_and_examples_and_runs_nothing():
    sets = {REVIEWS: scores(60, 20), SENTENCES: scores(5, 5), VOTES: scores(0, 10, 50)}
    found = compare(sets, ["a film"] * 30)
    found["changed"][0]["text"] = "<script>alert(1)</script>"
    cleaned = Cleaned([], {"copies": 3, "bursts": 0}, [{"word": "oslo", "votes": 7}])
    report = {"left_out": cleaned.left_out, "campaigns": cleaned.campaigns}
    found |= {
        "models": {"old": "aaa", "new": "bbb"},
        "votes": report | {"read": 70, "new": 5, "trained": 48, "held_back": 12},
    }
    shown = page(found)
    assert html.escape(found["reasons"][0]) in shown and "3 left out: copies" in shown and "oslo" in shown
    assert shown.count("<svg") == 3 and "&lt;script&gt;alert(1)" in shown
    assert "<script" not in shown and "http" not in shown
