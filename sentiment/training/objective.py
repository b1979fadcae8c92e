"""The objective of a training step: the log loss of a batch, optionally with adversarial losses.

Adversarial training (Miyato, Dai and Goodfellow, ICLR 2017; the "fast gradient method") computes the loss of
the same reviews a second time, with embeddings moved by a fixed distance in the direction in which the loss
grows fastest, and minimises the sum of both losses. It doubles the work of a step, and keeps the LSTM from
relying on a few words.

Virtual adversarial training (Miyato, Maeda, Koyama and Ishii, 2017) needs no labels: it moves the embeddings
to where the model's own prediction changes most, and minimises that change.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from sentiment.model.lstm import Batch, LSTMClassifier


def backpropagate(
    model: LSTMClassifier, batch: Batch, labels: Tensor, scale: float, adversarial: float, bfloat16: bool
) -> float:
    """Add the gradient of `scale` times the batch's summed log loss to the parameters' `grad`.

    `labels` (N,) are those of the batch's N reviews. `adversarial` is the Euclidean distance, over all words
    of a review, by which the embeddings move for the second pass; 0 leaves it out. Returns the scaled loss of
    the first pass.
    """
    embedded = model.embed(batch)
    loss, gradient = _pass(model, batch, embedded, labels, scale, bfloat16)
    if adversarial:
        disturbed = embedded + adversarial * direction(gradient, batch)
        gradient = gradient + _pass(model, batch, disturbed, labels, scale, bfloat16)[1]
    # The passes end at the embeddings, so that one backward pass through the table serves both.
    _pass_on(embedded, gradient)
    return loss


def backpropagate_virtual(
    model: LSTMClassifier, batch: Batch, scale: float, distance: float, bfloat16: bool
) -> float:
    """Add the gradient of `scale` times the summed virtual adversarial loss of unlabelled reviews.

    The loss is the cross entropy between the predictions for the original embeddings and those for embeddings
    moved by `distance`. One step of the power method gives the direction. Returns the scaled loss.
    """
    embedded = model.embed(batch)
    with _same_answers(model):
        with torch.no_grad(), torch.autocast(embedded.device.type, torch.bfloat16, enabled=bfloat16):
            answers = torch.sigmoid(model(batch, embedded).float())
        # The first, random step is as long as the last, since bfloat16 cannot represent much shorter ones.
        leaf = embedded.detach() + distance * direction(torch.randn_like(embedded), batch)
        leaf.requires_grad_()
        with torch.autocast(leaf.device.type, torch.bfloat16, enabled=bfloat16):
            logits = model(batch, leaf)
        surprise = nn.functional.binary_cross_entropy_with_logits(logits.float(), answers, reduction="sum")
        (gradient,) = torch.autograd.grad(surprise, leaf)
        disturbed = embedded + distance * direction(gradient, batch)
        loss, gradient = _pass(model, batch, disturbed, answers, scale, bfloat16)
    _pass_on(embedded, gradient)
    return loss


def _pass_on(embedded: Tensor, gradient: Tensor) -> None:
    """The same as `embedded.backward(gradient)`, for which torch would import sympy, which is slow."""
    torch.dot(embedded.flatten(), gradient.flatten()).backward()


@contextmanager
def _same_answers(model: LSTMClassifier) -> Iterator[None]:
    """Turn off dropout of the pooled values in the block, so that equal embeddings get equal predictions."""
    usual = model.dropouts
    model.dropouts = usual._replace(pooled=0.0)
    try:
        yield
    finally:
        model.dropouts = usual


def _pass(
    model: LSTMClassifier, batch: Batch, embedded: Tensor, labels: Tensor, scale: float, bfloat16: bool
) -> tuple[float, Tensor]:
    """The scaled loss and its gradient with respect to `embedded`; also adds to the parameters' gradients."""
    leaf = embedded.detach().requires_grad_()
    with torch.autocast(leaf.device.type, torch.bfloat16, enabled=bfloat16):
        logits = model(batch, leaf)
    loss = scale * nn.functional.binary_cross_entropy_with_logits(logits.float(), labels, reduction="sum")
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
