"""SageMaker inference entry point: model_fn, input_fn, predict_fn, output_fn.

Requests have one of these forms:

- A single review, as text/plain or as application/json {"review": "..."}. The answer explains the verdict by
  the words, unless "explain" is false.
- Several reviews, as {"reviews": ["...", ...]}. The answer is {"model", "predictions"}, explained if
  "explain" is true.
- Several reviews, as application/jsonlines (a {"review": "..."} on each line), a JSON list, or text/csv (in
  the column called "review", or else in the first). Each gets a short row.

A review has at most 20,000 characters, as in the API. Needs numpy, and ONNX Runtime or torch; ONNX Runtime is
used if it is installed. SageMaker's PyTorch container has torch.
"""

import csv
import io
import json
import os
from enum import Enum
from typing import Any, NamedTuple, cast

# One request is too little work for several threads: they would not be faster, and slow down other requests.
# numpy reads these variables when it is first imported.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = os.environ.get(_name) or "1"

from sentiment.serving.predictor import Prediction, Predictor  # noqa: E402

try:  # SageMaker's container answers other errors than these by 500.
    from sagemaker_inference.errors import BaseInferenceToolkitError as _ToolkitError
except ImportError:
    _ToolkitError = Exception

JSON, JSON_LINES, CSV, TEXT = "application/json", "application/jsonlines", "text/csv", "text/plain"
CONTENT_TYPES = (TEXT, JSON, JSON_LINES, CSV)
ACCEPTS = (JSON, JSON_LINES, CSV)
# As in the API (lambda/sentiment_api/body.py); batch transform has the same limit.
MAX_REVIEW_CHARACTERS = 20_000


class RequestError(_ToolkitError):  # type: ignore[misc]  # the container's class, where there is one
    """A request that cannot be answered. The container's toolkit makes the response from the three fields."""

    def __init__(self, status_code: int, phrase: str, message: str):
        Exception.__init__(self, message)
        self.status_code, self.phrase, self.message = status_code, phrase, message


class Shape(Enum):
    """The form of a request, which determines that of the answer."""

    ONE = "one review"
    MANY = "an object of many reviews"
    ROWS = "a list, lines or a table of reviews"


class Request(NamedTuple):
    """The reviews of a request, its form, and whether the verdicts are to be explained."""

    reviews: list[str]
    shape: Shape
    explain: bool = False


class Answer(NamedTuple):
    """The predictions for a request, the model's version, and the form of the request."""

    predictions: list[Prediction]
    version: str
    shape: Shape


def model_fn(model_dir: str) -> Predictor:
    """Load the model folder; called once in each worker process. Raises ArtifactError."""
    predictor = Predictor.from_folder(model_dir)
    if predictor.engine.name == "torch":
        import torch  # imported only here, because it takes a second and ONNX Runtime does not need it

        torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    return predictor


def input_fn(body: bytes | bytearray | str, content_type: str | None = JSON) -> Request:
    """Parse the body of a request.

    Raises RequestError with the status 415 (type of content), 413 (review too long) or 400 (anything else).
    """
    kind = _media_type(content_type)
    if kind not in CONTENT_TYPES:
        raise RequestError(
            415,
            "Unsupported Media Type",
            f"content type {kind or 'none'} is not one of {', '.join(CONTENT_TYPES)}",
        )
    text = _decoded(body)
    if kind == TEXT:
        return Request([_review(text, "the body")], Shape.ONE, explain=True)
    if kind == JSON:
        return _from_json(text)
    reviews = _json_lines(text) if kind == JSON_LINES else _csv_rows(text)
    if not reviews:
        raise _bad_request("the body holds no reviews")
    return Request(reviews, Shape.ROWS)


def predict_fn(request: Request, predictor: Predictor) -> Answer:
    """Predict all reviews of a request in one batch."""
    answer = predictor.explain if request.explain else predictor.predict
    return Answer(answer(request.reviews), predictor.version, request.shape)


def output_fn(answer: Answer, accept: str | None = JSON) -> tuple[str, str]:
    """The answer's body and content type: the first supported one in `accept`. Raises RequestError 406."""
    kind = _negotiated(accept)
    rows = [_row(prediction) for prediction in answer.predictions]
    version = {"model": answer.version}
    if kind == JSON and answer.shape is Shape.MANY:
        return json.dumps(version | {"predictions": rows}, ensure_ascii=False), JSON
    rows = [row | version for row in rows]
    if kind == JSON:
        return json.dumps(rows[0] if answer.shape is Shape.ONE else rows, ensure_ascii=False), JSON
    if kind == JSON_LINES:
        return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), JSON_LINES
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerows(
        (row["sentiment"], row["probability"], row["model"], json.dumps(row["unsure"])) for row in rows
    )
    return table.getvalue(), CSV


def _row(prediction: Prediction) -> dict[str, Any]:
    row = {
        "sentiment": prediction.sentiment,
        "probability": round(prediction.probability, 6),
        "unsure": prediction.unsure,
        "reason": prediction.reason,
        "word_count": prediction.word_count,
        "unknown_words": prediction.unknown_words,
    }
    if prediction.words is not None:
        row |= {"words": prediction.words, "spans": prediction.spans}
        row["cut"] = prediction.cut._asdict() if prediction.cut else None
    return row


def _media_type(content_type: str | None) -> str:
    return (content_type or "").split(";")[0].strip().lower()


def _negotiated(accept: str | None) -> str:
    kinds = [_media_type(part) for part in (accept or "").split(",")]
    for kind in kinds:
        if kind in ACCEPTS:
            return kind
        if kind in ("", "*/*", "application/*"):
            return JSON
    raise RequestError(406, "Not Acceptable", f"none of {accept} is one of {', '.join(ACCEPTS)}")


def _decoded(body: bytes | bytearray | str) -> str:
    if isinstance(body, str):
        return body
    try:
        return bytes(body).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _bad_request(f"the body is not UTF-8: byte {error.start} cannot be read") from None


def _from_json(text: str) -> Request:
    content = _parsed(text, "the body")
    if isinstance(content, list):
        if not content:
            raise _bad_request("the body holds no reviews")
        reviews = [_of_object(item, f"item {n}") for n, item in enumerate(content, start=1)]
        return Request(reviews, Shape.ROWS)
    if isinstance(content, dict) and "reviews" in content:
        return _from_many(content)
    review = _of_object(content, "the body")  # raises unless it is an object
    return Request([review], Shape.ONE, _explain(cast(dict[str, Any], content), otherwise=True))


def _from_many(content: dict[str, Any]) -> Request:
    if "review" in content:
        raise _bad_request('the body has both a "review" and "reviews"')
    reviews = content["reviews"]
    if not isinstance(reviews, list):
        raise _bad_request('"reviews" is not a list of strings')
    if not reviews:
        raise _bad_request("the body holds no reviews")
    reviews = [_review(review, f"item {n}") for n, review in enumerate(reviews, start=1)]
    return Request(reviews, Shape.MANY, _explain(content, otherwise=False))


def _explain(content: dict[str, Any], otherwise: bool) -> bool:
    explain = content.get("explain", otherwise)
    if not isinstance(explain, bool):
        raise _bad_request('"explain" is neither true nor false')
    return explain


def _json_lines(text: str) -> list[str]:
    # Split at line feeds only: JSON strings may hold the other characters that str.splitlines breaks at.
    lines = [(f"line {n}", line) for n, line in enumerate(text.split("\n"), start=1) if line.strip()]
    return [_of_object(_parsed(line, where), where) for where, line in lines]


def _csv_rows(text: str) -> list[str]:
    rows = _csv_table(text)
    column = 0
    if rows and "review" in rows[0]:
        column = rows[0].index("review")
        rows = rows[1:]
    return [
        _review(row[column] if column < len(row) else "", f"row {n}") for n, row in enumerate(rows, start=1)
    ]


def _csv_table(text: str) -> list[list[str]]:
    """Split CSV into rows of fields, without empty lines.

    The csv module's limit for a field, which applies to the whole process, is not changed: it is several
    times the length of a review.
    """
    rows: list[list[str]] = []
    try:
        for row in csv.reader(io.StringIO(text, newline=""), strict=True):
            if row:
                rows.append(row)  # one by one, because the error below gives the row's number
    except csv.Error as error:
        if not str(error).startswith("field larger than field limit"):
            raise _bad_request(f"the body is not valid CSV: {error}") from None
        number = len(rows) + (not rows or "review" not in rows[0])
        raise _too_long(
            f"row {number} has a field of more than {csv.field_size_limit():,} characters, or a quotation "
            f"mark that nothing closes; of a review at most {MAX_REVIEW_CHARACTERS:,} are read"
        ) from None
    return rows


def _parsed(text: str, where: str) -> object:
    if not text.strip():
        raise _bad_request(f"{where} is empty")
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise _bad_request(f"{where} is not valid JSON") from None


def _of_object(content: object, where: str) -> str:
    if not isinstance(content, dict) or "review" not in content:
        raise _bad_request(f'{where} is not a JSON object with a "review"')
    return _review(content["review"], where)


def _review(review: object, where: str) -> str:
    review_of = "the review" if where == "the body" else f"the review of {where}"
    if not isinstance(review, str):
        raise _bad_request(f"the review of {where} is not a string")
    if len(review) > MAX_REVIEW_CHARACTERS:
        raise _too_long(
            f"{review_of} has {len(review):,} characters; at most {MAX_REVIEW_CHARACTERS:,} are read"
        )
    if not review.strip():
        raise _bad_request(f"{review_of} is empty")
    return review


def _bad_request(message: str) -> RequestError:
    return RequestError(400, "Bad Request", message)


def _too_long(message: str) -> RequestError:
    return RequestError(413, "Content Too Large", message)
