"""The steps of a training run: each a batch, its gradients and what the optimizer makes of them.

A step draws its randomness from the seed and its number alone.
"""

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
    """Moves `model` a step at a time: of `steps` steps in all, on this process's part of each batch."""

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
        self.optimizer = make_optimizer(model, recipe)

    def step(self, number: int, batch: Batch) -> float:
        """Step `number` (from 0), on the process's part of a batch; returns the mean log loss of it all."""
        torch.manual_seed((self.seed * 1_000_003 + number) * self.group.size + self.group.rank)
        factor = learning_rate_factor(number, self.steps, self.recipe.schedule, self.recipe.warm_up)
        for parameters in self.optimizer.param_groups:
            parameters["lr"] = self.recipe.learning_rate * factor
        self.optimizer.zero_grad(set_to_none=True)
        loss = self._backpropagate(batch)
        if self.unlabelled is not None and self.recipe.virtual_adversarial:
            self._backpropagate_unlabelled(number, self.unlabelled)
        loss = self.group.reduce_gradients(self.model, loss)
        if self.recipe.clip:
            nn.utils.clip_grad_norm_(self.model.parameters(), self.recipe.clip)
        self.optimizer.step()
        return loss

    def _backpropagate(self, batch: Batch) -> float:
        """Gradients of the mean log loss of a batch, from this process's part of it."""
        if not batch.reviews:
            return 0.0
        device = self.model.device
        own = collate(batch.reviews, self.model.architecture).to(device)
        labels = torch.from_numpy(batch.labels).to(device)
        return backpropagate(self.model, own, labels, 1 / batch.size, self.recipe.adversarial, self.bfloat16)

    def _backpropagate_unlabelled(self, number: int, unlabelled: Channel) -> None:
        """As many unlabelled reviews, drawn at random, as a batch has labelled ones."""
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
        """What a checkpoint holds of the steps, besides the model itself."""
        return {"optimizer": self.optimizer.state_dict()}

    def load(self, state: dict[str, Any]) -> None:
        self.optimizer.load_state_dict(state["optimizer"])
