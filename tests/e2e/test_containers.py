"""One stack answers by our own image, by Ray's and by AWS's PyTorch image in turn, and always the same."""

from __future__ import annotations

import os
import sys
import time
from typing import Any

import pytest
import requests

from tests.conftest import PROJECT
from tests.strangers import open_to_others, process_listening_on

sys.path.append(str(PROJECT / "tests" / "unit"))
from sentiment_fixtures import model_folder

pytestmark = pytest.mark.slow

STACK = "containers"
# In words that the tiny model knows.
GOOD, BAD = "A wonderful and touching film, brilliant to the end.", "A dull mess, awful and boring."
REQUESTS: list[tuple[str, dict[str, Any]]] = [
    ("predict", {"json": {"review": GOOD}}),
    ("predict", {"json": {"review": BAD}}),
    (
        "predict?explain=false",
        {"data": "Émouvant 👍 superb".encode(), "headers": {"content-type": "text/plain"}},
    ),
    ("predict/batch", {"json": {"reviews": [GOOD, BAD, "ok"]}}),
    ("predict", {"json": {"review": "x" * 20_001}}),
    ("predict/batch", {"json": {"reviews": []}}),
]


def answers(api: str) -> list[tuple[int, Any]]:
    """Status and content of each answer, without the ids by which requests are told apart."""
    found = []
    for path, request in REQUESTS:
        while (answer := requests.post(f"{api}/{path}", timeout=60, **request)).status_code == 503:
            time.sleep(int(answer.headers["Retry-After"]))  # the function or the model is waking
        content = answer.json()
        content.get("error", {}).pop("requestId", None)
        found.append((answer.status_code, content))
    return found


def exposed(cloud) -> list[str]:
    """What other users of the machine are told by the cloud's servers; nothing where none can be tried.

    Ray's own ports, which speak HTTP/2, are left out: they ask for a token (test_ray_container.py).
    """
    told = open_to_others(process_listening_on(cloud.port)).values() if os.getuid() == 0 else ()
    return [line for line in told if not line.startswith("\0\0")]


def test_a_stack_answers_the_same_by_each_container_in_turn(cloud):
    stack = (f"STACK={STACK}", f"MODEL={model_folder()}")

    def deployed(*choices: str) -> tuple[str, list[tuple[int, Any]]]:
        """The image that answers after `make deploy` with these choices, and its answers."""
        cloud.make("deploy", *stack, *choices)
        [described] = cloud.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"]
        outputs = {each["OutputKey"]: each["OutputValue"] for each in described["Outputs"]}
        assert requests.get(outputs["WebsiteUrl"], timeout=10).status_code == 200
        model = cloud.client("sagemaker").describe_model(ModelName=outputs["ModelName"])
        repository = model["PrimaryContainer"]["Image"].partition("/")[2].partition(":")[0]
        assert exposed(cloud) == []
        return repository, answers(outputs["ApiUrl"])

    try:
        _, expected = deployed("CONTAINER=slim")
        assert [status for status, _ in expected] == [200, 200, 200, 200, 413, 400]
        assert [content["sentiment"] for _, content in expected[:2]] == ["positive", "negative"]
        assert deployed("CONTAINER=ray") == ("ray", expected)
        assert deployed("CONTAINER=pytorch", "ENDPOINT=instances") == ("pytorch-inference", expected)
    finally:
        cloud.make("destroy", f"STACK={STACK}")
