"""Sentences of the reviews that a larger model labelled: how they are cut, found again, and learned."""

import numpy as np
import pytest
from sentiment_fixtures import made_up_reviews, tiny_recipe

from sentiment.data import sample, taught
from sentiment.data.channels import REVIEW, TAUGHT, Channel, read_channel
from sentiment.data.prepared import prepare, texts_beside
from sentiment.data.reviews import table
from sentiment.errors import DatasetError
from sentiment.training.trainer import Run, Trainer

UNSURE, _, SURE = TAUGHT
PRAISE, BLAME, UNJUDGED = "I could watch it all day.", 'Who wrote "this dull mess"?', "He walks into a bar!"
REVIEW_TEXT = f"{PRAISE} Dull. {BLAME}<br /><br />{UNJUDGED}"


@pytest.fixture
def judged(tmp_path, monkeypatch):
    """The teacher's logits of two sentences."""
    monkeypatch.setattr(taught, "_FILE", tmp_path / "taught.npz")
    taught.write([PRAISE, BLAME], np.array([9.0, -0.3]))


def test_a_review_is_cut_into_its_sentences_of_at_least_four_words():
    assert taught.sentences(REVIEW_TEXT) == [PRAISE, BLAME, UNJUDGED]
    assert taught.sentences("word " * 40) == [] and len(taught.sentences("word " * 39)) == 1


def test_the_sentences_of_training_reviews_get_the_labels_that_are_stored_for_them(judged):
    rows = [
        (REVIEW_TEXT, 0, "train", "a"),
        (f"{PRAISE.upper()}  {UNJUDGED}", 0, "train", "b"),
        (f"{BLAME} {PRAISE}", 1, "validation", "c"),
    ]
    by_kind = taught.load(rows)
    assert {kind: list(found.rows()) for kind, found in by_kind.items()} == {
        UNSURE: [(BLAME, 0, "train", "a_1")],
        SURE: [(PRAISE, 1, "train", "a_0")],
    }


@pytest.mark.parametrize("content", [b"", b"version https://git-lfs.github.com/spec/v1\n", b"PK\x03\x04"])
def test_a_damaged_file_of_labels_is_named(judged, content):
    taught._FILE.write_bytes(content)
    with pytest.raises(DatasetError, match=r"taught\.npz: not readable \(.+\); install the project again"):
        taught.load([])


def test_they_join_the_train_channel_as_a_kind_of_their_own(judged, tmp_path):
    reviews = made_up_reviews()
    texts = [f"{text} {PRAISE}" if split == "train" else text for text, _, split, _ in reviews.rows()]
    longer = table(
        [
            (text, label, split, name)
            for text, (_, label, split, name) in zip(texts, reviews.rows(), strict=True)
        ]
    )
    beside = {SURE: texts_beside(True, longer.rows)[SURE]}
    data = prepare(longer, "words", tmp_path, progress=False, beside=beside)
    channels = [read_channel(getattr(data, name), name) for name in ("train", "validation")]
    assert channels[0].kinds.tolist() == [REVIEW] * 160 + [SURE]
    for weight in (0.1, 0.0):
        recipe = tiny_recipe("fast", taught=weight, epochs=1)
        metrics = Trainer(recipe, *channels, Run()).fit().metrics
        assert metrics["train_short_texts"] == (weight > 0)


def test_training_trusts_a_judged_label_as_much_as_its_kind_says():
    labels, kinds = (
        np.array([1, 0, 1, 0], dtype=np.int8),
        np.array([REVIEW, REVIEW, SURE, UNSURE], dtype=np.int8),
    )
    channel = Channel(np.arange(4, dtype=np.int32), np.arange(5), labels, kinds)
    assert channel.targets.tolist() == pytest.approx([1, 0, 0.95, 0.4])


def test_most_sentences_of_the_packaged_reviews_are_found_again():
    by_kind = taught.load(sample.load().rows())
    texts = [text for found in by_kind.values() for text in found.texts]
    assert len(set(texts)) == len(texts) > 50_000
    assert all(0.3 < found.labels.mean() < 0.7 for found in by_kind.values())
