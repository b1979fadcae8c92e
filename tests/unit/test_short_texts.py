"""Short texts beside the reviews: where they come from, how they reach training, and what counts them."""

from pathlib import Path

import numpy as np
import pytest
from sentiment_fixtures import made_up_reviews, tiny_recipe

from sentiment.data import counterfactuals, rated, snippets, written
from sentiment.data.channels import COUNTERFACTUAL, NEUTRAL, REVIEW, SNIPPET, TAUGHT, read_channel
from sentiment.data.prepared import prepare, texts_beside
from sentiment.data.reviews import concatenate, normalised, table
from sentiment.errors import ChannelError
from sentiment.training.steps import shortened
from sentiment.training.trainer import Run, Trainer
from tests.conftest import PROJECT


def test_the_snippets_have_a_fixed_split_with_copies_together():
    found = snippets.load()
    assert len(found) == 8530
    counts = {name: sum(of.values()) for name, of in found.counts().items()}
    assert counts["validation"] == pytest.approx(853, abs=5) and counts["test"] == pytest.approx(853, abs=5)
    homes: dict[str, set[str]] = {}
    for text, split in zip(found.texts, found.split, strict=True):
        homes.setdefault(normalised(text), set()).add(str(split))
    assert {len(splits) for splits in homes.values()} == {1}
    assert found.fingerprint() == snippets.load().fingerprint()


def test_rated_sentences_are_labelled_where_people_agreed():
    found = rated.load()
    label = dict(zip(found.texts, found.labels.tolist(), strict=True))
    assert label["i'm very glad i did."] == 1
    counts = found.counts()
    assert sum(counts["train"].values()) > 2000 and min(sum(of.values()) for of in counts.values()) > 250
    assert found.fingerprint() == rated.load().fingerprint()
    of_review: dict[str, set[str]] = {}
    for name, split in zip(found.ids, found.split, strict=True):
        of_review.setdefault(name.split("_")[1], set()).add(str(split))
    assert len(of_review) > 250 and {len(splits) for splits in of_review.values()} == {1}


@pytest.mark.parametrize("source", [rated, written])
def test_sentences_without_an_opinion_are_learned_with_both_labels_and_never_measured_as_one(source):
    without = {split: source.without_opinion(split) for split in ("train", "validation")}
    assert min(map(len, without.values())) > 50
    assert not set(source.load().texts) & {text for texts in without.values() for text in texts}
    neutral = source.neutral()
    assert set(neutral.split) == {"train"} and len(set(neutral.ids)) == len(neutral)
    pairs = [(text, label) for text in without["train"] for label in (0, 1)]
    assert list(zip(neutral.texts, neutral.labels.tolist(), strict=True)) == pairs


def test_written_sentences_have_a_label_or_none():
    found = written.load()
    label = dict(zip(found.texts, found.labels.tolist(), strict=True))
    assert label["Not a dull moment in it."] == 1
    assert set(found.split) == {"train", "validation"}
    assert "ok" in written.without_opinion("train") + written.without_opinion("validation")
    assert 0.45 < found.select("train").labels.mean() < 0.55


def test_neighbouring_sentences_are_in_one_split():
    found, splits = written.load(), {}
    for name, split in zip(found.ids, found.split, strict=True):
        line = int(name.removeprefix("written_")) - 1
        splits.setdefault(line // written.BLOCK_LINES, set()).add(str(split))
    assert all(len(one) == 1 for one in splits.values())
    assert set().union(*splits.values()) == {"train", "validation"}


def test_the_model_card_counts_the_written_sentences():
    sentences = Path(written.__file__).with_suffix(".tsv").read_text(encoding="utf-8").splitlines()
    card = (PROJECT / "docs" / "model.md").read_text(encoding="utf-8")
    assert f"{len(sentences):,} sentences written for this project" in card


@pytest.mark.slow
def test_recipes_learn_from_critics_and_raters_alike_and_twice_from_each_short_text():
    assert texts_beside(False, made_up_reviews().rows) == {}
    kinds = texts_beside(True, made_up_reviews().rows)
    assert not kinds.keys() & set(TAUGHT), "no sentence of these reviews was judged"
    assert len(kinds[NEUTRAL]) == 2 * len(rated.neutral()) + 2 * len(written.neutral())
    beside = kinds[SNIPPET]
    once = concatenate([snippets.load(), rated.load(), written.load()])
    counts, counts_once = (
        {name: sum(of.values()) for name, of in table.counts().items()} for table in (beside, once)
    )
    assert counts == counts_once | {"train": 2 * counts_once["train"]}
    assert len(set(beside.ids)) == len(beside) and set(beside.texts) == set(once.texts)


def test_counterfactuals_come_in_both_polarities():
    made = counterfactuals.load()
    assert (
        set(made.split) == {"train"}
        and len(set(zip(made.texts, made.labels, strict=True))) == len(made) > 10_000
    )
    assert 0.45 < made.labels.mean() < 0.55
    assert not [text for text in made.texts if "{" in text or "}" in text or text != text.strip()]
    assert made.fingerprint() == counterfactuals.load().fingerprint()


def test_sentences_without_an_opinion_have_both_labels():
    made = counterfactuals.load()
    labels: dict[str, set[int]] = {}
    for text, label in zip(made.texts, made.labels.tolist(), strict=True):
        labels.setdefault(text, set()).add(label)
    neutral = {text for text, of_text in labels.items() if len(of_text) == 2}
    assert len(neutral) > 500 and "ok" in neutral and any("weather" in text for text in neutral)
    assert {len(of_text) for text, of_text in labels.items() if "disappointed" in text} == {1}


@pytest.fixture
def prepared(tmp_path):
    short = table(
        [("great fun", 1, "train", "a"), ("dull mess", 0, "train", "b"), ("superb", 1, "validation", "c")]
    )
    made = table([("not great", 0, "train", "d"), ("never dull", 1, "train", "e")])
    kinds = {SNIPPET: short, COUNTERFACTUAL: made}
    return prepare(made_up_reviews(), "words", tmp_path, progress=False, beside=kinds)


def test_channels_distinguish_short_texts_from_reviews(prepared, tmp_path):
    train = read_channel(prepared.train, "train")
    assert train.kinds.tolist() == [REVIEW] * 160 + [SNIPPET] * 2 + [COUNTERFACTUAL] * 2
    assert read_channel(prepared.validation, "validation").kinds.tolist() == [REVIEW] * 40 + [SNIPPET]
    plain = prepare(made_up_reviews(), "words", tmp_path, progress=False)
    assert plain.key != prepared.key
    (plain.train / "kinds.npy").unlink()  # as before there were short texts
    assert set(read_channel(plain.train, "train").kinds.tolist()) == {REVIEW}


def test_a_channel_of_short_texts_only_is_refused(prepared):
    np.save(prepared.validation / "kinds.npy", np.full(41, SNIPPET, dtype=np.int8))
    with pytest.raises(ChannelError, match="short texts only"):
        read_channel(prepared.validation, "validation")
    np.save(prepared.validation / "kinds.npy", np.full(3, REVIEW, dtype=np.int8))
    with pytest.raises(ChannelError, match=r"kinds\.npy must hold one of .* for each of the 41 labels"):
        read_channel(prepared.validation, "validation")


@pytest.mark.parametrize(("weight", "texts"), [(1.0, 4), (0.0, 0)])
def test_training_reads_the_short_texts_that_its_recipe_wants(prepared, weight, texts):
    channels = [read_channel(getattr(prepared, name), name) for name in ("train", "validation")]
    recipe = tiny_recipe("fast", snippets=weight, counterfactuals=weight, epochs=1)
    metrics = Trainer(recipe, *channels, Run()).fit().metrics
    assert metrics["train_short_texts"] == texts and metrics["train_reviews"] == 160
    assert metrics["validation_reviews"] == metrics["calibration"]["reviews"] == 40
    assert (metrics["calibration"]["short_texts"] is not None) == (weight > 0)


def test_the_best_epoch_is_that_on_reviews_and_on_short_texts(prepared):
    channels = [read_channel(getattr(prepared, name), name) for name in ("train", "validation")]
    recipe = tiny_recipe("fast", epochs=4, patience=4, best_by="accuracy")
    metrics = Trainer(recipe, *channels, Run()).fit().metrics
    scores = [entry["validation_accuracy"] + entry["short_text_accuracy"] for entry in metrics["epochs"]]
    assert scores[metrics["best_epoch"] - 1] == max(scores)


@pytest.mark.slow
def test_early_epochs_read_less_of_long_reviews(prepared):
    assert shortened(np.arange(10), 6).tolist() == [0, 1, 6, 7, 8, 9]
    assert shortened(np.arange(6), 6).tolist() == list(range(6))

    def weights(**changes):
        channels = [read_channel(getattr(prepared, name), name) for name in ("train", "validation")]
        return Trainer(tiny_recipe("fast", **changes), *channels, Run()).fit().model.dense.weight

    whole = weights(epochs=2, early_words=0)
    assert weights(epochs=2, early_words=10_000).equal(whole)
    assert not weights(epochs=2, early_words=3).equal(whole)
    assert weights(epochs=1, early_words=3).equal(weights(epochs=1, early_words=0)), (
        "the last epoch reads all"
    )
