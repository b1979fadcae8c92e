"""Which models a stack serves, by its parameters; also for stacks from before a new model could be tried."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from pipeline import aws, check, comparison, rollout, served, stack
from pipeline.served import NO_CANARY, ServedModel
from pipeline.settings import PipelineError, Settings

OLD = ServedModel("s3://data/models/old/model.tar.gz", "image:1", "slim", "aaaa")
NEW = ServedModel("s3://data/models/new/model.tar.gz", "image:2", "slim", "bbbb")
# A stack that was deployed before its parameters named versions.
BEFORE = {
    "ModelDataUrl": OLD.data_url,
    "ImageUri": OLD.image_uri,
    "Container": "slim",
    "MaxConcurrency": "10",
}


@pytest.fixture
def deployed(monkeypatch) -> dict:
    """The parameters of a stack of before, which deployments change."""
    parameters = dict(BEFORE)
    descriptions = {f"s3://data/models/{name}/model.json": {"model": v} for name, v in (("old", "aaaa"),)}
    monkeypatch.setattr(aws, "read_json", descriptions.__getitem__)
    monkeypatch.setattr(stack, "parameters", lambda settings: parameters)
    monkeypatch.setattr(
        stack,
        "sam_deploy",
        lambda settings, **values: parameters.update({n: str(v) for n, v in values.items()}),
    )
    monkeypatch.setattr(served, "chosen", lambda settings: NEW)
    return parameters


def test_the_version_of_a_model_that_was_deployed_without_one_is_found_and_counted_from_then_on(deployed):
    assert served.of_stack(Settings()) == (OLD, None, None)
    rollout.begin(Settings(), 50)
    assert deployed["ModelVersion"] == OLD.version, "its answers are counted under that name"
    assert served.of_stack(Settings()) == (OLD, NEW, None)
    assert deployed["CanaryMaxConcurrency"] == "5"


@pytest.mark.parametrize(("percent", "concurrency"), [(1, 2), (10, 2), (25, 3), (99, 10)])
def test_a_new_model_may_answer_as_many_at_once_as_its_share_is(percent, concurrency):
    assert NEW.as_canary(percent, 10)["CanaryMaxConcurrency"] == concurrency
    assert NEW.as_canary(percent, 10).keys() == NO_CANARY.keys()


def test_a_model_that_somebody_takes_away_meanwhile_does_not_take_over(deployed, monkeypatch):
    rollout.begin(Settings(), 50)
    monkeypatch.setattr(rollout, "_began", lambda settings: datetime.now(UTC))
    monkeypatch.setattr(rollout, "_alarm", lambda settings: None)
    monkeypatch.setattr(comparison, "counts", lambda *_: comparison.Counts(answers=1000, calls=1000))
    with pytest.raises(PipelineError, match="bbbb has been ended by another deployment"):
        rollout.finish(Settings(), pause=lambda seconds: rollout.back(Settings()))
    assert served.of_stack(Settings()) == (OLD, None, None)


@pytest.mark.parametrize("percent", [0, 100, -1])
def test_a_share_is_from_1_to_99(percent):
    with pytest.raises(PipelineError, match=f"CANARY={percent} is not a percentage from 1 to 99"):
        Settings(canary=percent)


def test_a_trial_beside_no_model_is_refused_before_anything_is_trained(monkeypatch):
    monkeypatch.setattr(aws, "require_account", lambda: None)
    monkeypatch.setattr(stack, "parameters", lambda settings: {})
    with pytest.raises(PipelineError, match="CANARY=10: there is no current model to compare"):
        check.run(Settings(canary=10))


def test_without_a_model_before_there_is_nothing_to_return_to(deployed):
    with pytest.raises(PipelineError, match="has no previous model"):
        rollout.back(Settings())
