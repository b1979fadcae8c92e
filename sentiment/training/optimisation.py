"""How a model starts, and how fast it learns."""

import inspect
from typing import TypeVar, cast

import torch
from torch import nn
from torch.optim import Adam, AdamW, Optimizer

from sentiment.model.lstm import LSTMClassifier
from sentiment.training.recipes import Recipe

Kind = TypeVar("Kind", bound=type[Optimizer])

EMBEDDING_SCALE = 0.3
"""Root mean square of fresh embeddings where the initialisation is "scaled": a few epochs can move them."""


def scaled_initialisation(model: LSTMClassifier) -> None:
    """Orthogonal recurrent weights, forget bias 1, and embeddings small enough to be moved by few epochs."""
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
    """The share of the learning rate at a step: linear up over the warm-up, then linear to 0; or constant."""
    if schedule == "constant":
        return 1.0
    rising = warm_up * steps
    if step < rising:
        return (step + 1) / (rising + 1)
    return max((steps - step) / max(steps - rising, 1.0), 0.0)


def without_compiler(kind: Kind) -> Kind:
    """One of torch's optimizers, that does not import torch's compiler.

    torch decorates these methods to keep them out of what it compiles. Nothing is compiled here, and to
    import the compiler takes each training a second or two, and memory.
    """
    names = ("add_param_group", "zero_grad", "state_dict", "load_state_dict")
    plain = {name: inspect.unwrap(getattr(kind, name)) for name in names}
    plain["step"] = torch.no_grad()(inspect.unwrap(kind.step))  # one of its decorators did that, too
    return cast(Kind, type(kind.__name__, (kind,), plain))


def make_optimizer(model: LSTMClassifier, recipe: Recipe) -> Optimizer:
    """Adam as the predecessor used it, or AdamW that leaves the embeddings' weights undecayed."""
    embeddings = list(model.embedding.parameters())
    others = [parameter for parameter in model.parameters() if parameter is not model.embedding.weight]
    if recipe.optimizer == "adam":
        return without_compiler(Adam)(model.parameters(), lr=recipe.learning_rate)
    groups = [
        {"params": embeddings, "weight_decay": 0.0},
        {"params": others, "weight_decay": recipe.weight_decay},
    ]
    return without_compiler(AdamW)(groups, lr=recipe.learning_rate, betas=(0.9, 0.98), fused=True)
