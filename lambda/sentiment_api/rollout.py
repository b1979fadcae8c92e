"""Serve two models behind one API: the champion, and a challenger that answers a share of the texts."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, NamedTuple

from sentiment_api.api import Model
from sentiment_api.errors import NotFound


class Challenger(NamedTuple):
    """A model that may replace the champion, its version, and the percentage of texts that it answers."""

    model: Model
    version: str
    percent: float


class Rollout:
    """A sentiment_api.api.Models with one or two models.

    A hash of the texts decides which model answers: the same text always gets the same model, and nothing
    about the person needs to be known or stored. The challenger's version is part of the hash, so that the
    next challenger answers other texts. All texts of a batch go to one model, since the answer names only
    one.
    """

    def __init__(self, champion: Model, challenger: Callable[[], Challenger | None]) -> None:
        self._champion, self._challenger = champion, challenger

    def predict(self, reviews: list[str], explain: bool) -> list[dict[str, Any]]:
        """The verdicts of the champion or the challenger. Raises the errors of sentiment_api.errors."""
        challenger = self._challenger()
        if challenger is not None and percentile(challenger.version, reviews) < challenger.percent:
            return challenger.model.predict(reviews, explain)
        return self._champion.predict(reviews, explain)

    def named(self, version: str) -> Model:
        """The champion or the challenger, by its version. Raises NotFound."""
        challenger = self._challenger()
        if challenger is not None and challenger.version == version:
            return challenger.model
        if self._champion.describe()["model"] == version:
            return self._champion
        raise NotFound("No model of this version answers here.")

    def describe(self) -> dict[str, Any]:
        """The champion's description, with the challenger's version and share, if there is one."""
        challenger = self._challenger()
        if challenger is None:
            return self._champion.describe()
        shown = {"model": challenger.version, "percent": challenger.percent}
        return self._champion.describe() | {"challenger": shown}

    def check(self) -> None:
        """Raises NotReady if the champion cannot answer."""
        self._champion.check()


def percentile(version: str, reviews: list[str]) -> float:
    """A number from 0 to 100, uniform over all texts, that decides whether the challenger answers them."""
    digest = hashlib.sha256("\0".join([version, *reviews]).encode())
    return int.from_bytes(digest.digest()[:6]) / 2**48 * 100
