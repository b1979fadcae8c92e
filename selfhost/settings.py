"""The settings of the web server, from environment variables."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from project.paths import PROJECT, VAR
from selfhost.feedback import DEFAULT_QUOTA_BYTES

DEFAULT_TRACKING_URI = "http://127.0.0.1:5001"
DEFAULT_NAME = "movie-sentiment"
DEFAULT_MODEL = f"models:/{DEFAULT_NAME}@champion"
MODEL_URI = re.compile(r"models:/(?P<name>[^/@]+)@(?P<alias>[^/@]+)")


class SettingsError(ValueError):
    """A setting that cannot be used; the message names it and says what it should be."""


@dataclass(frozen=True)
class Settings:
    """The settings. The model is that with `name` and `alias` in the registry at `tracking_uri`.

    `cache` is the folder of downloaded models, and `feedback` that of people's votes, which may take up to
    `feedback_bytes`. The registry is asked every `poll_seconds`. `workers` is the number of processes.
    """

    tracking_uri: str = DEFAULT_TRACKING_URI
    name: str = DEFAULT_NAME
    alias: str = "champion"
    cache: Path = PROJECT / "build" / "selfhost" / "models"
    feedback: Path = VAR / "feedback"
    feedback_bytes: int = DEFAULT_QUOTA_BYTES
    poll_seconds: float = 10.0
    workers: int = min(2, os.cpu_count() or 1)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ, var: Path = VAR) -> Settings:
        """Read the settings from environment variables.

        They are MLFLOW_TRACKING_URI, WEB_CONCURRENCY (the workers), and SENTIMENT_MODEL, _CACHE, _FEEDBACK,
        _FEEDBACK_BYTES and _POLL_SECONDS.

        SENTIMENT_FEEDBACK is by default a folder below `var`, and SENTIMENT_MODEL the champion of
        MLFLOW_REGISTERED_MODEL. Raises SettingsError.
        """
        registered = environment.get("MLFLOW_REGISTERED_MODEL") or DEFAULT_NAME
        model = environment.get("SENTIMENT_MODEL", f"models:/{registered}@champion")
        named = MODEL_URI.fullmatch(model)
        if not named:
            raise SettingsError(f"SENTIMENT_MODEL is {model!r}; it must look like {DEFAULT_MODEL}")
        return cls(
            tracking_uri=environment.get("MLFLOW_TRACKING_URI") or DEFAULT_TRACKING_URI,
            name=named["name"],
            alias=named["alias"],
            cache=Path(environment.get("SENTIMENT_CACHE", cls.cache)),
            feedback=Path(environment.get("SENTIMENT_FEEDBACK", var / "feedback")),
            feedback_bytes=_bytes(environment.get("SENTIMENT_FEEDBACK_BYTES", str(cls.feedback_bytes))),
            poll_seconds=_seconds(environment.get("SENTIMENT_POLL_SECONDS", str(cls.poll_seconds))),
            workers=_workers(environment.get("WEB_CONCURRENCY", str(cls.workers))),
        )


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not (seconds > 0 and math.isfinite(seconds)):
        raise SettingsError(f"SENTIMENT_POLL_SECONDS is {text!r}; it must be a number of seconds above 0")
    return seconds


def _bytes(text: str) -> int:
    if not text.isdecimal():
        raise SettingsError(f"SENTIMENT_FEEDBACK_BYTES is {text!r}; it must be a whole number")
    return int(text)


def _workers(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise SettingsError(f"WEB_CONCURRENCY is {text!r}; it must be a whole number above 0")
    return int(text)
