"""Verdicts of the SageMaker endpoint, or the error that says why there are none.

A serverless endpoint that slept answers nobody until its container is up, which may take longer than API
Gateway waits. So an endpoint that says nothing counts as waking up (503, try again) unless it just answered.
"""

from __future__ import annotations

import functools
import json
import os
import random
import time
from collections.abc import Callable
from typing import Any

import boto3
from botocore import exceptions
from botocore.config import Config

from sentiment_api.aws_errors import code_of, refused
from sentiment_api.errors import (
    Broken,
    HttpError,
    ModelFailed,
    NoModel,
    NotReady,
    Throttled,
    TimedOut,
    Waking,
)
from sentiment_api.verdict import verdict_on, verdicts_on

# How long an endpoint may take. With the time to connect and to answer it fits into the function's own
# time-out; both are set in infra/template.yaml.
ANSWER_SECONDS = float(os.environ["ANSWER_SECONDS"])
CONNECT_SECONDS = 2
# A call is begun only while its time-outs and the answer to the person still fit.
CALL_SECONDS = CONNECT_SECONDS + ANSWER_SECONDS + 1
# Each is shortened at random, so that those who were refused together do not come back together.
PAUSES_SECONDS = (0.2, 0.4, 0.8, 1.6)

# A serverless container goes to sleep when it has nothing to do; AWS does not say after how long.
AWAKE_SECONDS = 300
# Until torch and the model are loaded there are some of these pauses; the last is not longer than it must be.
RETRY_WAKING_SECONDS = 5
WAKING = "The model is waking up, which may take a minute."
# Both wait for a deployment.
RETRY_NO_MODEL_SECONDS = 30
RETRY_BROKEN_SECONDS = 60
# DescribeEndpoint has one request rate for the whole account.
HEALTH_SECONDS = 5
# The states in which an endpoint answers.
# https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeEndpoint.html
SERVING = ("InService", "Updating", "SystemUpdating", "RollingBack")
STARTING = ("Creating",)

# Made once for all requests that an instance of the function answers. No retries by botocore, which knows
# nothing of the time that is left.
client = boto3.client(
    "sagemaker-runtime",
    config=Config(
        connect_timeout=CONNECT_SECONDS, read_timeout=ANSWER_SECONDS, retries={"total_max_attempts": 1}
    ),
)


class Silent(Waking):
    """The endpoint has not answered in time; asking again at once would only queue another request."""


class WorkerDied(ModelFailed):
    """The model server's worker died during the request; another replaces it."""


class Endpoint:
    """Calls the endpoint of that name, and records when it last answered.

    `version` is that of the model behind it; `describe` returns what GET /model shows.
    """

    def __init__(
        self,
        name: str,
        version: str,
        describe: Callable[[], dict[str, Any]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.version = version
        self._name, self._describe, self._clock = name, describe, clock
        self._answered: float | None = None
        self._looked: tuple[float, str] | None = None

    def within(self, seconds_left: Callable[[], float]) -> BoundEndpoint:
        """The model for one request, which has so many seconds left."""
        return BoundEndpoint(self, seconds_left)

    def describe(self) -> dict[str, Any]:
        return self._describe()

    def invoke(self, content: dict[str, Any]) -> bytes:
        """One call. Raises Throttled, ModelFailed, TimedOut or a kind of NotReady."""
        try:
            answer = client.invoke_endpoint(
                EndpointName=self._name,
                ContentType="application/json",
                Accept="application/json",
                # A surrogate pair would be 12 bytes of the endpoint's limit, as UTF-8 it is 4.
                Body=json.dumps(content, ensure_ascii=False).encode(),
            )
            body: bytes = answer["Body"].read()
        except exceptions.ClientError as error:
            raise self._refused(error) from error
        except exceptions.ReadTimeoutError as error:
            raise self._silent(str(error)) from error
        except exceptions.ConnectionError as error:
            raise NotReady("The model cannot be reached.", retry_after=RETRY_WAKING_SECONDS) from error
        except (exceptions.HTTPClientError, exceptions.IncompleteReadError) as error:
            raise ModelFailed("The model's answer broke off.", detail=str(error)) from error
        self._answered = self._clock()
        return body

    def check(self) -> None:
        """Raises a kind of NotReady unless SageMaker says that the endpoint serves. Wakes nothing."""
        status = self._status()
        if status in STARTING:
            raise _waking(
                "The model is being started, which takes a few minutes.", f"the endpoint is {status}"
            )
        if status not in SERVING:
            raise Broken(
                "The model is broken: it cannot be started.",
                retry_after=RETRY_BROKEN_SECONDS,
                detail=f"the endpoint is {status}",
            )

    def _status(self) -> str:
        """The endpoint's state in SageMaker, at most HEALTH_SECONDS old. Raises NotReady or Throttled."""
        now = self._clock()
        if self._looked is None or now - self._looked[0] >= HEALTH_SECONDS:
            try:
                found = _sagemaker().describe_endpoint(EndpointName=self._name)
            except exceptions.ClientError as error:
                if code_of(error) == "ValidationException":
                    raise NoModel(
                        "There is no model yet.", retry_after=RETRY_NO_MODEL_SECONDS, detail=str(error)
                    ) from error
                raise refused(error) from error
            except (exceptions.HTTPClientError, exceptions.ConnectionError) as error:
                raise _not_ready(str(error)) from error
            self._looked = now, found["EndpointStatus"]
        return self._looked[1]

    def _refused(self, error: exceptions.ClientError) -> HttpError:
        """https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html#API_runtime_InvokeEndpoint_Errors"""
        code, message = code_of(error), str(error)
        if code == "ModelError":
            # A container that says nothing within SageMaker's own limit is told apart by the message alone.
            if "timed out" in message:
                return self._silent(message)
            if "Worker died" in message:
                return WorkerDied("The model failed on this review.", detail="the worker died")
            # The container's own message follows, and might quote the review. The endpoint's log has it.
            return ModelFailed(
                "The model failed on this review.", detail=message.partition(" with message ")[0]
            )
        if code == "ModelNotReadyException":
            return _waking(WAKING, message)
        if code == "ValidationError":
            return self._why_absent(message)
        return refused(error)

    def _why_absent(self, message: str) -> HttpError:
        """What a ValidationError of InvokeEndpoint means: a missing, a starting or a broken endpoint."""
        try:
            self.check()
        except NotReady as reason:
            return reason
        except HttpError as unknown:
            return _not_ready(f"{message} ({unknown.detail})")
        return _not_ready(message)

    def _silent(self, detail: str) -> HttpError:
        """Return TimedOut if the endpoint answered lately; otherwise it is waking up."""
        if self._answered is not None and self._clock() - self._answered < AWAKE_SECONDS:
            return TimedOut("The model did not answer in time.", detail=detail)
        return Silent(WAKING, retry_after=RETRY_WAKING_SECONDS, detail=detail)


class BoundEndpoint:
    """The endpoint within the time of one request: a sentiment_api.api.Model.

    It is asked again while it is throttled or not ready and a whole call still fits; and once more where its
    worker died, since that may have been another's fault.
    """

    def __init__(self, endpoint: Endpoint, seconds_left: Callable[[], float]) -> None:
        self._endpoint, self._seconds_left = endpoint, seconds_left

    def predict(self, reviews: list[str], explain: bool) -> list[dict[str, Any]]:
        try:
            if explain:
                return [self._explain(review) for review in reviews]
            return verdicts_on(reviews, self._invoke({"reviews": reviews, "explain": False}))
        except HttpError as error:
            error.model = self._endpoint.version
            raise

    def describe(self) -> dict[str, Any]:
        return self._endpoint.describe()

    def check(self) -> None:
        self._endpoint.check()

    def _explain(self, review: str) -> dict[str, Any]:
        return verdict_on(review, self._invoke({"review": review, "explain": True}))

    def _invoke(self, content: dict[str, Any]) -> bytes:
        pauses = iter(PAUSES_SECONDS)
        died = False
        while True:
            if self._seconds_left() < CALL_SECONDS:
                raise _not_ready("too little time was left to ask the endpoint")
            try:
                return self._endpoint.invoke(content)
            except (Silent, NoModel, Broken):
                raise
            except (Throttled, NotReady, WorkerDied) as refusal:
                if died and isinstance(refusal, WorkerDied):
                    raise
                died = died or isinstance(refusal, WorkerDied)
                pause = next(pauses, 0) * random.uniform(0.5, 1)
                if not pause or self._seconds_left() - pause < CALL_SECONDS:
                    raise
                time.sleep(pause)


def _waking(message: str, detail: str) -> Waking:
    return Waking(message, retry_after=RETRY_WAKING_SECONDS, detail=detail)


def _not_ready(detail: str) -> NotReady:
    return NotReady("The model is not ready.", retry_after=RETRY_WAKING_SECONDS, detail=detail)


@functools.cache
def _sagemaker() -> Any:
    """Created on first use: loading botocore's large model of SageMaker takes a tenth of a second."""
    return boto3.client(
        "sagemaker",
        config=Config(connect_timeout=CONNECT_SECONDS, read_timeout=5, retries={"total_max_attempts": 2}),
    )
