"""The running mean of a model's weights over the steps of a training run (Polyak averaging)."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class WeightAverage:
    """An exponential mean of the parameters: each step keeps `decay` of it, less in the first steps.

    With a decay of 0 there is no mean: the parameters as they are take its place.
    """

    def __init__(self, model: nn.Module, decay: float):
        self.decay = decay
        self.parameters = dict(model.named_parameters()) if decay else {}
        self.mean: dict[str, Tensor] = {}
        self.restart()

    def restart(self) -> None:
        """Begin with the parameters as they are now."""
        self.mean = _copies(self.parameters)

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the parameters as they are after step number `step` (from 0)."""
        # As long as few steps lie behind it, the mean forgets faster: it began at the random start.
        kept = min(self.decay, (2 + step) / (11 + step))
        if self.mean:
            torch._foreach_lerp_(list(self.mean.values()), list(self.parameters.values()), 1 - kept)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Within it the model has the mean for its parameters; afterwards its own again."""
        own = _copies(self.parameters)
        _assign(self.parameters, self.mean)
        try:
            yield
        finally:
            _assign(self.parameters, own)

    def load(self, mean: dict[str, Tensor]) -> None:
        _assign(self.mean, mean)


def _copies(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in tensors.items()}


@torch.no_grad()
def _assign(tensors: dict[str, Tensor], values: dict[str, Tensor]) -> None:
    for name, tensor in tensors.items():
        tensor.copy_(values[name])
