"""Parse and validate a model server's answers, so that only well-formed verdicts are passed on."""

from __future__ import annotations

import json
import sys
from typing import Any

from sentiment_api.api import COUNTED_ONLY
from sentiment_api.body import SENTIMENTS
from sentiment_api.errors import ModelFailed

_SHORT = ("sentiment", "probability", "unsure", "reason", "model")
_REASONS = ("no_evidence", "not_english", "mixed", None)
_EXPLAINED = (*_SHORT, "words", "spans", "cut")


def verdict_on(review: str, body: bytes) -> dict[str, Any]:
    """The explained verdict on one review, in the API's form. Raises ModelFailed if it is malformed."""
    answer = _object(body)
    _require_short(answer)
    _require(isinstance(answer.get("model"), str), "model")
    _require_explanation(answer, len(review))
    return {name: answer[name] for name in _EXPLAINED} | _counts(answer)


def verdicts_on(reviews: list[str], body: bytes) -> list[dict[str, Any]]:
    """The verdicts on several reviews, in order. Raises ModelFailed if one of them is malformed."""
    answer = _object(body)
    _require(isinstance(answer.get("model"), str), "model")
    rows: Any = answer.get("predictions")
    _require(isinstance(rows, list) and len(rows) == len(reviews), "predictions")
    for row in rows:
        _require(isinstance(row, dict), "predictions")
        _require_short(row)
    return [
        {name: (row | {"model": answer["model"]})[name] for name in _SHORT} | _counts(row) for row in rows
    ]


def _object(body: bytes) -> dict[str, Any]:
    try:
        answer: dict[str, Any] = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ModelFailed("The model's answer is not a verdict.", detail=f"not JSON: {error}") from error
    _require(isinstance(answer, dict), "not an object")
    return answer


def _require_short(answer: dict[str, Any]) -> None:
    probability: Any = answer.get("probability")
    _require(answer.get("sentiment") in SENTIMENTS, "sentiment")
    _require(_is_number(probability) and 0 <= probability <= 1, "probability")
    _require(isinstance(answer.get("unsure"), bool), "unsure")
    # Models of earlier code give no reason.
    _require(answer.setdefault("reason", None) in _REASONS, "reason")


def _counts(answer: dict[str, Any]) -> dict[str, int]:
    """The members for the metrics; none from models of earlier code, which do not have them."""
    counts = {name: answer[name] for name in COUNTED_ONLY if name in answer}
    _require(all(map(_is_count, counts.values())) and len(counts) in (0, len(COUNTED_ONLY)), "word counts")
    return counts


def _require_explanation(answer: dict[str, Any], characters: int) -> None:
    words: Any = answer.get("words")
    spans: Any = answer.get("spans")
    cut: Any = answer.get("cut", ())
    _require(isinstance(words, list) and all(map(_is_word, words)), "words")
    _require(isinstance(spans, list) and len(spans) == len(words), "spans")
    _require(all(_is_pair(span) and _is_span(span[0], span[1], characters) for span in spans), "spans")
    if cut is not None:
        _require(isinstance(cut, dict) and set(cut) == {"start", "end", "words"}, "cut")
        _require(_is_span(cut["start"], cut["end"], characters) and _is_count(cut["words"]), "cut")


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise ModelFailed("The model's answer is not a verdict.", detail=f"malformed answer: {what}")


def _is_word(entry: Any) -> bool:
    return _is_pair(entry) and isinstance(entry[0], str) and _is_number(entry[1])


def _is_pair(entry: Any) -> bool:
    return isinstance(entry, list) and len(entry) == 2


def _is_span(start: Any, end: Any, characters: int) -> bool:
    return _is_count(start) and _is_count(end) and start <= end <= characters


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_number(value: Any) -> bool:
    """Whether a value is a JSON number: no boolean, no NaN, and not too large for a float."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max
