"""The batches of an epoch, from reviews in memory or from shards that are read one at a time.

All processes take the same number of steps and work on their parts of each batch. If the reviews are in
memory, every process has all of them, and they share each batch. If the reviews are in shards, each process
reads shards of its own, in random order and one at a time, and shuffles the reviews within each.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch

from sentiment.data.channels import REVIEW, Channel
from sentiment.data.shards import lengths_and_kinds
from sentiment.errors import ChannelError
from sentiment.model.architecture import Architecture
from sentiment.model.layout import crop
from sentiment.training.distributed import ProcessGroup


@dataclass(frozen=True)
class Batch:
    """This process's part of a batch.

    `reviews` are N arrays of cropped word ids. `labels` (N,), which may be uncertain (Channel.targets), and
    `offsets` (N,), which are added to their logits (objective.py), are float32. `size` is the number of
    reviews in all processes' parts together.
    """

    reviews: list[np.ndarray]
    labels: np.ndarray
    offsets: np.ndarray
    size: int


@dataclass(frozen=True)
class Shards:
    """This process's shards of the train channel; `read` reads one, as marked word ids (negation.py)."""

    files: Sequence[Path]
    read: Callable[[Path], Channel]


class Batches(Protocol):
    """The batches of a training run.

    An epoch has `count` batches with `texts` texts in all. The channel holds `reviews` reviews and
    `short_texts` other texts.
    """

    count: int
    texts: int
    reviews: int
    short_texts: int

    def of_epoch(self, epoch: int, start: int) -> Iterator[Batch]:
        """The batches of an epoch, from number `start` on; repeated calls give the same ones."""
        ...


class InMemoryBatches:
    """Batches of a channel that every process has in memory.

    `offsets` (N,) has an offset (Batch) for each text, by default 0; it may change until the first batch.
    """

    def __init__(
        self,
        channel: Channel,
        architecture: Architecture,
        batch_size: int,
        seed: int,
        group: ProcessGroup,
        offsets: np.ndarray | None = None,
    ):
        self._size, self._seed, self._group = batch_size, seed, group
        self._cropped = [crop(channel.review(row), architecture) for row in range(len(channel))]
        self._labels = channel.targets.astype(np.float32)
        self._offsets = np.zeros_like(self._labels) if offsets is None else offsets
        self._rows = np.flatnonzero(channel.lengths > 0)
        self.reviews = int((channel.kinds == REVIEW).sum())
        self.short_texts = len(channel) - self.reviews
        self.texts = len(self._rows)
        self.count = -(-self.texts // batch_size)

    def of_epoch(self, epoch: int, start: int) -> Iterator[Batch]:
        order = np.random.default_rng([self._seed, epoch]).permutation(self._rows)
        for number in range(start, self.count):
            yield self.of_rows(order[number * self._size : (number + 1) * self._size])

    def of_rows(self, rows: np.ndarray) -> Batch:
        """The batch of the reviews with these positions in the channel."""
        own = self._group.shard(rows.tolist())
        return Batch([self._cropped[row] for row in own], self._labels[own], self._offsets[own], len(rows))


class StreamedBatches:
    """Batches of the texts of the `wanted` kinds (channels.py) in shards, which `read` reads.

    Each process has `files` of its own. Raises ChannelError if they have no text of these kinds.
    """

    def __init__(
        self,
        files: Sequence[Path],
        read: Callable[[Path], Channel],
        wanted: Sequence[int],
        architecture: Architecture,
        batch_size: int,
        seed: int,
        group: ProcessGroup,
    ):
        self._files, self._read = files, read
        self._architecture, self._seed, self._rank = architecture, seed, group.rank
        # If a batch has fewer reviews than there are processes, each process still takes one.
        self._own_size = max(1, batch_size // group.size)
        self._rows, reviews, short_texts = [], 0, 0
        for file in files:
            lengths, kinds = lengths_and_kinds(file)
            self._rows.append(np.flatnonzero((lengths > 0) & np.isin(kinds, wanted)))
            reviews += int((kinds == REVIEW).sum())
            short_texts += int(np.isin(kinds, [kind for kind in wanted if kind != REVIEW]).sum())
        held = sum(map(len, self._rows))
        if not held:
            raise ChannelError(
                "this process has no shard with a review: use fewer machines, or prepare more shards"
            )
        self._held = _of_all(group, held)
        self.reviews, self.short_texts = (sum(_of_all(group, own)) for own in (reviews, short_texts))
        self.texts = sum(self._held)
        self.count = max(-(-each // self._own_size) for each in self._held)

    def of_epoch(self, epoch: int, start: int) -> Iterator[Batch]:
        texts = self._texts(epoch, start * self._own_size)
        for number in range(start, self.count):
            own = [text for _, text in zip(range(self._own_size), texts, strict=False)]
            size = sum(min(self._own_size, max(0, each - number * self._own_size)) for each in self._held)
            labels = np.array([label for _, label in own], dtype=np.float32)
            yield Batch([ids for ids, _ in own], labels, np.zeros_like(labels), size)

    def _texts(self, epoch: int, skipped: int) -> Iterator[tuple[np.ndarray, float]]:
        """The cropped texts and labels of an epoch after the first `skipped`, whose shards are not read."""
        random = np.random.default_rng([self._seed, epoch, self._rank])
        for number in random.permutation(len(self._files)).tolist():
            order = np.random.default_rng([self._seed, epoch, self._rank, number]).permutation(
                self._rows[number]
            )
            if skipped >= len(order):
                skipped -= len(order)
                continue
            shard = self._read(self._files[number])
            labels = shard.targets
            for row in order[skipped:].tolist():
                # A copy: what crop returns may be a view of the whole shard.
                yield crop(shard.review(row), self._architecture).copy(), float(labels[row])
            skipped = 0


def _of_all(group: ProcessGroup, own: int) -> list[int]:
    """Gather a number from each process, by rank."""
    value = torch.tensor([own], dtype=torch.float64, device=group.device)
    return [int(each) for each in group.gather(value, group.size).tolist()]
