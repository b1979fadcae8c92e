"""A new model is tried beside the old one on a deployed stack, takes over or is rolled back."""

from __future__ import annotations

import copy
import io
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from localcloud_cloudformation_fixtures import SERVICES, Stacks, parameters

from localcloud.logs import LogsService
from localcloud.server import Server
from pipeline import aws, rollout, served, stack
from pipeline.settings import PipelineError, Settings
from project import drift
from tests.conftest import PROJECT
from tests.contract.test_template import WRITTEN

sys.path.append(str(PROJECT / "tests" / "unit"))
from sentiment_fixtures import made_up_reviews, model_folder

NAME = "movies"
CODE = "s3://code/lambda.zip"
TEXTS = [f"a wonderful, superb and brilliant film, great joy {number}" for number in range(40)]


def an_hour_ago(settings: Settings) -> datetime:
    """A beginning long enough ago: only whole minutes after it count, and tests take less than one."""
    return datetime.now(UTC) - timedelta(hours=1)


@dataclass
class Deployed:
    """The project's stack on a cloud, without the SAM CLI: CloudFormation gets what that would send it."""

    stacks: Stacks
    build: Path
    patch: pytest.MonkeyPatch

    def settings(self, model: Path | None = None, **choices: Any) -> Settings:
        given = None if model is None else str(model)
        return Settings(model=given, stack=NAME, container="pytorch", build=self.build, **choices)

    def sam_deploy(self, settings: Settings, **values: str | int) -> None:
        template = copy.deepcopy(WRITTEN)
        template["Resources"]["ApiFunction"]["Properties"]["CodeUri"] = CODE
        known = stack.parameters(settings)
        kept = [{"ParameterKey": name, "UsePreviousValue": True} for name in known if name not in values]
        given = parameters(**{name: str(value) for name, value in values.items()})
        change = self.stacks.update if known else self.stacks.create
        change(NAME, template, Parameters=given + kept)

    @property
    def api(self) -> str:
        return stack.outputs(self.settings())["ApiUrl"]

    def ask(self, text: str) -> str:
        """The version of the model that answers the text."""
        answer = requests.post(f"{self.api}/predict?explain=false", json={"review": text}, timeout=60)
        assert answer.status_code == 200, answer.text
        return answer.json()["model"]

    def vote(self, model: str, vote: str) -> None:
        content = {
            "review": "A film",
            "sentiment": "positive",
            "probability": 0.9,
            "model": model,
            "vote": vote,
        }
        assert requests.post(f"{self.api}/feedback", json=content, timeout=60).status_code == 201

    @property
    def endpoints(self) -> set[str]:
        listed = self.stacks.cloud.client("sagemaker").list_endpoints()["Endpoints"]
        return {endpoint["EndpointName"] for endpoint in listed}


@pytest.fixture(scope="module")
def deployed(tmp_path_factory) -> Iterator[Deployed]:
    with (
        Server(port=0, services=[*SERVICES, LogsService]) as server,
        pytest.MonkeyPatch.context() as patch,
    ):
        package = io.BytesIO()
        with zipfile.ZipFile(package, "w") as archive:
            for file in (PROJECT / "lambda").rglob("*.py"):
                archive.write(file, file.relative_to(PROJECT / "lambda"))
        s3 = server.cloud.client("s3")
        s3.create_bucket(Bucket="code")
        s3.put_object(Bucket="code", Key="lambda.zip", Body=package.getvalue())
        patch.setattr(aws, "client", server.cloud.client)
        patch.setattr(aws, "region", lambda: "us-east-1")
        made = Deployed(Stacks(server.cloud), tmp_path_factory.mktemp("build"), patch)
        patch.setattr(stack, "sam_deploy", made.sam_deploy)
        # What tiny models are measured on: real sentences and reviews take them longer than all else here.
        held_out = made_up_reviews(0, 200)
        patch.setattr(drift.snippets, "load", lambda: held_out)
        patch.setattr(drift, "_test_reviews", lambda choices: [])
        # The throttle is for people.
        made.sam_deploy(made.settings(), RequestsPerSecond=1000, RequestBurst=1000)
        yield made


@pytest.mark.slow
def test_a_new_model_is_tried_takes_over_and_is_rolled_back(deployed, capsys):
    first, second = model_folder("predecessor"), model_folder("fast")
    with pytest.raises(PipelineError, match="there is no current model to compare"):
        rollout.run(deployed.settings(second, canary=50))
    rollout.run(deployed.settings(first))
    old = served.of_stack(deployed.settings()).model.version
    assert {deployed.ask(text) for text in TEXTS[:3]} == {old}
    with pytest.raises(PipelineError, match="is the current one already"):
        rollout.begin(deployed.settings(first), 50)

    rollout.begin(deployed.settings(second), 50)
    new = served.of_stack(deployed.settings()).canary.version
    assert stack.parameters(deployed.settings())["CanaryMaxConcurrency"] == "5", "half of the old one's"
    answered = {text: deployed.ask(text) for text in TEXTS}
    assert set(answered.values()) == {old, new}
    assert {text: deployed.ask(text) for text in TEXTS} == answered, "asking again flips no answer"
    described = requests.get(f"{deployed.api}/model", timeout=60).json()
    assert (described["model"], described["challenger"]) == (old, {"model": new, "percent": 50})
    for model in (old, new):
        deployed.vote(model, "up")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rollout, "_began", an_hour_ago)
        rollout.finish(deployed.settings(canary_minutes=0, canary_answers=10))
    assert f"{2 * [*answered.values()].count(new)} answers" in capsys.readouterr().out
    assert {deployed.ask(text) for text in TEXTS} == {new}
    assert deployed.endpoints == {NAME}

    rollout.back(deployed.settings())
    assert {deployed.ask(text) for text in TEXTS[:5]} == {old}

    rollout.begin(deployed.settings(second), 50)
    settings = deployed.settings(canary_minutes=0)
    # What ends a trial, one after the other; only the last is carried out, for each takes a while.
    with pytest.MonkeyPatch.context() as patch:
        ended = []
        patch.setattr(stack, "sam_deploy", lambda settings, **values: ended.append(values))
        with pytest.raises(PipelineError, match="too few answers: 50 are needed"):
            rollout.finish(settings)
        rollout.back(settings)
        cloudwatch = deployed.stacks.cloud.client("cloudwatch")
        alarm = deployed.stacks.resources(NAME)["CanaryErrorsAlarm"]
        cloudwatch.set_alarm_state(AlarmName=alarm, StateValue="ALARM", StateReason="7 failures")
        with pytest.raises(PipelineError, match=r"fails on reviews \(7 failures\)"):
            rollout.finish(deployed.settings(canary_minutes=30))
        cloudwatch.set_alarm_state(AlarmName=alarm, StateValue="OK", StateReason="none")
        assert ended == [served.NO_CANARY] * 3
    for _ in range(12):
        deployed.vote(new, "down")
        deployed.vote(old, "up")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rollout, "_began", an_hour_ago)
        # The 13th is of the first trial.
        with pytest.raises(PipelineError, match=f'{new} was rolled back.*12 of 13 of the votes .* are "no"'):
            rollout.finish(deployed.settings(canary_minutes=30))
    assert deployed.endpoints == {NAME}
    assert {deployed.ask(text) for text in TEXTS[:5]} == {old}
    with pytest.raises(PipelineError, match="no new model is being tried"):
        rollout.finish(settings)
