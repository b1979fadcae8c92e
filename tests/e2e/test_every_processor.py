"""The deployed model on real reviews: the same verdicts and weights by both runtimes and on any processor."""

from __future__ import annotations

import tarfile

import numpy as np
import pytest

from pipeline import inputs
from pipeline.settings import Settings
from tests import processors
from tests.conftest import BUILD

pytestmark = pytest.mark.slow
EMULATED_REVIEWS = 60
"""Of the validation reviews; an emulated processor takes some 70 ms for each."""


@pytest.fixture(scope="module")
def model(deployment, tmp_path_factory):
    """The deployed model's folder and the validation channel, as arguments of processors.answers()."""
    folder = tmp_path_factory.mktemp("model")
    settings = Settings(build=BUILD)
    with tarfile.open(inputs.model_file(settings, deployment.model_key)) as archive:
        archive.extractall(folder, filter="data")
    return str(folder), str(settings.prepared().validation)


def probabilities(logits: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-logits))


def test_both_runtimes_agree_on_all_validation_reviews(model):
    ours, weights = processors.answers(*model, "100000")
    torchs, torch_weights = processors.answers(*model, "100000", runtime="torch")
    assert len(ours) > 2000
    assert np.mean((ours >= 0) == (torchs >= 0)) >= 0.998
    assert np.abs(probabilities(ours) - probabilities(torchs)).max() < 0.03
    # Where two words are nearly tied for a unit's maximum, each runtime may count it for another of them.
    differences, largest = np.abs(weights - torch_weights), np.abs(torch_weights).max()
    assert np.quantile(differences, 0.999) < 0.01 * largest
    assert differences.max() < 0.05 * largest


@pytest.fixture(scope="module")
def here(model):
    """Logits and weights of the first reviews on the processor of this machine."""
    processors.require()
    return processors.answers(*model, str(EMULATED_REVIEWS))


@pytest.mark.parametrize("cpu", processors.CPUS)
def test_another_processor_gives_the_same_verdicts_and_weights(model, here, cpu):
    logits, weights = here
    there, there_weights = processors.answers(*model, str(EMULATED_REVIEWS), cpu=cpu)
    assert ((there >= 0) == (logits >= 0)).all()
    np.testing.assert_allclose(there, logits, atol=1e-4)
    np.testing.assert_allclose(there_weights, weights, atol=1e-4)
