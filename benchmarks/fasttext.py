"""The fastText classifier (Joulin et al., EACL 2017) in torch: a linear model on the mean of n-gram vectors.

Words are numbered exactly, bigrams hashed into buckets, as in the original. It is trained with Adam on sparse
gradients in place of the original's plain descent over threads; answers need numpy only.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.corpus import Labelled
from sentiment.text.words import words

_MULTIPLIER = 1_000_003


@dataclass(frozen=True)
class FastText:
    """`vectors` (1 + words + buckets, dimensions); the first row is that of unknown words."""

    word_dict: dict[str, int]
    buckets: int
    vectors: np.ndarray
    weights: np.ndarray
    bias: float

    def probabilities(self, reviews: Sequence[str]) -> np.ndarray:
        """The probabilities (N,) that N reviews are positive."""
        logits = np.empty(len(reviews), dtype=np.float64)
        for row, review in enumerate(reviews):
            ids = features(words(review), self.word_dict, self.buckets)
            logits[row] = self.vectors[ids].mean(0) @ self.weights + self.bias
        return 1 / (1 + np.exp(-logits))


def features(tokens: Sequence[str], word_dict: Mapping[str, int], buckets: int) -> np.ndarray:
    """Rows of the vectors of a review: its words, then the buckets of its bigrams; [0] where it is empty."""
    ids = np.array([word_dict.get(token, 0) for token in tokens] or [0], dtype=np.int64)
    bigrams = (ids[:-1] * _MULTIPLIER + ids[1:]) % buckets
    return np.concatenate([ids, bigrams + 1 + len(word_dict)])


def fit(
    train: Labelled, validation: Labelled, settings: Mapping[str, Any], say: Callable[[str], None]
) -> FastText:
    """Train; says `epoch=1/5 validation_accuracy=...` after each epoch."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    counts: dict[str, int] = {}
    tokenized = [words(review) for review in train.texts]
    for tokens in tokenized:
        for token in tokens:
            counts[token] = counts.get(token, 0) + 1
    word_dict = {word: n for n, word in enumerate((w for w, count in counts.items() if count > 1), start=1)}
    buckets = settings["buckets"]
    ids = [torch.from_numpy(features(tokens, word_dict, buckets)) for tokens in tokenized]
    labels = torch.from_numpy(train.labels.astype(np.float32))

    bag = nn.EmbeddingBag(1 + len(word_dict) + buckets, settings["dimensions"], mode="mean", sparse=True)
    nn.init.uniform_(bag.weight, -1 / settings["dimensions"], 1 / settings["dimensions"])
    dense = nn.Linear(settings["dimensions"], 1)
    rate, epochs, batch_size = settings["learning_rate"], settings["epochs"], settings["batch_size"]
    optimizers: tuple[torch.optim.Optimizer, ...] = (
        torch.optim.SparseAdam(bag.parameters(), rate),
        torch.optim.Adam(dense.parameters(), rate),
    )
    steps, step = epochs * -(-len(ids) // batch_size), 0
    for epoch in range(1, epochs + 1):
        order = torch.randperm(len(ids), generator=torch.Generator().manual_seed(epoch))
        for batch in order.split(batch_size):
            chosen = [ids[row] for row in batch]
            starts = torch.tensor([0, *(len(row) for row in chosen[:-1])]).cumsum(0)
            logits = dense(bag(torch.cat(chosen), starts)).squeeze(1)
            loss = nn.functional.binary_cross_entropy_with_logits(logits, labels[batch])
            for optimizer in optimizers:
                optimizer.zero_grad()
                optimizer.param_groups[0]["lr"] = rate * (1 - step / steps)
            loss.backward()
            for optimizer in optimizers:
                optimizer.step()
            step += 1
        model = FastText(
            word_dict,
            buckets,
            bag.weight.detach().numpy(),
            dense.weight.detach().numpy()[0],
            float(dense.bias.detach()[0]),
        )
        right = (model.probabilities(validation.texts) >= 0.5) == (validation.labels == 1)
        say(f"epoch={epoch}/{epochs} validation_accuracy={right.mean():.4f}")
    return model
