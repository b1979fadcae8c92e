"""What a training step minimises: the log loss of a batch, if wanted also under adversarial disturbance.

Adversarial training (Miyato, Dai and Goodfellow, ICLR 2017; the "fast gradient method"): the same reviews
pass a second time with embeddings moved a fixed distance in the direction in which their loss grows fastest,
and both losses count. It doubles a step's work and keeps the LSTM from leaning on a few words.

Virtual adversarial training (Miyato, Maeda, Koyama and Ishii, 2017) does so without labels: the embeddings
move to where the model's own answer changes most, and the loss is how far it does.
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

    `adversarial` is the distance (Euclidean, over all words of a review) that the embeddings move for the
    second pass; 0 leaves it out. Returns the scaled loss of the first pass.
    """
    embedded = model.embed(batch)
    loss, gradient = _pass(model, batch, embedded, labels, scale, bfloat16)
    if adversarial:
        disturbed = embedded + adversarial * direction(gradient, batch)
        gradient = gradient + _pass(model, batch, disturbed, labels, scale, bfloat16)[1]
    # The passes end at the embeddings, so that this one runs through the table once for both.
    _pass_on(embedded, gradient)
    return loss


def backpropagate_virtual(
    model: LSTMClassifier, batch: Batch, scale: float, distance: float, bfloat16: bool
) -> float:
    """Add the gradient of `scale` times the summed virtual adversarial loss of unlabelled reviews.

    The loss is the cross entropy of the answers on embeddings moved by `distance` under those on the
    embeddings as they are. The direction comes from one step of the power method. Returns the scaled loss.
    """
    embedded = model.embed(batch)
    with _same_answers(model):
        with torch.no_grad(), torch.autocast(embedded.device.type, torch.bfloat16, enabled=bfloat16):
            answers = torch.sigmoid(model(batch, embedded).float())
        # The random first direction goes as far as the last: bfloat16 does not feel shorter steps.
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
    """`embedded.backward(gradient)`, for which torch would import sympy, as slow as its compiler."""
    torch.dot(embedded.flatten(), gradient.flatten()).backward()


@contextmanager
def _same_answers(model: LSTMClassifier) -> Iterator[None]:
    """Within it equal embeddings get equal answers, also in training: pooled values are not dropped."""
    usual = model.dropouts
    model.dropouts = usual._replace(pooled=0.0)
    try:
        yield
    finally:
        model.dropouts = usual


def _pass(
    model: LSTMClassifier, batch: Batch, embedded: Tensor, labels: Tensor, scale: float, bfloat16: bool
) -> tuple[float, Tensor]:
    """Loss, and its gradient with respect to `embedded`; those of the parameters behind it are added up."""
    leaf = embedded.detach().requires_grad_()
    with torch.autocast(leaf.device.type, torch.bfloat16, enabled=bfloat16):
        logits = model(batch, leaf)
    loss = scale * nn.functional.binary_cross_entropy_with_logits(logits.float(), labels, reduction="sum")
    loss.backward()
    assert leaf.grad is not None
    return float(loss.detach()), leaf.grad


def direction(gradient: Tensor, batch: Batch) -> Tensor:
    """The gradient (R, T, E) at the words, with each review's part divided by its Euclidean length.

    Padding has a gradient too, since the LSTM's second direction begins with it; but nothing may move it.
    """
    gradient = gradient * (batch.ids > 0)[:, :, None]
    squares = gradient.new_zeros(batch.reviews).index_add(0, batch.review, gradient.square().sum((1, 2)))
    return gradient * squares.clamp(min=1e-30).rsqrt()[batch.review][:, None, None]
