"""Data-parallel training: each process works on a part of every batch, and all take the same steps.

`torchrun --nproc-per-node=2 train/train.py ...` starts the processes and gives each its rank in environment
variables. Without torchrun there is a single process, and nothing here communicates. CPUs communicate by
gloo, GPUs by NCCL.
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
    """The group of `size` processes, in which this one has the number `rank`; rank 0 writes the files.

    `seconds` is the time spent in sums over the processes, which includes waiting for the slowest. All
    methods that communicate raise LostProcessError if another process has ended.
    """

    def __init__(self, rank: int = 0, size: int = 1, device: str = "cpu"):
        self.rank, self.size, self.device = rank, size, torch.device(device)
        self.seconds = 0.0

    @property
    def is_first(self) -> bool:
        """Whether this process writes the files and prints."""
        return self.rank == 0

    def shard(self, items: Sequence[T]) -> Sequence[T]:
        """This process's part of the items, which are divided among all processes."""
        return items[self.rank :: self.size]

    def host_shard(self, items: Sequence[T]) -> Sequence[T]:
        """This process's part of the items, which are divided among the processes of this host."""
        return items[int(os.environ.get("LOCAL_RANK", "0")) :: int(os.environ.get("LOCAL_WORLD_SIZE", "1"))]

    def reduce_gradients(self, module: nn.Module, loss: float) -> float:
        """Replace each parameter's gradient by its sum over the processes; return the sum of `loss`."""
        if self.size == 1:
            return loss
        gradients = []
        for parameter in module.parameters():
            if parameter.grad is None:  # this process may have no review in the last batch of an epoch
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
        """Gather the values (total,) of all items, from the values `own` of each process's `shard`."""
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
        """Call `make` in the first process, and return its result in all of them."""
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
            f"another process of this training has ended; see its output ({reason})"
        ) from None


@contextmanager
def process_group(device: str) -> Iterator[ProcessGroup]:
    """Connect the processes that torchrun started for the block; `device` is "cpu" or "cuda"."""
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
