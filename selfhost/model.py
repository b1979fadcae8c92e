"""The model in a web server's memory: the sentiment_api.api.Model of the self-hosted API."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sentiment_api.errors import Broken, ModelFailed, NoModel, NotReady, Waking

from selfhost.admission import Admission
from sentiment.serving.predictor import Prediction, Predictor

# Why there is no model, what it means for who asks, and after how many seconds to ask again.
ABSENCES: dict[type[NotReady], tuple[str, int]] = {
    NoModel: ("There is no model yet: none has been trained and chosen.", 30),
    # About what it takes to fetch and load one.
    Waking: ("The model is on its way.", 5),
    Broken: ("The model cannot be served: its files or its registry are out of order.", 60),
}
# Of a probability, as the endpoint rounds it (serve/inference.py).
DIGITS = 6


class ServedModel:
    """Holds no model at first. A request keeps the model it began with, so a swap disturbs none.

    A request that finds none calls `look`, which may bring one: another process may have it already. If there
    still is none, `absence` says why.
    """

    def __init__(self) -> None:
        self._predictor: Predictor | None = None
        self._admission = Admission()
        self.look: Callable[[], None] = lambda: None
        self.absence: Callable[[], type[NotReady]] = lambda: Waking

    def serve(self, predictor: Predictor | None) -> None:
        """Answer with this model from the next request on; None with none."""
        self._predictor = predictor

    @property
    def version(self) -> str | None:
        return None if self._predictor is None else self._predictor.version

    def predict(self, reviews: list[str], explain: bool) -> list[dict[str, Any]]:
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
        return self._ready().describe()

    def check(self) -> None:
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
    """Return a prediction in the form of the API, its members in the order of sentiment_api.verdict."""
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
