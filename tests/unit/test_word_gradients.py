"""The gradients that numpy computes are torch's."""

import numpy as np
import pytest
import torch
from test_onnx_graph import LAST, SHAPES, model_of, some_reviews

from sentiment.batches import groups_of_like_length
from sentiment.model import collate
from sentiment.word_gradients import WordGradients


@pytest.mark.parametrize("shape", [*SHAPES, LAST], ids=str)
def test_numpy_and_torch_weigh_words_alike(shape):
    model, reviews = model_of(**shape), some_reviews()
    gradients = WordGradients(
        model.architecture, {name: tensor.numpy() for name, tensor in model.state_dict().items()}
    )
    for of_numpy, of_torch in zip(gradients(reviews), model.word_weights(reviews), strict=True):
        assert of_torch.any()
        np.testing.assert_allclose(of_numpy, of_torch, atol=1e-6)


def test_weights_nearly_add_up_to_what_the_words_change():
    """As integrated gradients do: the logit of the review less that of the same places without words."""
    model, (review,) = model_of(**SHAPES[0]), some_reviews([30])
    with torch.no_grad():
        model.embedding.weight *= 0.3  # gentle enough for one point of the integral
    (weights,) = model.word_weights([review])
    batch = collate([review], model.architecture)
    with torch.no_grad():
        difference = float(model(batch) - model(batch, torch.zeros(*batch.ids.shape, 6)))
    assert weights.sum() == pytest.approx(difference, rel=0.2)


def test_groups_hold_each_review_once_and_few_rows():
    architecture = model_of(**SHAPES[0]).architecture
    reviews = some_reviews([3, 30, 0, 8, 1, 17, 40, 40])
    groups = groups_of_like_length(reviews, architecture, rows_at_once=4)
    assert sorted(number for group in groups for number in group) == [0, 1, 3, 4, 5, 6, 7]
    rows = [sum(-(-len(reviews[number]) // 8) for number in group) for group in groups]
    assert all(count <= 4 or len(group) == 1 for count, group in zip(rows, groups, strict=True))
    assert groups_of_like_length([], architecture, 4) == []
