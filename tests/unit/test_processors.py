"""A model answers the same on processors of other kinds than this machine's (tests/processors.py).

tests/e2e/test_every_processor.py shows it of the recipe that is deployed.
"""

import numpy as np
import pytest
from sentiment_fixtures import model_folder, prepared

from tests import processors

REVIEWS = 40


@pytest.fixture(scope="module")
def model():
    """A model folder, reviews for it, and what this machine's own processor answers."""
    channel = prepared("review_to_words").validation
    arguments = [str(model_folder("predecessor")), str(channel), str(REVIEWS)]
    return arguments, processors.answers(*arguments)


@pytest.mark.slow
@pytest.mark.parametrize("cpu", processors.CPUS)
def test_logits_and_weights_are_the_same(model, cpu):
    processors.require()
    arguments, (logits, weights) = model
    there_logits, there_weights = processors.answers(*arguments, cpu=cpu)
    assert len(logits) == REVIEWS and np.ptp(logits) > 0.5
    np.testing.assert_allclose(there_logits, logits, atol=1e-5)
    np.testing.assert_allclose(there_weights, weights, atol=1e-5)
