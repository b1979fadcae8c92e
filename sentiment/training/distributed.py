"""Data-parallel training: processes that each work on a shard of every batch and take the same steps.

`torchrun --nproc-per-node=2 train/train.py ...` starts them and tells each its rank by environment variables.
A program started without torchrun is the one process there is, and then nothing here communicates. CPUs talk
by gloo, GPUs by NCCL.
"""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from sentiment.errors import LostProcessError

T = TypeVar("T")


class ProcessGroup:
    """This process's `rank` among `size`; rank 0 is the one that writes.

    `seconds` counts the time that sums over the processes took, waiting for the slowest included.
    """

    def __init__(self, rank: int = 0, size: int = 1, device: str = "cpu"):
        self.rank, self.size, self.device = rank, size, torch.device(device)
        self.seconds = 0.0

    @property
    def is_first(self) -> bool:
        return self.rank == 0

    def shard(self, items: Sequence[T]) -> Sequence[T]:
        """The items that are this process's; those of all processes together are `items`."""
        return items[self.rank :: self.size]

    def host_shard(self, items: Sequence[T]) -> Sequence[T]:
        """The items of this process's host that are this process's."""
        return items[int(os.environ.get("LOCAL_RANK", "0")) :: int(os.environ.get("LOCAL_WORLD_SIZE", "1"))]

    def reduce_gradients(self, module: nn.Module, loss: float) -> float:
        """Replace each parameter's gradient by the sum over the processes; returns the sum of `loss`."""
        if self.size == 1:
            return loss
        gradients = []
        for parameter in module.parameters():
            if parameter.grad is None:  # the last batch of an epoch may have nothing for this process
                parameter.grad = torch.zeros_like(parameter)
            gradients.append(parameter.grad)
        last = gradients[-1].new_tensor([loss])
        flat = self._sum(torch.cat([*(gradient.reshape(-1) for gradient in gradients), last]))
        start = 0
        for gradient in gradients:
            gradient.copy_(flat[start : start + gradient.numel()].view_as(gradient))
            start += gradient.numel()
        return float(flat[-1])

    def gather(self, own: Tensor, total: int) -> Tensor:
        """The values (total,) of all items, from each process's values of its shard of them."""
        if self.size == 1:
            return own
        values = own.new_zeros(total)
        values[self.rank :: self.size] = own
        return self._sum(values)

    def any(self, flag: bool) -> bool:
        """Whether `flag` is true in at least one process."""
        if self.size == 1:
            return flag
        return bool(self._sum(torch.tensor([float(flag)], device=self.device)))

    def broadcast(self, make: Callable[[], T]) -> T:
        """What `make` returns in the first process, in all of them."""
        if self.size == 1:
            return make()
        values = [make() if self.is_first else None]
        with _one_line_errors():
            dist.broadcast_object_list(values, src=0, device=self.device)
        return values[0]  # type: ignore[return-value]  # the first process's, which is no None

    def _sum(self, tensor: Tensor) -> Tensor:
        started = time.perf_counter()
        with _one_line_errors():
            dist.all_reduce(tensor)
        self.seconds += time.perf_counter() - started
        return tensor


@contextmanager
def _one_line_errors() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[0]
        raise LostProcessError(
            f"another process of this training is gone; see what it printed ({reason})"
        ) from None


@contextmanager
def process_group(device: str) -> Iterator[ProcessGroup]:
    """The processes that torchrun started, connected while the block lasts; `device` is "cpu" or "cuda"."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield ProcessGroup(device=device)
        return
    backend = "gloo"
    if device == "cuda":
        backend, device = "nccl", f"cuda:{os.environ['LOCAL_RANK']}"
        torch.cuda.set_device(device)
    with _one_line_errors():
        dist.init_process_group(backend)
    try:
        yield ProcessGroup(dist.get_rank(), size, device)
    finally:
        dist.destroy_process_group()
