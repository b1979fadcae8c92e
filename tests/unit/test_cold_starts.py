"""How the cold starts of the containers are measured and written down."""

from __future__ import annotations

import sys
import time

import pytest
from sentiment_fixtures import model_folder

from benchmarks import cold_starts
from benchmarks.errors import BenchError

SERVER = """
import os
from http.server import BaseHTTPRequestHandler, HTTPServer

class Handler(BaseHTTPRequestHandler):
    asked = 0

    def do_GET(self):
        Handler.asked += 1
        self.send_response(503 if Handler.asked < 3 else 200)
        self.end_headers()

    def do_POST(self):
        os.utime("started", (0, 0))
        open("reviewed", "w").write(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.do_GET()

HTTPServer(("127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"])), Handler).serve_forever()
"""


def test_a_container_is_measured_from_the_start_of_its_own_process_until_it_has_answered_a_review(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(cold_starts, "ANSWER_SECONDS", 60)
    before = time.time()  # the server says that it has started in 1970
    assert cold_starts.first_answer([sys.executable, "-c", SERVER], tmp_path) >= before
    assert (tmp_path / "reviewed").read_text() == cold_starts.REVIEW


def test_a_container_that_ends_is_reported_with_its_log(tmp_path):
    with pytest.raises(BenchError, match="no weights"):
        cold_starts.first_answer([sys.executable, "-c", "raise SystemExit('no weights')"], tmp_path)


def test_a_model_of_earlier_code_is_refused_by_name(tmp_path):
    (tmp_path / "old").mkdir()
    with pytest.raises(BenchError, match=r"before models held config\.yaml and deployment\.py"):
        cold_starts.model_folder(tmp_path / "old", tmp_path / "base")
    assert cold_starts.model_folder(model_folder(), tmp_path / "new") > 0


def test_the_table_has_its_place_in_the_document():
    text = cold_starts.document({"slim": [1.0, 3.0, 2.0]}, 12.3, 0.5)
    assert "| `slim` | 2.0 | 1.0 to 3.0 |" in text and "a model of 12.3 MB" in text
    [place] = cold_starts.BLOCK.findall(cold_starts.DOCUMENT.read_text(encoding="utf-8"))
    assert place
