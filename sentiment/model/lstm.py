"""LSTMClassifier: a family of models, from the predecessor's LSTM to the wide-and-deep models of `fast` and
`best`.

A review is a sequence of word ids. The deep part reads it with an LSTM (in one or both directions) and pools
its outputs: "last" takes the output at the last word, as the predecessor did; "max_mean" takes the maximum
and the mean over all words, in which those near the end can have more weight (emphasis.py). Long reviews can
be cropped to their first and last words, and cut into segments that run through the LSTM in parallel: short
recurrences are faster at no cost in accuracy, and pooling still covers the whole review. The wide part
(ngrams.py) adds a linear term over the word n-grams of the whole review.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from sentiment.model.architecture import Architecture, Dropouts
from sentiment.model.layout import crop, lay_out
from sentiment.model.mixture import combine
from sentiment.model.ngram_module import NgramTable
from sentiment.text.vocabulary import NO_WORD

MAX_ROWS = 64
"""Reviews run in groups of this many rows, each group padded only to its own longest row."""


class Batch(NamedTuple):
    """The fields of layout.Rows as tensors."""

    ids: Tensor
    lengths: Tensor
    review: Tensor
    emphasis: Tensor
    reviews: int

    def to(self, device: torch.device) -> "Batch":
        """Move the tensors to a device."""
        ids, lengths, review, emphasis = (part.to(device, non_blocking=True) for part in self[:4])
        return Batch(ids, lengths, review, emphasis, self.reviews)


def drop(values: Tensor, share: float) -> Tensor:
    """Apply dropout as nn.functional.dropout does, with the probability `share` rounded to 256ths.

    It takes half the time, since it draws a random byte per value where torch draws 64 bits.
    """
    threshold = round(share * 256)
    numbers = torch.empty(-(-values.numel() // 8), dtype=torch.int64, device=values.device)
    drawn = numbers.random_(-(2**63), None).view(torch.uint8)[: values.numel()].view(values.shape)
    return values * (drawn >= threshold).to(values.dtype).mul_(256 / (256 - threshold))


def collate(reviews: Sequence[np.ndarray], architecture: Architecture) -> Batch:
    """Make a batch of cropped reviews: a row for each segment, or for each review without segments."""
    rows = lay_out(reviews, architecture)
    ids, lengths, review, emphasis = (torch.from_numpy(part) for part in rows[:4])
    return Batch(ids, lengths, review, emphasis, rows.reviews)


class LSTMClassifier(nn.Module):
    """Computes the logit of a review from its word ids; above 0, the sentiment is positive."""

    mixture: Tensor
    opinion: Tensor
    ngrams: NgramTable | None

    def __init__(self, architecture: Architecture, dropouts: Dropouts | None = None):
        super().__init__()
        self.architecture = architecture
        self.dropouts = dropouts or Dropouts()
        a = architecture
        self.embedding = nn.Embedding(a.embeddings, a.embedding_dim, padding_idx=NO_WORD)
        self.lstm = nn.LSTM(a.embedding_dim, a.hidden_dim, batch_first=True, bidirectional=a.bidirectional)
        features = a.hidden_dim * (2 if a.bidirectional else 1) * (2 if a.pooling == "max_mean" else 1)
        self.dense = nn.Linear(features, 1)
        self.ngrams = NgramTable(a.ngram_patterns(), a.ending) if a.ngrams else None
        if a.ngrams:
            # The words that tell opinions from other short texts (opinion.py).
            self.register_buffer("opinion", torch.zeros(a.vocab_size))
        # The weights of the deep and the wide logit, of long texts and of short ones (mixture.py).
        self.register_buffer("mixture", torch.tensor([1.0, 0.0, 1.0, 0.0]))

    @property
    def device(self) -> torch.device:
        """The device that the parameters are on."""
        return self.dense.weight.device

    def embed(self, batch: Batch) -> Tensor:
        """The embeddings (R, T, embedding_dim) of a batch, with word and embedding dropout in training."""
        ids = batch.ids
        if self.training and self.dropouts.words:
            kept = torch.rand(ids.shape, device=ids.device) >= self.dropouts.words
            ids = torch.where(kept, ids, ids.clamp(max=1))
        embedded: Tensor = self.embedding(ids)
        dropped = self.training and self.dropouts.embedding
        return drop(embedded, self.dropouts.embedding) if dropped else embedded

    def forward(self, batch: Batch, embedded: Tensor | None = None) -> Tensor:
        """The deep part's logits (N,) of the reviews of a batch; 0 for a review without words.

        `embedded` (R, T, embedding_dim) replaces the embeddings of the batch, for adversarial training.
        """
        if not len(batch.review):
            return self.dense.weight.new_zeros(batch.reviews)
        embedded = self.embed(batch) if embedded is None else embedded
        if self.architecture.pooling == "last":
            pooled = self._last_outputs(embedded, batch)
        else:
            pooled = self._max_and_mean(self.lstm(embedded)[0].float(), batch)
        pooled = nn.functional.dropout(pooled, self.dropouts.pooled, self.training)
        logits = self.dense(pooled).squeeze(1).float()
        has_words = torch.zeros_like(logits).index_fill(0, batch.review, 1.0)
        result: Tensor = logits * has_words
        return result

    def _last_outputs(self, embedded: Tensor, batch: Batch) -> Tensor:
        """The LSTM's output at each review's last word (reviews, hidden_dim).

        Rows run in buckets of similar length to save padding. The predecessor's fully padded run takes four
        times as long for the same values, and packed sequences take ten times longer still.
        """
        order = torch.argsort(batch.lengths, stable=True)
        outputs = []
        for rows in order.split(MAX_ROWS):
            lengths = batch.lengths[rows]
            output = self.lstm(embedded[rows, : int(lengths[-1])])[0]
            outputs.append(output[torch.arange(len(rows), device=output.device), lengths - 1])
        last = torch.cat(outputs)
        return last.new_zeros((batch.reviews, last.shape[1])).index_copy(0, batch.review[order], last)

    def _max_and_mean(self, output: Tensor, batch: Batch) -> Tensor:
        """The maximum and the weighted mean over all words of each review: (reviews, 2 * features)."""
        weights = batch.emphasis[:, :, None]
        row_max = output.masked_fill(weights == 0, torch.finfo(output.dtype).min).amax(1)
        row_sum = (output * weights).sum(1)
        shape = (batch.reviews, output.shape[2])
        where = batch.review[:, None].expand_as(row_max)
        maximum = output.new_zeros(shape).scatter_reduce(0, where, row_max, "amax", include_self=False)
        total = output.new_zeros(shape).index_add(0, batch.review, row_sum)
        whole = output.new_zeros(batch.reviews).index_add(0, batch.review, batch.emphasis.sum(1))
        return torch.cat([maximum, total / whole.clamp(min=1)[:, None]], dim=1)

    @torch.inference_mode()
    def deep_logits(self, cropped: Sequence[np.ndarray]) -> Tensor:
        """The deep part's logits (N,) of N cropped reviews (layout.crop), in batches of similar length."""
        self.eval()
        order = np.argsort([len(ids) for ids in cropped], kind="stable")
        deep = torch.zeros(len(cropped), device=self.device)
        for start in range(0, len(order), MAX_ROWS):
            rows = order[start : start + MAX_ROWS]
            batch = collate([cropped[row] for row in rows], self.architecture)
            deep[torch.from_numpy(rows)] = self(batch.to(self.device))
        return deep

    def part_logits(self, reviews: Sequence[np.ndarray]) -> tuple[Tensor, Tensor]:
        """The deep and the wide logits, both (N,), of N whole reviews as ids of the full vocabulary."""
        deep = self.deep_logits([crop(ids, self.architecture) for ids in reviews])
        return deep, torch.zeros_like(deep) if self.ngrams is None else self.ngrams(reviews)

    def logits(self, reviews: Sequence[np.ndarray]) -> np.ndarray:
        """The logits (N,) of N whole reviews as ids of the full vocabulary; 0 for a review without words."""
        deep, wide = (part.cpu().double().numpy() for part in self.part_logits(reviews))
        lengths = np.array([len(ids) for ids in reviews], dtype=np.int64)
        return combine(deep, wide, self.mixture.cpu().double().numpy(), lengths)

    @torch.inference_mode()
    def logits_and_states(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """The deep logits (N,) of N non-empty reviews, and the states (R, T, directions, hidden_dim)."""
        states = self.lstm(self.embedding(batch.ids))[0].float()
        if self.architecture.pooling == "last":
            pooled = states[torch.arange(len(states), device=states.device), batch.lengths - 1]
        else:
            pooled = self._max_and_mean(states, batch)
        return self.dense(pooled).squeeze(1).float(), states.unflatten(2, (-1, self.architecture.hidden_dim))
