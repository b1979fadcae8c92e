"""The steps of a training run: compute the gradients of a batch, and let the optimizer apply them.

The randomness of a step depends only on the seed, the step's number and the process's rank.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import nn

from sentiment.model.lstm import LSTMClassifier, collate
from sentiment.training.batches import Batch
from sentiment.training.distributed import ProcessGroup
from sentiment.training.objective import backpropagate
from sentiment.training.optimisation import learning_rate_factor, make_optimizer
from sentiment.training.recipes import Recipe


class Stepper:
    """Trains `model` by `steps` steps, each on this process's part of a batch."""

    def __init__(
        self,
        model: LSTMClassifier,
        recipe: Recipe,
        steps: int,
        seed: int,
        bfloat16: bool,
        group: ProcessGroup,
    ):
        self.model, self.recipe = model, recipe
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
        offsets = torch.from_numpy(batch.offsets).to(device)
        return backpropagate(
            self.model, own, labels, offsets, 1 / batch.size, self.recipe.adversarial, self.bfloat16
        )

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
