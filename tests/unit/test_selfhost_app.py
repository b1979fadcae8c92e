"""The Flask application: page and API on one origin, errors as the API's own, one log line a request."""

from __future__ import annotations

import gzip
import io
import json
import logging

import flask
import pytest
import yaml

from project import model_card
from selfhost import counts
from selfhost.app import SECURITY_HEADERS, application
from selfhost.counts import HourlyCounts
from selfhost.feedback import FolderOfVotes
from selfhost.logs import JsonFormatter, logger
from selfhost.website import WEBSITE
from tests.conftest import PROJECT
from tests.contract.api.in_process import WordModel

from sentiment_api.body import MAX_BODY_BYTES  # isort: skip - selfhost puts it on the path
from sentiment_api.errors import NoModel  # isort: skip

SECRET = "a review that nobody else should read"
VOTE = {"review": SECRET, "sentiment": "positive", "probability": 0.9, "model": "words-1", "vote": "up"}


@pytest.fixture
def app(tmp_path) -> flask.Flask:
    return application(WordModel(), FolderOfVotes(tmp_path / "feedback"))


@pytest.fixture
def client(app):
    return app.test_client()


@pytest.fixture
def log_lines():
    """The JSON lines that requests leave in the log."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    logger().addHandler(handler)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    logger().removeHandler(handler)


def test_every_file_of_the_page_is_served_as_it_is(client):
    files = [file for file in WEBSITE.rglob("*") if file.is_file()]
    assert files
    for file in files:
        answer = client.get(f"/{file.relative_to(WEBSITE).as_posix()}")
        assert (answer.status_code, answer.data) == (200, file.read_bytes())
    assert client.get("/").data == (WEBSITE / "index.html").read_bytes()
    assert client.get("/").content_type == "text/html; charset=utf-8"
    assert client.get("/app.js").content_type == "text/javascript; charset=utf-8"


def test_the_page_finds_its_api_on_its_own_origin(client):
    answer = client.get("/config.json")
    assert (answer.json, answer.content_type) == ({"apiUrl": "/predict"}, "application/json")


def test_the_model_card_stands_beside_the_page(client):
    answer = client.get("/model-card.html")
    assert answer.status_code == 200
    assert answer.data == model_card.render(WordModel().describe())


def test_the_model_card_says_which_model_answers_now(tmp_path):
    class Changing(WordModel):
        version: str | None = None

        def describe(self):
            if self.version is None:
                raise NoModel("There is no model yet.")
            return super().describe() | {"model": self.version}

    model = Changing()
    client = application(model, FolderOfVotes(tmp_path / "feedback")).test_client()
    assert client.get("/model-card.html").data == model_card.render()
    tags = set()
    for model.version in ("words-1", "words-2"):
        answer = client.get("/model-card.html")
        assert f"version <code>{model.version}</code>" in answer.text
        tags.add(answer.headers["etag"])
    assert len(tags) == 2


def test_a_file_that_has_not_changed_is_not_sent_again(client):
    first = client.get("/style.css")
    assert first.headers["cache-control"] == "no-cache"
    again = client.get("/style.css", headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.data) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert client.get("/style.css", headers={"if-none-match": '"other"'}).status_code == 200


def test_a_file_is_compressed_for_clients_that_accept_it(client):
    plain = client.get("/style.css")
    packed = client.get("/style.css", headers={"accept-encoding": "br, gzip"})
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.data) == plain.data
    assert len(packed.data) < len(plain.data)
    assert packed.headers["vary"] == plain.headers["vary"] == "accept-encoding"
    assert packed.headers["etag"] == plain.headers["etag"]


def test_the_page_accepts_only_get_and_head(client):
    head = client.head("/")
    assert (head.status_code, head.data) == (200, b"")
    assert head.content_length == len((WEBSITE / "index.html").read_bytes())
    answer = client.post("/", data=b"x")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")
    assert answer.json["error"]["code"] == "method_not_allowed"


@pytest.mark.parametrize(
    "path",
    ["/nothing", "/../selfhost/app.py", "/%2e%2e/Makefile", "/predict//batch", "/style.css/"],
)
def test_other_paths_are_not_found(client, path):
    answer = client.get(path)
    assert (answer.status_code, answer.json["error"]["code"]) == (404, "not_found")


def test_the_security_headers_are_those_of_cloudfront():
    template = (PROJECT / "infra" / "template.yaml").read_text(encoding="utf-8")
    loader = type("Loader", (yaml.SafeLoader,), {})
    loader.add_multi_constructor("!", lambda *_: None)
    content = yaml.load(template, loader)
    policy = content["Resources"]["SecurityHeaders"]["Properties"]["ResponseHeadersPolicyConfig"]
    policy = policy["SecurityHeadersConfig"]
    # Browsers heed it over TLS only, which ends before this server.
    assert policy.pop("StrictTransportSecurity")
    assert policy.pop("ContentSecurityPolicy")
    assert policy.pop("ContentTypeOptions")
    assert {
        "content-security-policy": "frame-ancestors " + content["Parameters"]["FrameAncestors"]["Default"],
        "x-frame-options": policy.pop("FrameOptions")["FrameOption"],
        "referrer-policy": policy.pop("ReferrerPolicy")["ReferrerPolicy"],
        "x-content-type-options": "nosniff",
    } == SECURITY_HEADERS
    assert policy == {}


def test_every_answer_has_the_security_headers_and_an_id(client):
    for answer in (client.get("/"), client.get("/health"), client.get("/nothing"), client.post("/predict")):
        for name, value in SECURITY_HEADERS.items():
            assert answer.headers[name] == value
        assert len(answer.headers["x-request-id"]) == 32


def test_a_proxys_request_id_is_used_if_it_is_harmless(client):
    answer = client.get("/nothing", headers={"x-request-id": "edge-4711"})
    assert answer.headers["x-request-id"] == answer.json["error"]["requestId"] == "edge-4711"
    for strange in ("", "x" * 65, 'id" onload="', "två"):
        answer = client.get("/nothing", headers={"x-request-id": strange.encode("latin-1")})
        assert len(answer.json["error"]["requestId"]) == 32


class Unreadable(io.RawIOBase):
    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        raise AssertionError("the body was read")


def test_too_long_a_body_is_refused_before_it_is_read(client):
    answer = client.post(
        "/predict",
        content_type="application/json",
        environ_overrides={"wsgi.input": Unreadable(), "CONTENT_LENGTH": str(MAX_BODY_BYTES + 1)},
    )
    assert (answer.status_code, answer.json["error"]["code"]) == (413, "review_too_long")
    assert f"{MAX_BODY_BYTES + 1:,} bytes" in answer.json["error"]["message"]


def test_a_vote_is_a_json_object_in_a_folder_of_its_day(client, tmp_path):
    answer = client.post("/feedback", json=VOTE)
    assert answer.status_code == 201
    [file] = (tmp_path / "feedback").rglob("*.json")
    kept = json.loads(file.read_text(encoding="utf-8"))
    assert VOTE.items() <= kept.items()
    assert kept["id"] == answer.json["id"] == file.stem
    assert file.parent.name == f"date={kept['time'][:10]}"
    assert [each for each in file.parent.iterdir() if each != file] == []


def test_a_vote_without_room_is_answered_with_507(tmp_path):
    client = application(WordModel(), FolderOfVotes(tmp_path, quota_bytes=0)).test_client()
    answer = client.post("/feedback", json=VOTE)
    assert (answer.status_code, answer.json["error"]["code"]) == (507, "storage_full")
    assert answer.json["error"]["message"] == "The folder for votes is full, so this vote cannot be kept."
    assert client.post("/predict", json={"review": SECRET}).status_code == 200


def test_an_internal_error_reveals_nothing_and_is_logged(tmp_path, log_lines):
    in_the_way = tmp_path / "feedback"
    in_the_way.write_text("a file, where a folder should be")
    client = application(WordModel(), FolderOfVotes(in_the_way)).test_client()
    answer = client.post("/feedback", json=VOTE)
    assert answer.status_code == 500
    assert answer.json["error"]["code"] == "internal_error"
    assert str(tmp_path) not in answer.text
    assert "Traceback" not in answer.text
    [line] = log_lines()
    assert (line["level"], line["status"]) == ("ERROR", 500)
    assert "FileExistsError" in line["traceback"]
    assert SECRET not in json.dumps(line)


def test_a_vote_is_counted_for_the_version_that_it_names_and_never_for_a_text(client, log_lines):
    client.post("/feedback", json=VOTE | {"model": "0123456789ab", "vote": "down"})
    client.post("/feedback", json=VOTE | {"model": SECRET})
    counted, other = log_lines()
    assert (counted["model"], counted["Votes"], counted["NoVotes"]) == ("0123456789ab", 1, 1)
    assert "model" not in other and SECRET not in json.dumps(other)


def test_counts_are_stored_by_the_hour_and_a_failure_loses_no_answer(tmp_path, log_lines):
    votes = FolderOfVotes(tmp_path)
    client = application(WordModel(), votes, HourlyCounts(tmp_path)).test_client()
    client.post("/predict", json={"review": SECRET})
    client.post("/feedback", json=VOTE | {"model": "0123456789ab"})
    assert not counts.read(tmp_path, "0123456789ab"), "anybody can make up versions, and rows of them"
    [kept] = counts.read(tmp_path, "words-1").values()
    assert (kept["Answers"], kept["Characters50"], kept["CharactersMore"]) == (1, 1, 0)
    in_the_way = tmp_path / "other" / counts.FILE_NAME
    in_the_way.mkdir(parents=True)
    client = application(WordModel(), votes, HourlyCounts(in_the_way.parent)).test_client()
    assert client.post("/predict", json={"review": SECRET}).status_code == 200
    *_, lost, _ = log_lines()
    assert (lost["level"], lost["message"], lost["file"]) == ("WARNING", "counts were lost", str(in_the_way))


def test_a_request_leaves_one_line_without_its_text(client, log_lines):
    answer = client.post("/predict?explain=false", json={"review": SECRET})
    client.post("/predict", data=SECRET.encode(), content_type="image/png")
    good, bad = log_lines()
    assert good["requestId"] == answer.headers["x-request-id"]
    assert (good["method"], good["path"], good["status"], good["level"]) == ("POST", "/predict", 200, "INFO")
    assert good["milliseconds"] >= 0
    assert (good["model"], good["Answers"], good["Unsure"]) == ("words-1", 1, 0)
    assert (bad["status"], bad["code"], bad["level"]) == (
        415,
        "unsupported_media_type",
        "WARNING",
    )
    assert "nobody" not in json.dumps([good, bad])
