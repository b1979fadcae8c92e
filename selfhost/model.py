"""The model in the web server's memory, as a sentiment_api.api.Model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sentiment_api.errors import Broken, ModelFailed, NoModel, NotReady, Waking

from selfhost.admission import Admission
from sentiment.serving.predictor import Prediction, Predictor

# Reasons for having no model: the message for clients, and after how many seconds to ask again.
ABSENCES: dict[type[NotReady], tuple[str, int]] = {
    NoModel: ("There is no model yet: none has been trained and chosen.", 30),
    # Fetching and loading a model takes about this long.
    Waking: ("The model is on its way.", 5),
    Broken: ("The model cannot be served: its files or its registry are out of order.", 60),
}
# Probabilities are rounded as by the endpoint (serve/inference.py).
DIGITS = 6


class ServedModel:
    """A model that can be swapped; at first there is none. A request keeps the model that it began with.

    A request that finds no model calls `look`, which may load one that another process has fetched. If there
    still is none, `absence` says why.
    """

    def __init__(self, admission: Admission) -> None:
        self._predictor: Predictor | None = None
        self._admission = admission
        self.look: Callable[[], None] = lambda: None
        self.absence: Callable[[], type[NotReady]] = lambda: Waking

    def serve(self, predictor: Predictor | None) -> None:
        """Use this model from the next request on; None for no model."""
        self._predictor = predictor

    @property
    def version(self) -> str | None:
        """The version of the model; None if there is none."""
        return None if self._predictor is None else self._predictor.version

    def predict(self, reviews: list[str], explain: bool) -> list[dict[str, Any]]:
        """Verdicts in the API's form. Raises Overloaded, ModelFailed, or a NotReady if there is no model."""
        predictor = self._ready()
        with self._admission.turn():
            try:
                predictions = predictor.explain(reviews) if explain else predictor.predict(reviews)
            except Exception as error:
                failed = ModelFailed("The model failed on this review.", detail=repr(error))
                failed.model = predictor.version
                raise failed from error
        return [verdict(prediction, predictor.version, explain) for prediction in predictions]

    def describe(self) -> dict[str, Any]:
        """The body of GET /model. Raises a NotReady if there is no model."""
        return self._ready().describe()

    def check(self) -> None:
        """Raises a NotReady if there is no model."""
        self._ready()

    def _ready(self) -> Predictor:
        if self._predictor is None:
            self.look()
        if self._predictor is None:
            kind = self.absence()
            message, retry_seconds = ABSENCES[kind]
            raise kind(message, retry_after=retry_seconds)
        return self._predictor


def verdict(prediction: Prediction, version: str, explain: bool) -> dict[str, Any]:
    """Convert a prediction to the API's form, with the members in the order of sentiment_api.verdict."""
    answer = {
        "sentiment": prediction.sentiment,
        "probability": round(prediction.probability, DIGITS),
        "unsure": prediction.unsure,
        "reason": prediction.reason,
        "model": version,
    }
    if explain:
        answer |= {
            "words": prediction.words,
            "spans": prediction.spans,
            "cut": None if prediction.cut is None else prediction.cut._asdict(),
        }
    return answer | {"word_count": prediction.word_count, "unknown_words": prediction.unknown_words}
