"""The pipeline's use of the model registry, on localcloud's SageMaker."""

from __future__ import annotations

import pytest
from localcloud_sagemaker_fixtures import sandbox

from pipeline import aws, image, model_packages, promote
from pipeline.settings import PipelineError, Settings


@pytest.fixture
def settings(monkeypatch) -> Settings:
    with sandbox() as it:
        monkeypatch.setattr(aws, "client", lambda service: it.sagemaker)
        monkeypatch.setattr(image, "hosting_image", lambda settings, instance_type: "registry/image:tag")
        yield Settings()


def test_models_are_approved_in_the_order_that_people_decide(settings):
    assert model_packages.newest(settings, model_packages.APPROVED) is None
    with pytest.raises(PipelineError, match="no model has been registered: run `make retrain` first"):
        promote.run(settings)
    uris = [f"s3://bucket/models/{n}/model.tar.gz" for n in range(3)]
    first, pending, rejected = uris
    assert model_packages.add(settings, first, model_packages.APPROVED, "It answers already.") == "1"
    assert model_packages.add(settings, pending, model_packages.PENDING, "fine", "s3://bucket/c.json") == "2"
    assert model_packages.approved(settings) == first
    promote.run(settings)
    assert model_packages.approved(settings) == pending
    assert model_packages.add(settings, rejected, model_packages.REJECTED, "it is worse") == "3"
    with pytest.raises(
        PipelineError, match="version 3 was rejected: it is worse; to promote it nevertheless"
    ):
        promote.run(settings)
    assert model_packages.add(settings, pending, model_packages.REJECTED, "now worse") == "2"
    assert model_packages.approved(settings) == pending, "a person's approval stays"
    promote.run(Settings(version="3"))
    assert model_packages.approved(settings) == rejected
    model_packages.delete(settings)
    model_packages.delete(settings)
    with pytest.raises(PipelineError, match="has no approved model"):
        model_packages.approved(settings)
