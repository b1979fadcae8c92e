"""Self-training: a first model labels the unlabelled reviews, and a second one also learns from those labels.

Only labels that the first model is sure of are used (Yarowsky, ACL 1995; Lee, "Pseudo-Label", 2013). The
second model is new: it does not start from the first.
"""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from sentiment.data.channels import Channel, concatenate
from sentiment.errors import ChannelError
from sentiment.model.lstm import LSTMClassifier
from sentiment.training.recipes import Recipe
from sentiment.training.trainer import Run, Trained, Trainer

FIRST = "first"
"""The folder of the first model's checkpoint, within that of the run."""


def require_unlabelled(recipe: Recipe, unlabelled: Channel | None, in_shards: bool) -> None:
    """Raises ChannelError if the recipe needs unlabelled reviews that are missing, or labelled ones that fit
    into memory.
    """
    if recipe.self_training and unlabelled is None:
        raise ChannelError(
            f"the recipe {recipe.name} learns from unlabelled reviews as well: give --unlabelled FOLDER, "
            "or SM_CHANNEL_UNLABELLED (of the sources, aclimdb has them)"
        )
    if recipe.self_training and in_shards:
        raise ChannelError(f"the recipe {recipe.name} cannot be trained on reviews that are in shards")


def fit(
    make: Callable[[Recipe, Channel, Run], Trainer],
    recipe: Recipe,
    train: Channel,
    unlabelled: Channel | None,
    run: Run,
) -> Trained:
    """Train a model, or if the recipe has self-training, one after the other; `make` makes their Trainers.

    If the first of two is stopped, it is returned.
    """
    if not recipe.self_training or unlabelled is None:
        return make(recipe, train, run).fit()
    folder = None if run.checkpoints is None else run.checkpoints / FIRST
    trainer = make(replace(recipe, self_training=0.0), train, replace(run, checkpoints=folder))
    trainer.say("training the first model, which labels the unlabelled reviews")
    first = trainer.fit()
    if not first.finished:
        return first
    learned = trainer.group.broadcast(lambda: labelled(first.model, unlabelled, recipe.self_training))
    trainer.say(
        f"it is sure of {len(learned):,} of {len(unlabelled):,} unlabelled reviews; training the second"
    )
    return make(recipe, concatenate([train, learned]), run).fit()


def labelled(model: LSTMClassifier, unlabelled: Channel, confidence: float) -> Channel:
    """The unlabelled reviews to which the model gives a label with at least this probability, with it."""
    logits = model.logits([unlabelled.review(row) for row in range(len(unlabelled))])
    sure = np.flatnonzero(np.abs(logits) >= math.log(confidence / (1 - confidence)))
    chosen = unlabelled.take(sure)
    return replace(chosen, labels=(logits[sure] > 0).astype(chosen.labels.dtype))
