"""Self-training: the second model also learns from the unlabelled reviews that the first is sure of."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from sentiment_fixtures import made_up_reviews, tiny_recipe

from sentiment.data.channels import Channel, read_channel
from sentiment.data.prepared import prepare
from sentiment.errors import ChannelError, CheckpointError
from sentiment.training import self_training
from sentiment.training.trainer import Run, Trained, Trainer

RECIPE = tiny_recipe("semi", epochs=2, self_training=0.9)


@pytest.fixture(scope="module")
def channels(tmp_path_factory) -> tuple[Channel, Channel, Channel]:
    """Train, validation, and the reviews of the test split without labels."""
    reviews = made_up_reviews()
    split = np.where(reviews.split == "test", "unsupervised", reviews.split)
    labels = np.where(split == "unsupervised", -1, reviews.labels).astype(np.int8)
    folders = prepare(
        replace(reviews, split=split, labels=labels), "words", tmp_path_factory.mktemp("prepared"), False
    ).channels
    return tuple(read_channel(folders[name], name) for name in ("train", "validation", "unlabelled"))


def fitted(channels, run: Run | None = None, stop_at: int = 10**9, lines: list[str] | None = None) -> Trained:
    train, validation, unlabelled = channels
    said, calls = [] if lines is None else lines, iter(range(10**9))

    def make(recipe, channel, run, is_result):
        assert is_result == (recipe == RECIPE)
        return Trainer(recipe, channel, validation, run, said.append, lambda: next(calls) + 1 >= stop_at)

    return self_training.fit(make, RECIPE, train, unlabelled, run or Run())


def test_only_labels_that_the_first_model_is_sure_of_are_learned(channels):
    lines: list[str] = []
    train, _, unlabelled = channels
    trained = fitted(channels, lines=lines)
    learned = trained.metrics["train_reviews"] - len(train)
    assert 0 < learned <= len(unlabelled)
    assert any(
        f"it is sure of {learned:,} of {len(unlabelled):,} unlabelled reviews" in line for line in lines
    )

    assert trained.metrics["train_unlabelled_reviews"] == learned
    edge = np.log(9)  # where the probability is 0.9
    logits = np.array([3.0, edge + 1e-6, edge - 1e-6, 0.0, -edge + 1e-6, -edge - 1e-6])
    assert self_training.of_sure_reviews(logits, 0.9).tolist() == [1, 1, -1, -1, -1, 0]


@pytest.mark.slow
@pytest.mark.parametrize(("steps", "in_second"), [(3, False), (17, False), (25, True)])
def test_a_run_that_is_stopped_in_either_model_resumes_to_the_same_one(
    channels, tmp_path, monkeypatch, steps, in_second
):
    """The first model takes 10 steps in each of two epochs, the second a few more."""
    whole = fitted(channels).model.state_dict()
    run = Run(checkpoints=tmp_path)
    stopped = fitted(channels, run, stop_at=steps)
    assert not stopped.finished
    labels = tmp_path / self_training.FIRST / self_training.LABELS
    if in_second:  # the labels are stored: on another machine, others might be computed
        assert stopped.metrics["best_epoch"] and stopped.metrics["train_unlabelled_reviews"] == 0
        monkeypatch.setattr(self_training, "_logits", lambda *of: pytest.fail("labelled again"))
    assert labels.is_file() == in_second
    resumed = fitted(channels, run)
    assert resumed.finished
    for name, tensor in resumed.model.state_dict().items():
        assert torch.equal(tensor, whole[name]), name


def test_what_it_needs_is_asked_for_before_anything_is_trained(channels):
    with pytest.raises(ChannelError, match="the recipe semi learns from unlabelled reviews as well"):
        self_training.require_unlabelled(RECIPE, None, in_shards=False)
    with pytest.raises(ChannelError, match="cannot be trained on reviews that are in shards"):
        self_training.require_unlabelled(RECIPE, channels[2], in_shards=True)
    self_training.require_unlabelled(tiny_recipe(), None, in_shards=True)


def test_labels_of_other_reviews_are_refused(channels, tmp_path):
    run = Run(checkpoints=tmp_path)
    fitted(channels, run)
    train, validation, unlabelled = channels
    fewer = unlabelled.take(np.arange(len(unlabelled) - 1))
    with pytest.raises(CheckpointError, match="has labels of other unlabelled reviews than these 39; use"):
        fitted((train, validation, fewer), run)
    (tmp_path / self_training.FIRST / self_training.LABELS).write_bytes(b"torn")
    with pytest.raises(CheckpointError, match=r"labels\.npy cannot be read .*; remove it to label"):
        fitted(channels, run)
