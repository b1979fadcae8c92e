"""Word weights: they add up to the logit, and follow the definition written out step by step."""

import numpy as np
import pytest
import torch
from test_onnx_graph import LAST, SHAPES, model_of, some_reviews

from sentiment.model.layout import bucket_by_length
from sentiment.model.lstm import LSTMClassifier, collate
from sentiment.serving.word_weights import word_weights


def weights_of(model: LSTMClassifier, review: np.ndarray) -> tuple[float, np.ndarray]:
    batch = collate([review], model.architecture)
    logits, states = model.logits_and_states(batch)
    dense = model.dense.weight.detach()[0].numpy()
    weights = word_weights(states.numpy(), len(review), dense, model.architecture)
    return float(logits[0]), weights


@pytest.mark.parametrize("shape", [*SHAPES, LAST], ids=str)
@pytest.mark.parametrize("words", [1, 7, 8, 16, 40])
def test_the_weights_add_up_to_the_logit(shape, words):
    if shape is SHAPES[0]:  # a second direction begins with padding, which is no word's: whole segments only
        words = -(-words // 8) * 8
    model, (review,) = model_of(**shape), some_reviews([words])
    logit, weights = weights_of(model, review)
    assert weights.shape == (words,) and weights.dtype == np.float64
    assert weights.sum() + float(model.dense.bias.detach()[0]) == pytest.approx(logit, abs=1e-5)


def test_the_weights_are_those_of_the_definition():
    model, (review,) = model_of(**SHAPES[0] | {"ending": 1.5}), some_reviews([19])
    in_mean = 1 + 1.5 * np.exp(-np.arange(18, -1, -1) / 40)
    _, weights = weights_of(model, review)
    batch = collate([review], model.architecture)
    states = model.logits_and_states(batch)[1].double().numpy()
    of_maximum, of_mean = model.dense.weight.detach()[0].double().numpy().reshape(2, 2, 5)
    expected = np.zeros((3, 8))
    flat = states.reshape(24, 2, 5)[:19]
    for direction in (0, 1):
        for unit in range(5):
            best = flat[:, direction, unit].argmax()
            for word in range(19):
                row, place = divmod(word, 8)
                before = place - 1 if direction == 0 else place + 1
                state_before = states[row, before, direction, unit] if 0 <= before < 8 else 0.0
                move = states[row, place, direction, unit] - state_before
                for later in range(19):  # every state of the row that the move is part of
                    is_part = later >= word if direction == 0 else later <= word
                    if later // 8 != row or not is_part:
                        continue
                    counts = of_mean[direction, unit] * in_mean[later] / in_mean.sum()
                    counts += of_maximum[direction, unit] if later == best else 0.0
                    expected[row, place] += counts * move
    np.testing.assert_allclose(weights, expected.reshape(24)[:19], atol=1e-6)


def test_groups_hold_each_review_once_and_few_rows():
    architecture = model_of(**SHAPES[0]).architecture
    reviews = some_reviews([3, 30, 0, 8, 1, 17, 40, 40])
    groups = bucket_by_length(reviews, architecture, max_rows=4)
    assert sorted(number for group in groups for number in group) == [0, 1, 3, 4, 5, 6, 7]
    rows = [sum(-(-len(reviews[number]) // 8) for number in group) for group in groups]
    assert all(count <= 4 or len(group) == 1 for count, group in zip(rows, groups, strict=True))
    assert bucket_by_length([], architecture, 4) == []


def test_states_are_those_of_a_padded_run():
    model, (review,) = model_of(**LAST), some_reviews([9])
    with torch.no_grad():
        expected = model(collate([review], model.architecture))
    assert weights_of(model, review)[0] == pytest.approx(float(expected[0]), abs=1e-6)
