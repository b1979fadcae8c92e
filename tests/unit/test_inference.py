"""The inference entry point: every content type, both answers' forms, and each client error's status."""

import csv
import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sentiment_fixtures import model_folder

import selfhost  # noqa: F401 - puts the API's package on the path
from serve import inference

from sentiment_api.body import MAX_REVIEW_CHARACTERS  # isort: skip

GOOD, BAD = "A wonderful film, I loved it", "A dull and terrible mess"
# What every row has.
SHORT = {"sentiment", "probability", "unsure", "reason", "word_count", "unknown_words"}


@pytest.fixture(scope="module")
def model():
    return inference.model_fn(str(model_folder()))


def answer(model, body, content_type="application/json", accept="application/json"):
    request = inference.input_fn(body, content_type)
    return inference.output_fn(inference.predict_fn(request, model), accept)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (json.dumps({"review": GOOD}), "application/json"),
        (json.dumps({"review": GOOD}).encode(), "application/json; charset=utf-8"),
        (bytearray(GOOD.encode()), "text/plain"),
        (GOOD, "TEXT/PLAIN;charset=UTF-8"),
        (b"\xef\xbb\xbf" + GOOD.encode(), "text/plain"),
    ],
)
def test_one_review_is_answered_with_its_words(model, body, content_type):
    content, kind = answer(model, body, content_type)
    assert kind == "application/json"
    result = json.loads(content)
    assert result.keys() == {*SHORT, "words", "spans", "cut", "model"}
    assert (result["word_count"], result["unknown_words"]) == (6, 2), "it has not learned A and I"
    assert [GOOD[start:end] for start, end in result["spans"]] == [word for word, _ in result["words"]]
    assert result["cut"] is None and isinstance(result["unsure"], bool)
    assert result["sentiment"] == "positive" and 0.5 < result["probability"] <= 1
    assert [word for word, _ in result["words"]] == GOOD.replace(",", "").split()
    assert result["model"] == model.version


def test_json_lines_are_answered_line_by_line(model):
    body = "".join(json.dumps({"review": review}) + "\n" for review in (GOOD, BAD, "one\u2028line " + GOOD))
    content, kind = answer(model, body.encode(), "application/jsonlines", "application/jsonlines")
    assert kind == "application/jsonlines" and content.endswith("\n")
    rows = [json.loads(line) for line in content.splitlines()]
    assert [row["sentiment"] for row in rows] == ["positive", "negative", "positive"]
    assert all(row.keys() == {*SHORT, "model"} for row in rows)


def test_unescaped_line_separators_do_not_end_a_line(model):
    body = json.dumps({"review": f"{GOOD}\u2028{GOOD}\x85"}, ensure_ascii=False)
    assert len(answer(model, body, "application/jsonlines", "application/jsonlines")[0].splitlines()) == 1


def test_csv_is_read_and_written_with_its_quoting(model):
    body = f'"{GOOD}, ""really""\nand again",x\r\n{BAD},y\r\n'
    content, kind = answer(model, body, "text/csv", "text/csv")
    assert kind == "text/csv"
    rows = list(csv.reader(io.StringIO(content)))
    assert [(row[0], row[2]) for row in rows] == [("positive", model.version), ("negative", model.version)]
    assert float(rows[0][1]) > 0.5 > float(rows[1][1])
    assert all(row[3] in ("true", "false") for row in rows)


def test_a_csv_header_names_the_column(model):
    content, _ = answer(model, f"id,review\n1,{BAD}\n2,{GOOD}\n", "text/csv")
    assert [row["sentiment"] for row in json.loads(content)] == ["negative", "positive"]


def test_a_json_list_is_a_batch(model):
    content, _ = answer(model, json.dumps([{"review": BAD}]))
    (row,) = json.loads(content)
    assert row["sentiment"] == "negative" and "words" not in row


def test_an_explanation_can_be_left_out(model):
    result = json.loads(answer(model, json.dumps({"review": GOOD, "explain": False}))[0])
    assert result.keys() == {*SHORT, "model"}


def test_what_was_cut_is_reported(model):
    review = " ".join(f"film{n}" for n in range(300))
    cut = json.loads(answer(model, review, "text/plain")[0])["cut"]
    assert cut.keys() == {"start", "end", "words"} and cut["words"] == 300 - 256
    assert review[cut["start"] : cut["end"]].split() == [f"film{n}" for n in range(128, 172)]


@pytest.mark.parametrize("explain", [None, False, True])
def test_an_object_of_reviews_gets_an_object_of_predictions(model, explain):
    body = {"reviews": [BAD, GOOD]} | ({} if explain is None else {"explain": explain})
    result = json.loads(answer(model, json.dumps(body))[0])
    assert result.keys() == {"model", "predictions"} and result["model"] == model.version
    assert [row["sentiment"] for row in result["predictions"]] == ["negative", "positive"]
    more = {"words", "spans", "cut"} if explain else set()
    assert all(row.keys() == SHORT | more for row in result["predictions"])


def test_a_batch_answers_as_single_reviews_do(model):
    single = [
        json.loads(answer(model, json.dumps({"review": review}))[0])["probability"] for review in (GOOD, BAD)
    ]
    batch = json.loads(answer(model, json.dumps([{"review": GOOD}, {"review": BAD}]))[0])
    assert [row["probability"] for row in batch] == pytest.approx(single, abs=2e-6)


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("*/*", "application/json"),
        (None, "application/json"),
        ("", "application/json"),
        ("text/html, text/csv;q=0.9", "text/csv"),
        ("application/jsonlines", "application/jsonlines"),
    ],
)
def test_the_answer_comes_in_an_accepted_type(model, accept, kind):
    assert answer(model, json.dumps({"review": GOOD}), accept=accept)[1] == kind


@pytest.mark.parametrize(
    ("body", "content_type", "status", "message"),
    [
        (b"x", "image/png", 415, "content type image/png is not one of text/plain"),
        (b"x", None, 415, "content type none"),
        (b"", "application/json", 400, "the body is empty"),
        (b"  ", "text/plain", 400, "the review is empty"),
        (b"{", "application/json", 400, "not valid JSON"),
        (b"[" * 100_000, "application/json", 400, "not valid JSON"),
        (b'"good"', "application/json", 400, 'not a JSON object with a "review"'),
        (b'{"text": "good"}', "application/json", 400, 'not a JSON object with a "review"'),
        (b'{"review": 5}', "application/json", 400, "not a string"),
        (b'{"review": " "}', "application/json", 400, "the review is empty"),
        (b"[]", "application/json", 400, "holds no reviews"),
        (b'{"reviews": []}', "application/json", 400, "holds no reviews"),
        (b'{"reviews": "good"}', "application/json", 400, "not a list"),
        (b'{"reviews": ["good", 5]}', "application/json", 400, "the review of item 2 is not a string"),
        (b'{"reviews": ["good"], "review": "bad"}', "application/json", 400, "has both"),
        (b'{"review": "good", "explain": 1}', "application/json", 400, "neither true nor false"),
        (b'[{"review": "good"}, {}]', "application/json", 400, "item 2 is not a JSON object"),
        (
            b'{"review": "good"}\n{"review": ""}\n',
            "application/jsonlines",
            400,
            "the review of line 2 is empty",
        ),
        (b'{"review": "good"}\n\nbad\n', "application/jsonlines", 400, "line 3 is not valid JSON"),
        (b"\n\n", "application/jsonlines", 400, "holds no reviews"),
        (b"", "text/csv", 400, "holds no reviews"),
        (b"review\n", "text/csv", 400, "holds no reviews"),
        (b'good\n"bad', "text/csv", 400, "not valid CSV"),
        (b'good\n" "\n', "text/csv", 400, "the review of row 2 is empty"),
        (b"caf\xe9", "text/plain", 400, "not UTF-8: byte 3"),
    ],
)
def test_a_bad_request_is_the_clients_error(body, content_type, status, message):
    with pytest.raises(inference.RequestError, match=message) as raised:
        inference.input_fn(body, content_type)
    assert raised.value.status_code == status
    assert raised.value.phrase in ("Bad Request", "Unsupported Media Type") and raised.value.message == str(
        raised.value
    )


LONG = "good " * 4_000 + "!"


@pytest.mark.parametrize(
    ("body", "content_type", "named"),
    [
        (LONG, "text/plain", "the review has 20,001 characters; at most 20,000 are read"),
        (json.dumps({"review": LONG}), "application/json", "the review has 20,001 characters"),
        (json.dumps({"reviews": [GOOD, LONG]}), "application/json", "the review of item 2 has 20,001"),
        (json.dumps([{"review": GOOD}, {"review": LONG}]), "application/json", "the review of item 2 has"),
        (f'{{"review": "x"}}\n{{"review": "{LONG}"}}\n', "application/jsonlines", "the review of line 2 has"),
        (f"review\n{GOOD}\n{LONG}\n", "text/csv", "the review of row 2 has 20,001 characters"),
        (f"review\n{LONG * 5}\n", "text/csv", "the review of row 1 has 100,005 characters"),
        (f"review\n{GOOD}\n\n{LONG * 10}\n", "text/csv", "row 2 has a field of more than 131,072 characters"),
    ],
)
def test_a_review_that_the_api_would_not_read_is_refused(body, content_type, named):
    with pytest.raises(inference.RequestError, match=named) as raised:
        inference.input_fn(body, content_type)
    assert (raised.value.status_code, raised.value.phrase) == (413, "Content Too Large")


def test_the_longest_review_is_read_and_the_limit_is_that_of_the_api(model):
    assert inference.MAX_REVIEW_CHARACTERS == MAX_REVIEW_CHARACTERS == len(LONG) - 1
    assert json.loads(answer(model, LONG[:-1], "text/plain")[0])["sentiment"]


def test_csv_is_read_without_changing_the_limit_of_the_whole_process():
    assert inference.input_fn(f"review\n{BAD}\n", "text/csv").reviews == [BAD]
    assert csv.field_size_limit() == 131_072  # Python's own


def test_an_answer_nobody_accepts_is_refused(model):
    with pytest.raises(inference.RequestError) as raised:
        answer(model, json.dumps({"review": GOOD}), accept="image/png")
    assert raised.value.status_code == 406


@settings(max_examples=150, deadline=None)
@given(body=st.binary(max_size=60), content_type=st.sampled_from(inference.CONTENT_TYPES))
def test_any_body_is_read_or_refused(body, content_type):
    try:
        request = inference.input_fn(body, content_type)
    except inference.RequestError as error:
        assert error.status_code == 400
    else:
        assert request.reviews and all(
            isinstance(review, str) and review.strip() for review in request.reviews
        )


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(
    reviews=st.lists(
        st.text(min_size=1).filter(lambda text: text.strip() and "\x00" not in text), min_size=1, max_size=4
    )
)
def test_csv_carries_any_review(reviews):
    table = io.StringIO()
    csv.writer(table).writerows([["review"], *([review] for review in reviews)])
    assert (
        inference.input_fn(table.getvalue().encode("utf-8", "surrogatepass"), "text/csv").reviews == reviews
    )
