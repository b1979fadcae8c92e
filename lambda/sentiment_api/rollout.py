"""Two models behind one API: the champion, and a challenger that answers a share of what people send."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, NamedTuple

from sentiment_api.api import Model
from sentiment_api.errors import NotFound


class Challenger(NamedTuple):
    """A model that may take the champion's place, its version, and the share of texts that it answers."""

    model: Model
    version: str
    percent: float


class Rollout:
    """A sentiment_api.api.Models that asks one of two.

    Which one follows from a hash of the texts: who sends a text again gets the same model again, and nothing
    of the person needs to be known or kept. The challenger's version is part of the hash, so that the next
    challenger answers other texts. A batch is one model's, for its answer names one.
    """

    def __init__(self, champion: Model, challenger: Callable[[], Challenger | None]) -> None:
        self._champion, self._challenger = champion, challenger

    def predict(self, reviews: list[str], explain: bool) -> list[dict[str, Any]]:
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
        """The champion's description; while there is a challenger, with its version and share."""
        challenger = self._challenger()
        if challenger is None:
            return self._champion.describe()
        shown = {"model": challenger.version, "percent": challenger.percent}
        return self._champion.describe() | {"challenger": shown}

    def check(self) -> None:
        """Raises NotReady where the champion cannot answer."""
        self._champion.check()


def percentile(version: str, reviews: list[str]) -> float:
    """Where the texts lie among all texts, from 0 up to 100, as that challenger draws them."""
    digest = hashlib.sha256("\0".join([version, *reviews]).encode())
    return int.from_bytes(digest.digest()[:6]) / 2**48 * 100
