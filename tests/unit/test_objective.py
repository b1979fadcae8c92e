"""What a step minimises, and the running mean of weights: each does what its recipe field promises."""

import numpy as np
import pytest
import torch
from sentiment_fixtures import prepared, tiny_recipe

from sentiment.data.channels import Channel, read_channel
from sentiment.model.lstm import LSTMClassifier, collate
from sentiment.training.objective import backpropagate, direction
from sentiment.training.trainer import Run, Trainer

REVIEWS = [np.arange(2, 90), np.arange(5, 12), np.array([7, 7, 9])]
LABELS = torch.tensor([1.0, 0.0, 1.0])
OFFSETS = torch.tensor([0.8, 0.0, -1.5])


@pytest.fixture
def model():
    torch.manual_seed(0)
    return LSTMClassifier(tiny_recipe(ngrams=0).architecture())


def gradients(model, adversarial):
    model.zero_grad(set_to_none=True)
    batch = collate(REVIEWS, model.architecture)
    loss = backpropagate(model, batch, LABELS, OFFSETS, 1 / 3, adversarial, False)
    return loss, {name: parameter.grad.clone() for name, parameter in model.named_parameters()}


def log_loss(model, embedded, batch):
    logits = model(batch, embedded) + OFFSETS
    return torch.nn.functional.binary_cross_entropy_with_logits(logits, LABELS)


def test_without_an_adversary_it_is_the_log_loss_of_the_sum_with_the_offsets(model):
    loss, found = gradients(model, 0.0)
    batch = collate(REVIEWS, model.architecture)
    model.zero_grad(set_to_none=True)
    expected = log_loss(model, model.embed(batch), batch)
    expected.backward()
    assert loss == pytest.approx(float(expected.detach()), rel=1e-5)
    for name, parameter in model.named_parameters():
        assert torch.allclose(found[name], parameter.grad, atol=1e-6), name


def test_the_adversary_moves_each_review_by_the_given_distance_to_a_higher_loss(model):
    batch = collate(REVIEWS, model.architecture)
    embedded = model.embed(batch).detach().requires_grad_()
    before = log_loss(model, embedded, batch)
    (gradient,) = torch.autograd.grad(before, embedded)
    moved = direction(gradient, batch)
    lengths = torch.zeros(3).index_add(0, batch.review, moved.square().sum((1, 2))).sqrt()
    assert torch.allclose(lengths, torch.ones(3), atol=1e-5)
    assert not moved[batch.ids == 0].any()
    assert (
        log_loss(model, embedded + 0.5 * moved, batch)
        > before
        > log_loss(model, embedded - 0.5 * moved, batch)
    )


def test_the_adversarial_gradient_is_the_sum_of_both_passes(model):
    loss, found = gradients(model, 0.5)
    plain_loss, plain = gradients(model, 0.0)
    batch = collate(REVIEWS, model.architecture)
    embedded = model.embed(batch)
    (gradient,) = torch.autograd.grad(log_loss(model, embedded, batch), embedded)
    model.zero_grad(set_to_none=True)
    log_loss(model, model.embed(batch) + 0.5 * direction(gradient, batch), batch).backward()
    assert loss == pytest.approx(plain_loss, rel=1e-6)
    for name, parameter in model.named_parameters():
        assert torch.allclose(found[name], plain[name] + parameter.grad, atol=1e-6), name


@pytest.mark.parametrize("change", [{"adversarial": 1.0}, {"ngram_folds": 5}])
def test_an_objective_changes_the_model_and_a_stopped_run_resumes_with_it(tmp_path, change):
    data = prepared()
    channels = read_channel(data.train, "train"), read_channel(data.validation, "validation")

    def fit(run=None, steps=10**9, **changes):
        calls = iter(range(10**9))
        trainer = Trainer(
            tiny_recipe(epochs=2, **changes),
            *channels,
            run or Run(),
            lambda line: None,
            lambda: next(calls) + 1 >= steps,
        )
        return trainer.fit().model.state_dict()

    whole = fit(**change)
    assert not torch.equal(whole["lstm.weight_hh_l0"], fit()["lstm.weight_hh_l0"])
    run = Run(checkpoints=tmp_path)
    fit(run, steps=13, **change)
    resumed = fit(run, **change)
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_no_bias_decides_short_texts():
    """Nine in ten reviews positive: a bias would say so of every text in which nothing is known."""
    data = prepared()
    train, validation = read_channel(data.train, "train"), read_channel(data.validation, "validation")
    kept = np.flatnonzero((validation.labels > 0) | (np.arange(len(validation)) < 4))
    lengths = validation.lengths[kept]
    lopsided = Channel(
        np.concatenate([validation.review(row) for row in kept]),
        np.concatenate([[0], np.cumsum(lengths)]),
        validation.labels[kept],
    )
    model = Trainer(tiny_recipe(), train, lopsided, Run(), lambda line: None).fit().model
    assert model.mixture.sum() > 0
    unheard_of = np.full(5, 1)
    assert float(model.ngrams([unheard_of])[0]) == 0
