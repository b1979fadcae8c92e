"""Get verdicts from the SageMaker endpoint, and convert its errors to the API's.

A serverless endpoint that has been idle does not answer until its container is up, which may take longer than
API Gateway waits. So an endpoint that does not answer is considered to be waking up (503, try again), unless
it has answered recently.
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

# How long an endpoint may take. With the times to connect and to respond, it fits into the function's
# time-out; both are set in infra/template.yaml.
ANSWER_SECONDS = float(os.environ["ANSWER_SECONDS"])
CONNECT_SECONDS = 2
# A call is started only if its time-outs and the response still fit into the remaining time.
CALL_SECONDS = CONNECT_SECONDS + ANSWER_SECONDS + 1
# Pauses between retries. Each is shortened at random, so that simultaneous requests do not return together.
PAUSES_SECONDS = (0.2, 0.4, 0.8, 1.6)

# An idle serverless container is stopped; AWS does not say after how long.
AWAKE_SECONDS = 300
# Clients retry this often while the model is being loaded.
RETRY_WAKING_SECONDS = 5
WAKING = "The model is waking up, which may take a minute."
# In both cases, a deployment is needed.
RETRY_NO_MODEL_SECONDS = 30
RETRY_BROKEN_SECONDS = 60
# How long a status is reused: DescribeEndpoint's request rate is limited for the whole account.
HEALTH_SECONDS = 5
# The states in which an endpoint answers.
# https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeEndpoint.html
SERVING = ("InService", "Updating", "SystemUpdating", "RollingBack")
STARTING = ("Creating",)

# Created once for all requests of a function instance. botocore must not retry, since it does not know how
# much time is left.
client = boto3.client(
    "sagemaker-runtime",
    config=Config(
        connect_timeout=CONNECT_SECONDS, read_timeout=ANSWER_SECONDS, retries={"total_max_attempts": 1}
    ),
)


class Silent(Waking):
    """The endpoint has not answered in time; retrying at once would only queue another request."""


class WorkerDied(ModelFailed):
    """The model server's worker died during the request, and is being replaced."""


class Endpoint:
    """Calls an endpoint, and records when it last answered.

    `version` is that of its model; `describe` returns the body of GET /model.
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
        """The model for one request; `seconds_left` returns the remaining time."""
        return BoundEndpoint(self, seconds_left)

    def describe(self) -> dict[str, Any]:
        """The body of GET /model, without the limits of the API."""
        return self._describe()

    def invoke(self, content: dict[str, Any]) -> bytes:
        """Call the endpoint once; return the body. Raises Throttled, ModelFailed, TimedOut or a NotReady."""
        try:
            answer = client.invoke_endpoint(
                EndpointName=self._name,
                ContentType="application/json",
                Accept="application/json",
                # Escaped, a surrogate pair would take 12 bytes of the endpoint's limit; in UTF-8, it takes 4.
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
        """Raises a NotReady unless the endpoint is in service according to SageMaker. Does not wake it."""
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
        """The endpoint's status in SageMaker, at most HEALTH_SECONDS old. Raises NotReady or Throttled."""
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
        """Convert an error of InvokeEndpoint to the API's.

        https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html
        """
        code, message = code_of(error), str(error)
        if code == "ModelError":
            # Only the message says whether the container exceeded SageMaker's own time limit.
            if "timed out" in message:
                return self._silent(message)
            if "Worker died" in message:
                return WorkerDied("The model failed on this review.", detail="the worker died")
            # The rest is the container's message, which might quote the review. The endpoint's log has it.
            return ModelFailed(
                "The model failed on this review.", detail=message.partition(" with message ")[0]
            )
        if code == "ModelNotReadyException":
            return _waking(WAKING, message)
        if code == "ValidationError":
            return self._why_absent(message)
        return refused(error)

    def _why_absent(self, message: str) -> HttpError:
        """The reason for a ValidationError of InvokeEndpoint: a missing, a starting or a broken endpoint."""
        try:
            self.check()
        except NotReady as reason:
            return reason
        except HttpError as unknown:
            return _not_ready(f"{message} ({unknown.detail})")
        return _not_ready(message)

    def _silent(self, detail: str) -> HttpError:
        """The error for an endpoint that is silent: TimedOut if it has answered recently, else Silent."""
        if self._answered is not None and self._clock() - self._answered < AWAKE_SECONDS:
            return TimedOut("The model did not answer in time.", detail=detail)
        return Silent(WAKING, retry_after=RETRY_WAKING_SECONDS, detail=detail)


class BoundEndpoint:
    """The endpoint for one request, as a sentiment_api.api.Model.

    Calls are retried while the endpoint is throttled or not ready, if there is enough time for a whole call.
    If the worker died, there is one retry, since another request may have been the cause.
    """

    def __init__(self, endpoint: Endpoint, seconds_left: Callable[[], float]) -> None:
        self._endpoint, self._seconds_left = endpoint, seconds_left

    def predict(self, reviews: list[str], explain: bool) -> list[dict[str, Any]]:
        """Verdicts in the API's form. Raises HttpError, with the version of the model."""
        try:
            if explain:
                return [self._explain(review) for review in reviews]
            return verdicts_on(reviews, self._invoke({"reviews": reviews, "explain": False}))
        except HttpError as error:
            error.model = self._endpoint.version
            raise

    def describe(self) -> dict[str, Any]:
        """The body of GET /model, without the limits of the API."""
        return self._endpoint.describe()

    def check(self) -> None:
        """Raises a NotReady unless the endpoint is in service."""
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
    """Create the client on first use: loading botocore's model of SageMaker takes a tenth of a second."""
    return boto3.client(
        "sagemaker",
        config=Config(connect_timeout=CONNECT_SECONDS, read_timeout=5, retries={"total_max_attempts": 2}),
    )
