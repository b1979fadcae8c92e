"""The objective of a training step: the log loss of a batch, optionally with an adversarial loss.

In a wide-and-deep model the LSTM complements the n-grams, so both parts are trained jointly: the loss of a
text is that of the sum of the LSTM's logit and an offset, which is the n-grams' logit. So the LSTM learns
most from the texts that the n-grams get wrong. Their logit comes from a fit to other texts (ngram_fit.py),
since a fit to the text itself would leave little to learn. N-grams judge short texts badly, so the offset
shrinks with the length (`offsets_of`), and the LSTM learns the shortest texts almost alone.

Adversarial training (Miyato, Dai and Goodfellow, ICLR 2017; the "fast gradient method") computes the loss of
the same reviews a second time, with embeddings moved by a fixed distance in the direction in which the loss
grows fastest, and minimises the sum of both losses. It doubles the work of a step, and keeps the LSTM from
relying on a few words.
"""

import numpy as np
import torch
from torch import Tensor, nn

from sentiment.model.lstm import Batch, LSTMClassifier
from sentiment.model.mixture import shortness


def offsets_of(wide: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """The offsets (N,) of texts, from the n-grams' logits (N,) out of fold and the numbers of words (N,)."""
    offsets: np.ndarray = wide * (1 - shortness(lengths))
    return offsets


def backpropagate(
    model: LSTMClassifier,
    batch: Batch,
    labels: Tensor,
    offsets: Tensor,
    scale: float,
    adversarial: float,
    bfloat16: bool,
) -> float:
    """Add the gradient of `scale` times the batch's summed log loss to the parameters' `grad`.

    `labels` (N,) are those of the batch's N reviews, and `offsets` (N,) are added to their logits.
    `adversarial` is the Euclidean distance, over all words of a review, by which the embeddings move for the
    second pass; 0 leaves it out. Returns the scaled loss of the first pass.
    """
    embedded = model.embed(batch)
    loss, gradient = _pass(model, batch, embedded, labels, offsets, scale, bfloat16)
    if adversarial:
        disturbed = embedded + adversarial * direction(gradient, batch)
        gradient = gradient + _pass(model, batch, disturbed, labels, offsets, scale, bfloat16)[1]
    # The passes end at the embeddings, so that one backward pass through the table serves both.
    _pass_on(embedded, gradient)
    return loss


def _pass_on(embedded: Tensor, gradient: Tensor) -> None:
    """The same as `embedded.backward(gradient)`, for which torch would import sympy, which is slow."""
    torch.dot(embedded.flatten(), gradient.flatten()).backward()


def _pass(
    model: LSTMClassifier,
    batch: Batch,
    embedded: Tensor,
    labels: Tensor,
    offsets: Tensor,
    scale: float,
    bfloat16: bool,
) -> tuple[float, Tensor]:
    """The scaled loss and its gradient with respect to `embedded`; also adds to the parameters' gradients."""
    leaf = embedded.detach().requires_grad_()
    with torch.autocast(leaf.device.type, torch.bfloat16, enabled=bfloat16):
        logits = model(batch, leaf).float() + offsets
    loss = scale * nn.functional.binary_cross_entropy_with_logits(logits, labels, reduction="sum")
    loss.backward()
    assert leaf.grad is not None
    return float(loss.detach()), leaf.grad


def direction(gradient: Tensor, batch: Batch) -> Tensor:
    """Normalise a gradient (R, T, E) to Euclidean length 1 for each review, and set it to 0 at padding.

    Padding has a gradient because the LSTM's backward direction begins with it, but it must not move.
    """
    gradient = gradient * (batch.ids > 0)[:, :, None]
    squares = gradient.new_zeros(batch.reviews).index_add(0, batch.review, gradient.square().sum((1, 2)))
    return gradient * squares.clamp(min=1e-30).rsqrt()[batch.review][:, None, None]
