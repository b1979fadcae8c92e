"""The steps of a training run: compute the gradients of a batch, and let the optimizer apply them.

The randomness of a step depends only on the seed, the step's number and the process's rank.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import nn

from sentiment.data.channels import Channel
from sentiment.model.layout import crop
from sentiment.model.lstm import LSTMClassifier, collate
from sentiment.training.batches import Batch
from sentiment.training.distributed import ProcessGroup
from sentiment.training.objective import backpropagate, backpropagate_virtual
from sentiment.training.optimisation import learning_rate_factor, make_optimizer
from sentiment.training.recipes import Recipe


class Stepper:
    """Trains `model` by `steps` steps, each on this process's part of a batch."""

    def __init__(
        self,
        model: LSTMClassifier,
        recipe: Recipe,
        unlabelled: Channel | None,
        steps: int,
        seed: int,
        bfloat16: bool,
        group: ProcessGroup,
    ):
        self.model, self.recipe, self.unlabelled = model, recipe, unlabelled
        self.steps, self.seed, self.bfloat16, self.group = steps, seed, bfloat16, group
        self.early_steps = steps - steps // recipe.epochs if recipe.early_words else 0
        self.optimizer = make_optimizer(model, recipe)

    def step(self, number: int, batch: Batch) -> float:
        """Take step `number` (from 0) on this process's part of a batch; return the batch's mean log loss."""
        torch.manual_seed((self.seed * 1_000_003 + number) * self.group.size + self.group.rank)
        factor = learning_rate_factor(number, self.steps, self.recipe.schedule, self.recipe.warm_up)
        for parameters in self.optimizer.param_groups:
            parameters["lr"] = self.recipe.learning_rate * factor
        self.optimizer.zero_grad(set_to_none=True)
        if number < self.early_steps:
            early = [shortened(ids, self.recipe.early_words) for ids in batch.reviews]
            batch = replace(batch, reviews=early)
        loss = self._backpropagate(batch)
        if self.unlabelled is not None and self.recipe.virtual_adversarial:
            self._backpropagate_unlabelled(number, self.unlabelled)
        loss = self.group.reduce_gradients(self.model, loss)
        if self.recipe.clip:
            nn.utils.clip_grad_norm_(self.model.parameters(), self.recipe.clip)
        self.optimizer.step()
        return loss

    def _backpropagate(self, batch: Batch) -> float:
        """Add this process's part of the gradients of a batch's mean log loss; return its part of that."""
        if not batch.reviews:
            return 0.0
        device = self.model.device
        own = collate(batch.reviews, self.model.architecture).to(device)
        labels = torch.from_numpy(batch.labels).to(device)
        return backpropagate(self.model, own, labels, 1 / batch.size, self.recipe.adversarial, self.bfloat16)

    def _backpropagate_unlabelled(self, number: int, unlabelled: Channel) -> None:
        """Add the gradients on random unlabelled reviews, as many as a batch has labelled ones."""
        random = np.random.default_rng([self.seed, number, 1])
        rows = random.integers(0, len(unlabelled), self.recipe.batch_size)
        a = self.model.architecture
        own = [crop(unlabelled.review(row), a) for row in self.group.shard(rows.tolist())]
        own = [ids for ids in own if len(ids)]
        if own:
            batch = collate(own, a).to(self.model.device)
            scale = self.recipe.virtual_adversarial / len(rows)
            backpropagate_virtual(self.model, batch, scale, self.recipe.adversarial, self.bfloat16)

    def state(self) -> dict[str, Any]:
        """The state for a checkpoint, apart from the model."""
        return {"optimizer": self.optimizer.state_dict()}

    def load(self, state: dict[str, Any]) -> None:
        """Restore what `state` returned."""
        self.optimizer.load_state_dict(state["optimizer"])


def shortened(ids: np.ndarray, words: int) -> np.ndarray:
    """Shorten a longer review to `words` words, a third of them from its beginning, the rest from its end."""
    first = words // 3
    return ids if len(ids) <= words else np.concatenate([ids[:first], ids[len(ids) - words + first :]])
