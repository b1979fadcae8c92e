"""Sentences of the reviews that a larger model labelled: how they are cut, found again, and learned."""

import numpy as np
import pytest
from sentiment_fixtures import made_up_reviews, tiny_recipe

from sentiment.data import sample, taught
from sentiment.data.channels import REVIEW, TAUGHT, read_channel
from sentiment.data.prepared import prepare, texts_beside
from sentiment.data.reviews import table
from sentiment.training.trainer import Run, Trainer

PRAISE, BLAME, UNJUDGED = "I could watch it all day.", 'Who wrote "this dull mess"?', "He walks into a bar!"
REVIEW_TEXT = f"{PRAISE} Dull. {BLAME}<br /><br />{UNJUDGED}"


@pytest.fixture
def judged(tmp_path, monkeypatch):
    """The labels of two sentences, in the form in which all are stored."""
    file = tmp_path / "taught.npz"
    keys = {
        name: np.array([taught.key_of(text)]) for name, text in (("positive", PRAISE), ("negative", BLAME))
    }
    np.savez_compressed(file, **keys)
    monkeypatch.setattr(taught, "_FILE", file)


def test_a_review_is_cut_into_its_sentences_of_at_least_four_words():
    assert taught.sentences(REVIEW_TEXT) == [PRAISE, BLAME, UNJUDGED]
    assert taught.sentences("word " * 40) == [] and len(taught.sentences("word " * 39)) == 1


def test_the_sentences_of_training_reviews_get_the_labels_that_are_stored_for_them(judged):
    rows = [
        (REVIEW_TEXT, 0, "train", "a"),
        (f"{PRAISE.upper()}  {UNJUDGED}", 0, "train", "b"),
        (f"{BLAME} {PRAISE}", 1, "validation", "c"),
    ]
    found = taught.load(rows)
    assert list(found.rows()) == [(PRAISE, 1, "train", "a_0"), (BLAME, 0, "train", "a_1")]


def test_they_join_the_train_channel_as_a_kind_of_their_own(judged, tmp_path):
    reviews = made_up_reviews()
    texts = [f"{text} {PRAISE}" if split == "train" else text for text, _, split, _ in reviews.rows()]
    longer = table(
        [
            (text, label, split, name)
            for text, (_, label, split, name) in zip(texts, reviews.rows(), strict=True)
        ]
    )
    beside = {TAUGHT: texts_beside(True, longer.rows)[TAUGHT]}
    data = prepare(longer, "words", tmp_path, progress=False, beside=beside)
    channels = [read_channel(getattr(data, name), name) for name in ("train", "validation")]
    assert channels[0].kinds.tolist() == [REVIEW] * 160 + [TAUGHT]
    for weight in (0.1, 0.0):
        recipe = tiny_recipe("fast", taught=weight, epochs=1)
        metrics = Trainer(recipe, *channels, Run()).fit().metrics
        assert metrics["train_short_texts"] == (weight > 0)


def test_most_sentences_of_the_packaged_reviews_are_found_again():
    reviews = sample.load()
    found = taught.load(reviews.rows())
    assert len(found) > 30_000 and 0.4 < found.labels.mean() < 0.6
    assert len(set(found.texts)) == len(found)
