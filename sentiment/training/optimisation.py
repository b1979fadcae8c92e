"""Initialisation, learning rate schedule and optimizers."""

import inspect
from typing import TypeVar, cast

import torch
from torch import nn
from torch.optim import Adam, AdamW, Optimizer

from sentiment.model.lstm import LSTMClassifier
from sentiment.training.recipes import Recipe

Kind = TypeVar("Kind", bound=type[Optimizer])

EMBEDDING_SCALE = 0.3
"""The root mean square of new embeddings with "scaled" initialisation: a few epochs can still move them."""


def scaled_initialisation(model: LSTMClassifier) -> None:
    """Initialise with orthogonal recurrent weights, a forget bias of 1, and small embeddings."""
    hidden = model.lstm.hidden_size
    for name, parameter in model.lstm.named_parameters():
        if name.startswith("weight_hh"):
            for gate in parameter.data.split(hidden):
                nn.init.orthogonal_(gate)
        elif name.startswith("bias_ih"):
            parameter.data.zero_()
            parameter.data[hidden : 2 * hidden] = 1.0
        elif name.startswith("bias_hh"):
            parameter.data.zero_()
    model.embedding.weight.data.mul_(EMBEDDING_SCALE)


def learning_rate_factor(step: int, steps: int, schedule: str, warm_up: float) -> float:
    """The factor of the learning rate at a step, from 0 to 1.

    It is constant, or rises linearly over the `warm_up` share of all steps and then falls linearly to 0.
    """
    if schedule == "constant":
        return 1.0
    rising = warm_up * steps
    if step < rising:
        return (step + 1) / (rising + 1)
    return max((steps - step) / max(steps - rising, 1.0), 0.0)


def without_compiler(kind: Kind) -> Kind:
    """Make a subclass of one of torch's optimizers that does not import torch's compiler.

    torch decorates some methods to exclude them from compilation. Nothing is compiled here, and importing the
    compiler would cost each training a second or two, and memory.
    """
    names = ("add_param_group", "zero_grad", "state_dict", "load_state_dict")
    plain = {name: inspect.unwrap(getattr(kind, name)) for name in names}
    plain["step"] = torch.no_grad()(inspect.unwrap(kind.step))  # as one of its decorators did
    return cast(Kind, type(kind.__name__, (kind,), plain))


def make_optimizer(model: LSTMClassifier, recipe: Recipe) -> Optimizer:
    """Make Adam, as the predecessor used it, or AdamW without weight decay on the embeddings."""
    embeddings = list(model.embedding.parameters())
    others = [parameter for parameter in model.parameters() if parameter is not model.embedding.weight]
    if recipe.optimizer == "adam":
        return without_compiler(Adam)(model.parameters(), lr=recipe.learning_rate)
    groups = [
        {"params": embeddings, "weight_decay": 0.0},
        {"params": others, "weight_decay": recipe.weight_decay},
    ]
    return without_compiler(AdamW)(groups, lr=recipe.learning_rate, betas=(0.9, 0.98), fused=True)
