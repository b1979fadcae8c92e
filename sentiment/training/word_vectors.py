"""Compute word vectors from the training texts alone, in seconds, by factorizing a word-context matrix.

The matrix holds the positive pointwise mutual information of words and the frequent words around them, with
smoothed context distribution (Levy, Goldberg and Dagan, TACL 2015). Its truncated singular value
decomposition is computed by random projection (Halko, Martinsson and Tropp 2011). word2vec would take minutes
for the same gain in accuracy.
"""

import numpy as np
import torch
from torch import Tensor

from sentiment.data.channels import Channel
from sentiment.text.vocabulary import NO_WORD, limit

CONTEXTS = 5_000
"""Only this many of the most frequent words are contexts: rare words say little about each other."""
WINDOW = 8
CONTEXT_SMOOTHING = 0.75
OVERSAMPLING = 16
POWER_ITERATIONS = 3


def ppmi_vectors(channel: Channel, vocab_size: int, dimensions: int, seed: int) -> Tensor:
    """The vectors (vocab_size, dimensions) of words, scaled to a mean square of 1 over the words that occur.

    Those of other words, and of no word (id 0), are zero.
    """
    # Frequent words have small ids, so with few reviews most of a large vocabulary lies above `words`.
    words = int(limit(channel.tokens, vocab_size).max(initial=NO_WORD)) + 1
    contexts = min(CONTEXTS, words)
    counts = _counts(channel, words, contexts)
    occurring = counts.any(1)
    association = _positive_information(counts)
    rank = min(dimensions, contexts)
    vectors = torch.zeros(vocab_size, dimensions)
    vectors[:words, :rank] = _left_factor(association, rank, seed)
    vectors[:words][~occurring] = 0
    vectors[NO_WORD] = 0
    mean_square = vectors.square().sum() / (occurring.sum() * dimensions).clamp(min=1)
    return vectors / mean_square.sqrt().clamp(min=1e-12)


def _counts(channel: Channel, vocab_size: int, contexts: int) -> Tensor:
    """Count the contexts in the window of each word, nearer ones with more weight: (vocab_size, contexts)."""
    ids = limit(channel.tokens, vocab_size).astype(np.int64)
    review = np.repeat(np.arange(len(channel)), channel.lengths)
    counts = torch.zeros(vocab_size * contexts)
    for distance in range(1, WINDOW + 1):
        nearness = (WINDOW + 1 - distance) / WINDOW
        same_review = review[distance:] == review[:-distance]
        left, right = ids[:-distance][same_review], ids[distance:][same_review]
        for word, context in ((left, right), (right, left)):
            counted = context < contexts
            cells = torch.from_numpy(word[counted] * contexts + context[counted])
            counts.index_add_(0, cells, torch.tensor(nearness).expand(len(cells)))
    return counts.view(vocab_size, contexts)


def _positive_information(counts: Tensor) -> Tensor:
    """Convert counts to positive pointwise mutual information, in place."""
    words, contexts = counts.sum(1, keepdim=True), counts.sum(0, keepdim=True).pow(CONTEXT_SMOOTHING)
    expected = (
        words.clamp(min=1e-12).log(),
        (contexts / contexts.sum().clamp(min=1e-12)).clamp(min=1e-12).log(),
    )
    return counts.log_().sub_(expected[0]).sub_(expected[1]).clamp_(min=0)


def _left_factor(matrix: Tensor, rank: int, seed: int) -> Tensor:
    """The `rank` leading left singular vectors, each scaled by the square root of its singular value."""
    generator = torch.Generator().manual_seed(seed)
    width = min(rank + OVERSAMPLING, *matrix.shape)
    basis = torch.randn(matrix.shape[1], width, generator=generator)
    for _ in range(POWER_ITERATIONS):
        basis = torch.linalg.qr(matrix @ basis).Q
        basis = torch.linalg.qr(matrix.T @ basis).Q
    left, values, _ = torch.linalg.svd(matrix @ basis, full_matrices=False)
    result: Tensor = left[:, :rank] * values[:rank].sqrt()
    return result
