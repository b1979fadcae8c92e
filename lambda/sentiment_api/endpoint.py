"""The verdict of the SageMaker endpoint on one review, or the reason why there is none."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

import boto3
from botocore import exceptions
from botocore.config import Config

from predict.errors import HttpError, ModelFailed, NotReady, Throttled, TimedOut

CONNECT_TIMEOUT_SECONDS = 2
# With the time to connect and to answer it must fit into the function's 29 seconds (infra/template.yaml).
READ_TIMEOUT_SECONDS = 22
# A call is begun only while its time-outs and the answer to the person still fit.
CALL_SECONDS = CONNECT_TIMEOUT_SECONDS + READ_TIMEOUT_SECONDS + 1
PAUSES_SECONDS = (0.2, 0.4)

RETRY_THROTTLED_SECONDS = 2
# A container that wakes up loads torch and the model: about this long.
RETRY_NOT_READY_SECONDS = 10

# Made once for all requests that an instance of the function answers. No retries by botocore, which knows
# nothing of the time that is left.
client = boto3.client(
    "sagemaker-runtime",
    config=Config(
        connect_timeout=CONNECT_TIMEOUT_SECONDS,
        read_timeout=READ_TIMEOUT_SECONDS,
        retries={"total_max_attempts": 1},
    ),
)


def verdict_on(review: str, seconds_left: Callable[[], float]) -> dict[str, Any]:
    """What the model says, as infra/openapi.yaml has it. Raises Throttled, ModelFailed, NotReady or TimedOut.

    An endpoint that is throttled or not ready is asked again, while `seconds_left` allows for a whole call.
    """
    pauses = iter(PAUSES_SECONDS)
    while True:
        if seconds_left() < CALL_SECONDS:
            raise TimedOut("There was not enough time left to ask the model.")
        try:
            return _verdict(_invoke(review))
        except (Throttled, NotReady):
            pause = next(pauses, None)
            if pause is None or seconds_left() - pause < CALL_SECONDS:
                raise
            time.sleep(pause)


def _invoke(review: str) -> bytes:
    try:
        answer = client.invoke_endpoint(
            EndpointName=os.environ["ENDPOINT_NAME"],
            ContentType="application/json",
            Accept="application/json",
            Body=json.dumps({"review": review}).encode(),
        )
        return answer["Body"].read()
    except exceptions.ClientError as error:
        raise _refused(error) from error
    except exceptions.ReadTimeoutError as error:
        raise TimedOut("The model did not answer in time.", detail=str(error)) from error
    except exceptions.ConnectionError as error:
        raise NotReady("The model cannot be reached.", retry_after=RETRY_NOT_READY_SECONDS) from error
    except (exceptions.HTTPClientError, exceptions.IncompleteReadError) as error:
        raise ModelFailed("The model's answer broke off.", detail=str(error)) from error


def _refused(error: exceptions.ClientError) -> HttpError:
    """https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html#API_runtime_InvokeEndpoint_Errors"""
    code, detail = error.response["Error"]["Code"], str(error)
    status = error.response["ResponseMetadata"]["HTTPStatusCode"]
    if code == "ModelError":
        # A container that says nothing within SageMaker's own limit is told apart by the message alone.
        if "timed out" in detail:
            return TimedOut("The model did not answer in time.", detail=detail)
        return ModelFailed("The model failed on this review.", detail=detail)
    # A missing, an unfinished and a broken endpoint are ValidationErrors, and the review has been checked.
    if code in ("ValidationError", "ModelNotReadyException"):
        return NotReady("The model is not ready.", retry_after=RETRY_NOT_READY_SECONDS, detail=detail)
    if status == 429 or code.startswith("Throttling"):
        return Throttled("Too many reviews at once.", retry_after=RETRY_THROTTLED_SECONDS, detail=detail)
    if status >= 500:
        return NotReady("The model is not available.", retry_after=RETRY_NOT_READY_SECONDS, detail=detail)
    return HttpError("The model could not be asked.", detail=detail)


def _verdict(body: bytes) -> dict[str, Any]:
    """The model's answer, as far as the API promises it. Raises ModelFailed if it is no verdict."""
    try:
        answer = json.loads(body)
        sentiment, probability, version = answer["sentiment"], answer["probability"], answer["model"]
        words = [[word, weight] for word, weight in answer["words"]]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise _no_verdict(f"{type(error).__name__}: {error}") from error
    if sentiment not in ("positive", "negative"):
        raise _no_verdict("sentiment")
    if not (_is_number(probability) and 0 <= probability <= 1):
        raise _no_verdict("probability")
    if not isinstance(version, str):
        raise _no_verdict("model")
    if not isinstance(answer["words"], list):
        raise _no_verdict("words")
    if not all(isinstance(word, str) and _is_number(weight) for word, weight in words):
        raise _no_verdict("words")
    return {"sentiment": sentiment, "probability": probability, "words": words, "model": version}


def _is_number(value: Any) -> bool:
    """JSON's own kind: neither true nor NaN, nor anything too large for a float."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max


def _no_verdict(reason: str) -> ModelFailed:
    return ModelFailed("The model's answer is no verdict.", detail=f"malformed answer: {reason}")
