"""Self-training: a first model labels the unlabelled reviews, and a second one also learns from those labels.

Only labels that the first model is sure of are used (Yarowsky, ACL 1995; Lee, "Pseudo-Label", 2013). The
second model is new: it does not start from the first.
"""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from sentiment.data.channels import MAX_REASON, Channel, concatenate
from sentiment.errors import ChannelError, CheckpointError
from sentiment.files import atomic_write
from sentiment.model.lstm import LSTMClassifier
from sentiment.training.distributed import ProcessGroup
from sentiment.training.recipes import Recipe
from sentiment.training.trainer import Run, Trained, Trainer

FIRST = "first"
"""The folder of the first model's checkpoint and labels, within the run's folder of checkpoints."""
LABELS = "labels.npy"
Make = Callable[[Recipe, Channel, Run, bool], Trainer]
"""Makes the Trainer of a recipe on a channel; the last argument says whether its model is the result."""


def require_unlabelled(recipe: Recipe, unlabelled: Channel | None, in_shards: bool) -> None:
    """Raises ChannelError if self-training has no unlabelled reviews, or a train channel in shards."""
    if recipe.self_training and unlabelled is None:
        raise ChannelError(
            f"the recipe {recipe.name} learns from unlabelled reviews as well: give --unlabelled FOLDER, "
            "or SM_CHANNEL_UNLABELLED (of the sources, aclimdb has them)"
        )
    if recipe.self_training and in_shards:
        raise ChannelError(f"the recipe {recipe.name} cannot be trained on reviews that are in shards")


def fit(make: Make, recipe: Recipe, train: Channel, unlabelled: Channel | None, run: Run) -> Trained:
    """Train a model, or two models in turn if the recipe has self-training.

    A run that is stopped before the second has ended an epoch gives the first. The metric
    `train_unlabelled_reviews` says how many of these a model has learned from.
    """
    if not recipe.self_training or unlabelled is None:
        return make(recipe, train, run, True).fit()
    folder = None if run.checkpoints is None else run.checkpoints / FIRST
    trainer = make(replace(recipe, self_training=0.0), train, replace(run, checkpoints=folder), False)
    trainer.say("training the first model, which labels the unlabelled reviews")
    first = _with_count(trainer.fit(), 0)
    if not first.finished:
        return first
    learned = _labelled(first.model, unlabelled, recipe.self_training, folder, trainer.group)
    trainer.say(
        f"it is sure of {len(learned):,} of {len(unlabelled):,} unlabelled reviews; training the second"
    )
    if trainer.group.any(trainer.should_stop()):
        return replace(first, finished=False)
    second = make(recipe, concatenate([train, learned]), run, True).fit()
    return (
        _with_count(second, len(learned)) if second.metrics["best_epoch"] else replace(first, finished=False)
    )


def _with_count(trained: Trained, unlabelled: int) -> Trained:
    return replace(trained, metrics={**trained.metrics, "train_unlabelled_reviews": unlabelled})


def _labelled(
    model: LSTMClassifier, unlabelled: Channel, confidence: float, folder: Path | None, group: ProcessGroup
) -> Channel:
    """The reviews to which the model gives a label with at least this probability, with it.

    With a folder, the labels are stored there: a run that is resumed elsewhere must not compute others.
    """
    stored = group.broadcast(lambda: _stored(folder, len(unlabelled)))
    labels = of_sure_reviews(_logits(model, unlabelled, group), confidence) if stored is None else stored
    if stored is None and folder is not None and group.is_first:
        with atomic_write(folder / LABELS) as temporary, temporary.open("wb") as stream:
            np.save(stream, labels, allow_pickle=False)
    sure = np.flatnonzero(labels >= 0)
    return replace(unlabelled.take(sure), labels=labels[sure])


def of_sure_reviews(logits: np.ndarray, confidence: float) -> np.ndarray:
    """The more probable label of each logit (N,), or -1 if its probability is below `confidence`."""
    sure = np.abs(logits) >= math.log(confidence / (1 - confidence))
    return np.where(sure, logits > 0, -1).astype(np.int8)


def _logits(model: LSTMClassifier, unlabelled: Channel, group: ProcessGroup) -> np.ndarray:
    """The logits (N,) of all reviews, of which each process computes its part."""
    own = model.logits([unlabelled.review(row) for row in group.shard(range(len(unlabelled)))])
    return group.gather(torch.from_numpy(own).to(model.device), len(unlabelled)).cpu().numpy()


def _stored(folder: Path | None, reviews: int) -> np.ndarray | None:
    """The labels of an earlier part of the run, if there are any. Raises CheckpointError."""
    if folder is None or not (folder / LABELS).is_file():
        return None
    file = folder / LABELS
    try:
        labels: np.ndarray = np.load(file, allow_pickle=False)
    except Exception as error:  # numpy raises some ten kinds for files that lie
        raise CheckpointError(
            f"{file} cannot be read ({str(error)[:MAX_REASON]}); remove it to label the reviews again"
        ) from None
    if labels.shape != (reviews,):
        raise CheckpointError(
            f"{file} has labels of other unlabelled reviews than these {reviews:,}; use the same ones, or "
            "another folder, or remove it to label these"
        )
    return labels
