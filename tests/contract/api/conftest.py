"""The hosts of the API. A test that takes `back_end` or `api_url` runs against each of them.

To test an API that runs elsewhere: SENTIMENT_API_URL=https://... pytest tests/contract/api
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from in_process import served

from project.ports import free_port
from tests.contract.selfhost_fixtures import Web, talking_model

__all__ = ["talking_model"]  # a fixture


@dataclass(frozen=True)
class BackEnd:
    """A running host. `vote` reads a vote by its id, None if it is not kept; `origin` is the page's, where it
    is another."""

    url: str
    vote: Callable[[str], dict[str, Any] | None] | None = None
    origin: str | None = None


BACK_ENDS = ["elsewhere"] if os.environ.get("SENTIMENT_API_URL") else ["in process", "flask", "lambda"]


@pytest.fixture(scope="session", params=BACK_ENDS)
def back_end(request: pytest.FixtureRequest) -> BackEnd:
    return request.getfixturevalue(request.param.replace(" ", "_") + "_back_end")


@pytest.fixture(scope="session")
def api_url(back_end: BackEnd) -> str:
    """Base address of the API, without a slash at its end."""
    return back_end.url


@pytest.fixture(scope="session")
def elsewhere_back_end() -> BackEnd:
    return BackEnd(os.environ["SENTIMENT_API_URL"].rstrip("/"))


@pytest.fixture(scope="session")
def in_process_back_end() -> Iterator[BackEnd]:
    with served() as (url, votes):
        yield BackEnd(url, lambda vote: next((each for each in votes if each["id"] == vote), None))


@pytest.fixture(scope="session")
def flask_back_end(tmp_path_factory, talking_model) -> Iterator[BackEnd]:
    """The self-hosted web server: gunicorn, started from its cache, with no registry to be reached."""
    web = Web(tmp_path_factory.mktemp("flask"), f"http://127.0.0.1:{free_port()}", "movie-sentiment")
    web.hold(talking_model)

    def vote(wanted: str) -> dict[str, Any] | None:
        files = [*web.feedback.glob(f"date=*/{wanted}.json")]
        return json.loads(files[0].read_text(encoding="utf-8")) if files else None

    try:
        web.start()
        yield BackEnd(web.url, vote)
    finally:
        web.stop()


@pytest.fixture(scope="session")
def lambda_back_end(request: pytest.FixtureRequest) -> BackEnd:
    """API Gateway, Lambda and endpoint, deployed by `make deploy`."""
    deployment = request.getfixturevalue("deployment")
    _lift_throttle(deployment.cloud.client("apigatewayv2"), deployment.api.rpartition("/")[2])
    s3, bucket = deployment.cloud.client("s3"), deployment.outputs["DataBucketName"]

    def vote(wanted: str) -> dict[str, Any] | None:
        listed = s3.list_objects_v2(Bucket=bucket, Prefix="feedback/date=").get("Contents", [])
        keys = [each["Key"] for each in listed if each["Key"].endswith(f"/{wanted}.json")]
        return json.loads(s3.get_object(Bucket=bucket, Key=keys[0])["Body"].read()) if keys else None

    return BackEnd(deployment.api, vote, deployment.page.rstrip("/"))


def _lift_throttle(gateway: Any, api: str) -> None:
    """The tests are faster than the people whom the deployed limit is made for."""
    gateway.update_stage(
        ApiId=api,
        StageName="$default",
        DefaultRouteSettings={"ThrottlingBurstLimit": 1000, "ThrottlingRateLimit": 1000},
    )
